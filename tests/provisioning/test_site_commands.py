"""Commands of a site: signed, for one device, once, in time; and what the device answers, signed too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from provisioning.clock import utc_now
from provisioning.commands import (
    EVEN_UNSENT,
    CommandName,
    Outcome,
    Result,
    sign_command,
    sign_result,
    verify_command,
    verify_result,
)
from provisioning.devices import DeviceState
from provisioning.enrolment import calling, pair, post_result, renew
from provisioning.errors import (
    CommandRefusal,
    CommandRefused,
    DeviceStateForbids,
    EnrolmentRefusal,
    EnrolmentRefused,
    NotAccepted,
    SiteNotProven,
)
from provisioning.keys import read_ec_key
from provisioning.site import Site


def believed(raw, device, /, *, last=0, now=None, **other):
    asked = {"site": device.site, "device": device.device, **other}
    return verify_command(raw, device.root, last=last, now=now or utc_now(), **asked)


def refusal(raw, device, /, **other):
    with pytest.raises(CommandRefused) as caught:
        believed(raw, device, **other)
    return caught.value.reason


@pytest.fixture
def raw(site, device):
    """A command as the device fetches it."""
    site.command(device.device, CommandName.SELF_TEST)
    with calling(device) as call:
        return call.command(0)


def answer(device, number, outcome=Outcome.DONE, /, **other):
    result = Result(device.site, device.device, number, outcome, "All is well.", utc_now())
    return sign_result(replace(result, **other), read_ec_key(device.identity_key))


def test_a_device_is_given_its_own_commands_in_order_and_each_once(device, site):
    first = site.command(device.device, CommandName.SELF_TEST)
    second = site.command(device.device, CommandName.RENEW)
    assert second.number > first.number
    with calling(device) as call:
        assert believed(call.command(0), device) == first
        assert believed(call.command(first.number), device) == second
        assert call.command(second.number) is None
        call.post(answer(device, first.number))
        assert believed(call.command(0), device) == second


def test_another_device_is_given_nothing_of_it(device, site, enrolment, tmp_path, approving):
    other = pair(site.invite(f"127.0.0.1:{enrolment.port}").line, tmp_path / "other", on_digits=approving)
    site.command(device.device, CommandName.WIPE)
    with calling(other) as call:
        assert call.command(0) is None


def test_a_command_for_another_device_or_site_does_nothing(raw, device):
    assert refusal(raw, device, device="wl-0000000000") is CommandRefusal.WRONG_DEVICE
    assert refusal(raw, device, site="south-hospital") is CommandRefusal.WRONG_SITE


def test_a_replayed_command_does_nothing(raw, device):
    command = believed(raw, device)
    assert refusal(raw, device, last=command.number) is CommandRefusal.REPEATED
    assert refusal(raw, device, last=command.number + 1) is CommandRefusal.REPEATED


def test_a_stale_command_and_one_from_the_future_do_nothing(raw, device):
    command = believed(raw, device)
    assert refusal(raw, device, now=command.expires + timedelta(seconds=1)) is CommandRefusal.EXPIRED
    assert refusal(raw, device, now=command.issued - timedelta(hours=2)) is CommandRefusal.NOT_YET_VALID


def test_a_forged_command_does_nothing(raw, device, site, tmp_path):
    command = believed(raw, device)
    other = Site.create(tmp_path / "other", site.id, "The same name and another root")
    for key in (other.keys.root_key, site.keys.issuer.key, read_ec_key(device.identity_key)):
        assert refusal(sign_command(command, key), device) is CommandRefusal.WRONG_ROOT
    assert refusal(raw.replace(b"self-test", b"wipe"), device) is CommandRefusal.WRONG_ROOT
    assert refusal(raw + b" ", device) is CommandRefusal.DAMAGED
    assert refusal(raw + b" " * 5000, device) is CommandRefusal.TOO_LARGE
    assert refusal(site.manifest_raw[:4000], device) is CommandRefusal.DAMAGED


def test_a_manifest_signature_signs_no_command(device, site):
    """Both are the root's; what is signed begins with what it is."""
    assert refusal(site.manifest_raw, device) in {CommandRefusal.DAMAGED, CommandRefusal.TOO_LARGE}


def test_the_site_knows_what_became_of_it_and_the_first_answer_stays(device, site):
    command = site.command(device.device, CommandName.SELF_TEST)
    assert site.waiting_commands()[device.device].number == command.number
    for outcome in (Outcome.FAILED, Outcome.DONE):
        with calling(device) as call:
            call.post(answer(device, command.number, outcome))
    (given,) = site.commands(device.device)
    assert (given.outcome, given.sentence) == ("failed", "All is well.")
    assert site.waiting_commands() == {}


