"""One chain, written by one process: the line, then the signed head, each durable before the next is begun."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from capture.canonical import to_canonical
from capture.disk import FILE_MODE, Files, RealFiles, write_durably
from capture.envelope import Signer
from capture.errors import LedgerBusy, LedgerDamaged, LedgerError, LedgerUnwritable, SigningKeyUnusable
from capture.identifiers import CaptureId
from capture.ledger.chain import BEGINNING, MAX_LINE, LedgerHead, Line, hash_of, parse_head, parse_line
from capture.ledger.events import LedgerEvent, checked

_MAX_HEAD: Final = 4096
_TAIL: Final = 4 * (MAX_LINE + 1)
_OF_CAPTURE: Final = re.compile(
    rb'"event":"(?P<event>[a-z0-9-]+)","facts":{[^{}\n]*"capture":"(?P<capture>[0-9a-f]{32})"'
)
"""In a line in its one spelling, which has braces around its facts and nowhere else inside."""


def wall_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _End:
    """Where a chain's file stands: whole bytes, last line, what follows it, how many lines the head does not vouch."""

    size: int
    sequence: int
    hash: str
    torn: int
    unvouched: int


class Ledger:
    """The chain `chain` in `folder`, for the one process that writes it.

    Opening it repairs what a power cut can leave, and nothing more: a line cut short goes, a last line that the head
    does not sign for stays, and a LEDGER_RECOVERED line says so. Anything else is damage and is not touched.

    Raises:
        LedgerBusy: another process writes it.
        LedgerDamaged: it is not what its head signs for, or the head is not this device's.
        LedgerUnwritable: the disk.
    """

    def __init__(
        self,
        folder: Path,
        chain: str,
        signer: Signer,
        *,
        clock: Callable[[], int] = wall_ms,
        files: Files | None = None,
    ) -> None:
        self._chain = chain
        self._signer = signer
        self._clock = clock
        self._files: Files = RealFiles() if files is None else files
        self._path = folder / f"{chain}.jsonl"
        self._head_path = folder / f"{chain}.head"
        self._threads = threading.Lock()
        self._doubtful: tuple[LedgerHead, int] | None = None
        self._descriptor = _opened(folder, self._path)
        try:
            end = self._end()
            self._size, self._sequence, self._hash = end.size, end.sequence, end.hash
            self.head = self._read_head() if end.sequence and not end.unvouched else None
            if end.torn or end.unvouched:
                with _disk_in_our_words():
                    os.ftruncate(self._descriptor, end.size)
                self.append(LedgerEvent.LEDGER_RECOVERED, bytes_cut=end.torn, lines_unvouched=end.unvouched)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The chain is free for another writer; a line that comes later is refused."""
        with self._threads:
            os.close(self._descriptor)
            self._descriptor = -1

    def append(self, event: LedgerEvent, **facts: str | int) -> LedgerHead:
        """`event` is on the ledger, durably, and the head that signs for it.

        Raises:
            ValueError: the facts are not those of the event.
            LedgerUnwritable: the disk, or the key that signs; the line is not on the ledger, or not surely.
        """
        with self._threads:
            self._settle()
            line = Line(
                self._chain, self._sequence + 1, self._hash, self._clock(), event.value, checked(event, facts)
            ).to_bytes()
            try:
                head = LedgerHead.signed(self._chain, self._sequence + 1, hash_of(line), self._signer)
            except SigningKeyUnusable as error:
                raise LedgerUnwritable(error.sentence) from error
            try:
                with _disk_in_our_words():
                    self._files.write(self._descriptor, line + b"\n")
                    self._files.sync(self._descriptor)
                    self._write_head(head)
            except LedgerUnwritable:
                self._undo(head, len(line) + 1)
                raise
            self._advance(head, len(line) + 1)
            return head

    def last(self, event: LedgerEvent) -> Line | None:
        """The newest line that says `event`; None where none does.

        Raises:
            LedgerDamaged: it was altered there since.
            LedgerUnwritable: the disk.
        """
        word = to_canonical(event.value)
        with self._threads, _disk_in_our_words():
            if not self._size:
                return None
            with mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ) as lines:
                # No form of a fact has a quotation mark, so this stands where the event stands and nowhere else.
                at = lines.rfind(b'"event":' + word)
                if at < 0:
                    return None
                line = lines[lines.rfind(b"\n", 0, at) + 1 : lines.find(b"\n", at)]
        try:
            return parse_line(line)
        except ValueError as error:
            raise self._damaged() from error

    def newest_of_captures(self) -> dict[CaptureId, str]:
        """Of every capture that a line names, the event of the newest line that does.

        Raises:
            LedgerUnwritable: the disk.
        """
        with self._threads, _disk_in_our_words():
            if not self._size:
                return {}
            with mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ) as lines:
                return {
                    CaptureId(found["capture"].decode("ascii")): found["event"].decode("ascii")
                    for found in _OF_CAPTURE.finditer(lines)
                }

    def _advance(self, head: LedgerHead, length: int) -> None:
        self._size, self._sequence, self._hash = self._size + length, head.sequence, head.hash
        self.head = head

    def _undo(self, head: LedgerHead, length: int) -> None:
        """A line that could not be made durable goes, unless the head already signs for it."""
        self._doubtful = head, length
        with suppress(LedgerError):  # where this fails too, the next line, or the next start, begins with it
            self._settle()

    def _settle(self) -> None:
        """Makes good for a line of which it is not known whether it counts."""
        if self._doubtful is None:
            return
        head, length = self._doubtful
        with _disk_in_our_words():
            if _head_in(self._head_path) == head:
                self._advance(head, length)
            else:
                os.ftruncate(self._descriptor, self._size)
        self._doubtful = None

    def _write_head(self, head: LedgerHead) -> None:
        temporary = self._head_path.with_suffix(".head.part")
        self._files.unlink(temporary)
        write_durably(self._files, temporary, self._head_path, to_canonical(head.to_json()) + b"\n")

    def _read_head(self) -> LedgerHead | None:
        head = _head_in(self._head_path)
        if head is not None and not (head.chain == self._chain and head.is_by(self._signer.public_key)):
            raise LedgerDamaged(f"The head of the audit log {self._path} is not one that this device signed.")
        return head

    def _end(self) -> _End:
        """Where the chain stands, from the last lines of its file and its head."""
        with _disk_in_our_words():
            size = os.fstat(self._descriptor).st_size
            tail = os.pread(self._descriptor, _TAIL, max(0, size - _TAIL))
        head = self._read_head()
        whole = tail[: tail.rfind(b"\n") + 1]
        torn = len(tail) - len(whole)
        if size > len(tail):
            whole = whole[whole.find(b"\n") + 1 :]
        lines = whole.splitlines()
        try:
            last = [(parse_line(line), hash_of(line)) for line in lines[-3:]]
        except ValueError as error:
            raise self._damaged() from error
        if torn > MAX_LINE or any(line.chain != self._chain for line, _ in last):
            raise self._damaged()
        signed = 0 if head is None else head.sequence
        kept = size - torn
        if last and last[-1][0].sequence - signed == 2 and last[-1][0].event == LedgerEvent.LEDGER_RECOVERED.value:
            # The power went while an earlier start mended this; what it could not sign for is said anew.
            kept -= len(lines[-1]) + 1
            last.pop()
        sequence, last_hash = (last[-1][0].sequence, last[-1][1]) if last else (0, BEGINNING)
        signed_hash = BEGINNING if head is None else head.hash
        hashes = {line.sequence: line_hash for line, line_hash in last} | ({0: BEGINNING} if sequence <= 1 else {})
        # One line more than the head signs for is what a power cut between the two leaves; two is not.
        if sequence - signed not in (0, 1) or hashes.get(signed) != signed_hash:
            raise self._damaged()
        return _End(kept, sequence, last_hash, torn, sequence - signed)

    def _damaged(self) -> LedgerDamaged:
        return LedgerDamaged(
            f"The audit log {self._path} was altered or cut. Keep a copy of it, tell whoever audits this device, "
            "and let IT begin a new one."
        )


def open_ledger(
    folder: Path,
    chain: str,
    signer: Signer,
    *,
    clock: Callable[[], int] = wall_ms,
    files: Files | None = None,
) -> Ledger:
    """The chain, or a new one where it is damaged: care goes on, in sight of whoever audits.

    The damaged files stay beside the new ones under a name of their own. The new chain's first line carries the hash of
    the old file, and at the hospital the chain is seen to begin again.

    Raises:
        LedgerBusy, LedgerUnwritable.
    """
    try:
        return Ledger(folder, chain, signer, clock=clock, files=files)
    except LedgerDamaged:
        old_hash = _set_aside(folder, chain)
        ledger = Ledger(folder, chain, signer, clock=clock, files=files)
        ledger.append(LedgerEvent.LEDGER_BEGUN_ANEW, old_file=old_hash)
        return ledger


def read_heads(folder: Path) -> tuple[LedgerHead, ...]:
    """The heads of every chain in `folder`, by name of chain.

    Raises:
        LedgerDamaged: a head file that is none.
        LedgerUnwritable: the disk.
    """
    with _disk_in_our_words():
        paths = sorted(folder.glob("*.head")) if folder.is_dir() else []
    return tuple(head for path in paths if (head := _head_in(path)) is not None)


def _head_in(path: Path) -> LedgerHead | None:
    try:
        with _disk_in_our_words(), path.open("rb") as file:
            data = file.read(_MAX_HEAD)
    except FileNotFoundError:
        return None
    try:
        return parse_head(data)
    except ValueError as error:
        raise LedgerDamaged(f"The head of the audit log {path} was altered.") from error


def _opened(folder: Path, path: Path) -> int:
    with _disk_in_our_words():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        with _disk_in_our_words():
            os.fchmod(descriptor, FILE_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            RealFiles().sync_folder(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _set_aside(folder: Path, chain: str) -> str:
    with _disk_in_our_words():
        path = folder / f"{chain}.jsonl"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        number = 1
        while (folder / f"{chain}.damaged-{number}").exists():
            number += 1
        path.rename(folder / f"{chain}.damaged-{number}")
        with suppress(FileNotFoundError):
            (folder / f"{chain}.head").rename(folder / f"{chain}.damaged-{number}-head")
        RealFiles().sync_folder(folder)
    return digest


class _disk_in_our_words:  # noqa: N801 - a context manager, used as a function
    """Turns what the disk says into what the ledger says; a missing file stays a missing file."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BlockingIOError):
            raise LedgerBusy from error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise LedgerUnwritable("The device is full, so its audit log cannot be written. Call IT.") from error
            raise LedgerUnwritable from error
