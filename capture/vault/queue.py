"""The queue's rows, in SQLite: write-ahead log, synchronous=FULL, one connection, short transactions.

FULL, because with NORMAL a power cut may roll back what was committed, and "taken" was already on the screen.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from capture.disk import SHARED_FILE_MODE
from capture.errors import VaultError, VaultFull, VaultUnwritable
from capture.identifiers import CaptureId
from capture.vault.entry import Entry
from capture.vault.lock import share
from capture.vault.states import WAITING, State

Result = TypeVar("Result")

SCHEMA_VERSION: Final = 1
BUSY_MS: Final = 10_000

_SCHEMA: Final = """
CREATE TABLE entries (
    capture TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL,
    length INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL,
    sealed_at_ms INTEGER NOT NULL,
    offers INTEGER NOT NULL,
    reason TEXT NOT NULL,
    receipt BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_state ON entries (state, urgent DESC, counter);
CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_COLUMNS: Final = "capture, digest, length, counter, urgent, state, sealed_at_ms, offers, reason, receipt"


class QueueDamaged(Exception):  # noqa: N818 - never leaves the vault, which rebuilds the queue
    """The queue's file is not a whole database."""


class Queue:
    """The rows of one queue file. The vault lets one thread at it at a time; processes agree by its lock and SQLite's.

    Raises:
        QueueDamaged: the file is not a whole queue of this version.
        VaultError: the disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = False
        self._connection = _translated(lambda: _open(path))

    def close(self) -> None:
        """The file is closed; the write-ahead log is folded in if we were the last."""
        self.closed = True
        _translated(self._connection.close)

    def transact(self, work: Callable[[], Result]) -> Result:
        """`work`, as one transaction: durable when this returns, undone when it raises.

        Raises:
            QueueDamaged: the file turned out damaged.
            VaultError: the disk.
        """

        def whole() -> Result:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result

        return _translated(whole)

    def get(self, capture: CaptureId) -> Entry | None:
        """The entry of `capture`, if there is one."""
        found = self._rows(f"SELECT {_COLUMNS} FROM entries WHERE capture = ?", (capture,))  # noqa: S608 - our columns
        return found[0] if found else None

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        return self._rows(f"SELECT {_COLUMNS} FROM entries ORDER BY counter, capture", ())  # noqa: S608 - our columns

    def waiting(self, most: int = -1) -> list[Entry]:
        """What still has to reach the hospital: urgent first, then oldest; at most so many, all below 0."""
        marks = ", ".join("?" * len(WAITING))
        text = f"SELECT {_COLUMNS} FROM entries WHERE state IN ({marks}) ORDER BY urgent DESC, counter, capture LIMIT ?"  # noqa: S608
        return self._rows(text, (*(state.value for state in WAITING), most))

    def waiting_since(self) -> int | None:
        """When the oldest of what still has to reach the hospital was put here; None where nothing has to."""
        marks = ", ".join("?" * len(WAITING))
        text = f"SELECT min(sealed_at_ms) FROM entries WHERE state IN ({marks})"  # noqa: S608 - our states
        values = tuple(state.value for state in WAITING)
        (since,) = _translated(lambda: self._connection.execute(text, values).fetchone())
        return None if since is None else int(since)

    def of(self, state: State) -> list[Entry]:
        """Every entry in this state, oldest first."""
        text = f"SELECT {_COLUMNS} FROM entries WHERE state = ? ORDER BY counter, capture"  # noqa: S608 - our columns
        return self._rows(text, (state.value,))

    def tally(self) -> dict[State, int]:
        """How many entries are in each state; a state that none is in may be missing."""
        text = "SELECT state, count(*) FROM entries GROUP BY state"
        return _translated(lambda: {State(state): count for state, count in self._connection.execute(text)})

    def store(self, entry: Entry) -> None:
        """`entry` in place of what was there under its capture."""
        values = (
            entry.capture,
            entry.digest,
            entry.length,
            entry.counter,
            int(entry.urgent),
            entry.state.value,
            entry.sealed_at_ms,
            entry.offers,
            entry.reason,
            entry.receipt,
        )
        text = f"INSERT OR REPLACE INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self._connection.execute(text, values)

    def take_back(self, capture: CaptureId) -> None:
        """The entry that failed to be stored is not there. Writes in any case.

        A commit whose sync failed is undone here, and yet the log may hold it whole: who opens the queue after a power
        cut would find it. What is written now takes its place in the log.
        """
        self._connection.execute("DELETE FROM entries WHERE capture = ?", (capture,))
        self.remember("taken-back", self.fact("taken-back") + 1)

    def forget_erased(self, keep: int) -> None:
        """Only the newest `keep` erased entries stay."""
        self._connection.execute(
            "DELETE FROM entries WHERE state = ?1 AND capture NOT IN "
            "(SELECT capture FROM entries WHERE state = ?1 ORDER BY counter DESC LIMIT ?2)",
            (State.ERASED.value, keep),
        )

    def fact(self, name: str) -> int:
        """A number the queue remembers; 0 if it never heard of it."""

        def look() -> int:
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return 0 if row is None else int(row[0])

        return _translated(look)

    def remember(self, name: str, value: int) -> None:
        """The number `name` is `value` from now on."""
        self._connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def _rows(self, text: str, values: tuple[object, ...]) -> list[Entry]:
        return _translated(lambda: [_entry(row) for row in self._connection.execute(text, values)])


def create_queue(path: Path, facts: Mapping[str, int]) -> None:
    """An empty queue file at `path`, which must not exist; durable but for its name.

    Raises:
        VaultError: the disk.
        OSError: the disk too, where it is not SQLite that met it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, SHARED_FILE_MODE)
    try:
        share(descriptor)
    finally:
        os.close(descriptor)
    _translated(lambda: _lay_out(path))
    queue = Queue(path)
    try:
        queue.transact(lambda: _fill(queue, facts))
    finally:
        queue.close()


