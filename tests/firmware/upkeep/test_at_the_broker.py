"""The running sync service and a real Mosquitto: what the site changes is taken up with a new connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capture.ledger import LedgerEvent, parse_line
from firmware.demo.place import free_ports
from firmware.settings import Settings
from firmware.updating.record import ORDER
from firmware.upkeep import serve_sync
from provisioning.broker import mosquitto_config
from provisioning.commands import CommandName
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from provisioning.terms import BrokerAddress
from sync.brokers import PrivateMosquitto
from sync.uplink import read_status
from tests.firmware.upkeep.machines import NEW, World


@pytest.fixture
def broker(site: Site, tmp_path: Path, program: Callable[[str], Path]) -> Iterator[int]:
    """The port of a Mosquitto of the site."""
    program("mosquitto")
    (port,) = free_ports(1)
    folder = tmp_path / "broker"
    with PrivateMosquitto(mosquitto_config(site, folder, port, host="127.0.0.1"), folder, host="127.0.0.1", port=port):
        yield port


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    service = threading.Thread(target=serve_sync, args=(settings, stop))
    service.start()
    try:
        yield
    finally:
        stop.set()
        service.join(30)
    assert not service.is_alive()


def wait_until(so: Callable[[], bool], seconds: float = 60) -> None:
    moment = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if so():
            return
        moment.wait(0.05)
    raise AssertionError("it did not happen in time")


def events(state: Path) -> list[LedgerEvent]:
    return [LedgerEvent(parse_line(raw).event) for raw in (state / "ledger" / "sync.jsonl").read_bytes().splitlines()]


def test_another_broker_and_fresh_certificates_are_taken_up_by_themselves(
    settings: Settings, device: DeviceIdentity, site: Site, broker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.upkeep.pace.FIRST_SECONDS", 0.1)
    monkeypatch.setattr("firmware.upkeep.pace.CALL_SECONDS", 0.2)
    with serving(settings):
        site.set_broker(BrokerAddress("127.0.0.1", broker))
        wait_until(lambda: read_status(device.state).connected)
        assert read_status(device.state).broker == f"127.0.0.1:{broker}"
        starts = events(device.state).count(LedgerEvent.SERVICE_STARTED)
        site.command(device.device, CommandName.RENEW)
        wait_until(lambda: site.commands(device.device)[0].outcome == "done")
        wait_until(lambda: events(device.state).count(LedgerEvent.SERVICE_STARTED) > starts)
        wait_until(lambda: read_status(device.state).connected)
    said = events(device.state)
    assert said.count(LedgerEvent.CERTIFICATE_RENEWED) == 1
    assert LedgerEvent.MANIFEST_TAKEN in said
    renewed = DeviceIdentity.load(device.state)
    assert renewed.identity_chain[0].serial_number != device.identity_chain[0].serial_number


def test_a_running_service_takes_a_new_system_and_says_so_on_its_chain(
    *, world: World, device: DeviceIdentity, site: Site, broker: int, offered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way as an appliance has it: service, root, restart, service, trial, answer."""
    monkeypatch.setattr("firmware.upkeep.pace.FIRST_SECONDS", 0.1)
    monkeypatch.setattr("firmware.upkeep.pace.CALL_SECONDS", 0.2)
    site.set_broker(BrokerAddress("127.0.0.1", broker))
    with serving(world.settings):
        wait_until((device.state / ORDER).exists)
        world.install()
    world.boot()
    with serving(world.settings):
        wait_until(lambda: read_status(device.state).connected)
        assert events(device.state).count(LedgerEvent.UPDATE_BEGUN) == 1
        world.trial()
        wait_until(lambda: site.commands(device.device)[0].outcome == "done")
    with serving(world.settings):
        wait_until(lambda: LedgerEvent.UPDATE_CONFIRMED in events(device.state))
    assert events(device.state).count(LedgerEvent.UPDATE_BEGUN) == 1
    assert world.runs == NEW
