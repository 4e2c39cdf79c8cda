"""Which system a device is to take: its version, and its bundle. Pure; the format is docs/formats/update.md.

A version is three whole numbers, compared one after the other. What a site offers is a version with the length and the
digest of one bundle, so that the command which the root signs says exactly which bytes are meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

LARGEST_BUNDLE: Final = 2**32
"""Bytes: more than any card's half."""
_NUMBER: Final = r"(0|[1-9][0-9]{0,5})"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIZE: Final = re.compile(r"[1-9][0-9]{0,10}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A system's version; a newer one is greater."""

    first: int
    second: int
    third: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that `text` spells, such as 2026.48.1.

        Raises:
            ValueError: it is none: not three numbers of at most six digits, or one with a zero before it.
        """
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:40]!r} is no version such as 2026.48.1")
        return cls(int(found[1]), int(found[2]), int(found[3]))

    def __str__(self) -> str:
        return f"{self.first}.{self.second}.{self.third}"


@dataclass(frozen=True, slots=True)
class Update:
    """A system to take: its version, and its bundle's length in bytes and SHA-256 (64 lowercase hex digits)."""

    version: Version
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST_BUNDLE or not is_digest(self.sha256):
            raise ValueError("a bundle has 1 to 2**32 bytes and a SHA-256")

    @classmethod
    def parse(cls, text: str) -> Self:
        """What the argument of the command `update` says.

        Raises:
            ValueError: it is not version, length and digest with one space between them, each in its one spelling.
        """
        version, _, rest = text.partition(" ")
        size, _, sha256 = rest.partition(" ")
        if _SIZE.fullmatch(size) is None:
            raise ValueError("not the length of a bundle")
        return cls(Version.parse(version), int(size), sha256)

    def __str__(self) -> str:
        return f"{self.version} {self.size} {self.sha256}"


def is_digest(text: str) -> bool:
    """Whether `text` is a SHA-256 in the one spelling that we use."""
    return _DIGEST.fullmatch(text) is not None
