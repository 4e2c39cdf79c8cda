"""The site's database: invitations, devices, certificates, clinicians and settings, in one SQLite file.

Every write is one transaction that takes the write lock first (`BEGIN IMMEDIATE`), so two enrolment servers on one
site can never both consume an invitation. A connection lives for one transaction; the file is in SQLite's rollback
journal mode with every commit synced.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from provisioning.durable import PRIVATE
from provisioning.errors import SiteBusy, SiteDamaged, StorageRefused, TrustUnusable

SCHEMA_VERSION = 3
BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE invitation (
    id TEXT PRIMARY KEY,
    secret BLOB,              -- NULL once used: a copy of the database pairs nothing
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    used_at INTEGER,
    request BLOB,             -- digest of the one request that used it, so that the same request may ask again
    device TEXT
) STRICT;
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    digits TEXT NOT NULL,
    wrong_digits INTEGER NOT NULL DEFAULT 0,
    identity_key BLOB NOT NULL,
    signing_key BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id),
    use TEXT NOT NULL,
    not_after INTEGER NOT NULL,
    der BLOB NOT NULL
) STRICT;
CREATE INDEX certificate_device ON certificate (device, use, not_after);
CREATE TABLE clinician (badge TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, pin TEXT NOT NULL) STRICT;
CREATE TABLE site_key (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,       -- sealing or receipt
    use TEXT NOT NULL,
    public BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;
"""
_COMMANDS = """
ALTER TABLE device ADD COLUMN readmitted_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE command (
    device TEXT NOT NULL REFERENCES device (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    argument TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    signed BLOB NOT NULL,     -- as the device gets it
    outcome TEXT,             -- NULL until the device has answered
    sentence TEXT,
    result BLOB,              -- as the device signed it
    answered_at INTEGER,
    PRIMARY KEY (device, number)
) STRICT;
"""
_RECORD = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,         -- the account at the desk; empty where a program decided
    what TEXT NOT NULL,
    about TEXT NOT NULL,
    said TEXT NOT NULL
) STRICT;
CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'what is on record stays'); END;
CREATE TRIGGER record_is_kept BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'what is on record stays'); END;
"""
_STEPS = {1: _COMMANDS, 2: _RECORD}
"""What brings a registry from that version to the next."""


class Registry:
    """One site's database file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Registry:
        """An empty registry at `path`, 0600 from its first byte."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
        registry = cls(path)
        with registry.writing() as rows:
            _run(rows, _SCHEMA)
            _bring_up(rows, 1)
        return registry

    def upgrade(self) -> None:
        """The registry of an older Wardlens is brought to this version, in one transaction."""
        with self.reading() as rows:
            (version,) = rows.execute("PRAGMA user_version").fetchone()
        if version not in _STEPS:
            return
        with self.writing() as rows:
            (version,) = rows.execute("PRAGMA user_version").fetchone()
            _bring_up(rows, version)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction with the write lock from its start: committed at the end, or rolled back as if never begun.

        Raises:
            SiteBusy: another writer holds the lock for longer than ten seconds.
            StorageRefused: the disk refused.
            SiteDamaged: the file is not a readable registry.
        """
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view.

        Raises:
            SiteBusy: another writer holds the lock for longer than ten seconds.
            StorageRefused: the disk refused.
            SiteDamaged: the file is not a readable registry.
        """
        with self._connected() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.rollback()

    def check(self) -> None:
        """Nothing, when the file is whole and of this version.

        Raises:
            SiteDamaged: it is not.
        """
        with self.reading() as rows:
            (version,) = rows.execute("PRAGMA user_version").fetchone()
            (verdict,) = rows.execute("PRAGMA quick_check(1)").fetchone()
        if version != SCHEMA_VERSION or verdict != "ok":
            raise SiteDamaged(f"{self.path} is damaged or of another version. Restore the site folder from its backup.")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            address = f"file:{quote(str(self.path))}?mode=rw"
            connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            try:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = EXTRA")
                # A used secret is overwritten, not only unlinked from its row.
                connection.execute("PRAGMA secure_delete = ON")
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise _explained(self.path, error) from error


def _bring_up(rows: sqlite3.Connection, version: int) -> None:
    while version in _STEPS:
        _run(rows, _STEPS[version])
        version += 1
    rows.execute(f"PRAGMA user_version = {version}")


def _run(rows: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";\n"):
        rows.execute(statement)


def _explained(path: Path, error: sqlite3.DatabaseError) -> TrustUnusable:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return SiteBusy()
    if primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
        return StorageRefused(f"{path} cannot be written ({error}). Check that the disk has space, then try again.")
    return SiteDamaged(f"{path} cannot be used ({error}). Restore the site folder from its backup.")