def test_a_result_that_is_not_the_devices_is_refused(device, site, enrolment, tmp_path, approving):
    other = pair(site.invite(f"127.0.0.1:{enrolment.port}").line, tmp_path / "other", on_digits=approving)
    command = site.command(device.device, CommandName.WIPE)
    key = read_ec_key(other.identity_key)
    forged = sign_result(Result(site.id, device.device, command.number, Outcome.DONE, "Wiped.", utc_now()), key)
    for raw, reason in (
        (forged, EnrolmentRefusal.SIGNATURE_WRONG),
        (answer(device, command.number, device=other.device), EnrolmentRefusal.SIGNATURE_WRONG),
        (answer(device, command.number, site="south-hospital"), EnrolmentRefusal.SIGNATURE_WRONG),
        (b"{}", EnrolmentRefusal.SIGNATURE_WRONG),
        (answer(device, command.number + 1), EnrolmentRefusal.COMMAND_UNKNOWN),
    ):
        with pytest.raises(EnrolmentRefused) as caught:
            post_result(device.enrolment, device.root, device.device, raw)
        assert caught.value.reason is reason
    assert site.device(device.device).state is DeviceState.ACTIVE
    assert site.waiting_commands()[device.device].number == command.number


def test_a_wiped_device_is_shown_so_and_is_nobody_any_more(device, site):
    command = site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    post_result(device.enrolment, device.root, device.device, answer(device, command.number))
    assert site.device(device.device).state is DeviceState.WIPED
    assert site.denied() == (device.device,)
    assert site.status(device.device) == "revoked"
    with pytest.raises(EnrolmentRefused) as caught:
        renew(device.state)
    assert caught.value.reason is EnrolmentRefusal.DEVICE_WIPED
    with pytest.raises(DeviceStateForbids):
        site.command(device.device, CommandName.SELF_TEST)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.FAILED])
def test_a_wipe_that_was_not_done_leaves_the_device_as_it_was(device, site, outcome):
    command = site.command(device.device, CommandName.WIPE)
    with calling(device) as call:
        call.post(answer(device, command.number, outcome))
    assert site.device(device.device).state is DeviceState.ACTIVE


def test_a_revoked_device_is_still_told_to_wipe_itself(device, site):
    site.revoke(device.device)
    command = site.command(device.device, CommandName.WIPE, EVEN_UNSENT)
    with pytest.raises(DeviceStateForbids):
        site.command(device.device, CommandName.RENEW)
    with calling(device) as call:
        assert believed(call.command(0), device) == command
        call.post(answer(device, command.number))
    assert site.device(device.device).state is DeviceState.WIPED


def test_a_device_has_its_new_name_at_the_site_once_it_took_it(device, site):
    command = site.command(device.device, CommandName.RENAME, "Ward 9")
    assert site.device(device.device).name == device.name
    with calling(device) as call:
        call.post(answer(device, command.number))
    assert site.device(device.device).name == "Ward 9"


@pytest.mark.parametrize(
    ("name", "argument", "days"),
    [
        (CommandName.SELF_TEST, "now", None),
        (CommandName.WIPE, "all", None),
        (CommandName.RENAME, "", None),
        (CommandName.RENEW, "", 0),
        (CommandName.RENEW, "", 10**9),
    ],
)
def test_what_is_no_command_is_not_given(device, site, name, argument, days):
    with pytest.raises(NotAccepted):
        site.command(device.device, name, argument, days=days)
    assert site.commands(device.device) == ()


def test_numbers_grow_also_at_a_site_that_was_restored_from_its_backup(device, site):
    first = site.command(device.device, CommandName.SELF_TEST)
    with site.registry.writing() as rows:
        rows.execute("DELETE FROM command")
    site.clock = lambda: utc_now() + timedelta(seconds=5)
    assert site.command(device.device, CommandName.SELF_TEST).number > first.number


def test_what_expired_is_not_given_out(device, site, monkeypatch):
    site.command(device.device, CommandName.SELF_TEST)
    monkeypatch.setattr(site, "clock", lambda: utc_now() + timedelta(days=8))
    with calling(device) as call:
        assert call.command(0) is None
    assert site.waiting_commands() == {}


def test_a_server_of_another_root_is_told_nothing(device, site, tmp_path):
    other = Site.create(tmp_path / "other", "south-hospital", "South")
    with pytest.raises(SiteNotProven):
        post_result(device.enrolment, other.root, device.device, b"{}")


def test_a_result_says_what_it_is_of(device):
    raw = answer(device, 7)
    key = device.identity_chain[0].public_key()
    assert verify_result(raw, key, site=device.site, device=device.device).number == 7
    with pytest.raises(ValueError, match="sentence"):
        answer(device, 7, sentence="two\nlines")
