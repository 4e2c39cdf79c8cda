"""Who decided what at the desk stands in the site's record, with what was decided, or neither does."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from provisioning.commands import CommandName
from provisioning.devices import DeviceState
from provisioning.enrolment import pair
from provisioning.errors import DigitsDiffer, NotAccepted
from provisioning.site import Site
from provisioning.site_record import Recorded
from provisioning.terms import BrokerAddress


def lines(site, about=""):
    """What was decided, the oldest first."""
    return [(one.by, one.what, one.about, one.said) for one in reversed(site.record(about))]


def test_all_that_somebody_decides_is_on_record_with_who_it_was(device, site, tmp_path):
    before = len(site.record())
    desk = Site.load(site.folder, by="it-dana")
    desk.add_clinician("n-17", "Ada", "clinician", "4711")
    desk.remove_clinician("n-17")
    desk.add_receiver("second")
    desk.set_broker(BrokerAddress("broker.example", 8883))
    key, serial = desk.rotate_sealing_key(), desk.rotate_issuing()
    glass = desk.make_break_glass(tmp_path / "glass.pem")
    desk.set_return_days(30)
    desk.readmit(device.device)
    desk.command(device.device, CommandName.RENAME, "Ward 9")
    desk.revoke(device.device)
    desk.revoke(device.device)  # changes nothing
    assert lines(site)[before:] == [
        ("it-dana", Recorded.CLINICIAN_ADDED, "n-17", "clinician"),
        ("it-dana", Recorded.CLINICIAN_REMOVED, "n-17", ""),
        ("it-dana", Recorded.RECEIVER_ADDED, "second", ""),
        ("it-dana", Recorded.BROKER_SET, "broker.example:8883", ""),
        ("it-dana", Recorded.KEY_IN_FORCE, key, "site"),
        ("it-dana", Recorded.ISSUING_IN_FORCE, serial, ""),
        ("it-dana", Recorded.KEY_IN_FORCE, glass, "break-glass"),
        ("it-dana", Recorded.RETURN_DAYS_SET, "30", ""),
        ("it-dana", Recorded.READMITTED, device.device, ""),
        ("it-dana", Recorded.TOLD, device.device, "rename Ward 9"),
        ("it-dana", Recorded.REVOKED, device.device, ""),
    ]
    assert [what for _, what, _, _ in lines(site, device.device)][-3:] == [
        Recorded.READMITTED, Recorded.TOLD, Recorded.REVOKED,
    ]  # fmt: skip


def test_who_confirmed_a_device_is_on_record_and_how_often_the_digits_were_others(site, enrolment, tmp_path):
    desk = Site.load(site.folder, by="it-dana")
    invitation = desk.invite(f"127.0.0.1:{enrolment.port}")

    def compare(digits):
        (waiting,) = desk.pending()
        with pytest.raises(DigitsDiffer):
            desk.approve(waiting.id, "000000" if digits != "000000" else "111111")
        desk.approve(waiting.id, digits)

    paired = pair(invitation.line, tmp_path / "state", on_digits=compare)
    assert lines(desk)[-3:] == [
        ("it-dana", Recorded.INVITED, invitation.id, "15 minutes"),
        ("it-dana", Recorded.DIGITS_DIFFERED, paired.device, ""),
        ("it-dana", Recorded.APPROVED, paired.device, ""),
    ]
    assert desk.device(paired.device).state is DeviceState.ACTIVE


def test_what_did_not_happen_is_not_on_record(site):
    before = site.record()
    for refused in (lambda: site.remove_clinician("nobody"), lambda: site.add_receiver("main")):
        with pytest.raises(NotAccepted):
            refused()
    assert site.record() == before


@pytest.mark.parametrize("change", ["DELETE FROM record", "UPDATE record SET by = 'nobody'"])
def test_nothing_is_taken_out_of_the_record(site, change):
    site.set_return_days(30)
    connection = sqlite3.connect(site.layout.registry)
    with pytest.raises(sqlite3.IntegrityError, match="what is on record stays"):
        connection.execute(change)
    connection.close()


def test_it_reads_the_record_by_a_command_that_names_its_own_account(site, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "it-dana")
    command = [sys.executable, "-m", "firmware", "site"]
    subprocess.run([*command, "return-days", "30", "--site", str(site.folder)], check=True, capture_output=True)
    told = subprocess.run(
        [*command, "log", "30", "--site", str(site.folder), "--json"], check=True, capture_output=True, text=True
    )
    (row,) = json.loads(told.stdout)
    assert (row["by"], row["what"], row["about"]) == ("it-dana", "return-days-set", "30")
