"""A device in memory: a vault that survives, and a machine that may be thrown away at any moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from capture.identifiers import CaptureId, DeviceId
from sync.protocol import topics
from sync.protocol.device import DeviceMachine
from sync.protocol.effects import (
    DeviceEffect,
    Erase,
    Ignore,
    MarkReceipted,
    Park,
    Reconnect,
    SendChunk,
    SendOffer,
    Work,
)
from sync.protocol.mail import decode_down
from sync.protocol.pieces import Chunk


@dataclass(slots=True)
class Kept:
    """One envelope in the vault, and what became of it."""

    work: Work
    envelope: bytes | None
    receipt: bytes | None = None
    parked: str | None = None


class SimulatedVault:
    """Envelopes by capture. What is in here survives every restart."""

    def __init__(self) -> None:
        self.kept: dict[CaptureId, Kept] = {}

    def put(self, capture: CaptureId, envelope: bytes, *, urgent: bool = False) -> None:
        """Take an envelope."""
        digest = hashlib.sha256(envelope).hexdigest()
        work = Work(capture, digest, len(envelope), counter=len(self.kept), urgent=urgent)
        self.kept[capture] = Kept(work, envelope)

    def pending(self, most: int) -> list[Work]:
        """The first `most` of what waits to be sent, by rank."""
        waiting = (kept.work for kept in self.kept.values() if kept.receipt is None and kept.parked is None)
        return sorted(waiting, key=lambda work: work.rank)[:most]


class Device:
    """A device's shell, in memory.

    Attributes:
        vault: what survives.
        machine: what does not.
        most_in_flight: the largest window that was ever seen.
        ignored: how often each kind of answer changed nothing.
        offered: what the machine said it had offered.
        online: whether it is connected with the broker.
    """

    def __init__(self, name: DeviceId, make_machine: Callable[[], DeviceMachine]) -> None:
        self.name = name
        self.vault = SimulatedVault()
        self.most_in_flight = 0
        self.ignored: dict[str, int] = {}
        self.offered: set[CaptureId] = set()
        self.wants_reconnect = False
        self.online = False
        self._make_machine = make_machine
        self.machine = make_machine()

    def restart(self) -> None:
        """The process is killed and starts again."""
        self.machine = self._make_machine()

    def perform(self, effects: Iterable[DeviceEffect], publish: Callable[[str, bytes, int], None]) -> None:
        """Do what the machine asks."""
        for effect in effects:
            match effect:
                case SendOffer(offer, ticket):
                    publish(topics.offer(self.name, offer.upload.capture), offer.encode(), ticket)
                case SendChunk(upload, index, ticket):
                    envelope = self.vault.kept[upload.capture].envelope
                    assert envelope is not None
                    offset, size = upload.span(index)
                    chunk = Chunk(upload, index, envelope[offset : offset + size])
                    publish(topics.chunk(self.name, upload.capture), chunk.encode(), ticket)
                case MarkReceipted(capture, _, receipt):
                    self.vault.kept[capture].receipt = receipt
                case Erase(capture):
                    self.vault.kept[capture].envelope = None
                case Park(capture, reason):
                    self.vault.kept[capture].parked = reason
                case Reconnect():
                    self.wants_reconnect = True
                case Ignore(reason):
                    self.ignored[reason] = self.ignored.get(reason, 0) + 1
                case _:
                    self.offered.add(effect.capture)
        self.most_in_flight = max(self.most_in_flight, self.machine.in_flight)

    def hear(self, topic: str, payload: bytes, now: float, publish: Callable[[str, bytes, int], None]) -> None:
        """An answer arrives."""
        device, message = decode_down(topic, payload)
        self.perform(self.machine.answered(device, message, now), publish)

    def retry_parked(self) -> None:
        """A person says: once more."""
        for kept in self.vault.kept.values():
            kept.parked = None
