"""A site, its enrolment server and a paired device, as the tests of provisioning have them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from capture.vault import Vault
from firmware.settings import Settings
from provisioning.identity import DeviceIdentity
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


def put_one(device: DeviceIdentity) -> None:
    with Vault(device.state / "vault") as vault:
        vault.put(sealed_by(device, number=7))
