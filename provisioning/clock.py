"""The time, as an argument: an aware UTC `datetime`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now, by this machine's clock."""
    return datetime.now(UTC)


def seconds(moment: datetime) -> int:
    """`moment` as whole seconds since 1970, as formats and tables hold it."""
    return int(moment.timestamp())
