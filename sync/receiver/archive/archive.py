"""The archive: rows in a database and objects under their digests, behind one object with plain values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, delete, select

from capture.identifiers import CaptureId, DeviceId
from sync.protocol import Upload
from sync.receiver.archive import ledgers, looks, opening
from sync.receiver.archive import reading as rows
from sync.receiver.archive.alarms import Alarm, Raised, on_record, put_on_record, settle
from sync.receiver.archive.database import open_engine, reading, writing
from sync.receiver.archive.days import DAY_MS, Figures, figures_since
from sync.receiver.archive.filing import RECEIPT, file_capture
from sync.receiver.archive.heartbeats import Heartbeat, beat, heartbeats
from sync.receiver.archive.intake import Intake, drop_upload, filed_receipt
from sync.receiver.archive.objects import ENVELOPES, PICTURES, QUARANTINE, Objects
from sync.receiver.archive.schema import bring_up_to_date
from sync.receiver.archive.states import KeptState, keep_state, states
from sync.receiver.archive.tables import chunks, uploads
from sync.receiver.archive.values import (
    ArchiveSettings,
    Arrival,
    Contents,
    Counts,
    FiledCapture,
    FiledReceipt,
    Filing,
    Limits,
    NewCapture,
    NewReceipt,
    Pending,
    QuarantineRow,
)
from sync.receiver.errors import NotFiled, NotOpened


def unix_milliseconds() -> int:
    """Now, by this machine's clock."""
    return time.time_ns() // 1_000_000


