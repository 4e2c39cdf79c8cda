"""`wardlens doctor --camera`: what it makes of what it sees of a camera, and what it says of what is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from capture.camera.asked import FROM_THE_START, MOST_KEPT, AskedControls
from firmware.camera_checks import CHECKS, NEEDS_A_BOARD, Seen, examine_camera
from firmware.checks import State
from firmware.settings import load_settings

BOARD = ("AfMode", "AwbEnable", "ColourGains", "FrameDurationLimits")


def recorded(*, gains=((1.6, 2.1),) * 10, focus=(1, 1, 2), offered=BOARD, locked=True):
    """What a camera module with autofocus says, frame by frame."""
    controls = AskedControls(offered)
    controls.granted(FROM_THE_START)
    if locked:
        controls.granted({"AwbEnable": False, "ColourGains": gains[0]})
    said = tuple(
        {
            "AfState": focus[min(number, len(focus) - 1)],
            "LensPosition": 5.1,
            "ExposureTime": 9000,
            "AnalogueGain": 1.4,
            "Lux": 320.0,
            "ColourGains": now,
        }
        for number, now in enumerate(gains)
    )
    return Seen(
        name="picamera",
        asked_size=(4056, 3040),
        opening_s=(0.9, 0.8, 0.8),
        seconds=5.0,
        ages_s=(0.04,) * 150,
        preview=(640, 480),
        still=(4056, 3040),
        still_s=0.3,
        apart=2.0,
        said=said,
        controls=controls,
    )


def states(seen):
    return {part: check(seen)[0] for part, check in CHECKS.items()}


def test_a_board_whose_camera_does_all_of_it_passes():
    assert set(states(recorded()).values()) == {State.OK}


@pytest.mark.parametrize(
    ("part", "state", "seen"),
    [
        ("viewfinder", State.WARNING, replace(recorded(), ages_s=(0.04,) * 50)),
        ("viewfinder", State.WARNING, replace(recorded(), ages_s=(0.5,) * 150)),
        ("still", State.WARNING, replace(recorded(), still=(1920, 1080))),
        ("still", State.WARNING, replace(recorded(), still_s=5.0)),
        ("colours", State.FAILED, replace(recorded(), apart=40.0)),
        ("focus", State.FAILED, recorded(focus=(1, 3))),
        ("balance", State.FAILED, recorded(locked=False)),
        ("balance", State.FAILED, recorded(gains=((1.6, 2.1), (1.9, 2.1)) * 5)),
    ],
    ids=["slow", "old", "small", "late", "swapped", "never-in-focus", "never-locked", "wanders"],
)
def test_what_is_wrong_with_one_part_is_said_of_that_part_alone(part, state, seen):
    told = states(seen)
    assert told.pop(part) is state
    assert set(told.values()) == {State.OK}
    assert CHECKS[part](seen)[1].endswith(".")


def test_what_a_camera_lacks_is_said_to_need_a_board():
    bare = replace(recorded(offered=()), said=({},) * 10)
    for part in ("focus", "exposure", "balance"):
        state, sentence = CHECKS[part](bare)
        assert state is State.WARNING
        assert sentence.endswith(NEEDS_A_BOARD)


def test_a_record_of_what_was_asked_holds_what_was_granted_and_stays_short():
    controls = AskedControls({"AfMode"})
    assert controls.granted(FROM_THE_START) == {"AfMode": FROM_THE_START["AfMode"]}
    assert controls.granted({"AwbEnable": False}) == {}
    assert list(controls.asked) == [{"AfMode": 2}]
    assert controls.lacking == {"FrameDurationLimits", "AwbEnable"}
    for _ in range(2 * MOST_KEPT):
        controls.granted({"AfMode": 0})
    assert len(controls.asked) == MOST_KEPT


@pytest.fixture
def settings(tmp_path, monkeypatch):
    picture = np.full((960, 1280, 3), 120, np.uint8)
    cv2.imwrite(str(tmp_path / "0.png"), picture)
    monkeypatch.setenv("WARDLENS_CAMERA__ADAPTER", "replay")
    monkeypatch.setenv("WARDLENS_CAMERA__SOURCE", str(tmp_path))
    return load_settings(None, state=tmp_path / "state")


def test_any_camera_can_be_tried_and_a_file_has_no_focus(settings):
    findings = {finding.part: finding.state for finding in examine_camera(settings, seconds=0.2)}
    assert {findings[part] for part in ("opening", "viewfinder", "still", "colours")} == {State.OK}
    assert {findings[part] for part in ("focus", "exposure", "balance")} == {State.WARNING}


def test_a_camera_that_a_service_has_is_left_to_it(settings):
    settings.socket.parent.mkdir(parents=True)
    settings.socket.touch()
    (finding,) = examine_camera(settings)
    assert finding.state is State.FAILED
    assert "systemctl stop wardlens-camera" in finding.sentence


def test_the_command_says_it_as_json_and_fails_without_a_camera(settings, tmp_path):
    (tmp_path / "0.png").unlink()
    command = [sys.executable, "-m", "firmware", "doctor", "--camera", "--json", "--state", tmp_path / "state"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (finding,) = json.loads(done.stdout)
    assert finding["state"] == "failed"
    assert finding["part"] == "camera"
