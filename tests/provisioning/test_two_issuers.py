"""Two enrolment servers over one registry, real processes, killed in between: nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from provisioning.commands import CommandName
from provisioning.devices import DeviceState
from provisioning.enrolment import pair, refresh, renew
from provisioning.errors import EnrolmentUnreachable, ProvisioningError
from provisioning.identity import DeviceIdentity
from provisioning.site import Site

PORTS = 2


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


@contextmanager
def issuer(site: Site, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`wardlens site serve`, a process of its own."""
    environment = {**os.environ, "WARDLENS_ENROLMENT__PORT": str(port), "WARDLENS_LOG__FORMAT": "json"}
    command = [sys.executable, "-m", "firmware", "site", "serve", "--site", str(site.folder)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, "the issuer ended"
            assert time.monotonic() < until, "the issuer did not come up"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def ports() -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(PORTS)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


def renewed(device: DeviceIdentity, times: int) -> int:
    """How often the device was renewed, whoever died meanwhile."""
    done = 0
    for _ in range(times):
        with suppress(ProvisioningError):
            renew(device.state)
            done += 1
    return done


def serials(site: Site) -> list[str]:
    with site.registry.reading() as rows:
        return [serial for (serial,) in rows.execute("SELECT serial FROM certificate")]


def test_two_issuers_and_one_that_is_killed_lose_nothing_and_double_nothing(
    site: Site, tmp_path: Path, ports: list[int], approving: Callable[[str], None]
) -> None:
    with issuer(site, ports[0]) as first, issuer(site, ports[1]):
        lines = [site.invite(f"127.0.0.1:{port}").line for port in ports]
        with ThreadPoolExecutor(PORTS) as both:
            devices = list(
                both.map(lambda n: pair(lines[n], tmp_path / f"device-{n}", on_digits=approving), range(PORTS))
            )
        assert {device.state for device in site.devices()} == {DeviceState.ACTIVE}
        before = len(serials(site))
        with ThreadPoolExecutor(PORTS + 1) as all_at_once:
            counts = [all_at_once.submit(renewed, device, 4) for device in devices]
            all_at_once.submit(first.send_signal, signal.SIGKILL)
            done = [count.result() for count in counts]
        assert done[1] == 4
        site.add_clinician("n-17", "Ada", "clinician", "4711")
        site.command(devices[1].device, CommandName.RENEW)
        assert refresh(devices[1].state).manifest.version == site.manifest_version
        with pytest.raises(EnrolmentUnreachable):
            refresh(devices[0].state)
    issued = serials(site)
    # Of the killed issuer: whatever was committed is whole, and at most one answer of it was lost on the way.
    assert 2 * sum(done) <= len(issued) - before <= 2 * (sum(done) + 1)
    assert len(issued) == len(set(issued))
    with issuer(site, ports[0]):
        assert refresh(devices[0].state).manifest.version == site.manifest_version
        assert DeviceIdentity.load(devices[0].state).device == devices[0].device
        assert renewed(devices[0], 1) == 1
