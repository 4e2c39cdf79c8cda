"""Where the demo happens: one private folder, one settings file, ports that nobody else uses."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from firmware.settings import Settings, load_settings

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """A folder of the demo's own, and the settings that everything in it runs by.

    Attributes:
        folder: private; removed with everything in it when the demo ends.
        file: the settings file that every process is given.
        settings: the same, read.
    """

    folder: Path
    file: Path
    settings: Settings

    @property
    def site(self) -> Path:
        """The throw-away hospital's keys and registry."""
        return self.settings.receiver.site

    @property
    def broker(self) -> Path:
        """The broker's configuration, store and log."""
        return self.folder / "broker"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.folder / "logs"


def make_place(folder: Path, pictures: Path, *, models: Path, mqtt: str) -> DemoPlace:
    """A settings file in `folder`, with free ports, for a replay camera over `pictures`."""
    panel, view, broker, enrolment = free_ports(4)
    values: dict[str, dict[str, object]] = {
        "": {"state": folder / "device", "runtime": folder / "run", "models": models},
        "device": {"keys": "file"},
        "camera": {"adapter": "replay", "source": pictures},
        "panel": {"port": panel, "lock_seconds": 600},
        "receiver": {"site": folder / "site", "archive": folder / "archive", "name": "receiver-1", "port": view},
        "broker": {"host": HOST, "port": broker, "protocol": mqtt},
        "enrolment": {"host": HOST, "port": enrolment},
        "log": {"format": "json"},
    }
    file = folder / "demo.toml"
    file.write_text("\n".join(_section(name, section) for name, section in values.items()), "utf-8")
    return DemoPlace(folder, file, load_settings(file))


def _section(name: str, values: dict[str, object]) -> str:
    head = f"[{name}]\n" if name else ""
    # JSON's strings, numbers and booleans are TOML's too.
    return head + "".join(f"{key} = {json.dumps(_plain(value))}\n" for key, value in values.items())


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def free_ports(count: int) -> list[int]:
    """`count` TCP ports that were free just now."""
    held = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def answers(port: int) -> bool:
    """Whether somebody listens at that port."""
    try:
        with socket.create_connection((HOST, port), timeout=0.5):
            return True
    except OSError:
        return False
