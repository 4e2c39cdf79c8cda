"""A site of its own for each test, and its enrolment server over real TLS on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.enrolment import RunningEnrolment, pair, serving_enrolment
from provisioning.identity import DeviceIdentity
from provisioning.site import Site

SITE = "north-hospital"


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
