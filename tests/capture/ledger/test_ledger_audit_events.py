"""A ledger's lines as FHIR AuditEvents: every event has its pattern, and nothing is added or lost."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from capture.envelope import KeySigner
from capture.identifiers import DeviceId, SiteId
from capture.ledger import FIELDS, Fact, Ledger, LedgerEvent, audit_events, parse_line
from capture.ledger.audit_event import PATTERNS
from capture.ledger.chain import BEGINNING, Line, hash_of

DEVICE, SITE = DeviceId("wl-0123456789"), SiteId("st-mary")
URI = "spiffe://st-mary/device/wl-0123456789"
EXAMPLES = {
    Fact.CAPTURE: "0" * 31 + "1",
    Fact.COUNT: 7,
    Fact.HASH: "ab" * 32,
    Fact.HEX: "abc",
    Fact.SLUG: "wrong-site",
    Fact.STAFF: "4711",
    Fact.VERSION: "0.1.0",
}


@pytest.fixture
def lines(tmp_path):
    """A chain with one line of every event, each with every field it may have."""
    signer = KeySigner(ec.derive_private_key(7, ec.SECP256R1()))
    with Ledger(tmp_path, "camera", signer, clock=lambda: 1_790_000_000_123) as ledger:
        for event in LedgerEvent:
            fields = {**FIELDS[event].required, **FIELDS[event].optional}
            ledger.append(event, **{name: EXAMPLES[kind] for name, kind in fields.items()})
    return (tmp_path / "camera.jsonl").read_bytes().splitlines(keepends=True)


def test_every_event_of_the_ledger_has_a_pattern():
    assert set(LedgerEvent) <= set(PATTERNS)


def test_every_line_is_one_audit_event_with_all_that_fhir_asks_for(lines):
    events = list(audit_events(lines, DEVICE, SITE))
    assert len(events) == len(lines) == len(LedgerEvent)
    assert len({event["id"] for event in events}) == len(events)
    for line, event in zip(lines, events, strict=True):
        assert event["resourceType"] == "AuditEvent"
        assert event["id"] == hash_of(line.removesuffix(b"\n"))
        assert event["type"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
        assert event["action"] in set("CRUDE")
        assert event["outcome"] in {"0", "4", "8", "12"}
        assert event["recorded"] == "2026-09-21T14:13:20.123Z"
        assert event["source"]["observer"]["identifier"]["value"] == URI
        # Exactly one of the agents asked for it (IHE BALP): the clinician where there is one, else the device.
        assert [agent["requestor"] for agent in event["agent"]].count(True) == 1
        assert event["subtype"][-1]["code"] == parse_line(line.removesuffix(b"\n")).event


def test_every_fact_of_a_line_is_in_its_audit_event(lines):
    for line, event in zip(lines, audit_events(lines, DEVICE, SITE), strict=True):
        text = json.dumps(event)
        for value in parse_line(line.removesuffix(b"\n")).facts.values():
            assert str(value) in text


def test_the_one_who_signed_in_is_the_one_who_asked(lines):
    (event,) = [e for e in audit_events(lines, DEVICE, SITE) if e["subtype"][-1]["code"] == "signed-in"]
    assert (event["type"]["code"], event["subtype"][0]["code"]) == ("110114", "110122")
    assert event["agent"][1]["who"]["identifier"]["value"] == "4711"


def test_a_failure_is_told_as_one(lines):
    outcomes = {e["subtype"][-1]["code"]: e["outcome"] for e in audit_events(lines, DEVICE, SITE)}
    assert outcomes["sign-in-refused"] == "4"
    assert outcomes["envelope-parked"] == outcomes["ledger-begun-anew"] == "8"
    assert outcomes["envelope-receipted"] == "0"


def test_the_capture_and_the_place_in_the_chain_are_what_it_is_about(lines):
    (event,) = [e for e in audit_events(lines, DEVICE, SITE) if e["subtype"][-1]["code"] == "capture-sealed"]
    capture, line = event["entity"]
    assert capture["what"]["identifier"] == {"system": "urn:wardlens:capture", "value": EXAMPLES[Fact.CAPTURE]}
    assert line["what"]["identifier"]["value"].startswith(f"{URI}#camera/")
    assert {detail["type"] for detail in line["detail"]} == {"chain", "sequence", "hash", "previous"}


def test_an_event_of_a_newer_device_is_told_too():
    line = Line("camera", 1, BEGINNING, 2**53, "invented-later", {"what": "x"}).to_bytes()
    (event,) = audit_events([line], DEVICE, SITE)
    assert event["type"]["code"] == "110100"
    assert event["subtype"][0]["code"] == "invented-later"
    assert event["recorded"].startswith("9999-12-31")


def test_what_is_no_line_is_no_audit_event(lines):
    with pytest.raises(ValueError, match=r"."):
        list(audit_events([b"{}\n"], DEVICE, SITE))
