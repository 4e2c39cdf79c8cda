"""A paired device keeps up by itself: manifest, certificates, commands; each command once, whatever happens."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from capture.errors import VaultDamaged
from firmware.errors import WorkFailed
from firmware.self_test import answering_self_tests, ask_for_self_test
from firmware.upkeep.memory import Remembered, Step, parse_memory, read_memory, write_memory
from firmware.upkeep.orders import WipeBegins
from firmware.upkeep.running import Upkeep, whole_self_test
from firmware.upkeep.wipe_order import unsent
from firmware.wiping import parse_order, wipe_ordered
from provisioning.clock import utc_now
from provisioning.commands import EVEN_UNSENT, CommandName, sign_command
from provisioning.enrolment import serving_enrolment
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, EnrolmentUnreachable
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.site import Site


class Test:
    """The device's test of itself, as often as it was run."""

    __test__ = False
    passes = True

    def __init__(self):
        self.runs = 0

    def __call__(self):
        self.runs += 1
        return self.passes, "The phantom was covered." if self.passes else "The camera is dark."


@pytest.fixture
def self_test():
    return Test()


@pytest.fixture
def upkeep(settings, self_test):
    return Upkeep(settings, self_test)


def said(site, device):
    return [(one.name, one.outcome, one.sentence) for one in site.commands(device.device)]


def test_a_call_brings_the_newest_manifest(upkeep, device, site):
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    upkeep.call()
    assert [one.badge for one in DeviceIdentity.load(device.state).roster] == ["n-17"]


def test_certificates_are_renewed_at_two_thirds_of_their_life_and_not_before(settings, device, site, self_test):
    born = device.identity_chain[0].not_valid_before_utc
    for days, fresh in ((19, False), (21, True)):
        Upkeep(settings, self_test, clock=lambda days=days: born + timedelta(days=days)).call()
        assert (DeviceIdentity.load(device.state).identity_chain != device.identity_chain) is fresh


def test_upkeep_never_needs_the_signing_key(settings, device, site, self_test):
    device.signing_key.unlink()
    Upkeep(settings, self_test, clock=lambda: device.certificate_until - timedelta(days=1)).call()
    assert DeviceIdentity.load(device.state).signing_chain != device.signing_chain


def test_a_self_test_is_run_once_and_the_site_hears_of_it(upkeep, device, site, self_test):
    site.command(device.device, CommandName.SELF_TEST)
    upkeep.call()
    upkeep.call()
    assert self_test.runs == 1
    assert said(site, device) == [("self-test", "done", "The phantom was covered.")]


def test_a_self_test_that_fails_is_said(upkeep, device, site, self_test):
    self_test.passes = False
    site.command(device.device, CommandName.SELF_TEST)
    upkeep.call()
    assert said(site, device) == [("self-test", "failed", "The camera is dark.")]


def test_a_renewal_by_command_is_done_at_once(upkeep, device, site):
    site.command(device.device, CommandName.RENEW)
    upkeep.call()
    renewed = DeviceIdentity.load(device.state)
    assert renewed.identity_chain != device.identity_chain
    assert said(site, device)[0][:2] == ("renew", "done")


def test_several_commands_are_carried_out_in_one_call_in_their_order(upkeep, device, site, self_test):
    for name in (CommandName.SELF_TEST, CommandName.RENEW, CommandName.SELF_TEST):
        site.command(device.device, name)
    upkeep.call()
    assert self_test.runs == 2
    assert [outcome for _, outcome, _ in said(site, device)] == ["done"] * 3


def test_a_device_takes_another_name_when_nothing_waits(upkeep, device, site):
    site.command(device.device, CommandName.RENAME, "Ward 9")
    upkeep.call()
    assert DeviceIdentity.load(device.state).name == "Ward 9"
    assert site.device(device.device).name == "Ward 9"


def test_a_device_keeps_its_name_while_a_picture_waits(upkeep, device, site, waiting):
    site.command(device.device, CommandName.RENAME, "Ward 9")
    upkeep.call()
    assert DeviceIdentity.load(device.state).name == device.name
    assert said(site, device) == [("rename", "refused", "1 picture waits that the hospital has not got.")]


def replayed(site, device, monkeypatch, raw):
    """A server that gives out `raw`, whatever is asked for."""
    monkeypatch.setattr(site, "next_command", lambda device, after: raw)
    monkeypatch.setattr(type(site), "next_command", lambda self, device, after: raw)


def late():
    return utc_now() + timedelta(days=366)


