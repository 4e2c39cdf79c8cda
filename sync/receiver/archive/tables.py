"""The archive's tables, one text for SQLite and PostgreSQL. docs/formats/archive.md says what each column holds.

Times are Unix milliseconds, digests are SHA-256 in lowercase hex, and nothing is ordered by a device's clock.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: Final = MetaData(naming_convention=NAMES)

Key = BigInteger().with_variant(Integer(), "sqlite")
"""A growing number. SQLite grows one by itself only when its type is spelled INTEGER."""
Name = String(63)
Hex = String(64)

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", Key, primary_key=True),
    Column("device", Name, nullable=False),
    Column("capture", String(32), nullable=False),
    Column("digest", Hex, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("chunk_size", Integer, nullable=False),
    Column("touched_at_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    UniqueConstraint("device", "capture", "digest"),
)

chunks: Final = Table(
    "chunks",
    metadata,
    Column("upload", Key, ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

captures: Final = Table(
    "captures",
    metadata,
    Column("filed", Key, primary_key=True),
    Column("capture", String(32), nullable=False, unique=True),
    Column("device", Name, nullable=False),
    Column("site", Name, nullable=False),
    Column("digest", Hex, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("taken_at_ms", BigInteger),
    Column("patient", Text, nullable=False),
    Column("body_site", Text, nullable=False),
    Column("laterality", Text),
    Column("urgent", Boolean, nullable=False),
    Column("picture_digest", Hex, nullable=False),
    Column("picture_length", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("opening", String(16), nullable=False, server_default="opened"),
    Column("opening_reason", String(63)),
    Column("opening_tries", Integer, nullable=False, server_default="0"),
    Column("series", Text, nullable=False, server_default=text("''")),
    Index(None, "opening", "filed"),
    Index(None, "device", "counter"),
    Index(None, "device", "received_at_ms"),
    Index(None, "patient"),
    Index(None, "patient", "series"),
)

receipts: Final = Table(
    "receipts",
    metadata,
    Column("capture", String(32), ForeignKey("captures.capture"), primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("capture", String(32), nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("written_at_ms", BigInteger, nullable=False),
    Index(None, "kind", "written_at_ms"),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("id", Key, primary_key=True),
    Column("device", Name, nullable=False),
    Column("capture", String(32), nullable=False),
    Column("digest", Hex, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("reason", String(63), nullable=False),
    Column("envelope_kept", Boolean, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    UniqueConstraint("device", "capture", "digest", "reason"),
)

device_heads: Final = Table(
    "device_heads",
    metadata,
    Column("device", Name, primary_key=True),
    Column("chain", Name, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Hex, nullable=False),
    Column("head", Text, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
)

alarms: Final = Table(
    "alarms",
    metadata,
    Column("id", Key, primary_key=True),
    Column("device", Name, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("chain", Name, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", Hex, nullable=False),
    Column("capture", String(32), nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger),
    Column("settled_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index(
        "ix_alarms_open",
        "device",
        "kind",
        "chain",
        unique=True,
        sqlite_where=text("settled_at_ms IS NULL"),
        postgresql_where=text("settled_at_ms IS NULL"),
    ),
)

looks: Final = Table(
    "looks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("roles", String(63), nullable=False),
    Column("capture", String(32), nullable=False),
    Column("what", String(16), nullable=False),
    Index("ix_looks_capture", "capture", "id"),
)

device_states: Final = Table(
    "device_states",
    metadata,
    Column("device", Name, primary_key=True),
    Column("session", BigInteger, nullable=False),
    Column("online", Boolean, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("heard_at_ms", BigInteger, nullable=False),
    Column("birth", Text, nullable=False),
)

device_days: Final = Table(
    "device_days",
    metadata,
    Column("device", Name, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("pictures", BigInteger, nullable=False),
    Column("uncovered", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("unsure", BigInteger, nullable=False),
    Column("regions", BigInteger, nullable=False),
    Column("regions_squared", BigInteger, nullable=False),
)

receivers: Final = Table(
    "receivers",
    metadata,
    Column("receiver", Name, primary_key=True),
    Column("host", Text, nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("broker", Text, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("filed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)
