"""Brings a database to the tables this version knows, once, whoever starts first."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from sync.receiver.archive.database import reading, writing
from sync.receiver.errors import ArchiveTooNew

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x57415244
"""PostgreSQL's advisory lock for the migration ("WARD"); SQLite's is its one writer."""


def bring_up_to_date(engine: Engine) -> None:
    """The database has the tables of this version. Receivers that start together wait for the first.

    Raises:
        ArchiveTooNew: a newer Wardlens wrote it; nothing was changed.
        ArchiveUnavailable: the database does not answer.
    """
    head = known_head()
    with reading(engine) as connection:
        if revision_of(connection) == head:
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        current = revision_of(connection)
        if current is not None and current not in _known():
            raise ArchiveTooNew
        if current != head:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """The revision the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def known_head() -> str:
    """The revision this version of Wardlens writes."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