def signed(site, number):
    with site.registry.reading() as rows:
        return bytes(rows.execute("SELECT signed FROM command WHERE number = ?", (number,)).fetchone()[0])


def test_a_replayed_command_does_nothing_on_the_device(upkeep, device, site, self_test, monkeypatch):
    given = site.command(device.device, CommandName.SELF_TEST)
    upkeep.call()
    replayed(site, device, monkeypatch, signed(site, given.number))
    upkeep.call()
    assert self_test.runs == 1


def test_a_forged_stale_or_foreign_wipe_does_nothing_on_the_device(
    *, settings, device, site, self_test, monkeypatch, tmp_path
):
    given = site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    genuine = signed(site, given.number)
    other = Site.create(tmp_path / "other", site.id, "The same name and another root")
    forged = sign_command(given, other.keys.root_key)
    foreign = sign_command(replace(given, device="wl-0000000000"), site.keys.root_key)
    altered = genuine.replace(b"even", b"ever")
    for raw, clock in ((forged, utc_now), (foreign, utc_now), (altered, utc_now), (genuine, late)):
        replayed(site, device, monkeypatch, raw)
        Upkeep(settings, self_test, clock=clock).call()
        assert not wipe_ordered(device.state)
        assert read_memory(device.state, utc_now()) == Remembered()


def test_what_was_begun_when_the_device_stopped_is_not_done_again(upkeep, device, site, self_test):
    given = site.command(device.device, CommandName.SELF_TEST)
    write_memory(device.state, Remembered(given.number, Step.BEGUN))
    upkeep.call()
    assert self_test.runs == 0
    assert said(site, device)[0][1] == "failed"


def test_an_answer_that_did_not_reach_the_site_is_posted_at_the_next_call(
    settings, device, site, self_test, monkeypatch
):
    site.command(device.device, CommandName.SELF_TEST)
    upkeep = Upkeep(settings, self_test)

    def cut(_call, _result):
        raise EnrolmentUnreachable

    with monkeypatch.context() as patched:
        patched.setattr("provisioning.enrolment.renewal.SiteCall.post", cut)
        with pytest.raises(EnrolmentUnreachable):
            upkeep.call()
    assert upkeep.pace.missed == 1
    upkeep.call()
    assert self_test.runs == 1
    assert said(site, device)[0][1] == "done"
    assert upkeep.pace.missed == 0


def test_an_answer_that_a_busy_site_refused_is_posted_at_the_next_call(settings, device, site, self_test, busy):
    site.command(device.device, CommandName.SELF_TEST)
    upkeep = Upkeep(settings, self_test)
    with busy(), pytest.raises(EnrolmentRefused):
        upkeep.call()
    assert said(site, device)[0][1] == ""
    upkeep.call()
    assert self_test.runs == 1
    assert said(site, device)[0][1] == "done"


@pytest.mark.parametrize("reason", EnrolmentRefusal)
def test_only_what_the_site_refuses_for_good_ends_the_telling(
    *, settings, device, site, self_test, monkeypatch, reason
):
    """Else a result that will never be taken would stand before every later command."""
    site.command(device.device, CommandName.SELF_TEST)

    def no(_call, _result):
        raise EnrolmentRefused(reason)

    upkeep = Upkeep(settings, self_test)
    with monkeypatch.context() as patched:
        patched.setattr("provisioning.enrolment.renewal.SiteCall.post", no)
        with suppress(EnrolmentRefused):
            upkeep.call()
    posted = read_memory(device.state, utc_now()).step is Step.POSTED
    assert posted is (reason.value in {
        "command-unknown", "device-unknown", "signature-wrong", "request-damaged", "request-too-large",
    })  # fmt: skip


def test_a_damaged_memory_repeats_nothing(device, site, upkeep, self_test):
    site.command(device.device, CommandName.SELF_TEST)
    (device.state / "commands.json").write_text("{")
    upkeep.call()
    assert self_test.runs == 0
    assert parse_memory(b'{"format":"wardlens-commands/1","number":7,"result":"","step":"begun"}').number == 7
    for raw in (b"{}", b'{"format":"wardlens-commands/1","number":true,"result":"","step":"begun"}'):
        with pytest.raises(ValueError, match="memory"):
            parse_memory(raw)


def test_a_command_that_cannot_be_remembered_is_not_begun(device, site, upkeep, self_test, monkeypatch):
    site.command(device.device, CommandName.SELF_TEST)

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("firmware.upkeep.memory.durable.write", full)
    with pytest.raises(WorkFailed, match="No space left"):
        upkeep.call()
    assert self_test.runs == 0


