"""Who is at the device. One person at a time: a new sign-in ends the session before it.

No I/O and no clock of its own: the time in monotonic seconds is an argument, and tokens come from a function.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from provisioning.panel.draft import Draft


class Ending(StrEnum):
    """Why a session ended."""

    LOCKED_BY_HAND = "by-hand"
    IDLE = "idle"
    REPLACED = "replaced"
    OFF_ROSTER = "off-roster"
    STOPPED = "stopped"


@dataclass(slots=True)
class Session:
    """One clinician at the device. All in memory, gone at lock.

    Attributes:
        digest: SHA-256 of the cookie's token; the token itself is kept by the browser alone.
        badge, name, role: as the roster has them.
        touched: when a person last did something, monotonic seconds.
        draft: the Encounter as far as it is known.
        still: the camera service's answer for the picture in review, or None.
        stored: the id of a picture in review that is stored already, though its line on the ledger is still owed.
        last: what the last accepted picture contained, for the screen.
        turn: held while the picture in review is being changed, so that a double tap is one tap.
        ended: set when the session is over; a live view that waits on it closes.
    """

    digest: bytes
    badge: str
    name: str
    role: str
    touched: float
    draft: Draft = field(default_factory=Draft)
    still: dict[str, Any] | None = None
    stored: str = ""
    last: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def edition(self) -> int:
        """How often the picture in review has been decided about: what a page shows of an earlier one is not it."""
        return len(self.still["redaction"]["decisions"]) if self.still else 0

    @property
    def is_stored(self) -> bool:
        """Whether the picture in review is stored, so that nothing can be dropped any more."""
        return self.still is not None and self.still["id"] == self.stored


class Sessions:
    """The one session of the device, or none."""

    def __init__(self, *, lock_seconds: Callable[[], float], token: Callable[[], str]) -> None:
        self._lock_seconds = lock_seconds
        self._token = token
        self._session: Session | None = None

    @property
    def lock_seconds(self) -> float:
        """How long a session lasts without a touch, as it is set now."""
        return self._lock_seconds()

    @property
    def current(self) -> Session | None:
        """The session that has not ended, whether or not its time is up."""
        return self._session

    def open(self, *, badge: str, name: str, role: str, now: float) -> str:
        """A new session; gives the token for its cookie. The caller has ended the session before it."""
        assert self._session is None
        token = self._token()
        self._session = Session(sha256(token.encode()).digest(), badge, name, role, now)
        return token

    def find(self, token: str, now: float) -> Session | None:
        """The session of this token, unless it has been idle too long."""
        session = self._session
        if session is None or self.remaining(now) <= 0:
            return None
        same = hmac.compare_digest(session.digest, sha256(token.encode("utf-8", "replace")).digest())
        return session if same else None

    def remaining(self, now: float) -> float:
        """Seconds until the session locks by itself; 0 without one."""
        return max(0.0, self._session.touched + self.lock_seconds - now) if self._session else 0.0

    def touch(self, now: float) -> None:
        """A person did something: the idle time begins again."""
        if self._session:
            self._session.touched = now

    def end(self) -> Session | None:
        """Ends the session and gives it back for what has to be cleaned up; None when there was none."""
        session, self._session = self._session, None
        if session:
            session.ended.set()
        return session
