"""The machine's own Mosquitto as a child process, with a configuration text given to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from sync.errors import BrokerNotStarted
from sync.events import SyncEvent

_PLACES: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
_log = structlog.get_logger()


def find_mosquitto() -> Path | None:
    """Where Mosquitto is on this machine, or None."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    return Path(found) if found else None


class PrivateMosquitto:
    """A Mosquitto of ours, from :meth:`start` to :meth:`stop`.

    Args:
        configuration: the text of mosquitto.conf; it must listen at `host` and `port`.
        folder: where the text and the log go; made readable for this user only.
        host: where readiness is asked.
        port: where readiness is asked.
        patience: seconds to wait for readiness.
        first: what the child does before it becomes Mosquitto, such as asking to end with its parent.
    """

    def __init__(
        self,
        configuration: str,
        folder: Path,
        *,
        host: str,
        port: int,
        patience: float = 10.0,
        first: Callable[[], None] | None = None,
    ) -> None:
        self._configuration = configuration
        self._folder = folder
        self._host = host
        self._port = port
        self._patience = patience
        self._first = first
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """What Mosquitto printed."""
        return self._folder / "mosquitto.log"

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Nothing, once the port takes connections.

        Raises:
            BrokerNotStarted: there is no Mosquitto, or it ended, or it does not listen in time.
        """
        binary = find_mosquitto()
        if binary is None:
            raise BrokerNotStarted(
                "Mosquitto is not installed. Install it (apt install mosquitto) or use the embedded one."
            )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / "mosquitto.conf"
        # Started by root it would become another user, who may read neither our keys nor this folder.
        own = "user root\n" if os.geteuid() == 0 else ""
        file.write_text(own + self._configuration, encoding="utf-8")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program with a file of ours
                [str(binary), "-c", str(file)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._first,  # noqa: PLW1509 - theirs to know whether this process has threads
            )
        try:
            self._wait()
        except BrokerNotStarted:
            self.stop()
            raise
        _log.info(SyncEvent.BROKER_STARTED, broker="mosquitto", port=self._port)

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._patience
        while True:
            if self._process.poll() is not None:
                raise BrokerNotStarted(f"Mosquitto ended at once: {self._last_line()}")
            with contextlib.suppress(OSError), socket.create_connection((self._host, self._port), timeout=0.5):
                return
            if time.monotonic() > deadline:
                raise BrokerNotStarted(f"Mosquitto does not listen at {self._host}:{self._port}: {self._last_line()}")
            time.sleep(0.02)

    def _last_line(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def reread(self) -> None:
        """Have it read its ACL file again (SIGHUP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it cleanly, then by force if it does not."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _log.info(SyncEvent.BROKER_STOPPED, broker="mosquitto", port=self._port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