def test_a_wipe_is_refused_while_pictures_wait_and_says_how_many(upkeep, device, site, waiting):
    site.command(device.device, CommandName.WIPE)
    upkeep.call()
    assert said(site, device) == [("wipe", "refused", "1 picture waits that the hospital has not got.")]
    assert not wipe_ordered(device.state)
    assert unsent(device.state) == 1


def test_a_vault_that_cannot_be_looked_into_is_not_wiped(upkeep, device, site, waiting, monkeypatch):
    def damaged(_state):
        raise VaultDamaged

    monkeypatch.setattr("firmware.upkeep.orders.unsent", damaged)
    site.command(device.device, CommandName.WIPE)
    upkeep.call()
    assert said(site, device)[0][:2] == ("wipe", "failed")
    assert not wipe_ordered(device.state)


def test_a_wipe_even_of_unsent_pictures_is_ordered(upkeep, device, site, waiting):
    site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    with pytest.raises(WipeBegins):
        upkeep.call()
    assert wipe_ordered(device.state)
    order = parse_order((device.state / "wipe-ordered.json").read_bytes())
    assert order.device == device.device
    assert order.command == signed(site, site.commands(device.device)[0].number)


def test_a_revoked_device_is_refused_all_but_its_wipe(upkeep, device, site):
    site.revoke(device.device)
    site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    with pytest.raises(WipeBegins):
        upkeep.call()


def test_a_renewal_that_is_refused_is_not_asked_for_again_at_once(settings, device, site, self_test, monkeypatch):
    now = device.certificate_until - timedelta(days=1)
    upkeep = Upkeep(settings, self_test, clock=lambda: now, chance=lambda: 0.9)
    asked = []

    def no(_call):
        asked.append(1)
        raise EnrolmentRefused(EnrolmentRefusal.TOO_MANY_REQUESTS)

    monkeypatch.setattr("provisioning.enrolment.renewal.SiteCall.renew", no)
    with pytest.raises(EnrolmentRefused):
        upkeep.call()
    upkeep.call()
    assert len(asked) == 1


def test_a_server_that_comes_back_is_found_again(settings, device, site, self_test, monkeypatch):
    monkeypatch.setattr("firmware.upkeep.pace.CALL_SECONDS", 0.1)
    monkeypatch.setattr("firmware.upkeep.pace.FIRST_SECONDS", 0.1)
    upkeep, stop = Upkeep(settings, self_test), threading.Event()
    facts = (device.state / "device.json").read_text()
    (device.state / "device.json").write_text(facts.replace(str(device.enrolment), "127.0.0.1:1"))
    site.command(device.device, CommandName.SELF_TEST)
    thread = threading.Thread(target=upkeep.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: upkeep.pace.missed >= 2)
        with serving_enrolment(site) as server:
            again = facts.replace(str(device.enrolment), f"127.0.0.1:{server.port}")
            (device.state / "device.json").write_text(again)
            wait_until(lambda: said(site, device)[0][1] == "done")
    finally:
        stop.set()
        thread.join(20)


def wait_until(so, seconds=30):
    waiting = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if so():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not happen in time")


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        (("phantom", "sealing"), "Its test of itself failed (phantom, sealing), so it takes no picture."),
        ((), "broker"),
    ],
)
def test_a_self_test_is_the_camera_services_and_then_what_the_sync_service_sees(settings, failed, sentence):
    with answering_self_tests(settings.state, lambda: failed):
        passed, said = whole_self_test(settings, threading.Event())()
    assert not passed
    assert sentence in said


def test_a_camera_service_that_does_not_answer_fails_the_command_in_words(settings, device, site, monkeypatch):
    monkeypatch.setattr("firmware.upkeep.running.ask_for_self_test", partial(ask_for_self_test, seconds=0.0))
    site.command(device.device, CommandName.SELF_TEST)
    Upkeep(settings, whole_self_test(settings, threading.Event())).call()
    ((_, outcome, sentence),) = said(site, device)
    assert outcome == "failed"
    assert sentence.startswith("Its camera service did not answer within")


def test_a_name_that_it_was_given_is_part_of_the_identity(device):
    StateLayout(device.state).label.write_text("Ward 9")
    assert DeviceIdentity.load(device.state).name == "Ward 9"


def test_the_upkeep_loads_nothing_of_the_hospitals():
    code = "import firmware.upkeep, firmware.device, sys; print({'uvicorn', 'sync.receiver', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
