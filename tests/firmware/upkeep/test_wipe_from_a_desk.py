"""A wipe that the site orders: keys first, once, through any power cut, never of a picture that nobody asked about."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from capture.vault import Vault
from firmware.device import ready_to_pair
from firmware.errors import WorkFailed
from firmware.upkeep import finish_ordered_wipe, serve_sync
from firmware.upkeep.orders import WipeBegins
from firmware.upkeep.running import Upkeep
from firmware.upkeep.wipe_order import tell_of_wipe, unpaired_or_to_be
from firmware.wiping import finish_wipe, parse_order, wipe_ordered, write_order
from provisioning.commands import EVEN_UNSENT, CommandName, sign_command
from provisioning.devices import DeviceState
from provisioning.enrolment import pair, serving_enrolment
from provisioning.errors import NotPaired, PicturesWait
from provisioning.identity import DeviceIdentity, StateLayout

NOBODY = Path("/nonexistent/camera.sock")


@pytest.fixture
def ordered(settings, device, site):
    """The device is to be wiped, and has not begun."""
    site.command(device.device, CommandName.WIPE)
    with pytest.raises(WipeBegins):
        Upkeep(settings, lambda: (True, "All is well.")).call()
    assert site.device(device.device).state is DeviceState.ACTIVE
    return device


def left(state):
    return sorted(path.name for path in state.iterdir())


def test_after_a_wipe_nothing_is_left_but_what_the_site_is_to_hear_and_then_not_even_that(ordered, site):
    assert finish_ordered_wipe(ordered.state, NOBODY)
    assert left(ordered.state) == ["wipe-ordered.json"]
    assert b"PRIVATE" not in (ordered.state / "wipe-ordered.json").read_bytes()
    assert tell_of_wipe(ordered.state)
    assert left(ordered.state) == []
    assert site.device(ordered.device).state is DeviceState.WIPED


def test_the_site_hears_of_a_wipe_only_when_the_keys_are_gone(settings, ordered, site, monkeypatch):
    keys = []
    monkeypatch.setattr(
        type(site),
        "take_result",
        lambda _site, _device, _raw: keys.append(
            [path.exists() for path in (ordered.identity_key, ordered.signing_key)]
        ),
    )
    assert finish_ordered_wipe(ordered.state, NOBODY)
    assert tell_of_wipe(ordered.state)
    assert keys == [[False, False]]


def test_a_picture_sealed_after_the_question_calls_the_wipe_off_and_the_site_hears_that(
    settings, ordered, site, waiting
):
    assert finish_ordered_wipe(ordered.state, NOBODY)
    assert not wipe_ordered(ordered.state)
    with Vault(ordered.state / "vault") as vault:
        assert len(vault.entries()) == 1
    Upkeep(settings, lambda: (True, "All is well.")).call()
    (given,) = site.commands(ordered.device)
    assert given.outcome == "failed"
    assert site.device(ordered.device).state is DeviceState.ACTIVE


@pytest.mark.parametrize("name", [CommandName.RENEW, None])
def test_the_process_with_the_network_wipes_nothing_by_its_own_word(ordered, site, name):
    """Whoever it is that writes the order: without the site's signed wipe for this very device nothing goes."""
    said = parse_order((ordered.state / "wipe-ordered.json").read_bytes())
    if name is None:
        command = said.command.replace(b'"argument":""', b'"argument":"even-unsent"')
    else:
        command = sign_command(site.command(ordered.device, name), site.keys.root_key)
    write_order(ordered.state, replace(said, command=command))
    assert finish_ordered_wipe(ordered.state, NOBODY)
    assert DeviceIdentity.load(ordered.state) == ordered
    assert not wipe_ordered(ordered.state)


def test_while_the_camera_service_runs_nothing_is_wiped(ordered, tmp_path):
    with socket.socket(socket.AF_UNIX) as camera:
        camera.bind(str(tmp_path / "camera.sock"))
        camera.listen()
        with pytest.raises(WorkFailed, match="camera"):
            finish_ordered_wipe(ordered.state, tmp_path / "camera.sock")
    assert ordered.identity_key.exists()
    assert finish_ordered_wipe(ordered.state, tmp_path / "camera.sock")


def test_a_service_that_missed_the_order_sees_that_its_device_is_gone(ordered):
    order = (ordered.state / "wipe-ordered.json").read_bytes()
    (ordered.state / "wipe-ordered.json").unlink()
    looks = unpaired_or_to_be(ordered.state)
    assert not looks()
    (ordered.state / "wipe-ordered.json").write_bytes(order)
    assert looks()
    assert finish_ordered_wipe(ordered.state, NOBODY)
    assert tell_of_wipe(ordered.state)
    assert looks()


def test_a_service_that_began_before_the_pairing_outlives_it(settings, device, tmp_path):
    facts = StateLayout(device.state).facts
    aside = facts.rename(tmp_path / "aside")
    looks = unpaired_or_to_be(device.state)
    assert not looks()
    aside.rename(facts)
    assert not looks()
    facts.write_bytes(b"another device's")
    assert looks()