def _fill(queue: Queue, facts: Mapping[str, int]) -> None:
    for name, value in facts.items():
        queue.remember(name, value)


def _lay_out(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    finally:
        connection.close()


def _open(path: Path) -> sqlite3.Connection:
    if _file_formats(path) not in _FILE_FORMATS:  # SQLite would call it read-only, as if it were the disk's
        raise QueueDamaged("the file format is none that SQLite writes")
    # mode=rw: a queue that is not there must be seen, not made in silence.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


_FILE_FORMATS: Final = frozenset({b"", b"\1\1", b"\2\2"})
"""Without and with a write-ahead log; nothing of a file that is too short, which SQLite itself refuses."""


def _file_formats(path: Path) -> bytes:
    """The two bytes that say who may write and read the file (SQLite's file format, section 1.3)."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:]
    except OSError as error:
        raise VaultUnwritable from error


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
    unread = _UNREAD.search(verdict[0])
    if unread and int(unread[1]) & 0xFF not in _DAMAGED:
        raise VaultUnwritable  # The disk did not give a page; that says nothing of what is in it.
    version = connection.execute("PRAGMA user_version").fetchone()
    if verdict != ("ok",) or version != (SCHEMA_VERSION,):
        raise QueueDamaged(f"quick_check says {verdict}, the version is {version}")


def _entry(row: tuple[Any, ...]) -> Entry:
    capture, digest, length, counter, urgent, state, sealed_at_ms, offers, reason, receipt = row
    try:
        known = State(state)
    except ValueError as error:
        raise QueueDamaged(str(error)) from error
    return Entry(
        CaptureId(capture), digest, length, counter, bool(urgent), known, sealed_at_ms, offers, reason, receipt
    )


_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SAID_OF_DAMAGE: Final = ("no such", "unsupported file format", "decode to UTF-8")
"""In words of SQLite, where its code would fit a mistake of ours too."""
_UNREAD: Final = re.compile(r"unable to get the page\. error code=(\d+)", re.ASCII)
"""How a check says that it could not look (sqlite.org, btree.c, checkTreePage); the code is SQLite's, extended."""


def _translated(work: Callable[[], Result]) -> Result:
    """`work`, with SQLite's errors in the vault's words."""
    try:
        return work()
    except UnicodeDecodeError as error:  # what a damaged file says goes into SQLite's own message
        raise QueueDamaged("a name in it is no text") from error
    except sqlite3.DatabaseError as error:
        raise _in_our_words(error) from error


def _in_our_words(error: sqlite3.DatabaseError) -> QueueDamaged | VaultError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED or any(said in str(error) for said in _SAID_OF_DAMAGE):
        return QueueDamaged(str(error))
    if code == sqlite3.SQLITE_FULL:
        return VaultFull()
    return VaultUnwritable()
