"""One spelling for each JSON value, so that what is signed can be compared byte for byte.

Canonical here: UTF-8, keys sorted, no white space, no floats, no duplicate keys. A reader refuses any other spelling of
the same value: it decodes, encodes again and compares. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def encode(value: Mapping[str, Any]) -> bytes:
    """`value` in its one spelling."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(raw: bytes) -> dict[str, Any]:
    """The object that `raw` spells.

    Raises:
        ValueError: not UTF-8 JSON, not an object, a float, a key twice, nested too deep, or not in the one spelling.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse, parse_int=_small
        )
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - bytes of the wrong kind, not a caller's mistake
        same = encode(value) == raw
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except UnicodeEncodeError as error:
        raise ValueError("text with half a character") from error
    if not same:
        raise ValueError("not in its canonical spelling")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _refuse(text: str) -> Any:
    raise ValueError(f"{text[:20]} is not a whole number")


def _small(text: str) -> int:
    if len(text) > 16:
        raise ValueError("a number is too large")
    return int(text)
