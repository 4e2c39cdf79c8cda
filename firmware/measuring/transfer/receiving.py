"""How fast receivers file, one and several on one archive, and what one holds while a fleet is connected."""

from __future__ import annotations

import json
import resource
import secrets
import shutil
import socket
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware.errors import WorkFailed
from firmware.measuring.figures import by_stage
from firmware.measuring.transfer.processes import Child, memory_of, until
from firmware.measuring.transfer.ward import Device, Ward, drained, ward_in
from sync.mqtt import BrokerSettings
from sync.receiver import ArchiveSettings

_CONNACK: Final = b"\x20"
_FILING: Final = ("-m", "firmware.measuring.transfer.filing")


@dataclass(frozen=True, slots=True)
class Store:
    """Where the captures go: a new folder with SQLite for each run, or what is named here.

    Attributes:
        database: a PostgreSQL URL; it may hold captures already.
        objects: `s3://bucket/prefix`.
        options: of the bucket.
    """

    database: str = ""
    objects: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def settings(self, folder: Path) -> ArchiveSettings:
        """The archive's settings for one run in a new `folder`."""
        folder.mkdir(mode=0o700)
        own = ArchiveSettings.in_folder(folder)
        return ArchiveSettings(self.database or own.database, self.objects or own.objects, self.options)


def receivers(count: int, size: int, rounds: int, numbers: Sequence[int], store: Store) -> dict[str, Any]:
    """`count` envelopes of `size` bytes for each receiver, with each of these numbers of receivers in turn."""
    rates: dict[int, list[float]] = {number: [] for number in numbers}
    cpu: dict[int, list[float]] = {number: [] for number in numbers}
    steps: list[dict[str, float]] = []
    with _folder() as folder, ward_in(folder, max(numbers)) as ward:
        for turn in range(rounds):
            for number in numbers:
                devices = ward.devices[:number]
                for device in devices:
                    device.fill(count, size)
                said = _filed(ward, devices, store.settings(folder / f"archive-{turn}-{number}"))
                shutil.rmtree(folder / f"archive-{turn}-{number}")
                seconds = max(one["ended"] for one in said) - min(one["began"] for one in said)
                rates[number].append(number * count / seconds)
                cpu[number].append(sum(one["cpu"] for one in said) / (number * count))
                if number == 1:
                    steps.append(said[0]["ms"])
    return {
        "envelopes_each": count,
        "bytes_each": size,
        "database": "postgresql" if store.database else "sqlite",
        "objects": "bucket" if store.objects else "folder",
        "captures_per_second": {str(number): round(statistics.median(rates[number]), 1) for number in numbers},
        "cpu_ms_per_capture": {str(number): round(1000 * statistics.median(cpu[number]), 1) for number in numbers},
        "one_receiver_ms": {step: round(took, 2) for step, took in by_stage(steps, 50).items()} if steps else {},
    }


def _filed(ward: Ward, devices: Sequence[Device], archive: ArchiveSettings) -> list[dict[str, Any]]:
    go = ward.place.folder / f"go-{secrets.token_hex(4)}"
    work = {
        "site": str(ward.site.folder),
        "settings": str(ward.place.file),
        "database": archive.database,
        "objects": archive.objects,
        "options": dict(archive.object_options),
        "go": str(go),
    }
    with ExitStack() as running:
        hands = [
            running.enter_context(Child((*_FILING, json.dumps(work | {"state": str(one.settings.state)}))))
            for one in devices
        ]
        for hand in hands:
            hand.said()
        go.touch()
        said = [hand.said() for hand in hands]
    if any(one["filed"] == 0 for one in said):
        raise WorkFailed("A receiver filed nothing; its figures mean nothing.")
    return said


def fleet(connected: int, uploading: int, count: int, size: int) -> dict[str, Any]:
    """`connected` devices hold a connection, `uploading` of them send `count` envelopes each; `wardlens receiver run`.

    The others are bare connections with one certificate, each with a client id of its own; a receiver sees none.
    """
    _allow_files()
    with _folder() as folder, ward_in(folder, uploading, one_name=True) as ward, ExitStack() as running:
        for device in ward.devices:
            device.fill(count, size)
        log = folder / "receiver.log"
        command = ("-m", "firmware", "receiver", "run", "--config", str(ward.place.file))
        receiver = running.enter_context(Child(command, log))
        until(lambda: log.exists() and "broker-connected" in log.read_text("utf-8", "replace"), "the receiver")
        alone, broker_alone = memory_of(receiver.pid), memory_of(ward.broker_pid)
        running.enter_context(_idle(ward.devices[0].broker, connected - uploading))
        start, cpu = memory_of(receiver.pid), receiver.cpu
        broker = memory_of(ward.broker_pid)
        for device in ward.devices:
            running.enter_context(device.sync())
        drained(ward.devices)
        end = memory_of(receiver.pid)
        used = receiver.cpu - cpu
    return {
        "connected": connected,
        "uploading": uploading,
        "envelopes": uploading * count,
        "bytes_each": size,
        "receiver_mb_alone": round(alone.rss, 1),
        "receiver_mb_at_start": round(start.rss, 1),
        "receiver_mb_at_end": round(end.rss, 1),
        "receiver_mb_peak": round(end.peak, 1),
        "receiver_cpu_ms_per_capture": round(1000 * used / (uploading * count), 1),
        "broker_mb_alone": round(broker_alone.rss, 1),
        "broker_mb_connected": round(broker.rss, 1),
    }


def _allow_files() -> None:
    """As many files as the system lets us have open: a connection takes one here, and one in the broker."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _idle(broker: BrokerSettings, count: int) -> Iterator[None]:
    """So many connections that say nothing. By hand: paho takes three files for one, and none above 1,023 (select)."""
    context = broker.tls.context()
    with ExitStack() as running:
        for number in range(count):
            plain = socket.create_connection((broker.host, broker.port))
            one = running.enter_context(context.wrap_socket(plain, server_hostname=broker.host))
            one.sendall(_connect(f"idle-{number:05}"))
            answer = one.recv(64)
            if answer[:1] != _CONNACK or answer[3]:
                raise WorkFailed(f"The broker takes {number} connections and no more.")
        yield


def _connect(name: str) -> bytes:
    """CONNECT with a clean start, an hour's keep alive and nothing else (MQTT 5.0, section 3.1)."""
    body = b"\0\4MQTT\5\2" + (3600).to_bytes(2) + b"\0" + len(name).to_bytes(2) + name.encode()
    return bytes((0x10, len(body))) + body


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wardlens-bench-") as folder:
        yield Path(folder)
