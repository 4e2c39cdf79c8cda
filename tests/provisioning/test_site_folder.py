"""A site's folder: whole or not there, private or not opened, and what IT changes in it."""

from __future__ import annotations

import os
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning import registry, site_creation
from provisioning.certificates import hosts_of
from provisioning.clock import seconds
from provisioning.devices import DeviceState
from provisioning.errors import (
    ManifestRefused,
    NotAccepted,
    SiteBusy,
    SiteDamaged,
    SiteExists,
    SiteMissing,
    SiteUnsafe,
    StorageRefused,
    UnknownDevice,
)
from provisioning.invitation import parse_invitation
from provisioning.keys import make_authority_key
from provisioning.site import Site
from provisioning.terms import BrokerAddress, Protocol


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_private_file_is_readable_by_its_owner_only(site):
    public = {site.layout.facts, *files(site.layout.certificates)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(site.folder) if path not in public} == {0o600}
    folders = [site.folder, *(path for path in site.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_lax_umask_changes_nothing(tmp_path):
    before = os.umask(0)
    try:
        created = Site.create(tmp_path / "a site? #1%20", "lax", "Lax")
    finally:
        os.umask(before)
    assert Site.load(created.folder).id == "lax"


def test_a_loaded_site_is_the_created_one(site):
    loaded = Site.load(site.folder)
    assert (loaded.id, loaded.name, loaded.root_hash) == (site.id, "North Hospital", site.root_hash)
    assert loaded.manifest_raw == site.manifest_raw == site.layout.manifest.read_bytes()


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_is_at_the_place_already_is_left_alone(tmp_path, there):
    place = tmp_path / "site"
    {
        "folder": place.mkdir,
        "file": lambda: place.write_text("mine"),
        "link": lambda: place.symlink_to(tmp_path / "nowhere"),
    }[there]()
    with pytest.raises(SiteExists, match="another folder"):
        Site.create(place, "north", "North")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize(
    ("site", "name", "hosts", "receivers"),
    [
        ("North", "North", ["localhost"], ["main"]),
        ("north", "", ["localhost"], ["main"]),
        ("north", "North", [], ["main"]),
        ("north", "North", ["no host"], ["main"]),
        ("north", "North", ["localhost"], ["a.b"]),
        ("north", "North", ["localhost"], ["a", "a"]),
    ],
)
def test_a_value_that_is_not_legal_makes_no_site(tmp_path, site, name, hosts, receivers):
    with pytest.raises(NotAccepted):
        Site.create(tmp_path / "site", site, name, hosts=hosts, receivers=receivers, broker=BrokerAddress())
    assert not list(tmp_path.iterdir())


def test_a_creation_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_creation.durable, "sync_folder", refuse)
    with pytest.raises(StorageRefused, match="No space left"):
        Site.create(tmp_path / "site", "north", "North")
    assert not list(tmp_path.iterdir())


def test_a_site_in_a_missing_folder_says_so(tmp_path):
    with pytest.raises(StorageRefused, match="No such file"):
        Site.create(tmp_path / "no" / "site", "north", "North")


def test_no_site_is_a_sentence_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(SiteMissing, match="wardlens site init"):
        Site.load(tmp_path)


def every_private_path(site: Site) -> list[Path]:
    return [site.folder, site.layout.registry, site.layout.keys, *site.layout.keys.rglob("*")]


def test_a_site_that_others_can_read_is_not_opened(site):
    for path in every_private_path(site):
        mode = stat.S_IMODE(path.stat().st_mode)
        for wider in (0o040, 0o004, 0o020):
            path.chmod(mode | wider)
            with pytest.raises(SiteUnsafe, match="chmod"):
                Site.load(site.folder)
        path.chmod(mode)
    assert Site.load(site.folder)


def test_a_key_that_is_a_link_is_not_followed(site, tmp_path):
    key = site.layout.key("root")
    key.rename(tmp_path / "elsewhere.pem")
    key.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(SiteUnsafe):
        Site.load(site.folder)


def test_a_damaged_registry_is_a_sentence_and_not_a_traceback(site):
    data = site.layout.registry.read_bytes()
    site.layout.registry.write_bytes(data[:100] + bytes(len(data) - 100))
    with pytest.raises(SiteDamaged, match="backup"):
        Site.load(site.folder)


def test_a_registry_that_another_program_changes_right_now_is_busy_and_not_damaged(site, monkeypatch):
    monkeypatch.setattr(registry, "BUSY_SECONDS", 0.01)
    with site.registry.writing(), pytest.raises(SiteBusy, match="in a moment"):
        site.add_receiver("second")
    assert site.manifest.receivers == ("main",)


def test_a_disk_that_is_full_is_said_to_be_full_and_the_change_is_not_made(site):
    before = site.manifest_raw

    def write_much() -> None:
        with site.registry.writing() as rows:
            rows.execute("PRAGMA max_page_count = 1")
            rows.execute("INSERT INTO setting (name, value) VALUES ('large', ?)", ("x" * 500_000,))

    with pytest.raises(StorageRefused, match="disk has space"):
        write_much()
    assert Site.load(site.folder).manifest_raw == before


def test_a_registry_of_another_version_is_not_opened(site):
    with sqlite3.connect(site.layout.registry) as rows:
        rows.execute("PRAGMA user_version = 99")
    rows.close()
    with pytest.raises(SiteDamaged, match="another version"):
        Site.load(site.folder)


def test_damaged_facts_and_keys_are_sentences(site):
    signing = site.receipt_signer().key_id
    (site.layout.receipt / f"{signing}.pem").write_text("not a key")
    with pytest.raises(SiteDamaged):
        site.receipt_signer()
    next(site.layout.sealing.glob("*.json")).write_text("{}")
    with pytest.raises(SiteDamaged, match="opening key"):
        site.opening_keys()
    site.layout.facts.write_text("{}")
    with pytest.raises(SiteDamaged):
        Site.load(site.folder)


def test_the_manifest_beside_the_registry_is_mended_at_the_next_start(site):
    site.layout.manifest.unlink()
    assert Site.load(site.folder).layout.manifest.read_bytes() == site.manifest_raw
    site.layout.manifest.write_bytes(b"half")
    assert Site.load(site.folder).layout.manifest.read_bytes() == site.manifest_raw


def test_every_change_that_devices_must_hear_of_is_a_greater_version(site):
    versions = [site.manifest.version]
    site.add_clinician("n-1", "Ada", "clinician", "1234")
    versions.append(site.manifest.version)
    site.add_clinician("n-1", "Ada B", "ward-lead", "123456")
    versions.append(site.manifest.version)
    site.remove_clinician("n-1")
    versions.append(site.manifest.version)
    site.set_broker(BrokerAddress("mqtt.north.example", 8884, Protocol.MQTT_5))
    versions.append(site.manifest.version)
    site.rotate_sealing_key()
    versions.append(site.manifest.version)
    site.add_receiver("second")
    versions.append(site.manifest.version)
    assert versions == sorted(set(versions))
    assert site.manifest.broker == BrokerAddress("mqtt.north.example", 8884, Protocol.MQTT_5)
    assert site.manifest.receivers == ("main", "second")


def test_a_version_is_the_time_of_the_change_or_one_more_than_the_last(tmp_path):
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    site = Site.create(tmp_path / "site", "north", "North", clock=lambda: begun)
    assert site.manifest_version == seconds(begun)
    for at, version in ((0, 1), (0, 2), (-3600, 3), (90, 90)):
        late = Site.load(site.folder, clock=lambda at=at: begun + timedelta(seconds=at))
        late.add_clinician("n-1", "Ada", "clinician", "1234")
        assert late.manifest.version == seconds(begun) + version


def test_a_change_that_fails_changes_neither_roster_nor_manifest(site):
    before = site.manifest_raw
    with pytest.raises(NotAccepted, match="badge"):
        site.remove_clinician("nobody")
    with pytest.raises(NotAccepted, match="PIN"):
        site.add_clinician("n-1", "Ada", "clinician", "12")
    with pytest.raises(NotAccepted, match="Role"):
        site.add_clinician("n-1", "Ada", "surgeon general", "1234")
    with pytest.raises(NotAccepted, match="already"):
        site.add_receiver("main")
    with pytest.raises(NotAccepted, match="receiver"):
        site.add_receiver("a.b")
    assert site.manifest_raw == before
    assert site.roster() == ()


def test_a_name_full_of_brackets_and_quotes_is_a_name(site):
    site.add_clinician("n-1", '[[[[[[[[[[{{{{{{{{{{"\\é北', "clinician", "1234")
    assert Site.load(site.folder).manifest.roster[0].name == '[[[[[[[[[[{{{{{{{{{{"\\é北'


def test_a_change_that_devices_would_refuse_is_not_made(site, tmp_path):
    before = site.manifest_raw
    site.keys._write("root", make_authority_key(), site.root)
    with pytest.raises(ManifestRefused):
        site.add_clinician("n-1", "Ada", "clinician", "1234")
    assert (site.manifest_raw, site.roster()) == (before, ())


def test_a_rotated_sealing_key_is_used_no_more_and_opens_still(site):
    (old,) = site.opening_keys()
    new = site.rotate_sealing_key()
    assert [term.key_id for term in site.manifest.sealing] == [new]
    assert {key.key_id for key in site.opening_keys()} == {old.key_id, new}


def test_the_receipt_signer_is_one_of_the_manifests_receipt_keys(site):
    signer = site.receipt_signer()
    assert site.manifest.receipt_keys[signer.key_id].public_bytes_raw() == signer.public_key.public_bytes_raw()
    site.manifest.receipt_keys[signer.key_id].verify(signer.sign(b"receipt"), b"receipt")


def test_an_invitation_to_a_new_host_gives_the_server_a_certificate_for_it(site):
    site.invite("10.9.8.7:8443")
    assert hosts_of(site.keys.chain("enrolment")[0]) == ("localhost", "127.0.0.1", "10.9.8.7")
    assert hosts_of(site.keys.chain("broker")[0]) == ("localhost", "127.0.0.1")


def test_an_invitation_pins_this_sites_root_and_sealing_key(site):
    read = parse_invitation(site.invite("localhost:8443", minutes=5).line)
    assert (read.site, read.root_hash, read.sealing_hash) == (site.id, site.root_hash, site.manifest.sealing[0].hash)
    assert read.minutes == 5


def test_the_secret_of_an_invitation_that_ran_out_is_forgotten(tmp_path):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    site = Site.create(tmp_path / "site", "north", "North", clock=lambda: now)
    old = site.invite("localhost:1", minutes=5)
    later = Site.load(site.folder, clock=lambda: now + timedelta(hours=1))
    later.invite("localhost:1")
    with later.registry.reading() as rows:
        assert rows.execute("SELECT secret FROM invitation WHERE id = ?", (old.id,)).fetchone()[0] is None


def test_a_device_that_the_site_never_saw_is_unknown(site):
    assert site.status("wl-0000000000") == "unknown"
    for act in (site.revoke, site.refuse, lambda device: site.approve(device, "000000")):
        with pytest.raises(UnknownDevice):
            act("wl-0000000000")
    assert site.devices() == ()
    assert DeviceState.WAITING.value == "waiting"


def test_a_site_in_which_nothing_changes_still_pairs_devices_after_a_year(site):
    issued, version = site.manifest.issued, site.manifest_version
    assert Site.load(site.folder, clock=lambda: issued + timedelta(days=200)).manifest_version == version
    aged = Site.load(site.folder, clock=lambda: issued + timedelta(days=250))
    assert aged.manifest_version > version
    assert not aged.manifest.expired(issued + timedelta(days=600))


def test_the_receivers_certificates_are_renewed_too(site):
    before = site.keys.chain("receiver.main")[0]
    assert site.renew_receivers() == ("main",)
    after = site.keys.chain("receiver.main")[0]
    assert after.serial_number != before.serial_number
    assert after.subject == before.subject
