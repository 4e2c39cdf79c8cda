"""Canonical JSON: one byte string for each value, so that what is signed, sent and stored again is the same bytes.

Keys sorted, no white space, ASCII with escapes, integers only. A decoder that encodes what it read and compares has
thereby also refused duplicate keys, floats, NaN, other escapes and trailing bytes (docs/formats/sync.md).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from sync.errors import Flaw, MessageRefused

MAX_JSON: Final = 16 * 1024
"""Bytes of the longest JSON message."""

VERSION: Final = 1

_Name = TypeVar("_Name", bound=str)


class _Pattern(Protocol):
    def fullmatch(self, text: str, /) -> object: ...


HEX_64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
"""Lowercase letters, digits and inner hyphens, as the vault's reasons and all our names are."""


def encode(value: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a JSON object."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def is_plain(text: str) -> bool:
    """Whether `text` is printable ASCII."""
    return text.isascii() and text.isprintable()


def base64_text(data: bytes) -> str:
    """`data` as standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


class Fields:
    """The fields of one received object, taken out one by one; what is left over is refused by :meth:`done`.

    Every method raises :class:`MessageRefused`.
    """

    __slots__ = ("_left",)

    def __init__(self, data: bytes, kind: str) -> None:
        self._left = _parse(data)
        version = self._take("v")
        if type(version) is not int or version != VERSION:  # JSON's true is Python's 1
            raise MessageRefused(Flaw.VERSION, "this version of the protocol is not known here")
        if self._take("type") != kind:
            raise MessageRefused(Flaw.TYPE, f"a message of the type {kind} was expected")

    def _take(self, name: str) -> object:
        if name not in self._left:
            raise MessageRefused(Flaw.FIELDS, f"the field {name} is missing")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        """Whether there is such a field, not taken yet."""
        return name in self._left

    def number(self, name: str, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        value = self._take(name)
        if type(value) is not int or not low <= value <= high:
            raise MessageRefused(Flaw.VALUE, f"{name} must be a whole number from {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise MessageRefused(Flaw.VALUE, f"{name} must be true or false")
        return value

    def text(self, name: str, pattern: _Pattern) -> str:
        """A string that matches `pattern` from end to end."""
        value = self._take(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise MessageRefused(Flaw.VALUE, f"{name} is not written as the format asks")
        return value

    def named(self, name: str, parse: Callable[[str], _Name]) -> _Name:
        """A string that `parse` accepts; its ValueError becomes the refusal."""
        value = self._take(name)
        if not isinstance(value, str):
            raise MessageRefused(Flaw.VALUE, f"{name} must be a string")
        try:
            return parse(value)
        except ValueError as error:
            raise MessageRefused(Flaw.VALUE, str(error)) from error

    def data(self, name: str, low: int, high: int) -> bytes:
        """Base64 of `low` to `high` bytes."""
        value = self._take(name)
        if not isinstance(value, str):
            raise MessageRefused(Flaw.VALUE, f"{name} must be base64")
        try:
            decoded = base64.b64decode(value.encode("ascii"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise MessageRefused(Flaw.VALUE, f"{name} must be base64") from error
        if not low <= len(decoded) <= high or base64_text(decoded) != value:
            raise MessageRefused(Flaw.VALUE, f"{name} must be canonical base64 of {low} to {high} bytes")
        return decoded

    def flat(self, value: object, *, keys: int, characters: int) -> Mapping[str, str | int]:
        """`value` as an object of at most `keys` short strings and integers."""
        if not isinstance(value, dict) or len(value) > keys:
            raise MessageRefused(Flaw.VALUE, f"an object of at most {keys} fields was expected")
        for name, item in value.items():
            short = isinstance(item, str) and len(item) <= characters
            whole = type(item) is int and 0 <= item < 2**63
            if len(name) > characters or not (short or whole):
                raise MessageRefused(Flaw.VALUE, "an object of short strings and whole numbers was expected")
        return value

    def texts(self, name: str, *, keys: int, characters: int) -> Mapping[str, str]:
        """An object of at most `keys` short strings of printable ASCII: they are shown to people."""
        found = self.flat(self._take(name), keys=keys, characters=characters)
        texts = {key: value for key, value in found.items() if isinstance(value, str)}
        if len(texts) < len(found) or not all(is_plain(text) for pair in texts.items() for text in pair):
            raise MessageRefused(Flaw.VALUE, f"{name} must be an object of short strings of printable ASCII")
        return texts

    def items(self, name: str, most: int) -> list[object]:
        """A list of at most `most` items, unchecked."""
        value = self._take(name)
        if not isinstance(value, list) or len(value) > most:
            raise MessageRefused(Flaw.VALUE, f"{name} must be a list of at most {most}")
        return value

    def object(self, name: str) -> object:
        """A field's value, unchecked."""
        return self._take(name)

    def done(self) -> None:
        """Nothing is left over."""
        if self._left:
            raise MessageRefused(Flaw.FIELDS, "there are fields that this version does not know")


def kind_of(data: bytes) -> str:
    """The type a JSON message gives itself.

    Raises:
        MessageRefused: not a canonical JSON object with a type.
    """
    kind = _parse(data).get("type")
    if not isinstance(kind, str):
        raise MessageRefused(Flaw.TYPE, "the message does not say its type")
    return kind


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_JSON:
        raise MessageRefused(Flaw.TOO_LONG, f"a message has at most {MAX_JSON} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageRefused(Flaw.NOT_JSON, "the message is not JSON") from error
    if not isinstance(value, dict):
        raise MessageRefused(Flaw.NOT_JSON, "the message is not a JSON object")
    try:
        again = encode(value)
    except (ValueError, RecursionError) as error:
        raise MessageRefused(Flaw.NOT_CANONICAL, "the message holds a number that is not one") from error
    if again != data:
        raise MessageRefused(Flaw.NOT_CANONICAL, "the message is not in canonical form")
    return value
