"""A bundle fetched in pieces into the state folder: resumed after anything, whole in the end or not there.

Each piece is synced before the next is asked for. What a process before this one wrote last may be a hole where the
power went, so the last piece that it left is fetched again; the digest of the whole decides in the end. A shell.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from firmware.errors import WorkFailed
from firmware.settings import Settings
from firmware.updating.bundle import partial, whole
from firmware.updating.record import BUNDLES
from provisioning import durable
from provisioning.enrolment import SiteCall
from provisioning.updates import Update

PIECE: Final = 1024 * 1024
TURN_SECONDS: Final = 20.0
"""For how long one call fetches, before commands are asked for again."""
_MB: Final = 1_000_000


class CannotTake(Exception):  # noqa: N818 - named for what is known
    """This device cannot take the bundle, or what came is not the bundle. The text says why, for IT."""


class Fetching:
    """Fetches bundles for one state folder, and remembers which bytes it has synced itself.

    Args:
        settings: of this device.
        monotonic: seconds that only grow.
    """

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._state = settings.state
        self._floor = max(settings.update.room_megabytes, settings.vault.reserve_megabytes) * _MB
        self._monotonic = monotonic
        self._synced: dict[str, int] = {}

    def check_room(self, update: Update) -> None:
        """Nothing, when what is left to fetch leaves to pictures what is theirs.

        Raises:
            CannotTake: it does not.
        """
        part = partial(self._state, update)
        left = update.size - (part.stat().st_size if part.exists() else 0)
        free = shutil.disk_usage(self._state).free
        if free - left < self._floor:
            raise CannotTake(
                f"It has {free // _MB} MB free, and needs {(left + self._floor) // _MB}: "
                f"{left // _MB} for the update, the rest for pictures."
            )

    def fetch(self, call: SiteCall, update: Update, stopped: Callable[[], bool]) -> bool:
        """Whether the bundle is there, whole; if not, this turn is over, or `stopped`, and the next call goes on.

        Raises:
            CannotTake: there is no room, or what came is not what was offered; nothing of it is left.
            ProvisioningError: no network, or the site says no; what was fetched stays.
            WorkFailed: the disk.
        """
        path = whole(self._state, update)
        if path.exists():
            return True
        until = self._monotonic() + TURN_SECONDS
        try:
            (self._state / BUNDLES).mkdir(mode=0o700, exist_ok=True)
            with self._alone():
                while (start := self._start(update)) < update.size:
                    self.check_room(update)
                    piece = call.piece(update.sha256, start, min(PIECE, update.size - start))
                    self._keep(update, start, piece)
                    if self._monotonic() >= until or stopped():
                        return False
                self._proven(update)
        except CannotTake:
            self.forget(update)
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                self.forget(update)
                raise CannotTake("Its disk is full.") from error
            raise WorkFailed(f"{path} cannot be written ({error.strerror}). It is tried again.") from error
        return True

    def forget(self, update: Update) -> None:
        """Nothing of the bundle is left that this process may remove."""
        self._synced.pop(update.sha256, None)
        for path in (partial(self._state, update), whole(self._state, update)):
            _removed(path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else fetches meanwhile, such as the call of a connection that was just given up."""
        descriptor = os.open(self._state / BUNDLES, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise WorkFailed("An update is being fetched already. It is tried again.") from error
        finally:
            os.close(descriptor)

    def _start(self, update: Update) -> int:
        """The first byte that is still to be fetched."""
        if update.sha256 not in self._synced:
            part = partial(self._state, update)
            size = part.stat().st_size if part.exists() else 0
            self._synced[update.sha256] = max(0, size - 1) // PIECE * PIECE
        return self._synced[update.sha256]

    def _keep(self, update: Update, start: int, piece: bytes) -> None:
        part = partial(self._state, update)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, durable.PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(start)
            file.seek(start)
            file.write(piece)
            file.flush()
            os.fsync(descriptor)
        if start == 0:
            durable.sync_folder(part.parent)
        self._synced[update.sha256] = start + len(piece)

    def _proven(self, update: Update) -> None:
        part = partial(self._state, update)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != update.sha256:
            raise CannotTake("What the hospital sent is not what it offered.")
        part.replace(whole(self._state, update))
        durable.sync_folder(part.parent)


def _removed(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return  # root has taken it over, and removes it itself
    except OSError as error:
        raise WorkFailed(f"{path} cannot be removed ({error.strerror}).") from error