def test_a_service_that_does_not_own_the_state_leaves_the_wipe_to_who_does(ordered, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(WorkFailed, match="owner"):
        finish_ordered_wipe(ordered.state, NOBODY)
    assert ordered.identity_key.exists()


@pytest.mark.parametrize("survives", range(1, 12))
def test_a_wipe_that_is_interrupted_anywhere_is_finished_and_told(ordered, site, monkeypatch, survives):
    real, calls = os.fsync, []

    def power_cut(descriptor):
        calls.append(descriptor)
        if len(calls) == survives:
            raise OSError(5, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", power_cut)
        try:
            finish_ordered_wipe(ordered.state, NOBODY)
        except WorkFailed:
            assert (ordered.state / "wipe-ordered.json").exists()
    finish_ordered_wipe(ordered.state, NOBODY)
    finish_wipe(ordered.state)
    assert left(ordered.state) == ["wipe-ordered.json"]
    assert tell_of_wipe(ordered.state)
    assert site.device(ordered.device).state is DeviceState.WIPED


def test_without_a_network_the_site_hears_of_it_later(ordered, site):
    finish_ordered_wipe(ordered.state, NOBODY)
    file = ordered.state / "wipe-ordered.json"
    said = file.read_text()
    file.write_text(said.replace(str(ordered.enrolment), "127.0.0.1:1"))
    assert not tell_of_wipe(ordered.state)
    file.write_text(said)
    assert tell_of_wipe(ordered.state)
    assert site.device(ordered.device).state is DeviceState.WIPED


def test_a_site_that_is_busy_hears_of_it_later(ordered, site, busy):
    finish_ordered_wipe(ordered.state, NOBODY)
    with busy():
        assert not tell_of_wipe(ordered.state)
    assert left(ordered.state) == ["wipe-ordered.json"]
    assert tell_of_wipe(ordered.state)
    assert left(ordered.state) == []
    assert site.device(ordered.device).state is DeviceState.WIPED


def test_a_device_that_is_paired_anew_before_the_site_heard_of_the_wipe_tells_it_and_stays(
    ordered, site, tmp_path, approving
):
    finish_ordered_wipe(ordered.state, NOBODY)
    with serving_enrolment(site) as server:
        again = pair(site.invite(f"127.0.0.1:{server.port}").line, ordered.state, on_digits=approving)
    assert not wipe_ordered(ordered.state)
    assert not finish_ordered_wipe(ordered.state, NOBODY)
    assert tell_of_wipe(ordered.state)
    assert site.device(ordered.device).state is DeviceState.WIPED
    assert DeviceIdentity.load(ordered.state) == again


@pytest.mark.parametrize("how", ["unreadable", "damaged"])
def test_a_device_whose_identity_cannot_be_read_never_says_that_it_was_wiped(ordered, site, monkeypatch, how):
    facts, real = StateLayout(ordered.state).facts, Path.read_bytes
    if how == "damaged":
        facts.write_bytes(b"{")

    def read(path):
        if how == "unreadable" and path == facts:
            raise OSError(5, "Input/output error")
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", read)
        assert wipe_ordered(ordered.state)
        with pytest.raises(WorkFailed, match="Wipe the device by hand"):
            finish_ordered_wipe(ordered.state, NOBODY)
    assert ordered.identity_key.exists()
    assert site.device(ordered.device).state is DeviceState.ACTIVE


def test_a_wipe_that_begins_while_it_is_asked_for_is_not_told_yet(ordered, monkeypatch):
    """The keys and device.json are gone by then, and the vault is not."""
    facts, real = StateLayout(ordered.state).facts, Path.read_bytes

    def read(path):
        if path == facts and facts.exists():
            (ordered.state / "wipe-begun").touch()
            facts.unlink()
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert wipe_ordered(ordered.state)


def test_what_is_no_order_is_none(ordered):
    raw = (ordered.state / "wipe-ordered.json").read_bytes()
    assert parse_order(raw).device == ordered.device
    for wrong in (b"{}", raw[:-1], raw.replace(b'"result":"', b'"result":"!'), raw + b" "):
        with pytest.raises(ValueError, match=r"."):
            parse_order(wrong)


def test_a_device_with_pictures_of_its_last_site_is_not_paired_with_another(settings, device, waiting):
    ready_to_pair(settings)  # paired still: pairing itself says so
    StateLayout(device.state).facts.unlink()
    with pytest.raises(PicturesWait, match="1 pictures wait here"):
        ready_to_pair(settings)


def test_a_wiped_device_waits_for_its_next_pairing_and_is_paired_anew(
    *, settings, device, site, waiting, tmp_path, approving, monkeypatch
):
    """The whole way: the running sync service is told, wipes, says so, and takes the next invitation."""
    monkeypatch.setattr("firmware.upkeep.pace.FIRST_SECONDS", 0.1)
    site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    stop = threading.Event()
    service = threading.Thread(target=serve_sync, args=(settings, stop))
    service.start()
    try:
        moment = threading.Event()
        for _ in range(1500):
            if site.device(device.device).state is DeviceState.WIPED and not left(device.state):
                break
            moment.wait(0.02)
        assert left(device.state) == []
        with pytest.raises(NotPaired):
            DeviceIdentity.load(device.state)
        with serving_enrolment(site) as server:
            again = pair(site.invite(f"127.0.0.1:{server.port}").line, device.state, on_digits=approving)
        assert again.device != device.device
    finally:
        stop.set()
        service.join(30)
    assert not service.is_alive()
    assert [one.state for one in site.devices()] == [DeviceState.WIPED, DeviceState.ACTIVE]
