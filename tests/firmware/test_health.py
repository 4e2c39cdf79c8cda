"""What the camera service leaves for the sync service to tell the fleet."""

from __future__ import annotations

import pytest

from capture.service.self_test import SelfTested
from firmware.health import FILE, read_health, tell_health, warmest
from firmware.settings import load_settings
from sync.uplink import DeviceHealth

RESULT = SelfTested(1_700_000_000_000, {"phantom": "", "keys": "The keys are gone. Call IT."})


@pytest.fixture
def settings(tmp_path):
    return load_settings(None, state=tmp_path)


def test_what_one_process_leaves_the_other_reads(settings):
    tell_health(settings, RESULT, {"centerface": "ab" * 32})
    health = read_health(settings.state)
    assert health.models == {"centerface": "ab" * 32}
    assert health.self_test == {"phantom": "passed", "keys": "failed"}
    assert health.self_test_at_ms == RESULT.at_ms
    assert b"Call IT" not in (settings.state / FILE).read_bytes()


def test_the_system_is_what_its_own_file_says_whatever_the_camera_service_left(settings, tmp_path):
    release = tmp_path / "wardlens-release"
    assert read_health(settings.state, release).system == ""
    release.write_text("2026.48.1\n")
    (settings.state / FILE).parent.mkdir()
    (settings.state / FILE).write_bytes(b'{"system": "9999.0.0"}')
    assert read_health(settings.state, release).system == "2026.48.1"
    assert read_health(settings.state).system == ""


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{", b'{"models": 1}', b'{"self_test_at_ms": -1}', b'{"self_test": {"a": 1}}', b'{"x": 1}']
)
def test_a_damaged_file_is_as_none(settings, said):
    (settings.state / FILE).parent.mkdir()
    (settings.state / FILE).write_bytes(said)
    assert read_health(settings.state) == DeviceHealth(celsius=warmest())


def test_a_file_that_cannot_be_written_stops_nothing(settings):
    (settings.state / FILE).parent.write_text("in the way")
    tell_health(settings, RESULT, {})
    assert read_health(settings.state).self_test == {}


def test_the_warmest_part_counts_and_nonsense_does_not(tmp_path):
    for number, said in enumerate(("48312\n", "61000\n", "-274000\n", "warm")):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "temp").write_text(said)
    assert warmest(tmp_path) == 61
    assert warmest(tmp_path / "none") is None
