"""A site of its own for each test, and its enrolment server over real TLS on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from provisioning.enrolment import RunningEnrolment, pair, serving_enrolment
from provisioning.identity import DeviceIdentity
from provisioning.site import Site

SITE = "north-hospital"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def untouched_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site as it is made; every test gets a copy, because making keys takes time."""
    return Site.create(tmp_path_factory.mktemp("untouched") / "site", SITE, "North Hospital").folder


@pytest.fixture
def site(untouched_site: Path, tmp_path: Path) -> Site:
    shutil.copytree(untouched_site, tmp_path / "site")
    return Site.load(tmp_path / "site")


@pytest.fixture
def enrolment(site: Site) -> Iterator[RunningEnrolment]:
    with serving_enrolment(site) as running:
        yield running


@pytest.fixture
def line(site: Site, enrolment: RunningEnrolment) -> str:
    return site.invite(f"127.0.0.1:{enrolment.port}").line


@pytest.fixture
def approving(site: Site) -> Callable[[str], None]:
    """IT, who reads the digits from the device's screen and confirms the device that waits with them."""

    def approve(digits: str) -> None:
        waiting = [device for device in site.pending() if device.digits == digits]
        assert len(waiting) == 1
        site.approve(waiting[0].id, digits)

    return approve


@pytest.fixture
def device(line: str, tmp_path: Path, approving: Callable[[str], None]) -> DeviceIdentity:
    """A paired device; its state folder is `tmp_path / "state"`."""
    return pair(line, tmp_path / "state", on_digits=approving)


Broker = tuple["subprocess.Popen[str]", int]
"""`wardlens broker run`, and the port that it listens at."""


@pytest.fixture
def broker(site: Site, tmp_path: Path) -> Callable[..., AbstractContextManager[Broker]]:
    """Gives `wardlens broker run` of the site with these options, once it has started; who asks for it ends it."""

    @contextmanager
    def run(*options: str) -> Iterator[Broker]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
        chosen = {"WARDLENS_BROKER__PORT": str(port), "WARDLENS_LOG__FORMAT": "json"}
        command = [sys.executable, "-m", "firmware", "broker", "run", tmp_path / "broker", *options]
        command += ["--site", site.folder]
        with subprocess.Popen(command, cwd=ROOT, env=clean | chosen, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                assert any("broker-started" in line for line in process.stderr)
                yield process, port
            finally:
                process.terminate()
                process.communicate(timeout=20)

    return run
