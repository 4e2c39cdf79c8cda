"""The receiver's side of one upload: a message and what the shared store knows in, what to do out.

A receiver keeps nothing in memory, so there is no state here: every function takes the facts as they stand in the
store. Two receivers may work on one capture at a time; what makes that right is that :meth:`ReceiverMachine.stored` is
asked after the chunk's transaction is committed, with the facts read again, so that the last writer of a set sees it
complete (docs/formats/sync.md, "The receiver").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.protocol.messages import Have, Offer, Refusal, RefusalReason
from sync.protocol.pieces import MAX_LENGTH, Chunk, Pieces, Upload


@dataclass(frozen=True, slots=True)
class Archived:
    """An envelope of this device and capture that is already filed, with the receipt that was given for it."""

    digest: str
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows, for one device, capture and digest.

    Attributes:
        upload: the open upload of this digest, if one was opened and its chunks are kept.
        pieces: which of its chunks are committed; given exactly when `upload` is.
        archived: what is filed for this device and capture, whatever its digest.
        refused: why this digest was refused for good, while that refusal stands.
    """

    upload: Upload | None = None
    pieces: Pieces | None = None
    archived: Archived | None = None
    refused: str | None = None


class Ignored(StrEnum):
    """Why a message changed nothing: one word for the counter."""

    ALREADY_ARCHIVED = "already_archived"
    CAPTURE_CONFLICT = "capture_conflict"
    REFUSED_BEFORE = "refused_before"
    OTHER_GEOMETRY = "other_geometry"
    DUPLICATE_CHUNK = "duplicate_chunk"
    TOO_LARGE = "too_large"


# Effects. Sends go to `topics.down(device, capture)`, QoS 1, not retained.


@dataclass(frozen=True, slots=True)
class KeepHeads:
    """Keep these signed ledger heads of the device (they prove at the hospital what its ledger had said by now)."""

    counter: int
    heads: tuple[Mapping[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """Open this upload with no chunks; chunks kept for the same digest in another chunk size are dropped."""

    upload: Upload


@dataclass(frozen=True, slots=True)
class StoreChunk:
    """Commit this chunk before the message is acknowledged, then ask :meth:`ReceiverMachine.stored`."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Complete:
    """All chunks are committed: lock the row, check, open, file, and come back with :meth:`ReceiverMachine.judged`."""

    upload: Upload


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Set what is kept of this digest aside, raise the alarm, and keep the refusal standing."""

    upload: Upload
    reason: str


@dataclass(frozen=True, slots=True)
class DropChunks:
    """Forget the chunks of this upload: together they are not what their digest says."""

    upload: Upload


@dataclass(frozen=True, slots=True)
class SendHave:
    """Tell the device what is here."""

    have: Have

    @property
    def payload(self) -> bytes:
        """What to publish."""
        return self.have.encode()


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """Send the stored receipt, byte for byte."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class SendRefusal:
    """Tell the device that it is not taken."""

    refusal: Refusal

    @property
    def payload(self) -> bytes:
        """What to publish."""
        return self.refusal.encode()


@dataclass(frozen=True, slots=True)
class Ignore:
    """Count it and go on."""

    reason: Ignored


Effect = (
    KeepHeads
    | OpenUpload
    | StoreChunk
    | Complete
    | Quarantine
    | DropChunks
    | SendHave
    | SendReceipt
    | SendRefusal
    | Ignore
)
Effects = tuple[Effect, ...]


# Verdicts: what came of a complete set.


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is filed, and this is its receipt as stored in the same transaction (also if another receiver filed it)."""

    receipt: bytes


@dataclass(frozen=True, slots=True)
class Postponed:
    """The hospital's side cannot take it now."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never be taken as it is."""

    reason: RefusalReason


Verdict = Accepted | Postponed | Rejected


@dataclass(frozen=True, slots=True)
class ReceiverMachine:
    """Decides for a receiver. Pure and stateless: one instance serves every upload.

    Attributes:
        max_length: bytes of the longest envelope this hospital takes.
    """

    max_length: int = MAX_LENGTH

    def received(self, message: Offer | Chunk, facts: Facts) -> Effects:
        """What to do about a message, in this order, all in one transaction where it writes."""
        if isinstance(message, Offer):
            heads = (KeepHeads(message.counter, message.heads),) if message.heads else ()
            return heads + self._offered(message.upload, facts)
        return self._chunk(message, facts)

    def stored(self, upload: Upload, facts: Facts) -> Effects:
        """What to do after a chunk is committed, with the facts read after that commit."""
        done = facts.archived is None and facts.upload == upload and facts.pieces is not None and facts.pieces.complete
        return (Complete(upload),) if done else ()

    def judged(self, upload: Upload, verdict: Verdict) -> Effects:
        """What to do once a complete set was judged."""
        if isinstance(verdict, Accepted):
            return (SendReceipt(verdict.receipt),)
        if isinstance(verdict, Postponed):
            return (SendRefusal(Refusal(upload.capture, upload.digest, seconds=verdict.seconds)),)
        refusal = _refuse(upload, verdict.reason)
        if verdict.reason is RefusalReason.DIGEST_MISMATCH:
            # The chunks are wrong, not the envelope: a person may have the device send it once more.
            return (DropChunks(upload), refusal)
        return (Quarantine(upload, verdict.reason), refusal)

    def _offered(self, upload: Upload, facts: Facts) -> Effects:
        if facts.archived is not None:
            if facts.archived.digest == upload.digest:
                return (SendReceipt(facts.archived.receipt),)
            conflict = RefusalReason.CAPTURE_CONFLICT
            return (Quarantine(upload, conflict), _refuse(upload, conflict))
        if facts.refused is not None:
            return (_refuse(upload, facts.refused),)
        if upload.length > self.max_length:
            return (_refuse(upload, RefusalReason.TOO_LARGE),)
        if facts.upload != upload or facts.pieces is None:
            return (OpenUpload(upload), SendHave(Have(upload, Pieces(upload.count))))
        if facts.pieces.complete:
            return (Complete(upload),)
        return (SendHave(Have(upload, facts.pieces)),)

    def _chunk(self, chunk: Chunk, facts: Facts) -> Effects:
        if facts.archived is not None:
            same = facts.archived.digest == chunk.upload.digest
            return (Ignore(Ignored.ALREADY_ARCHIVED if same else Ignored.CAPTURE_CONFLICT),)
        if facts.refused is not None:
            return (Ignore(Ignored.REFUSED_BEFORE),)
        if chunk.upload.length > self.max_length:
            return (Ignore(Ignored.TOO_LARGE),)
        if facts.upload is None or facts.pieces is None:
            # The offer went to another receiver, or is still on its way: the chunk says all that is needed.
            return (OpenUpload(chunk.upload), StoreChunk(chunk))
        if facts.upload != chunk.upload:
            return (Ignore(Ignored.OTHER_GEOMETRY),)
        if chunk.index in facts.pieces:
            return (Ignore(Ignored.DUPLICATE_CHUNK),)
        return (StoreChunk(chunk),)


def _refuse(upload: Upload, reason: str) -> SendRefusal:
    return SendRefusal(Refusal(upload.capture, upload.digest, reason=str(reason)))
