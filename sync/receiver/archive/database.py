"""Connections to the archive's database: SQLite made durable, PostgreSQL as it comes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite

from sync.receiver.errors import ArchiveFull, ArchiveUnavailable

_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 15000",
    # Chunks of 128 KiB go through it about twice as fast in large pages as in small ones (docs/adr/0007).
    "PRAGMA page_size = 65536",
    "PRAGMA journal_mode = WAL",
    # FULL, because WAL + NORMAL may roll a commit back at a power cut, and a committed receipt frees a device's copy.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
    # A statement's journal holds rows, which name patients: a kill would leave it in the system's temporary folder.
    "PRAGMA temp_store = MEMORY",
)
_WRITING: Final = "wardlens_writing"


def open_engine(url: str) -> Engine:
    """An engine for `url`: `sqlite:///PATH`, or `postgresql+psycopg://…`. Nothing is connected yet.

    Raises:
        ArchiveUnavailable: the URL is none that Wardlens can use.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ArchiveUnavailable(
            "The archive's database URL cannot be read. Write sqlite:///PATH or postgresql+psycopg://HOST/NAME."
        ) from error
    # Parameters are hidden, because an error's text may reach a log and a row names a patient.
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in {None, "", ":memory:"}:
                raise ArchiveUnavailable("The archive needs a database file: write sqlite:///PATH.")
            engine = create_engine(parsed, pool_size=8, max_overflow=8, hide_parameters=True)
            _make_sqlite_durable(engine)
        case "postgresql":
            engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, hide_parameters=True
            )
        case other:
            raise ArchiveUnavailable(f"The archive works on SQLite and PostgreSQL, not on {other}.")
    return engine


def _make_sqlite_durable(engine: Engine) -> None:
    def connected(connection: Any, _record: object) -> None:
        # The driver must not open transactions by itself: BEGIN is ours, so that a writer says so from its first word.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    def begun(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment of the archive.

    Raises:
        ArchiveUnavailable: the database does not answer.
    """
    with translated(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction: committed and durable when the block ends, undone when it raises.

    Raises:
        ArchiveUnavailable: the database does not answer; nothing was written.
        ArchiveFull: it has no room left; nothing was written.
    """
    with translated(), engine.connect().execution_options(**{_WRITING: True}) as connection, connection.begin():
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """What the database raises, as what the receiver understands.

    Raises:
        ArchiveUnavailable: the database does not answer.
        ArchiveFull: it has no room left.
    """
    try:
        yield
    except (exc.OperationalError, exc.InternalError, exc.InterfaceError, exc.TimeoutError, exc.DatabaseError) as error:
        if isinstance(error, (exc.IntegrityError, exc.ProgrammingError, exc.DataError)):
            raise
        if "full" in str(error.__cause__ or error) or "No space left" in str(error):
            raise ArchiveFull from error
        raise ArchiveUnavailable from error


def make_private_folder(folder: Path) -> None:
    """`folder` exists and only its owner may look into it.

    Raises:
        ArchiveUnavailable: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveUnavailable(
            f"The archive's folder {folder} cannot be made ({os.strerror(error.errno or 0)}). Choose another."
        ) from error


def insert_unless_there(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves a row with the same key alone. It returns no row then: select after it."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
