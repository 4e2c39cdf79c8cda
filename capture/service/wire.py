"""A message of the live view, as it crosses the socket. Pure, and light: the panel needs no more of this room."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """One message of the live view, taken apart: what is said of the moment, and its JPEG (empty without one)."""

    facts: Json
    jpeg: bytes


def live_message(facts: Mapping[str, Any], jpeg: bytes) -> bytes:
    """Four bytes of length, big-endian; JSON; JPEG."""
    said = json.dumps(facts, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(said)), said, jpeg))


def parse_live_message(data: bytes) -> LiveMessage:
    """The message in `data`.

    Raises:
        ValueError: not a message of the live view.
    """
    if len(data) < _LENGTH.size:
        raise ValueError("a live message begins with four bytes of length")
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    if end > len(data):
        raise ValueError("a live message is cut")
    try:
        facts = json.loads(data[_LENGTH.size : end])
    except RecursionError as error:
        raise ValueError("a live message is nested too deep") from error
    if not isinstance(facts, dict):
        raise ValueError("a live message says an object")  # noqa: TRY004 - what a peer sent is one family
    return LiveMessage(facts, data[end:])
