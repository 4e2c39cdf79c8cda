"""A new issuing CA under the same root: devices follow by themselves, and what was issued before stays good."""

from __future__ import annotations

import shutil

import pytest

from capture.envelope import verify_envelope
from provisioning import durable
from provisioning.enrolment import calling, pair, renew
from provisioning.errors import SiteNotProven
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from tests.sealing import sealed_by


def test_a_device_gets_its_next_certificates_from_the_new_ca(device, site):
    old = site.keys.issuing
    site.rotate_issuing()
    assert site.keys.issuing != old
    with calling(device) as call:
        assert call.refresh()
        call.renew()
    renewed = DeviceIdentity.load(device.state)
    assert renewed.identity_chain[1] == renewed.signing_chain[1] == site.keys.issuing
    assert renewed.manifest.authorities == (site.keys.issuing, old)


def test_a_device_that_does_not_know_the_new_ca_yet_takes_nothing_of_it(device, site):
    site.rotate_issuing()
    with pytest.raises(SiteNotProven):
        renew(device.state)
    assert DeviceIdentity.load(device.state) == device


def test_what_was_signed_before_and_after_a_rotation_is_a_record(device, site):
    before = sealed_by(device)
    site.rotate_issuing()
    with calling(device) as call:
        call.refresh()
        call.renew()
    after = sealed_by(DeviceIdentity.load(device.state))
    for envelope in (before, after):
        verify_envelope(envelope, site=site.id, authorities=site.authorities())


def test_a_device_is_paired_after_many_rotations(site, enrolment, tmp_path, approving):
    for _ in range(9):
        site.rotate_issuing()
    device = pair(site.invite(f"127.0.0.1:{enrolment.port}").line, tmp_path / "state", on_digits=approving)
    assert device.identity_chain[1] == site.keys.issuing
    assert len(device.manifest.authorities) == 10


def test_a_rotation_that_is_cut_short_leaves_a_ca_that_issues(device, site, tmp_path, monkeypatch):
    """The power goes between the new CA's key, its certificate and the manifest: each state is a whole one."""
    untouched = site.folder.with_name("untouched")
    shutil.copytree(site.folder, untouched)
    for survives in range(3):
        shutil.rmtree(site.folder)
        shutil.copytree(untouched, site.folder)
        with monkeypatch.context() as patched:
            left = iter(range(survives))
            real = durable.write

            def until_cut(path, data, left=left, real=real, **options):
                if next(left, None) is None:
                    raise OSError(5, "Input/output error")
                real(path, data, **options)

            patched.setattr(durable, "write", until_cut)
            with pytest.raises(OSError, match="Input/output"):
                site.rotate_issuing()
        again = Site.load(site.folder)
        assert again.manifest.authorities == again.keys.authorities
        with calling(DeviceIdentity.load(device.state)) as call:
            call.refresh()
            call.renew()
