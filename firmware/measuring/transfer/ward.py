"""A throw-away hospital with ward devices, in one folder: a site, paired devices, Mosquitto, envelopes that wait."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from capture.canonical import to_canonical
from capture.envelope import Body, Envelope, parse_envelope, seal
from capture.identifiers import CaptureId, DeviceId
from capture.vault.states import HELD
from firmware.demo.place import HOST, DemoPlace, free_ports, make_place
from firmware.device import open_vault, sealing_context
from firmware.measuring.transfer.link import slow_link
from firmware.measuring.transfer.processes import Child, until
from firmware.settings import Settings, load_settings
from provisioning.broker import mosquitto_config
from provisioning.enrolment import pair, serving_enrolment
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from provisioning.terms import BrokerAddress
from sync.brokers import PrivateMosquitto
from sync.mqtt import BrokerSettings, TlsFiles

RECEIVERS: Final = ("receiver-1", "receiver-2", "receiver-3", "receiver-4")
"""Whoever listens at the hospital's end, each with a certificate."""
_JPEG: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Device:
    """A ward device that is paired: its settings, from `file` but for the state folder."""

    settings: Settings
    file: Path

    @property
    def broker(self) -> BrokerSettings:
        """The broker as this device meets it."""
        own = DeviceIdentity.load(self.settings.state)
        tls = TlsFiles(own.root_certificate, own.identity_certificate, own.identity_key)
        return BrokerSettings(own.broker.host, own.broker.port, own.device, tls)

    @property
    def id(self) -> DeviceId:
        """Its name at the site."""
        return DeviceIdentity.load(self.settings.state).device

    def sync(self) -> Child:
        """Its sync service, as systemd starts it."""
        command = ("-m", "firmware", "sync", "run", "--config", str(self.file), "--state", str(self.settings.state))
        return Child(command, self.settings.state / "sync.log")

    def envelopes(self) -> list[Envelope]:
        """What waits in its vault."""
        with open_vault(self.settings) as vault:
            return [parse_envelope(vault.read(entry.capture)) for entry in vault.pending()]

    def fill(self, count: int, size: int) -> None:
        """`count` envelopes, each of a picture of `size` bytes, wait in its vault, which held none."""
        shutil.rmtree(self.settings.state / "vault", ignore_errors=True)
        context_of, noise = sealing_context(self.settings, lambda _identity: None), os.urandom(size)
        with open_vault(self.settings) as vault:
            for _ in range(count):
                context = context_of(CaptureId(os.urandom(16).hex()), vault.next_counter())
                picture = _JPEG + context.counter.to_bytes(8, "big") + noise[11:]
                manifest = {
                    "capture": context.capture,
                    "site": context.site,
                    "counter": context.counter,
                    "device": {"id": context.device},
                    "image": {"sha256": hashlib.sha256(picture).hexdigest()},
                }
                vault.put(seal(Body(to_canonical(manifest), picture), context))


@dataclass(frozen=True, slots=True)
class Ward:
    """A site with its devices and a broker that runs."""

    place: DemoPlace
    site: Site
    devices: tuple[Device, ...]
    broker: PrivateMosquitto

    @property
    def broker_pid(self) -> int:
        """The broker's process."""
        assert self.broker.pid is not None
        return self.broker.pid

    def tls_of(self, receiver: str) -> TlsFiles:
        """The certificate with which this receiver meets the broker."""
        paths = self.site.receiver_tls(receiver)
        return TlsFiles(paths.ca, paths.certificate, paths.key)

    def broker_for(self, receiver: str) -> BrokerSettings:
        """The broker as this receiver meets it."""
        return BrokerSettings(HOST, self.place.settings.broker.port, receiver, self.tls_of(receiver))


@contextmanager
def ward_in(folder: Path, devices: int = 1, *, one_name: bool = False, link: float | None = None) -> Iterator[Ward]:
    """A site in `folder`, with so many paired devices, and its broker for as long as the block lasts.

    Args:
        folder: empty.
        devices: how many.
        one_name: whether many connections may share one certificate, each with a client id of its own.
        link: bytes a second that go to the broker from each device; as many as can, where not given.

    Raises:
        BrokerNotStarted: there is no Mosquitto here.
    """
    place = make_place(folder, folder, models=folder, mqtt="auto")
    port = place.settings.broker.port
    at = BrokerAddress(HOST, port if link is None else free_ports(1)[0])
    site = Site.create(place.site, "bench", "Bench Hospital", hosts=[HOST], broker=at, receivers=RECEIVERS)
    states = [folder / f"device-{number}" for number in range(devices)]
    _pair(site, states)
    paired = tuple(Device(load_settings(place.file, state=state), place.file) for state in states)
    text = mosquitto_config(site, place.broker, port, host=HOST)
    if one_name:
        text = text.replace("use_username_as_clientid true", "use_username_as_clientid false")
    with ExitStack() as running:
        broker = running.enter_context(PrivateMosquitto(text, place.broker, host=HOST, port=port))
        if link is not None:
            running.enter_context(slow_link(at.port, port, link))
        yield Ward(place, site, paired, broker)


def drained(devices: Sequence[Device]) -> None:
    """Nothing, once the vaults of these devices hold no envelope any more.

    Raises:
        WorkFailed: ten minutes were not enough.
    """
    with ExitStack() as opened:
        vaults = [opened.enter_context(open_vault(device.settings)) for device in devices]

        def empty() -> bool:
            return not any(vault.tally()[state] for vault in vaults for state in HELD)

        until(empty, "the last receipt", patience=600.0, every=0.25)


def _pair(site: Site, states: Sequence[Path]) -> None:
    """Each of these state folders is of a device that IT has approved."""

    def approve(_digits: str) -> None:
        (waiting,) = site.pending()
        site.approve(waiting.id, waiting.digits)

    with serving_enrolment(site) as enrolment:
        for state in states:
            pair(site.invite(f"{HOST}:{enrolment.port}").line, state, on_digits=approve)
