"""The published vectors hold here. That they are what their script makes is `tests/vectors`'s own test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509

from capture.canonical import from_base64
from capture.envelope import EnvelopeRefused, SealingKey, certificate_subjects, parse_envelope, verify_envelope
from capture.identifiers import SiteId
from sync.receiver.opening import NotOpenable, OpeningKey, open_envelope

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "envelope.json").read_text())
SITE = SiteId(VECTORS["site"])
AUTHORITIES = [x509.load_der_x509_certificate(from_base64(der)) for der in VECTORS["authorities"]]
KEYS = [OpeningKey.from_bytes(bytes.fromhex(key["opening_key"])) for key in VECTORS["keys"].values()]


def by_name(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("key", list(VECTORS["keys"].values()), ids=list(VECTORS["keys"]))
def test_an_opening_key_has_the_documented_sealing_key_and_id(key):
    opening = OpeningKey.from_bytes(bytes.fromhex(key["opening_key"]))
    assert opening.public == SealingKey.from_bytes(from_base64(key["sealing_key"]))
    assert opening.key_id == opening.public.key_id == key["key_id"]


@pytest.mark.parametrize("case", by_name(VECTORS["accepted"]))
@pytest.mark.parametrize("key", KEYS, ids=list(VECTORS["keys"]))
def test_an_accepted_vector_is_parsed_verified_and_opened_by_each_recipient(case, key):
    envelope = parse_envelope(from_base64(case["envelope"]))
    verify_envelope(envelope, site=SITE, authorities=AUTHORITIES)
    assert envelope.digest == case["digest"]
    assert envelope.header.to_bytes().decode() == case["header"]
    if key.key_id not in {recipient.key_id for recipient in envelope.header.recipients}:
        with pytest.raises(NotOpenable):
            open_envelope(envelope, [key])
        return
    opened = open_envelope(envelope, [key])
    assert opened.manifest == case["manifest"]
    assert opened.jpeg.hex() == case["jpeg"]


@pytest.mark.parametrize("case", by_name(VECTORS["refused"]))
def test_a_refused_vector_is_refused_at_its_step_for_its_reason(case):
    raw = from_base64(case["envelope"])
    if case["step"] == "parse":
        with pytest.raises(EnvelopeRefused) as refused:
            parse_envelope(raw)
        assert refused.value.reason == case["reason"]
        assert refused.value.sentence.endswith(".")
        return
    envelope = parse_envelope(raw)
    if case["step"] == "verify":
        with pytest.raises(EnvelopeRefused) as refused:
            verify_envelope(envelope, site=SITE, authorities=AUTHORITIES)
        assert refused.value.reason == case["reason"]
        return
    verify_envelope(envelope, site=SITE, authorities=AUTHORITIES)
    with pytest.raises(NotOpenable) as unopened:
        open_envelope(envelope, KEYS)
    assert unopened.value.reason == case["reason"]


def test_every_documented_reason_has_a_vector():
    page = (Path(__file__).parents[3] / "docs" / "formats" / "envelope.md").read_text()
    documented = {
        (row.split("|")[1].strip(), row.split("|")[2].strip().strip("`"))
        for row in page.splitlines()
        if row.startswith(("| parse |", "| verify |", "| open |"))
    }
    assert {(case["step"], case["reason"]) for case in VECTORS["refused"]} >= documented - {("parse", "too-large")}
    assert len(documented) == 16


def test_whom_the_certificates_of_an_envelope_name_is_read_before_anybody_verified_them():
    envelope = parse_envelope(from_base64(VECTORS["accepted"][0]["envelope"]))
    assert certificate_subjects(envelope) == ("CN=ward-7-cart-2",)


def test_what_stands_in_an_envelope_for_a_certificate_and_is_none_is_refused():
    (case,) = (case for case in VECTORS["refused"] if case["name"] == "not a certificate")
    with pytest.raises(EnvelopeRefused) as refused:
        certificate_subjects(parse_envelope(from_base64(case["envelope"])))
    assert refused.value.reason == "certificate"
