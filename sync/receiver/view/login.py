"""Who is let in: by a link that works once, or by the hospital's identity provider; and the session that opens."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sync.receiver.alarms import LONGEST_SAID, fits_on_record
from sync.receiver.archive.database import make_private_folder
from sync.receiver.view.roles import Right, Role, rights_of

LINK_SECONDS: Final = 15 * 60
SESSION_SECONDS: Final = 12 * 3600
MOST_SESSIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Admission:
    """Who somebody is, and what he is here.

    Attributes:
        name: for people: what looks and settled alarms are put on record under.
        roles: at least one.
        subject: the name at the identity provider, which nobody else there has; nothing for who came by a link.
    """

    name: str
    roles: frozenset[Role]
    subject: str = ""

    def __post_init__(self) -> None:
        if not fits_on_record(self.name) or not self.roles:
            raise ValueError("somebody who is let in has a name that fits on record, and a role")
        if self.subject and not fits_on_record(self.subject):
            raise ValueError("a subject fits on record")

    @property
    def rights(self) -> frozenset[Right]:
        """What he may see and do."""
        return rights_of(self.roles)

    @property
    def on_record(self) -> str:
        """The name that tells him from everybody else, as far as this hospital can."""
        return f"{self.name} ({self.subject})"[:LONGEST_SAID] if self.subject else self.name


class LoginTokens:
    """Tokens for links, in a folder that only the receiver's user can read, so that another process can print a link.

    A token is a file named by its hash. Whoever removes the file has used the token: the file system decides between
    two who try at once, and the folder never holds a token itself.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def issue(self, admission: Admission) -> str:
        """A token that opens one session for somebody within a quarter of an hour.

        Raises:
            ArchiveUnavailable: the folder cannot be made.
            OSError: it cannot be written.
        """
        make_private_folder(self._folder)
        token = secrets.token_urlsafe(32)
        until = int(self._clock() + LINK_SECONDS)
        said = {"until": until, "name": admission.name, "roles": sorted(admission.roles)}
        self._file(token).write_text(json.dumps(said), encoding="utf-8")
        return token

    def redeem(self, token: str) -> Admission | None:
        """Who the token was for; None if it was for nobody. It is for nobody from now on."""
        file = self._file(token)
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            file.unlink()
            admission = Admission(said["name"], frozenset(map(Role, said["roles"])))
            return admission if self._clock() < float(said["until"]) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _file(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@dataclass(slots=True)
class _Open:
    until: float
    admission: Admission
    looked: set[str] = field(default_factory=set)


class Sessions:
    """Who is here now. In memory: a receiver that starts anew asks everybody to sign in again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[bytes, _Open] = {}
        self._lock = threading.Lock()

    def begin(self, admission: Admission) -> str:
        """The secret of a new session, for its cookie."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            self._open = {key: session for key, session in self._open.items() if session.until > now}
            while len(self._open) >= MOST_SESSIONS:
                self._open.pop(next(iter(self._open)))
            self._open[_hashed(secret)] = _Open(now + SESSION_SECONDS, admission)
        return secret

    def admission(self, secret: str) -> Admission | None:
        """Who has this secret; nobody, if no session that lasts has it."""
        with self._lock:
            session = self._lasting(secret)
            return None if session is None else session.admission

    def looking(self, secret: str, at: Iterable[str]) -> tuple[Admission, list[str]] | None:
        """Who has this secret, and which of these the session has not looked at before; None where nobody has it."""
        with self._lock:
            session = self._lasting(secret)
            return None if session is None else (session.admission, [one for one in at if one not in session.looked])

    def looked(self, secret: str, at: Iterable[str]) -> None:
        """The session's looks at these are on record: one look goes on record once for a session."""
        with self._lock:
            if (session := self._lasting(secret)) is not None:
                session.looked.update(at)

    def end(self, secret: str) -> None:
        """The session is over."""
        with self._lock:
            self._open.pop(_hashed(secret), None)

    def _lasting(self, secret: str) -> _Open | None:
        session = self._open.get(_hashed(secret))
        return session if session is not None and session.until > self._clock() else None


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
