"""JSON with one spelling: what is hashed or signed must not depend on who wrote it down.

Keys sorted, no spaces, UTF-8, no NaN. Whoever reads it back spells it again and compares, so that a repeated key, a
space, an escape or an exotic number cannot hide in it. RFC 8785 in spirit; our integers stay below 2**53.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


def to_canonical(value: Any) -> bytes:
    """`value` as canonical JSON.

    Raises:
        ValueError: a number that is not finite, or text that is not Unicode.
        TypeError: something JSON has no word for.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def from_canonical(data: bytes) -> Any:
    """What canonical JSON says. The caller bounds `data`.

    Raises:
        ValueError: not JSON, nested too deep, or not spelled canonically.
    """
    try:
        value = json.loads(data.decode("utf-8"))
        again = to_canonical(value)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
    if again != data:
        raise ValueError("JSON that is not in its canonical spelling")
    return value


def to_base64(data: bytes) -> str:
    """`data` in standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of `text`, which must be the one base64 spelling of them.

    Raises:
        ValueError: not base64, or a second spelling of the same bytes (stray bits before the padding).
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error
    if to_base64(data) != text:
        raise ValueError("base64 that is not in its canonical spelling")
    return data