class Archive:
    """The hospital's store. Any number of receivers, views and exports may use one archive at once.

    Every method raises :class:`ArchiveUnavailable` when the database or the object store does not answer, and then
    has written nothing; what returned is durable.
    """

    def __init__(
        self, engine: Engine, objects: Objects, limits: Limits, clock: Callable[[], int] = unix_milliseconds
    ) -> None:
        self._engine = engine
        self._objects = objects
        self.limits = limits
        self.clock = clock

    @classmethod
    def open(
        cls,
        settings: ArchiveSettings,
        *,
        limits: Limits | None = None,
        clock: Callable[[], int] = unix_milliseconds,
    ) -> Archive:
        """The archive at `settings`, made or brought up to date where it has to be.

        Raises:
            ArchiveUnavailable: the database or the object store cannot be used.
            ArchiveTooNew: a newer Wardlens wrote it.
        """
        objects = Objects.open(settings.objects, settings.object_options)
        engine = open_engine(settings.database)
        bring_up_to_date(engine)
        return cls(engine, objects, limits or Limits(), clock)

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    def check(self) -> None:
        """The database and the object store answer.

        Raises:
            ArchiveUnavailable: one of them does not.
        """
        with reading(self._engine) as connection:
            connection.execute(select(1))
        self._objects.check()

    # On the way in

    @contextmanager
    def intake(self) -> Iterator[Intake]:
        """A transaction for what arrives; committed when the block ends, and only then to be acknowledged."""
        with writing(self._engine) as connection:
            yield Intake(connection, self.limits, self.clock())

    def assembled(self, arrival: Arrival, upload: Upload) -> bytes | None:
        """The bytes of a complete upload; None when it is that no more: another receiver ended it, or began it anew."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(uploads.c.id).where(
                    uploads.c.device == arrival.device,
                    uploads.c.capture == arrival.capture,
                    uploads.c.digest == arrival.digest,
                    uploads.c.length == upload.length,
                    uploads.c.chunk_size == upload.chunk_size,
                )
            ).scalar()
            if row is None:
                return None
            parts = connection.execute(
                select(chunks.c.data).where(chunks.c.upload == row).order_by(chunks.c.position)
            ).scalars()
            data = b"".join(bytes(part) for part in parts)
        return data if len(data) == upload.length else None

    def put_envelope(self, digest: str, envelope: bytes) -> None:
        """The envelope lies under its digest. Before the row: a row never names what is not there."""
        self._objects.put(ENVELOPES, digest, envelope)

    def put_picture(self, digest: str, picture: bytes) -> None:
        """The picture lies under its digest, before its row says so."""
        self._objects.put(PICTURES, digest, picture)

    def put_objects(self, *, digest: str, envelope: bytes, picture_digest: str, picture: bytes) -> None:
        """Both at once."""
        # Side by side: each waits for the disk or the network far longer than it works.
        with ThreadPoolExecutor(1, "wardlens-put") as other:
            second = other.submit(self.put_picture, picture_digest, picture)
            self.put_envelope(digest, envelope)
            second.result()

    def file(
        self, new: NewCapture, arrival: Arrival, issue: Callable[[], NewReceipt], step: Callable[[str], None]
    ) -> tuple[Filing, FiledReceipt]:
        """What became of `new` and the receipt in force; see :func:`file_capture`. `step` is told before the commit."""
        with writing(self._engine) as connection:
            answer = file_capture(connection, new, arrival, issue)
            step("before-commit")
        return answer

    def refuse(
        self, arrival: Arrival, length: int, reason: str, envelope: bytes | None, raised: Raised | None = None
    ) -> None:
        """The upload is over; what it was is on record, and its bytes are kept as evidence while there is room."""
        with reading(self._engine) as connection:
            keep = envelope is not None and Intake(connection, self.limits, 0).room_in_quarantine(
                arrival.device, length
            )
        if keep and envelope is not None:
            self._objects.put(QUARANTINE, arrival.digest, envelope)
        with writing(self._engine) as connection:
            Intake(connection, self.limits, self.clock()).quarantine(arrival, length, reason, envelope_kept=keep)
            drop_upload(connection, arrival)
            if raised is not None:
                put_on_record(connection, raised, self.clock())

    def forgive(self, arrival: Arrival) -> None:
        """The tries of a complete set are counted anew, because the archive failed and not the set."""
        with writing(self._engine) as connection:
            Intake(connection, self.limits, self.clock()).forgive(arrival)

    # Opened later

    def sealed(self, page: int = 100) -> Iterator[FiledCapture]:
        """Every capture that waits to be opened, oldest first, a page at a time."""
        yield from _paged(lambda connection, last: rows.sealed(connection, last, page), self._engine)

    def begin_opening(self, capture: CaptureId) -> int | None:
        """The how-manieth time it is that this sealed capture is tried; None when another opener has ended it."""
        with writing(self._engine) as connection:
            return opening.begin(connection, capture)

    def end_opening(self, capture: CaptureId, contents: Contents | str, step: Callable[[str], None]) -> bool:
        """Whether this call ended the waiting of a sealed capture; False when another opener had.

        Args:
            capture: which.
            contents: what was in it, its picture durable already; or a short fixed word: why it cannot be opened.
            step: told before the commit.
        """
        with writing(self._engine) as connection:
            ended = opening.end(connection, capture, contents)
            step("before-commit")
        return ended

    def forgive_opening(self, capture: CaptureId) -> None:
        """The tries of a sealed capture are counted anew, because the archive failed and not the capture."""
        with writing(self._engine) as connection:
            opening.forgive(connection, capture)

    def ask_again(self) -> int:
        """How many captures that could not be opened wait to be tried again."""
        with writing(self._engine) as connection:
            return opening.ask_again(connection)

    def unsent_receipts(self, *, older_than_ms: int, limit: int = 100) -> tuple[Pending, ...]:
        """Receipts that were written and not seen to leave: their receiver died, or the broker did not answer."""
        with reading(self._engine) as connection:
            return rows.unsent(connection, RECEIPT, self.clock() - older_than_ms, limit)

    def forget_stale_uploads(self) -> int:
        """How many uploads were thrown away because their device has not gone on with them for a week."""
        before = self.clock() - self.limits.forget_after_ms
        with writing(self._engine) as connection:
            # One that another receiver has in its hands just now is no longer stale when it lets go of it.
            found = select(uploads.c.id).where(uploads.c.touched_at_ms < before).with_for_update(skip_locked=True)
            stale = connection.execute(found).scalars().all()
            connection.execute(delete(chunks).where(chunks.c.upload.in_(stale)))
            connection.execute(delete(uploads).where(uploads.c.id.in_(stale)))
            return len(stale)

    def beat(self, heartbeat: Heartbeat) -> None:
        """The receiver is alive; those that have not been for a day are forgotten."""
        with writing(self._engine) as connection:
            beat(connection, heartbeat, heartbeat.seen_at_ms - 24 * 3600 * 1000)

    # On the way out

    def newest(self, limit: int = 50, *, before: int | None = None) -> tuple[FiledCapture, ...]:
        """The captures filed last, newest first; with `before`, those filed earlier than that."""
        with reading(self._engine) as connection:
            return rows.newest(connection, limit, before)

    def of_wound(self, of: FiledCapture, limit: int = 50, *, before: int | None = None) -> tuple[FiledCapture, ...]:
        """The pictures of the wound that `of` is a picture of, those filed last first; it alone where it is of none."""
        if not of.series:
            return (of,) if before is None else ()
        with reading(self._engine) as connection:
            return tuple(rows.of_wound(connection, of.patient, of.series, limit, before))

    def everything(self, page: int = 100) -> Iterator[FiledCapture]:
        """Every capture, oldest first, a page at a time."""
        yield from _paged(lambda connection, last: rows.after(connection, last, page), self._engine)

    def capture(self, capture: CaptureId) -> FiledCapture:
        """The capture with this id.

        Raises:
            NotFiled: there is none.
        """
        with reading(self._engine) as connection:
            found = rows.capture_by_id(connection, capture)
        if found is None:
            raise NotFiled
        return found

    def receipt(self, capture: CaptureId) -> FiledReceipt | None:
        """The receipt of `capture` if it is filed."""
        with reading(self._engine) as connection:
            return filed_receipt(connection, capture)

    def picture(self, filed: FiledCapture) -> bytes:
        """The JPEG, checked against its digest.

        Raises:
            NotOpened: it is still sealed.
            ArchiveDamaged: it is gone or changed.
        """
        if not filed.opened:
            raise NotOpened
        return self._objects.get(PICTURES, filed.picture_digest)

    def envelope(self, filed: FiledCapture) -> bytes:
        """The sealed envelope, checked against its digest.

        Raises:
            ArchiveDamaged: it is gone or changed.
        """
        return self._objects.get(ENVELOPES, filed.digest)

    def counts(self) -> Counts:
        """How much the archive holds and how much is under way."""
        with reading(self._engine) as connection:
            return rows.counts(connection)

    def in_quarantine(self, limit: int = 50) -> tuple[QuarantineRow, ...]:
        """What was refused for good, latest first."""
        with reading(self._engine) as connection:
            return rows.in_quarantine(connection, limit)

    def ledger_heads(self, device: DeviceId) -> tuple[ledgers.KeptHead, ...]:
        """The heads of a device's ledger, by chain and line."""
        with reading(self._engine) as connection:
            return ledgers.heads_of(connection, device)

    def alarms(self, device: DeviceId | None = None, *, settled: bool = False) -> tuple[Alarm, ...]:
        """The open alarms of all devices, or of one; latest first. With `settled`, those too that a person settled."""
        with reading(self._engine) as connection:
            return on_record(connection, device, settled=settled)

    def alarm(self, raised: Raised) -> None:
        """It is on record that somebody must look at this."""
        with writing(self._engine) as connection:
            put_on_record(connection, raised, self.clock())

    def settle(self, number: int, *, by: str, reason: str) -> bool:
        """The open alarm with this number is settled, by whom and why; False where there is none."""
        with writing(self._engine) as connection:
            return settle(connection, number, by, reason, self.clock())

    def look(self, seen: Iterable[looks.Look]) -> None:
        """These looks are on record."""
        with writing(self._engine) as connection:
            looks.put_on_record(connection, seen)

    def looks(self, limit: int = 100, *, capture: str = "", who: str = "") -> tuple[looks.Look, ...]:
        """The last looks, of everybody at everything, or at one capture, or of one person; latest first."""
        with reading(self._engine) as connection:
            return looks.on_record(connection, limit, capture=capture, who=who)

    def keep_states(self, states: Iterable[tuple[KeptState, bool]]) -> None:
        """What devices said of themselves is kept, each with whether it was retained; see :func:`keep_state`."""
        with writing(self._engine) as connection:
            # By device, so that two receivers never wait for each other's rows in a ring.
            for state, retained in sorted(states, key=lambda one: one[0].device):
                keep_state(connection, state, retained=retained)

    def states(self) -> tuple[KeptState, ...]:
        """Every device's last word, by device."""
        with reading(self._engine) as connection:
            return states(connection)

    def figures(self, days: int) -> Mapping[DeviceId, Figures]:
        """What each device's pictures of so many days say of its de-identification, today's among them."""
        with reading(self._engine) as connection:
            return figures_since(connection, self.clock() - (days - 1) * DAY_MS)

    def receivers(self) -> tuple[Heartbeat, ...]:
        """Every receiver's last word, latest first."""
        with reading(self._engine) as connection:
            return heartbeats(connection)


def _paged(page_after: Callable[[Connection, int], tuple[FiledCapture, ...]], engine: Engine) -> Iterator[FiledCapture]:
    """Page after page until one is empty; no transaction is held between them."""
    last = 0
    while True:
        with reading(engine) as connection:
            found = page_after(connection, last)
        if not found:
            return
        yield from found
        last = found[-1].filed
