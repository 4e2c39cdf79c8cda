"""The messages of one upload, in one transaction: the machine decides, the archive keeps, the answers are collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from sync.events import SyncEvent
from sync.protocol import (
    Chunk,
    Complete,
    Facts,
    Ignore,
    KeepHeads,
    Offer,
    OpenUpload,
    Quarantine,
    ReceiverMachine,
    Refusal,
    RefusalReason,
    SendHave,
    SendReceipt,
    SendRefusal,
    StoreChunk,
    Upload,
    topics,
)
from sync.receiver.alarms import AlarmKind, raised_by
from sync.receiver.archive import Arrival, Intake, Raised

BUSY_SECONDS: Final = 60
"""How long a device waits when it has too much under way itself."""

log: Final = structlog.get_logger("wardlens.receiver")


@dataclass(frozen=True, slots=True)
class Answer:
    """A message to publish, QoS 1, not retained.

    Attributes:
        outbox: the archive's row that is done once the broker has taken this; None where it keeps none.
    """

    topic: str
    payload: bytes = field(repr=False)
    outbox: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A complete set that waits to be judged.

    Attributes:
        attempt: the how-manieth time.
    """

    arrival: Arrival
    upload: Upload
    attempt: int


@dataclass(slots=True)
class Tally:
    """What this receiver did since it started."""

    filed: int = 0
    refused: int = 0
    ignored: int = 0
    malformed: int = 0
    unheard: int = 0


class Turn:
    """What one upload's messages lead to. Lives as long as the transaction it is given.

    Its alarms are the caller's to write, once every upload of the transaction is locked.
    """

    def __init__(self, intake: Intake, machine: ReceiverMachine, arrival: Arrival) -> None:
        self._intake = intake
        self._machine = machine
        self._arrival = arrival
        self._facts = Facts()
        self._new: list[Chunk] = []
        self.answers: list[Answer] = []
        self.work: list[Work] = []
        self.alarms: list[Raised] = []
        self.ignored = 0
        self.refused = 0

    def take(self, messages: Sequence[Offer | Chunk], barred: RefusalReason | None) -> None:
        """All of `messages` are dealt with; from a device that is `barred` nothing is stored."""
        if barred is not None:
            self._turn_away(messages, barred)
            return
        self._facts = self._intake.facts(self._arrival)
        for message in messages:
            self._one(message)
        if not self._new:
            return
        self._intake.store(self._arrival, self._new)
        for effect in self._machine.stored(self._new[0].upload, self._facts):
            if isinstance(effect, Complete):
                self._complete(effect.upload)

    def _one(self, message: Offer | Chunk) -> None:
        for effect in self._machine.received(message, self._facts):
            match effect:
                case KeepHeads():
                    pass  # The ingest kept them before any upload was locked.
                case OpenUpload(upload):
                    pieces = self._intake.open(self._arrival, upload)
                    # What came in another size is gone, and what it made complete is not complete any more.
                    self._new.clear()
                    self.work.clear()
                    if pieces is None:
                        self._facts = replace(self._facts, upload=None, pieces=None)
                        self.alarms.append(Raised(self._arrival.device, AlarmKind.LIMITS))
                        self._answer(
                            Refusal(upload.capture, upload.digest, seconds=BUSY_SECONDS).encode(), refusal=True
                        )
                        return
                    self._facts = replace(self._facts, upload=upload, pieces=pieces)
                    if len(pieces):
                        # Another receiver opened it in between and has chunks already: decide on what is there.
                        self._one(message)
                        return
                case StoreChunk(chunk):
                    assert self._facts.pieces is not None
                    self._new.append(chunk)
                    self._facts = replace(self._facts, pieces=self._facts.pieces.with_piece(chunk.index))
                case Complete(upload):
                    self._complete(upload)
                case Quarantine(upload, reason):
                    alarm(self._arrival, reason)
                    self._refused(upload, reason)
                case SendHave() | SendReceipt() | SendRefusal():
                    self._answer(effect.payload, refusal=isinstance(effect, SendRefusal))
                case Ignore(reason):
                    self.ignored += 1
                    log.info(SyncEvent.MESSAGE_IGNORED, device=self._arrival.device, reason=reason.value)
                case other:
                    raise AssertionError(f"the machine asks for {type(other).__name__} about a message")

    def _turn_away(self, messages: Sequence[Offer | Chunk], reason: RefusalReason) -> None:
        """An offer of a device that is not the site's own, or no longer, is refused and put on record."""
        offers = [message for message in messages if isinstance(message, Offer)]
        self.ignored += len(messages) - len(offers)
        if not offers:
            return
        alarm(self._arrival, reason)
        self._refused(offers[0].upload, reason)
        self._answer(Refusal(self._arrival.capture, self._arrival.digest, reason=reason).encode(), refusal=True)

    def _refused(self, upload: Upload, reason: str) -> None:
        self._intake.quarantine(self._arrival, upload.length, reason, envelope_kept=False)
        if (raised := raised_by(self._arrival, reason)) is not None:
            self.alarms.append(raised)

    def _complete(self, upload: Upload) -> None:
        # Counted before it is tried, in this transaction: a set that kills its receiver is known by that.
        if not self.work:
            self.work.append(Work(self._arrival, upload, self._intake.attempt(self._arrival)))

    def _answer(self, payload: bytes, *, refusal: bool = False) -> None:
        self.refused += refusal
        answer = Answer(topics.down(self._arrival.device, self._arrival.capture), payload)
        if answer not in self.answers:
            self.answers.append(answer)


def alarm(arrival: Arrival, reason: str) -> None:
    """Somebody must look at this: it is logged at the level that wakes people."""
    log.error(
        SyncEvent.CAPTURE_QUARANTINED, device=arrival.device, capture=arrival.capture, reason=str(reason), alarm=True
    )
