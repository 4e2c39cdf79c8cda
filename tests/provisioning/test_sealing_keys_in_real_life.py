"""Keys that rotate while envelopes are on their way, and the key that opens when the site is gone."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from capture.canonical import to_canonical
from capture.envelope import Body, parse_envelope, verify_envelope
from capture.identifiers import CaptureId
from provisioning.break_glass import read_break_glass
from provisioning.enrolment import pair
from provisioning.enrolment.renewal import refresh
from provisioning.errors import NotAccepted, StorageRefused
from provisioning.terms import SealingUse
from sync.receiver import NotOpenable, open_envelope
from tests.sealing import sealed_by

JPEG = b"\xff\xd8\xff\xd9"


def taken(device, number=1):
    """A capture as a paired device seals it now."""
    capture = CaptureId(f"{number:032x}")
    manifest = {
        "capture": capture,
        "site": device.site,
        "counter": number,
        "device": {"id": device.device},
        "image": {"sha256": hashlib.sha256(JPEG).hexdigest()},
    }
    return parse_envelope(sealed_by(device, Body(to_canonical(manifest), JPEG), number=number, counter=number).raw)


def opened(envelope, site, keys):
    verify_envelope(envelope, site=site.id, authorities=site.authorities())
    return open_envelope(envelope, keys).jpeg


def recipients(envelope):
    return [recipient.key_id for recipient in envelope.header.recipients]


def test_a_rotation_has_no_gap(device, site, enrolment, tmp_path, approving):
    before = taken(device, 1)
    (old,) = site.opening_keys()
    new = site.rotate_sealing_key()
    # A device that has not heard of it seals to the old key, and that opens still, as what was sealed before does.
    between = taken(device, 2)
    assert recipients(before) == recipients(between) == [old.key_id]
    # One that asks for the manifest, and one that is paired now, seal to the new key alone.
    after = taken(refresh(device.state), 3)
    line = site.invite(f"127.0.0.1:{enrolment.port}").line
    newcomer = taken(pair(line, tmp_path / "newcomer", on_digits=approving), 4)
    assert recipients(after) == recipients(newcomer) == [new]
    for envelope in (before, between, after, newcomer):
        assert opened(envelope, site, site.opening_keys()) == JPEG
    with pytest.raises(NotOpenable):
        open_envelope(after, [old])


def test_keys_rotate_any_number_of_times_and_all_open(device, site):
    envelopes = [taken(device, 1)]
    for number in range(2, 6):
        site.rotate_sealing_key()
        envelopes.append(taken(refresh_from(site, device), number))
    assert len({key for envelope in envelopes for key in recipients(envelope)}) == 5
    assert [opened(envelope, site, site.opening_keys()) for envelope in envelopes] == [JPEG] * 5


def refresh_from(site, device):
    """The device with the site's newest manifest, as a refresh leaves it."""
    (device.state / "site-manifest.json").write_bytes(site.manifest_raw)
    return type(device).load(device.state)


def test_what_is_sealed_with_a_break_glass_key_opens_without_the_site(device, site, tmp_path):
    key = site.make_break_glass(tmp_path / "key.json")
    envelope = taken(refresh_from(site, device))
    assert recipients(envelope) == [site.opening_keys()[0].key_id, key]
    assert opened(envelope, site, site.opening_keys()) == JPEG
    shutil.rmtree(site.folder)
    kept = read_break_glass(tmp_path / "key.json")
    verify_envelope(envelope, site=kept.site, authorities=kept.authorities)
    assert open_envelope(envelope, [kept.key]).jpeg == JPEG


def test_the_site_does_not_have_its_break_glass_key(device, site, tmp_path):
    out = tmp_path / "key.json"
    key = site.make_break_glass(out)
    private = json.loads(out.read_bytes())["private"]
    assert key not in {opening.key_id for opening in site.opening_keys()}
    assert all(private.encode() not in path.read_bytes() for path in site.folder.rglob("*") if path.is_file())
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_break_glass_key_survives_a_rotation_and_is_replaced_by_the_next(site, tmp_path):
    first = site.make_break_glass(tmp_path / "1.json")
    site.rotate_sealing_key()
    assert [(term.key_id, term.use) for term in site.manifest.sealing][1:] == [(first, SealingUse.BREAK_GLASS)]
    second = site.make_break_glass(tmp_path / "2.json")
    assert [term.key_id for term in site.manifest.sealing][1:] == [second]
    assert read_break_glass(tmp_path / "1.json").key.key_id == first


def test_a_break_glass_key_that_would_be_lost_with_the_site_or_cannot_be_written_is_not_made(site, tmp_path):
    before = site.manifest_raw
    with pytest.raises(NotAccepted, match="elsewhere"):
        site.make_break_glass(site.folder / "keys" / "key.json")
    (tmp_path / "there").write_text("x")
    with pytest.raises(NotAccepted, match="already"):
        site.make_break_glass(tmp_path / "there")
    with pytest.raises(StorageRefused):
        site.make_break_glass(tmp_path / "nowhere" / "key.json")
    assert site.manifest_raw == before


def test_a_change_that_fails_leaves_no_key_file(site, tmp_path, monkeypatch):
    monkeypatch.setattr("provisioning.rows.add_key", lambda *_, **__: (_ for _ in ()).throw(StorageRefused))
    with pytest.raises(StorageRefused):
        site.make_break_glass(tmp_path / "key.json")
    assert not (tmp_path / "key.json").exists()
    assert len(site.manifest.sealing) == 1


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"id": "0" * 64}, {"private": "AAAA"}, {"authorities": ["AAAA"]}, {"site": "A B"}, {"more": 1}],
    ids=lambda change: next(iter(change)),
)
def test_a_file_that_is_no_break_glass_key_is_said_to_be_none(change, site, tmp_path):
    path = tmp_path / "key.json"
    site.make_break_glass(path)
    path.write_bytes(to_canonical(json.loads(path.read_bytes()) | change))
    with pytest.raises(NotAccepted, match="not a break-glass key"):
        read_break_glass(path)
