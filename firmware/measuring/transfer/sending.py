"""How fast a device sends: beside bare MQTT, and from a long queue over a link of a known rate."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware.measuring.transfer.bare import TOPIC, as_json
from firmware.measuring.transfer.processes import Child, Memory, memory_of, until
from firmware.measuring.transfer.ward import RECEIVERS, Device, Ward, drained, ward_in
from sync.protocol.device import WINDOW
from sync.protocol.pieces import DEFAULT_CHUNK
from sync.uplink import read_status

_BARE: Final = ("-m", "firmware.measuring.transfer.bare")
_ANSWERING: Final = ("-m", "firmware.measuring.transfer.answering")


@dataclass(frozen=True, slots=True)
class Passage:
    """Bytes that went from a device to the hospital's end.

    Attributes:
        megabytes: of payload (10⁶).
        seconds: from the first of it to the last acknowledged or answered.
        cpu: processor time of the sender, in seconds.
        memory: of the sender, at the end.
    """

    megabytes: float
    seconds: float
    cpu: float
    memory: Memory | None = None

    @property
    def rate(self) -> float:
        """MB/s."""
        return self.megabytes / self.seconds


def beside_bare(count: int, size: int, rounds: int) -> dict[str, Any]:
    """`count` envelopes of `size` bytes by `wardlens sync run`, and as many bytes by bare paho, in turns."""
    with tempfile.TemporaryDirectory(prefix="wardlens-bench-") as folder, ward_in(Path(folder)) as ward:
        (device,) = ward.devices
        bare, ours = list[Passage](), list[Passage]()
        for _ in range(rounds):
            bare.append(_bare(ward, device, count, size))
            ours.append(_ours(ward, device, count, size))
    shares = [mine.rate / its.rate for mine, its in zip(ours, bare, strict=True)]
    return {
        "envelopes": count,
        "bytes_each": size,
        "window": WINDOW,
        "chunk": DEFAULT_CHUNK,
        "bare_mb_s": [round(one.rate, 1) for one in bare],
        "wardlens_mb_s": [round(one.rate, 1) for one in ours],
        "shares": [round(share, 3) for share in shares],
        "share": round(statistics.median(shares), 3),
        "bare_cpu_s_per_mb": round(statistics.median(one.cpu / one.megabytes for one in bare), 5),
        "wardlens_cpu_s_per_mb": round(statistics.median(one.cpu / one.megabytes for one in ours), 5),
    }


def drain(few: int, many: int, size: int, link: float) -> dict[str, Any]:
    """A queue of `few` envelopes and one of `many`, of `size` bytes each, over a link of `link` bytes a second."""
    with tempfile.TemporaryDirectory(prefix="wardlens-bench-") as folder, ward_in(Path(folder), link=link) as ward:
        (device,) = ward.devices
        short, long = (_ours(ward, device, count, size) for count in (few, many))
    assert short.memory is not None
    assert long.memory is not None
    return {
        "waiting": many,
        "bytes_each": size,
        "link_mb_s": link / 1e6,
        "seconds": round(long.seconds, 1),
        "share_of_link": round(long.rate * 1e6 / link, 3),
        f"peak_mb_with_{few}": round(short.memory.peak, 1),
        f"peak_mb_with_{many}": round(long.memory.peak, 1),
    }


def _bare(ward: Ward, device: Device, count: int, size: int) -> Passage:
    messages = max(1, count * size // DEFAULT_CHUNK)
    hospital = as_json(ward.broker_for(RECEIVERS[1]), topic="wardlens/v1/+/up/#", count=messages)
    work = {"topic": TOPIC.format(device=device.id), "count": messages, "size": DEFAULT_CHUNK, "window": WINDOW}
    with Child((*_BARE, "subscribe", hospital)) as subscriber:
        subscriber.said()
        with Child((*_BARE, "publish", as_json(device.broker, **work))) as publisher:
            sent, got = publisher.said(), subscriber.said()
    return Passage(messages * DEFAULT_CHUNK / 1e6, got["ended"] - sent["began"], sent["cpu"])


def _ours(ward: Ward, device: Device, count: int, size: int) -> Passage:
    device.fill(count, size)
    length = sum(len(envelope.raw) for envelope in device.envelopes()[:1]) * count
    state = device.settings.state
    with device.sync() as service:
        until(lambda: read_status(state).connected, "the sync service to connect")
        before = service.cpu
        with Child((*_ANSWERING, str(ward.place.file), str(count))) as hospital:
            hospital.said()
            answer = hospital.said()
        drained((device,))
        return Passage(length / 1e6, answer["ended"] - answer["began"], service.cpu - before, memory_of(service.pid))
