"""A paired device in its other room: what it seals is its own, and only with the key that is for sealing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capture.envelope import (
    Body,
    EnvelopeRefused,
    FileSigner,
    Refusal,
    SealingContext,
    parse_envelope,
    seal,
    verify_envelope,
)
from capture.identifiers import CaptureId
from provisioning.certificates import to_der
from provisioning.site import Site


def sealed(device, key, chain):
    context = SealingContext(
        capture=CaptureId("0" * 32),
        device=device.device,
        site=device.site,
        counter=1,
        recipients=device.sealing_keys,
        signer=FileSigner(key),
        certificates=tuple(to_der(certificate) for certificate in chain),
    )
    return parse_envelope(seal(Body(b"{}", b"picture"), context).raw)


def test_an_envelope_of_a_paired_device_is_the_sites_own(device, site):
    envelope = sealed(device, device.signing_key, device.signing_chain)
    verify_envelope(envelope, site=site.id, authorities=site.authorities())
    assert {recipient.key_id for recipient in envelope.header.recipients} == {key.key_id for key in site.opening_keys()}


def test_the_key_that_meets_the_network_seals_nothing(device, site):
    envelope = sealed(device, device.identity_key, device.identity_chain)
    with pytest.raises(EnvelopeRefused) as caught:
        verify_envelope(envelope, site=site.id, authorities=site.authorities())
    assert caught.value.reason is Refusal.CERTIFICATE


def test_another_site_of_the_same_name_does_not_take_it(device, site, tmp_path):
    other = Site.create(tmp_path / "other", site.id, "The same name")
    with pytest.raises(EnvelopeRefused) as caught:
        verify_envelope(
            sealed(device, device.signing_key, device.signing_chain), site=other.id, authorities=other.authorities()
        )
    assert caught.value.reason is Refusal.AUTHORITY


def test_an_identity_is_read_without_pictures_models_or_servers():
    program = (
        "import sys, provisioning.identity\n"
        "heavy = {'cv2', 'numpy', 'onnxruntime', 'starlette', 'fastapi', 'uvicorn', 'httpx', 'paho', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
