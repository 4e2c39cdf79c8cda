"""Whose role may show a patient's eyes or mouth: the setting says which, the roster says whose."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from firmware import device
from firmware.settings import Settings
from provisioning.roster import enlist


@pytest.fixture(autouse=True)
def _roster(monkeypatch):
    """A roster as the site manifest brings it; the folder it lies in is what other tests are about."""
    roster = (enlist("lead-1", "A Lead", "ward-lead", "1234"), enlist("nurse-7", "A Nurse", "clinician", "1234"))
    monkeypatch.setattr(device.DeviceIdentity, "load", lambda _state: SimpleNamespace(roster=roster))


@pytest.mark.parametrize(
    ("roles", "lead", "nurse"),
    [([], False, False), (["ward-lead"], True, False), (["clinician", "ward-lead"], True, True)],
)
def test_only_a_role_that_the_setting_names_may_show_features_and_nobody_as_delivered(tmp_path, roles, lead, nurse):
    settings = Settings(state=tmp_path, camera={"show_features": roles})
    may = device.may_show_features(settings)
    assert (may("lead-1"), may("nurse-7"), may("nobody")) == (lead, nurse, False)
    assert Settings(state=tmp_path).camera.show_features == ()
