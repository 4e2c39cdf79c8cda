"""Who may look: a link that works once, and the session that it opens."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sync.receiver.archive.database import make_private_folder

LINK_SECONDS: Final = 15 * 60
SESSION_SECONDS: Final = 12 * 3600
MOST_SESSIONS: Final = 64


class LoginTokens:
    """Tokens for links, in a folder that only the receiver's user can read, so that another process can print a link.

    A token is a file named by its hash. Whoever removes the file has used the token: the file system decides between
    two who try at once, and the folder never holds a token itself.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def issue(self) -> str:
        """A token that opens one session within a quarter of an hour.

        Raises:
            ArchiveUnavailable: the folder cannot be made.
            OSError: it cannot be written.
        """
        make_private_folder(self._folder)
        token = secrets.token_urlsafe(32)
        self._file(token).write_text(str(int(self._clock() + LINK_SECONDS)), encoding="ascii")
        return token

    def redeem(self, token: str) -> bool:
        """Whether the token was good. It is not, from now on."""
        file = self._file(token)
        try:
            until = int(file.read_text(encoding="ascii"))
            file.unlink()
        except (OSError, ValueError):
            return False
        return self._clock() < until

    def _file(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """Who is looking now. In memory: a receiver that starts anew asks for a new link."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def begin(self) -> str:
        """The secret of a new session, for its cookie."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            self._until = {key: until for key, until in self._until.items() if until > now}
            while len(self._until) >= MOST_SESSIONS:
                self._until.pop(next(iter(self._until)))
            self._until[_hashed(secret)] = now + SESSION_SECONDS
        return secret

    def knows(self, secret: str) -> bool:
        """Whether this is the secret of a session that lasts."""
        with self._lock:
            return self._until.get(_hashed(secret), 0.0) > self._clock()

    def end(self, secret: str) -> None:
        """The session is over."""
        with self._lock:
            self._until.pop(_hashed(secret), None)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
