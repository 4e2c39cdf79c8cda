"""A site, its enrolment server and a paired device, as the tests of provisioning have them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from capture.vault import Vault
from firmware.settings import Settings
from provisioning.bundles import publish
from provisioning.commands import CommandName
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from tests.firmware.upkeep.machines import NEW, STANDINS, Vendor, World
from tests.sealing import sealed_by

_SPEC = importlib.util.spec_from_file_location(
    "wardlens_tests_provisioning", Path(__file__).parents[2] / "provisioning" / "conftest.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
_SHARED = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = _SHARED
_SPEC.loader.exec_module(_SHARED)

untouched_site, site, enrolment, line = _SHARED.untouched_site, _SHARED.site, _SHARED.enrolment, _SHARED.line
approving, device = _SHARED.approving, _SHARED.device


@pytest.fixture
def settings(device: DeviceIdentity) -> Settings:
    """The settings of that device."""
    return Settings(state=device.state, runtime=device.state.parent / "run")


@pytest.fixture
def waiting(device: DeviceIdentity) -> None:
    """One picture waits in the vault of that device."""
    put_one(device)


@pytest.fixture
def busy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """While the block lasts, the site has no time for results: as when its limit for one address is used up."""

    def refused(*_: object) -> None:
        raise EnrolmentRefused(EnrolmentRefusal.TOO_MANY_REQUESTS)

    @contextmanager
    def so() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(type(site), "take_result", refused)
            yield

    return so


def put_one(device: DeviceIdentity) -> None:
    with Vault(device.state / "vault") as vault:
        vault.put(sealed_by(device, number=7))


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], Path]) -> Vendor:
    """Who makes the bundles that this machine believes."""
    program("rauc")
    program("openssl")
    return Vendor(tmp_path_factory.mktemp("vendor") / "ours")


@pytest.fixture(scope="session")
def newer(vendor: Vendor) -> Path:
    """A bundle with a newer system than runs."""
    return vendor.bundle(NEW)


@pytest.fixture
def kind() -> type[World]:
    """Of machine."""
    return World


@pytest.fixture
def world(
    *, kind: type[World], device: DeviceIdentity, vendor: Vendor, tmp_path: Path, program: Callable[[str], Path],
    monkeypatch: Any,
) -> World:  # fmt: skip
    """A machine with two slots around that device."""
    rauc = program("rauc")
    made = kind.made(tmp_path / "machine", device.state, vendor, rauc)
    monkeypatch.setenv("STANDIN_MACHINE", str(made.file))
    monkeypatch.setattr("firmware.updating.trial.LOOK_SECONDS", 10.0)
    monkeypatch.setenv("PATH", f"{STANDINS}:{os.environ['PATH']}")
    return made


@pytest.fixture
def offered(site: Site, world: World, device: DeviceIdentity, newer: Path) -> int:
    """The site has offered the newer system: the command's number."""
    return offer(site, device, newer)


def offer(site: Site, device: DeviceIdentity, bundle: Path) -> int:
    update = publish(site.layout.updates, bundle, None)
    return site.command(device.device, CommandName.UPDATE, str(update)).number
