"""The schedule: a clock, a broker with faults, and what must hold when it is over."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from typing import Final

from capture.identifiers import CaptureId, DeviceId, SiteId, capture_id, device_id, site_id
from sync.protocol import topics
from sync.protocol.backoff import Chance
from sync.protocol.device import WINDOW, DeviceMachine
from sync.protocol.effects import DeviceEffects
from sync.protocol.pieces import MIN_CHUNK
from sync.protocol.receipts import decode_receipt
from sync.protocol.simulated.faults import CALM, Faults
from sync.protocol.simulated.hospital import Hospital
from sync.protocol.simulated.ward import Device

SITE: Final[SiteId] = site_id("simulated")
CHUNK: Final = MIN_CHUNK
AWAY_SECONDS: Final = 20.0


class Broken(AssertionError):  # noqa: N818 - a promise is broken, and the test that meets it fails
    """A promise did not hold."""


class World:
    """Devices, a broker and a hospital, from one source of chance.

    Args:
        chance: uniform in [0, 1); the whole run follows from it.
        faults: what goes wrong until :meth:`settle`.
        says_nobody: whether the broker says so when nobody listens (MQTT 5) or only drops (3.1.1).
    """

    def __init__(self, chance: Chance, faults: Faults, *, devices: int = 1, says_nobody: bool = True) -> None:
        self.now = 0.0
        self.faults = faults
        self._chance = chance
        self._says_nobody = says_nobody
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._generation: dict[DeviceId, int] = {}
        self.hospital = Hospital(SITE, chance)
        self.receivers_up = True
        self._retained: bool | None = True
        self._broker = 0
        self.originals: dict[CaptureId, bytes] = {}
        self.messages = 0
        self.devices = [self._make_device(device_id(f"device-{number}")) for number in range(devices)]
        for device in self.devices:
            self._connect(device)
        self._at(1.0, self._second)

    def _make_device(self, name: DeviceId) -> Device:
        self._generation[name] = 0
        return Device(name, lambda: DeviceMachine(name, SITE, lambda: self.hospital.receipt_keys, self._chance))

    def _plan(self, device: Device) -> DeviceEffects:
        return device.machine.plan(device.vault.pending(device.machine.reach()), self.now)

    # What a test does.

    def put(self, device: Device, size: int, *, urgent: bool = False) -> CaptureId:
        """A new envelope of `size` bytes in a device's vault."""
        number = len(self.originals)
        seed = hashlib.sha256(f"{number} {self._chance()}".encode()).digest()
        envelope = (seed * (size // 32 + 1))[:size]
        capture = capture_id(seed.hex()[:32])
        self.originals[capture] = envelope
        device.vault.put(capture, envelope, urgent=urgent)
        self._perform(device, lambda: self._plan(device))
        return capture

    def run(self, seconds: float) -> None:
        """Let the world go on for this long."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = end

    def kill_broker(self, away: float = AWAY_SECONDS) -> None:
        """The broker is killed: what it had is gone, sessions and retained messages too. It is back at once.

        Args:
            away: the most seconds that a device or the receivers take to come back to it.
        """
        self._broker += 1
        self._retained = None
        self.receivers_up = False
        self._at(self.now + self._chance() * away, lambda: self._set_receivers(up=True))
        for device in self.devices:
            self._disconnect(device)
            self._at(self.now + self._chance() * away, lambda d=device: self._connect(d))  # type: ignore[misc]

    def settle(self, minutes: int = 60) -> None:
        """No more faults: let everything arrive, with a person who looks once a minute and retries what is parked."""
        self.faults = CALM
        self._set_receivers(up=True)
        end = self.now + 60.0 * minutes
        while self.now < end and any(k.envelope is not None for d in self.devices for k in d.vault.kept.values()):
            for device in self.devices:
                device.retry_parked()
            self.run(60.0)

    def check(self, *, everything_arrived: bool = True) -> None:
        """Nothing, if every promise held.

        Raises:
            Broken: one did not.
        """
        for device in self.devices:
            if device.most_in_flight > WINDOW:
                raise Broken(f"{device.most_in_flight} messages were unacknowledged at once")
            for capture, kept in device.vault.kept.items():
                self._check_one(device, capture, kept.envelope, kept.receipt)
                if everything_arrived and kept.envelope is not None:
                    raise Broken(f"{capture} is still on {device.name}: {device.machine.phase(capture)}, {kept.parked}")

    def _check_one(self, device: Device, capture: CaptureId, envelope: bytes | None, receipt: bytes | None) -> None:
        original = self.originals[capture]
        if envelope not in (None, original):
            raise Broken(f"{capture} changed in the vault")
        if envelope is None:
            if receipt is None:
                raise Broken(f"{capture} was erased without a receipt")
            named = decode_receipt(receipt)
            named.verify(self.hospital.receipt_keys)
            digest = hashlib.sha256(original).hexdigest()
            if (named.device, named.capture, named.digest, named.length) != (
                device.name,
                capture,
                digest,
                len(original),
            ):
                raise Broken(f"{capture} was erased with a receipt for something else")
            if self.hospital.archive.get(capture) != original:
                raise Broken(f"{capture} was erased and is not in the archive")
        if self.hospital.filed.get(capture, 0) > 1:
            raise Broken(f"{capture} was filed {self.hospital.filed[capture]} times")
        if len(self.hospital.receipts.get(capture, ())) > 1:
            raise Broken(f"{capture} has receipts that differ")

    # The clock.

    def _at(self, when: float, event: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (when, self._order, event))

    def _later(self, event: Callable[[], None]) -> None:
        self._at(self.now + self._chance() * self.faults.delay, event)

    def _second(self) -> None:
        """What happens once a second: ticks, and the faults that are counted by time."""
        self._at(self.now + 1.0, self._second)
        if self.receivers_up and self._chance() < self.faults.receivers_die:
            self._set_receivers(up=False)
            self._at(self.now + self._chance() * AWAY_SECONDS, lambda: self._set_receivers(up=True))
        if self._chance() < self.faults.broker_dies:
            self.kill_broker()
        for device in self.devices:
            if self._chance() < self.faults.restart:
                device.restart()
                device.wants_reconnect = True
            if device.online and (device.wants_reconnect or self._chance() < self.faults.disconnect):
                self._disconnect(device)
                self._connect(device)
            self._perform(device, lambda d=device: self._plan(d))  # type: ignore[misc]
            self._perform(device, lambda d=device: d.machine.tick(self.now))  # type: ignore[misc]

    def _set_receivers(self, *, up: bool) -> None:
        if up == self.receivers_up:
            return
        self.receivers_up = self._retained = up
        for device in (device for device in self.devices if device.online):
            self._perform(device, lambda d=device: d.machine.receivers(self.now, present=up, just_now=True))  # type: ignore[misc]

    # The broker.

    def _connect(self, device: Device) -> None:
        if device.online:
            return
        device.online = True
        self._perform(device, lambda: device.machine.connected(self.now, chunk_size=CHUNK))
        present = self._retained
        if present is not None:
            self._perform(device, lambda: device.machine.receivers(self.now, present=present))

    def _disconnect(self, device: Device) -> None:
        self._generation[device.name] += 1
        device.online = device.wants_reconnect = False
        device.machine.disconnected(self.now)

    def _perform(self, device: Device, act: Callable[[], object]) -> None:
        effects = act()
        device.perform(effects, lambda topic, payload, ticket: self._publish(device, topic, payload, ticket))  # type: ignore[arg-type]

    def _publish(self, device: Device, topic: str, payload: bytes, ticket: int) -> None:
        self.messages += 1
        if self._chance() < self.faults.lose:
            return
        generation = self._generation[device.name]
        nobody = not self.receivers_up
        self._later(lambda: self._acknowledge(device, ticket, generation, nobody=nobody and self._says_nobody))
        if nobody or self._chance() < self.faults.forget:
            return
        copies, broker = 2 if self._chance() < self.faults.duplicate else 1, self._broker
        for _ in range(copies):
            self._later(lambda: self._deliver(topic, payload) if broker == self._broker else None)

    def _acknowledge(self, device: Device, ticket: int, generation: int, *, nobody: bool) -> None:
        if generation == self._generation[device.name]:
            self._perform(device, lambda: device.machine.acknowledged(ticket, self.now, nobody=nobody))

    def _deliver(self, topic: str, payload: bytes) -> None:
        if self.receivers_up:
            self.hospital.deliver(topic, payload, self.now, self.faults, self._answer)

    def _answer(self, name: DeviceId, capture: CaptureId, payload: bytes) -> None:
        self.messages += 1
        device = next(d for d in self.devices if d.name == name)
        if self._chance() < self.faults.lose or self._chance() < self.faults.forget:
            return
        copies, broker = 2 if self._chance() < self.faults.duplicate else 1, self._broker
        for _ in range(copies):
            self._later(lambda: self._hear(device, topics.down(name, capture), payload, broker))

    def _hear(self, device: Device, topic: str, payload: bytes, broker: int) -> None:
        if broker != self._broker or not device.online:
            return
        device.hear(topic, payload, self.now, lambda t, p, ticket: self._publish(device, t, p, ticket))
