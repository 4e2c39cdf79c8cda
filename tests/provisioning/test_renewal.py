"""A paired device asks again: certificates made anew for the keys it has, and manifests that only go forward."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from capture.envelope import FileSigner
from provisioning.devices import DeviceState
from provisioning.enrolment import calling, is_due, pair, refresh, renew, serving_enrolment
from provisioning.errors import (
    DeviceStateForbids,
    EnrolmentRefusal,
    EnrolmentRefused,
    EnrolmentUnreachable,
    IdentityDamaged,
    ManifestRefusal,
    ManifestRefused,
    NotAccepted,
    NotPaired,
    SigningRequestMissing,
    SiteNotProven,
)
from provisioning.identity import DeviceIdentity, IdentityFollower, StateLayout
from provisioning.keys import make_leaf_key, write_key
from provisioning.requests import make_request, read_request
from provisioning.site import Site


def test_renewed_certificates_are_new_and_for_the_same_keys(device, site):
    renewed = renew(device.state)
    for old, new in ((device.identity_chain, renewed.identity_chain), (device.signing_chain, renewed.signing_chain)):
        assert new[0].serial_number != old[0].serial_number
        assert new[0].public_key() == old[0].public_key()
        assert new[0].subject == old[0].subject
    assert FileSigner(renewed.signing_key).public_key == renewed.signing_chain[0].public_key()
    assert renewed.device == device.device
    assert len(site.devices()) == 1


def test_renewal_is_due_after_two_thirds_of_a_certificates_life(device):
    until = device.certificate_until
    assert not is_due(device, until - timedelta(days=11))
    assert is_due(device, until - timedelta(days=9))
    assert is_due(device, until + timedelta(days=1))


def test_a_revoked_device_is_not_renewed_and_gets_no_manifest(device, site):
    site.revoke(device.device)
    for ask in (renew, refresh):
        with pytest.raises(EnrolmentRefused) as caught:
            ask(device.state)
        assert caught.value.reason is EnrolmentRefusal.DEVICE_REVOKED
    assert DeviceIdentity.load(device.state) == device


def test_another_devices_key_renews_nothing(device, site, tmp_path, enrolment):
    write_key(device.identity_key, make_leaf_key())
    with pytest.raises(EnrolmentRefused) as caught:
        renew(device.state)
    assert caught.value.reason is EnrolmentRefusal.DEVICE_UNKNOWN


def test_a_request_of_another_signing_key_renews_nothing(device, site):
    StateLayout(device.state).signing_request.write_bytes(make_request(make_leaf_key(), device.device))
    with pytest.raises(IdentityDamaged, match="another key"):
        renew(device.state)
    assert DeviceIdentity.load(device.state) == device


def test_a_renewal_does_not_touch_the_signing_key(device):
    device.signing_key.unlink()
    assert renew(device.state).signing_chain[0].serial_number != device.signing_chain[0].serial_number


def test_a_device_paired_before_there_was_a_request_makes_it_where_it_may(device):
    request = StateLayout(device.state).signing_request
    request.unlink()
    renew(device.state)
    assert read_request(request.read_bytes()) == (device.device, device.signing_chain[0].public_key())
    request.unlink()
    device.signing_key.unlink()
    with pytest.raises(SigningRequestMissing, match="wardlens device renew"):
        renew(device.state)


def test_a_manifest_that_is_known_is_not_sent_again(device, site):
    with calling(device) as call:
        assert not call.refresh()
        site.add_clinician("n-17", "Ada", "clinician", "4711")
        assert call.refresh()
    with calling(DeviceIdentity.load(device.state)) as call:
        assert not call.refresh()


def test_what_is_replaced_keeps_its_mode(device, site):
    layout = StateLayout(device.state)
    layout.manifest.chmod(0o640)
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    refresh(device.state)
    assert layout.manifest.stat().st_mode & 0o777 == 0o640


def away(site, device, monkeypatch, days):
    """The site's clock, so many days after the end of the device's certificate."""
    monkeypatch.setattr(site, "clock", lambda: device.certificate_until + timedelta(days=days))


def test_a_device_that_was_in_a_drawer_comes_back_by_itself(device, site, monkeypatch):
    away(site, device, monkeypatch, 60)
    assert renew(device.state).certificate_until > device.certificate_until + timedelta(days=60)


def test_a_device_that_was_away_too_long_comes_back_when_it_is_readmitted(device, site, monkeypatch):
    away(site, device, monkeypatch, 91)
    for ask in (renew, refresh):
        with pytest.raises(EnrolmentRefused, match="readmit") as caught:
            ask(device.state)
        assert caught.value.reason is EnrolmentRefusal.DEVICE_AWAY_TOO_LONG
    site.readmit(device.device)
    assert renew(device.state).certificate_until > device.certificate_until


def test_how_long_a_device_may_be_away_is_the_sites_to_say(device, site, monkeypatch):
    site.set_return_days(0)
    away(site, device, monkeypatch, 1)
    with pytest.raises(EnrolmentRefused):
        renew(device.state)
    site.set_return_days(2)
    renew(device.state)
    with pytest.raises(NotAccepted):
        site.set_return_days(-1)


def test_a_revoked_device_is_not_readmitted(device, site):
    site.revoke(device.device)
    with pytest.raises(DeviceStateForbids):
        site.readmit(device.device)


def test_a_site_of_an_older_wardlens_is_brought_up_and_its_devices_go_on(device, site):
    with site.registry.writing() as rows:
        rows.execute("DROP TABLE record")
        rows.execute("DROP TABLE command")
        rows.execute("ALTER TABLE device DROP COLUMN readmitted_at")
        rows.execute("PRAGMA user_version = 1")
    again = Site.load(site.folder)
    assert again.devices()[0].state is DeviceState.ACTIVE
    assert again.commands(device.device) == ()
    assert again.record() == ()
    assert renew(device.state).device == device.device


def test_a_refreshed_manifest_brings_the_roster_and_the_new_sealing_key(device, site):
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    key = site.rotate_sealing_key()
    fresh = refresh(device.state)
    assert [clinician.badge for clinician in fresh.roster] == ["n-17"]
    assert [sealing.key_id for sealing in fresh.sealing_keys] == [key]
    assert fresh.manifest.version == site.manifest_version > device.manifest.version


def test_what_a_site_changes_after_it_was_restored_from_its_backup_reaches_devices_that_know_what_was_lost(
    device, site, tmp_path
):
    backup = shutil.copytree(site.folder, tmp_path / "backup")
    lost = site.rotate_sealing_key()
    assert [key.key_id for key in refresh(device.state).sealing_keys] == [lost]
    shutil.rmtree(site.folder)
    shutil.copytree(backup, site.folder)
    restored = Site.load(site.folder, clock=lambda: datetime.now(UTC) + timedelta(minutes=30))
    assert lost not in {key.key_id for key in restored.opening_keys()}
    fresh = restored.rotate_sealing_key()
    assert [key.key_id for key in refresh(device.state).sealing_keys] == [fresh]


def test_an_older_manifest_never_replaces_a_newer_one(device, site, tmp_path):
    old = site.manifest_raw
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    newer = refresh(device.state)
    with site.registry.writing() as rows:
        rows.execute("UPDATE setting SET value = ? WHERE name = 'manifest'", (old.decode(),))
        rows.execute("UPDATE setting SET value = '1' WHERE name = 'manifest_version'")
    with pytest.raises(ManifestRefused) as caught:
        refresh(device.state)
    assert caught.value.reason is ManifestRefusal.ROLLED_BACK
    assert DeviceIdentity.load(device.state) == newer


def test_an_expired_manifest_is_refused_and_the_known_one_stays(device, site):
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    with pytest.raises(ManifestRefused) as caught:
        refresh(device.state, clock=lambda: datetime.now(UTC) + timedelta(days=500))
    assert caught.value.reason is ManifestRefusal.EXPIRED
    assert DeviceIdentity.load(device.state) == device


def test_a_server_of_another_root_renews_nothing(device, tmp_path):
    other = Site.create(tmp_path / "other", "north-hospital", "North Hospital")
    facts = (device.state / "device.json").read_text()
    with serving_enrolment(other) as server:
        (device.state / "device.json").write_text(facts.replace(str(device.enrolment), f"127.0.0.1:{server.port}"))
        for ask in (renew, refresh):
            with pytest.raises(SiteNotProven):
                ask(device.state)


def test_an_unpaired_device_and_one_without_its_keys_are_sentences(device, tmp_path):
    with pytest.raises(NotPaired):
        renew(tmp_path / "empty")
    device.identity_key.write_text("not a key")
    with pytest.raises(IdentityDamaged, match="pair it again"):
        renew(device.state)


def test_a_server_that_is_gone_is_a_sentence_and_nothing_changes(site, tmp_path, approving):
    with serving_enrolment(site) as server:
        device = pair(site.invite(f"127.0.0.1:{server.port}").line, tmp_path / "state", on_digits=approving)
    with pytest.raises(EnrolmentUnreachable):
        renew(device.state)
    assert DeviceIdentity.load(device.state) == device


def test_who_follows_an_identity_sees_each_change_and_verifies_only_then(device, site):
    now = IdentityFollower(device.state)
    first = now()
    assert first == device
    assert now() is first
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    refresh(device.state)
    assert now().manifest.version == site.manifest_version > device.manifest.version
    renewed = renew(device.state)
    assert now() == renewed


def test_who_follows_an_identity_that_is_altered_or_gone_is_told(device):
    now, layout = IdentityFollower(device.state), StateLayout(device.state)
    now()
    layout.manifest.write_bytes(layout.manifest.read_bytes() + b" ")
    with pytest.raises(IdentityDamaged):
        now()
    layout.manifest.unlink()
    with pytest.raises(IdentityDamaged):
        now()
    layout.facts.unlink()
    with pytest.raises(NotPaired):
        now()
