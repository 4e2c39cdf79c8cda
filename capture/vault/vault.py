"""The vault: envelopes in a folder, and the queue of what has become of each."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter as Counts
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from capture.disk import Files, RealFiles
from capture.envelope import MAX_ENVELOPE, Envelope
from capture.errors import NotInVault, TransitionRefused, VaultDamaged, VaultError, VaultFull, VaultUnwritable
from capture.identifiers import CaptureId
from capture.vault.counter import Counter
from capture.vault.entry import Condition, Entry
from capture.vault.envelopes import EnvelopeFolder
from capture.vault.generations import Generations
from capture.vault.lock import FolderLock
from capture.vault.queue import Queue, QueueDamaged
from capture.vault.states import START, State, Step, after
from capture.vault.sweep import Findings, compare
from capture.vault.translation import disk_in_our_words

Result = TypeVar("Result")

RESERVE_BYTES: Final = 256 * 1024 * 1024
"""What a put leaves free, so that the queue, the ledger and the system can still write."""
MAX_RECEIPT: Final = 64 * 1024
ERASED_KEPT: Final = 10_000

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


def wall_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Vault:
    """Envelopes on this device and their states. Threads and processes may share one folder.

    Opening it puts right what a power cut left behind: half-written files go, whole envelopes without an entry are
    adopted, a damaged queue is built again from the envelopes alone; `findings` says what there was to do.

    Raises:
        VaultUnwritable: the folder cannot be written.
        VaultFull: not even the queue has room.
    """

    def __init__(
        self,
        folder: Path,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        files: Files | None = None,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._files: Files = RealFiles() if files is None else files
        self._clock = clock
        self._envelopes = EnvelopeFolder(folder / "envelopes", self._files)
        self._counter = Counter(folder / "counter", self._files)
        self._generations = Generations(folder, self._files, self._counter)
        self._mutex = threading.RLock()
        with disk_in_our_words():
            self._lock = self._prepared()
        try:
            with self._lock:
                self._envelopes.sweep()
                self._counter.sweep()
                self._generations.sweep()
                self._queue, self.findings = self._opened()
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The queue and the lock are closed. Nothing is lost without it."""
        with self._mutex:
            self._queue.close()
            self._lock.close()

    # What is taken ------------------------------------------------------------------------------------------------

    def next_counter(self) -> int:
        """The device's next count: greater than any before, through crashes and rebuilds; gaps are possible.

        Raises:
            VaultError: it could not be made durable.
        """

        def count(queue: Queue) -> int:
            following = queue.fact("counter") + 1
            if following > queue.fact("reserved"):
                with disk_in_our_words():
                    queue.remember("reserved", self._counter.reserve(following))
            queue.remember("counter", following)
            return following

        return self._change(count)

    def put(self, envelope: Envelope, *, urgent: bool = False) -> Entry:
        """`envelope`, taken: when this returns, a power cut does not lose it. Twice is as good as once.

        Raises:
            VaultFull: it would eat into the reserve, or the disk is full. Nothing was written.
            VaultUnwritable: the disk. Nothing half-written is left that could be taken for an envelope.
            TransitionRefused: another envelope of the same capture is there.
        """
        with self._lock:
            known = self._look(lambda queue: queue.get(envelope.capture))
            if known is not None:
                if known.digest != envelope.digest:
                    raise TransitionRefused("Another envelope of the same capture is already in the vault.")
                return known
            if self.free_bytes() - len(envelope.raw) < self._reserve:
                raise VaultFull
            entry = Entry(
                capture=envelope.capture,
                digest=envelope.digest,
                length=len(envelope.raw),
                counter=envelope.counter,
                urgent=urgent,
                state=START,
                sealed_at_ms=self._clock(),
            )
            try:
                self._envelopes.write(envelope)
                self._change(lambda queue: queue.store(entry))
            except VaultError:
                # A put that failed leaves no row and no file; where even that fails, the next start adopts a whole one.
                with suppress(VaultError):
                    self._change(lambda queue: queue.take_back(envelope.capture))
                with suppress(VaultError):
                    self._envelopes.remove(envelope.capture)
                raise
            return entry

    # What is known ------------------------------------------------------------------------------------------------

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, oldest first; of the erased ones, the newest ten thousand."""
        return self._look(lambda queue: tuple(queue.all()))

    def pending(self, most: int | None = None) -> tuple[Entry, ...]:
        """What still has to reach the hospital: urgent first, then oldest; the first `most` where that is given."""
        return self._look(lambda queue: tuple(queue.waiting(-1 if most is None else most)))

    def of(self, state: State) -> tuple[Entry, ...]:
        """Every entry in this state, oldest first."""
        return self._look(lambda queue: tuple(queue.of(state)))

    def tally(self) -> Counts[State]:
        """How many entries are in each state."""
        return self._look(lambda queue: Counts(queue.tally()))

    def oldest_waiting_ms(self) -> int | None:
        """For how long the oldest of what waits has, by this machine's clock, 0 at least; None where nothing waits."""
        since = self._look(lambda queue: queue.waiting_since())
        return None if since is None else max(0, self._clock() - since)

    def entry(self, capture: CaptureId) -> Entry:
        """The entry of `capture`.

        Raises:
            NotInVault: there is none.
        """
        found = self._look(lambda queue: queue.get(capture))
        if found is None:
            raise NotInVault
        return found

    def read(self, capture: CaptureId, offset: int = 0, length: int = MAX_ENVELOPE) -> bytes:
        """Up to `length` bytes of an envelope from `offset`; fewer only at its end.

        Raises:
            NotInVault: there is no such envelope, or it was erased.
            VaultDamaged: its file is gone or too short.
        """
        entry = self.entry(capture)
        if entry.state is State.ERASED:
            raise NotInVault
        if offset < 0 or length < 0:
            raise ValueError("an offset and a length are not negative")
        expected = max(0, min(length, entry.length - offset))
        data = self.piece(capture, offset, expected)
        if len(data) != expected:
            raise VaultDamaged
        return data

    def piece(self, capture: CaptureId, offset: int, length: int) -> bytes:
        """What an envelope's file holds there, without asking the queue: for whoever sends it and knows its length.

        Raises:
            VaultDamaged: its file is gone, or the disk cannot read it.
        """
        try:
            return self._envelopes.read(capture, offset, length)
        except OSError as error:
            raise VaultDamaged from error

    def free_bytes(self) -> int:
        """Room left on the vault's disk.

        Raises:
            VaultUnwritable: the disk does not say.
        """
        with disk_in_our_words():
            return self._files.free_bytes(self._folder)

    def condition(self) -> Condition:
        """Whether a picture could be taken now, without writing anything."""
        try:
            free = self.free_bytes()
        except VaultError as error:
            return Condition(writable=False, sentence=error.sentence, free_bytes=0)
        if free < self._reserve:
            return Condition(writable=False, sentence=VaultFull().sentence, free_bytes=free)
        if not self._files.is_writable(self._envelopes.folder):
            return Condition(writable=False, sentence=VaultUnwritable().sentence, free_bytes=free)
        return Condition(writable=True, sentence="The vault is ready.", free_bytes=free)

    # What becomes of it -------------------------------------------------------------------------------------------

    def offered(self, capture: CaptureId) -> Entry:
        """The hospital was told of it.

        Raises:
            NotInVault, TransitionRefused, VaultError.
        """
        return self._step(capture, Step.OFFER, lambda entry: replace(entry, offers=entry.offers + 1))

    def receipted(self, capture: CaptureId, digest: str, receipt: bytes) -> Entry:
        """The hospital has it: `receipt`, which the caller has verified, names `digest`. The first receipt is kept.

        Raises:
            TransitionRefused: the digest is not this envelope's, or the receipt is empty or too long. Nothing changes.
            NotInVault, VaultError.
        """
        if not 1 <= len(receipt) <= MAX_RECEIPT:
            raise TransitionRefused("A receipt is 1 byte to 64 KiB long.")

        def keep(entry: Entry) -> Entry:
            if entry.digest != digest:
                raise TransitionRefused("The receipt is for another envelope, so nothing was freed.")
            return replace(entry, receipt=entry.receipt or receipt, reason="")

        return self._step(capture, Step.RECEIPT, keep)

    def erase(self, capture: CaptureId) -> Entry:
        """Its bytes are gone from the device. Only with a receipt; its entry and receipt stay.

        Raises:
            TransitionRefused: there is no receipt. Nothing changes.
            NotInVault, VaultError.
        """
        with self._lock:
            entry = self.entry(capture)
            after(entry.state, Step.ERASE)
            if entry.receipt is None:
                raise TransitionRefused("There is no receipt for this envelope, so it stays.")
            # The file first: an entry that says "erased" must be true after a power cut at any point.
            self._envelopes.remove(capture)

            def erased(queue: Queue) -> Entry:
                gone = replace(entry, state=after(entry.state, Step.ERASE))
                queue.store(gone)
                queue.forget_erased(ERASED_KEPT)
                return gone

            return self._change(erased)

    def park(self, capture: CaptureId, reason: str) -> Entry:
        """It waits for a person; the others go on. `reason` is a slug: lowercase letters, digits and inner hyphens.

        Raises:
            ValueError: the reason is no slug, and might say something about a patient.
            NotInVault, TransitionRefused, VaultError.
        """
        if not _SLUG.fullmatch(reason):
            raise ValueError("a reason is 1 to 64 lowercase letters, digits and inner hyphens")
        return self._step(capture, Step.PARK, lambda entry: replace(entry, reason=reason))

    def retry(self, capture: CaptureId) -> Entry:
        """A parked envelope waits for sending again.

        Raises:
            NotInVault, TransitionRefused, VaultError.
        """
        return self._step(capture, Step.RETRY, lambda entry: replace(entry, reason=""))

    def rebuild(self) -> Findings:
        """The queue, made again from the envelope files alone. Receipts, urgency and parking are forgotten with it.

        Every envelope is offered once more, and the hospital answers with the receipts it already gave.

        Raises:
            VaultError: the disk.
        """
        with self._lock, self._mutex:
            self._queue.close()
            self._queue, self.findings = self._generations.anew(self._reconcile)
            return self.findings

    # How ----------------------------------------------------------------------------------------------------------

    def _step(self, capture: CaptureId, step: Step, change: Callable[[Entry], Entry]) -> Entry:
        def apply(queue: Queue) -> Entry:
            entry = queue.get(capture)
            if entry is None:
                raise NotInVault
            changed = change(replace(entry, state=after(entry.state, step)))
            queue.store(changed)
            return changed

        return self._change(apply)

    def _change(self, work: Callable[[Queue], Result]) -> Result:
        """`work` in one transaction, alone over all threads and processes, on the newest queue."""

        def once() -> Result:
            self._queue = self._generations.followed(self._queue)
            return self._queue.transact(lambda: work(self._queue))

        with self._lock, self._mutex:
            return self._mended(once)

    def _look(self, work: Callable[[Queue], Result]) -> Result:
        """`work` on the newest queue, without waiting for a put in another process."""
        try:
            with self._mutex:
                self._queue = self._generations.followed(self._queue)
                return work(self._queue)
        except QueueDamaged:
            with self._lock, self._mutex:
                self._queue = self._generations.followed(self._queue)
                return self._mended(lambda: work(self._queue))

    def _mended(self, work: Callable[[], Result]) -> Result:
        """`work`, once more on a rebuilt queue if this one turns out damaged."""
        try:
            return work()
        except QueueDamaged:
            self.rebuild()
            return work()

    def _prepared(self) -> FolderLock:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._files.make_folder(self._folder)
        self._files.make_folder(self._envelopes.folder)
        self._files.sync_folder(self._folder.parent)
        self._files.sync_folder(self._folder)
        return FolderLock(self._folder / "writer.lock")

    def _opened(self) -> tuple[Queue, Findings]:
        """The queue in force, and what there was to do so that it and the disk agree. Needs the lock."""
        queue = self._generations.opened()
        if queue is not None:
            try:
                return queue, self._reconcile(queue)
            except QueueDamaged:  # whole as a database, but not our tables
                queue.close()
            except BaseException:
                queue.close()
                raise
        return self._generations.anew(self._reconcile)

    def _reconcile(self, queue: Queue) -> Findings:
        """`queue` and disk agree after this; what there was to do. Needs the lock."""
        present = self._envelopes.captures()
        entries = {entry.capture: entry for entry in queue.all()}
        with disk_in_our_words():
            findings = compare(present, entries, self._envelopes.read, self._clock())
            reserved = self._counter.reserved()
        for capture in findings.leftover:
            self._envelopes.remove(capture)
        counted = max((entry.counter for entry in (*entries.values(), *findings.changed)), default=0)

        def store() -> None:
            for entry in findings.changed:
                queue.store(entry)
            # A file ahead of the queue means that the queue is an older copy: what it lost may have been used.
            is_older = reserved > queue.fact("reserved")
            queue.remember("counter", max(queue.fact("counter"), counted, reserved if is_older else 0))
            queue.remember("reserved", max(queue.fact("reserved"), reserved))

        queue.transact(store)
        return findings
