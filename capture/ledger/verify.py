"""Whether a chain is what its head signs for: decided from bytes alone, so that anyone can do it offline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from capture.errors import LedgerUnwritable
from capture.ledger.chain import BEGINNING, MAX_LINE, LedgerHead, hash_of, parse_line

MAX_FAULTS: Final = 20


class FaultKind(StrEnum):
    """What is wrong with a chain."""

    NOT_A_LINE = "not-a-line"
    OUT_OF_ORDER = "out-of-order"
    NOT_CHAINED = "not-chained"
    TORN = "torn"
    HEAD_FORGED = "head-forged"
    HEAD_OF_ANOTHER = "head-of-another"
    CUT = "cut"
    REPLACED = "replaced"
    CONTRADICTED = "contradicted"


_NOTHING: Final[Mapping[int, str]] = MappingProxyType({})
_SENTENCES: Final = {
    FaultKind.NOT_A_LINE: "is not a line of a ledger: it was altered",
    FaultKind.OUT_OF_ORDER: "has another number than its place: lines were removed, added or moved",
    FaultKind.NOT_CHAINED: "does not carry the hash of the line before: one of the two was altered",
    FaultKind.TORN: "ends in the middle: the power went while it was written, or it was cut",
    FaultKind.HEAD_FORGED: "is where the head stands, but this device did not sign the head",
    FaultKind.HEAD_OF_ANOTHER: "is where the head stands, but the head is another chain's",
    FaultKind.CUT: "was signed for and is not there: the end was cut off",
    FaultKind.REPLACED: "has another hash than the head signs for: the chain was replaced",
    FaultKind.CONTRADICTED: "has another hash than the hospital was given: the chain was rewritten here or before",
}


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """What is wrong, at which line (1 for the first), and which event that line says, where it is one."""

    kind: FaultKind
    line: int
    event: str = ""

    @property
    def sentence(self) -> str:
        """For whoever audits."""
        what = f" ({self.event})" if self.event else ""
        return f"Line {self.line}{what} {_SENTENCES[self.kind]}."


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What a verification found.

    Attributes:
        chain: which chain.
        lines: how many whole lines there are.
        beyond: how many of them came after the head; they are chained, but this head does not sign for them.
        faults: what is wrong, at most twenty.
    """

    chain: str
    lines: int
    beyond: int
    faults: tuple[LedgerFault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def first(self) -> LedgerFault | None:
        """The fault that stands first in the chain: what came after it may be its consequence."""
        return min(self.faults, key=lambda fault: fault.line, default=None)

    @property
    def sentence(self) -> str:
        """For whoever audits."""
        if self.faults:
            return " ".join(fault.sentence for fault in self.faults)
        return f"All {self.lines} lines of the chain {self.chain} are as they were signed; {self.beyond} came after."


def verify_chain(
    path: Path,
    public_key: ec.EllipticCurvePublicKey | None,
    head: LedgerHead,
    kept: Mapping[int, str] = _NOTHING,
) -> LedgerReport:
    """Whether the chain at `path` is what `head` signs for.

    `head` may be the one beside the file, or an older one that the hospital kept: an old one finds a chain that was
    rewritten together with its head.

    Args:
        path: the chain's lines.
        public_key: of the process that writes the chain; None where it is not known, and then the lines are held
            against the hashes alone.
        head: what signs for them.
        kept: sequence to hash of other heads of this chain, as the hospital kept them.

    Raises:
        LedgerUnwritable: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return verify_lines(iter(lambda: file.readline(MAX_LINE + 2), b""), public_key, head, kept)
    except OSError as error:
        raise LedgerUnwritable(f"The audit log {path} cannot be read.") from error


def verify_lines(
    lines: Iterable[bytes],
    public_key: ec.EllipticCurvePublicKey | None,
    head: LedgerHead,
    kept: Mapping[int, str] = _NOTHING,
) -> LedgerReport:
    """The same, for lines with their line ends."""
    faults = list(_of_head(head, public_key))
    previous, count = BEGINNING, 0
    for line in lines:
        if not line.endswith(b"\n"):
            faults.append(LedgerFault(FaultKind.TORN if len(line) <= MAX_LINE else FaultKind.NOT_A_LINE, count + 1))
            break
        count += 1
        data = line[:-1]
        event, found = _of_line(data, count, previous, head.chain)
        previous = hash_of(data)
        if count == head.sequence and previous != head.hash:
            found.append(FaultKind.REPLACED)
        if kept.get(count, previous) != previous:
            found.append(FaultKind.CONTRADICTED)
        faults += [LedgerFault(kind, count, event) for kind in found]
        if len(faults) >= MAX_FAULTS:
            break
    else:
        if count < head.sequence:
            faults.append(LedgerFault(FaultKind.CUT, count + 1))
    return LedgerReport(head.chain, count, max(0, count - head.sequence), tuple(faults[:MAX_FAULTS]))


def _of_head(head: LedgerHead, public_key: ec.EllipticCurvePublicKey | None) -> Iterator[LedgerFault]:
    if public_key is not None and not head.is_by(public_key):
        yield LedgerFault(FaultKind.HEAD_FORGED, head.sequence)


def _of_line(data: bytes, place: int, previous: str, chain: str) -> tuple[str, list[FaultKind]]:
    """Which event a line says, and what is wrong with the line by itself and after the one before."""
    try:
        line = parse_line(data)
    except ValueError:
        return "", [FaultKind.NOT_A_LINE]
    wrong = {
        FaultKind.HEAD_OF_ANOTHER: line.chain != chain,
        FaultKind.OUT_OF_ORDER: line.sequence != place,
        FaultKind.NOT_CHAINED: line.previous != previous,
    }
    return line.event, [kind for kind, is_so in wrong.items() if is_so]
