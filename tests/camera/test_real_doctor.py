"""`wardlens doctor --camera` on the virtual camera: all that it can show, and a plain word about the rest."""

from __future__ import annotations

from firmware.camera_checks import NEEDS_A_BOARD, examine_camera
from firmware.checks import State
from firmware.settings import load_settings


def test_the_doctor_tries_the_virtual_camera_and_says_what_needs_a_board(virtual, tmp_path, monkeypatch):
    monkeypatch.setenv("WARDLENS_CAMERA__ADAPTER", "picamera")
    monkeypatch.setenv("WARDLENS_CAMERA__SOURCE", "4")
    findings = {f.part: f for f in examine_camera(load_settings(None, state=tmp_path), seconds=2.0)}
    for part in ("opening", "viewfinder", "still", "colours"):
        assert findings[part].state is State.OK, findings[part].sentence
    assert "640×478" in findings["viewfinder"].sentence
    assert "4056×3040" in findings["still"].sentence
    for part in ("focus", "exposure", "balance"):
        assert findings[part].state is State.WARNING
        assert findings[part].sentence.endswith(NEEDS_A_BOARD)


def test_the_doctor_says_that_no_camera_is_connected(virtual, tmp_path, monkeypatch):
    monkeypatch.setenv("WARDLENS_CAMERA__ADAPTER", "picamera")
    monkeypatch.setenv("WARDLENS_CAMERA__SOURCE", "0")
    virtual.TROUBLE.unplug()
    (finding,) = examine_camera(load_settings(None, state=tmp_path))
    assert finding.state is State.FAILED
    assert "ribbon cable" in finding.sentence
