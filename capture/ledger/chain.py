"""Lines that carry the hash of the line before, and heads that sign for all of them. Values in, values out.

A line's hash is SHA-256 over its bytes without the line end. Because it holds the hash of the line before, whoever
knows a head's hash can check every line up to it; whoever changes, removes, adds or moves one changes every hash after.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec

from capture.canonical import from_canonical, to_canonical
from capture.envelope import Signer, is_signed_by

VERSION: Final = 1
BEGINNING: Final = "0" * 64
"""What the first line carries as the hash of the line before."""
MAX_LINE: Final = 4096

_SIGNED: Final = b"wardlens ledger head 1\n"
_CHAIN: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}", re.ASCII)
_EVENT: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_LINE_FIELDS: Final = frozenset({"at_ms", "chain", "event", "facts", "previous", "sequence", "version"})


def hash_of(line: bytes) -> str:
    """The hash of a line's bytes, 64 hex digits."""
    return hashlib.sha256(line).hexdigest()


@dataclass(frozen=True, slots=True)
class Line:
    """One event on a chain.

    Attributes:
        chain: which chain.
        sequence: 1 for the first line.
        previous: the hash of the line before; sixty-four zeros for the first.
        at_ms: this machine's clock, for people; the order is the sequence.
        event: what happened.
        facts: its fields.

    Raises:
        ValueError: outside the format.
    """

    chain: str
    sequence: int
    previous: str
    at_ms: int
    event: str
    facts: Mapping[str, str | int]

    def __post_init__(self) -> None:
        if not (_CHAIN.fullmatch(self.chain) and _HASH.fullmatch(self.previous) and _EVENT.fullmatch(self.event)):
            raise ValueError("a line names its chain, its event and the hash of the line before")
        if self.sequence < 1 or self.at_ms < 0:
            raise ValueError("a line's sequence begins at 1, its time at 0")
        if not all(isinstance(name, str) and type(value) in (str, int) for name, value in self.facts.items()):
            raise ValueError("a line's facts are text and whole numbers")

    def to_bytes(self) -> bytes:
        """The line as it is written, without its line end."""
        return to_canonical(
            {
                "at_ms": self.at_ms,
                "chain": self.chain,
                "event": self.event,
                "facts": dict(self.facts),
                "previous": self.previous,
                "sequence": self.sequence,
                "version": VERSION,
            }
        )


def parse_line(data: bytes) -> Line:
    """The line that `data` (without its line end) spells.

    Raises:
        ValueError: not a line in its one spelling.
    """
    if len(data) > MAX_LINE:
        raise ValueError(f"a line has at most {MAX_LINE} bytes")
    fields = from_canonical(data)
    if not isinstance(fields, dict) or fields.keys() != _LINE_FIELDS or fields["version"] != VERSION:
        raise ValueError("a line has exactly the documented fields")
    types = {"at_ms": int, "chain": str, "event": str, "facts": dict, "previous": str, "sequence": int, "version": int}
    if any(type(fields[name]) is not kind for name, kind in types.items()):
        raise ValueError("a line's field has another type")
    return Line(
        chain=fields["chain"],
        sequence=fields["sequence"],
        previous=fields["previous"],
        at_ms=fields["at_ms"],
        event=fields["event"],
        facts=fields["facts"],
    )


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where a chain stood, signed: one hash that stands for every line up to it.

    Attributes:
        chain: which chain.
        sequence: of its last line, 1 and up.
        hash: of its last line, 64 hex digits.
        signature: ECDSA P-256 by the key of the process that writes the chain, 128 hex digits (r, then s, low s).

    Raises:
        ValueError: outside the format.
    """

    chain: str
    sequence: int
    hash: str
    signature: str

    def __post_init__(self) -> None:
        if not (_CHAIN.fullmatch(self.chain) and _HASH.fullmatch(self.hash) and _SIGNATURE.fullmatch(self.signature)):
            raise ValueError("a ledger head names its chain, the hash of its last line and a signature")
        if type(self.sequence) is not int or not 1 <= self.sequence < 2**53:
            raise ValueError("a ledger head's sequence lies in 1..2**53-1")

    @classmethod
    def signed(cls, chain: str, sequence: int, last_hash: str, signer: Signer) -> Self:
        """The head of a chain whose last line has this sequence and hash."""
        return cls(chain, sequence, last_hash, signer.sign(_message(chain, sequence, last_hash)).hex())

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The head that JSON says.

        Raises:
            ValueError: not a ledger head.
        """
        if not isinstance(value, Mapping) or value.keys() != {"chain", "sequence", "hash", "signature"}:
            raise ValueError("a ledger head has a chain, a sequence, a hash and a signature")
        chain, sequence, last, signature = (value[name] for name in ("chain", "sequence", "hash", "signature"))
        if not (isinstance(chain, str) and isinstance(last, str) and isinstance(signature, str)):
            raise ValueError("a ledger head's chain, hash and signature are text")  # noqa: TRY004 - one family
        return cls(chain, sequence, last, signature)

    def to_json(self) -> dict[str, str | int]:
        """The head as JSON values."""
        return {"chain": self.chain, "sequence": self.sequence, "hash": self.hash, "signature": self.signature}

    def is_by(self, public_key: ec.EllipticCurvePublicKey) -> bool:
        """Whether the holder of `public_key` signed this head."""
        digest = hashlib.sha256(_message(self.chain, self.sequence, self.hash)).digest()
        return is_signed_by(public_key, bytes.fromhex(self.signature), digest)


def parse_head(data: bytes) -> LedgerHead:
    """The head in a head file's bytes.

    Raises:
        ValueError: not a ledger head in its one spelling.
    """
    value: Any = from_canonical(data.removesuffix(b"\n"))
    return LedgerHead.from_json(value)


def _message(chain: str, sequence: int, last_hash: str) -> bytes:
    return _SIGNED + to_canonical({"chain": chain, "hash": last_hash, "sequence": sequence})
