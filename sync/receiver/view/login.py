"""Who may look: a link that works once, and the session that it opens."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sync.receiver.archive.database import make_private_folder

LINK_SECONDS: Final = 15 * 60
SESSION_SECONDS: Final = 12 * 3600
MOST_SESSIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Admission:
    """What a link is good for: to look, and with a name to settle alarms, which are settled in that name."""

    settles_as: str = ""


class LoginTokens:
    """Tokens for links, in a folder that only the receiver's user can read, so that another process can print a link.

    A token is a file named by its hash. Whoever removes the file has used the token: the file system decides between
    two who try at once, and the folder never holds a token itself.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def issue(self, settles_as: str = "") -> str:
        """A token that opens one session within a quarter of an hour, for looking, and for settling alarms as somebody.

        Raises:
            ArchiveUnavailable: the folder cannot be made.
            OSError: it cannot be written.
        """
        make_private_folder(self._folder)
        token = secrets.token_urlsafe(32)
        until = int(self._clock() + LINK_SECONDS)
        self._file(token).write_text(json.dumps({"until": until, "settles_as": settles_as}), encoding="utf-8")
        return token

    def redeem(self, token: str) -> Admission | None:
        """What the token was good for; None if it was for nothing. It is for nothing from now on."""
        file = self._file(token)
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            file.unlink()
            until, settles_as = float(said["until"]), str(said["settles_as"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Admission(settles_as) if self._clock() < until else None

    def _file(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


LOOKING: Final = Admission()


class Sessions:
    """Who is looking now. In memory: a receiver that starts anew asks for a new link."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[bytes, tuple[float, Admission]] = {}
        self._lock = threading.Lock()

    def begin(self, admission: Admission = LOOKING) -> str:
        """The secret of a new session, for its cookie."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            self._open = {key: session for key, session in self._open.items() if session[0] > now}
            while len(self._open) >= MOST_SESSIONS:
                self._open.pop(next(iter(self._open)))
            self._open[_hashed(secret)] = (now + SESSION_SECONDS, admission)
        return secret

    def knows(self, secret: str) -> bool:
        """Whether this is the secret of a session that lasts."""
        return self.admission(secret) is not None

    def admission(self, secret: str) -> Admission | None:
        """What whoever has this secret may do; nothing, if no session that lasts has it."""
        with self._lock:
            until, admission = self._open.get(_hashed(secret), (0.0, LOOKING))
            return admission if until > self._clock() else None

    def end(self, secret: str) -> None:
        """The session is over."""
        with self._lock:
            self._open.pop(_hashed(secret), None)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
