"""A ledger's lines as FHIR R4 AuditEvents, in the patterns of IHE BALP, for the hospital's audit repository.

An AuditEvent is a copy for reading; what proves anything stays the line, whose hash and place each one names. No line
names a patient, so no AuditEvent does: the capture's id leads to the record at the hospital.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from capture.identifiers import DeviceId, SiteId
from capture.ledger.chain import Line, hash_of, parse_line
from capture.ledger.events import LedgerEvent

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
HL7: Final = "http://terminology.hl7.org/CodeSystem/"
OURS: Final = "urn:wardlens:ledger-event"
CAPTURE: Final = "urn:wardlens:capture"
LINE: Final = "urn:wardlens:ledger-line"
_URI: Final = "urn:ietf:rfc:3986"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999
"""The last moment that a FHIR instant can say."""


class Outcome(StrEnum):
    """FHIR's audit-event-outcome (DICOM PS3.15 A.5, EventOutcomeIndicator)."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How an event is told: DICOM CID 400 and 401 codes, the action (C, R, U, D, E) and how it ended."""

    type: str
    action: str
    subtype: str = ""
    outcome: Outcome = Outcome.SUCCESS


_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "110100": "Application Activity",
        "110106": "Export",
        "110110": "Patient Record",
        "110113": "Security Alert",
        "110114": "User Authentication",
        "110120": "Application Start",
        "110121": "Application Stop",
        "110122": "Login",
        "110123": "Logout",
        "110126": "Node Authentication",
        "110129": "Security Configuration",
        "110131": "Software Configuration",
        "110132": "Use of Restricted Function",
        "110153": "Source Role ID",
    }
)

PATTERNS: Final[Mapping[str, Pattern]] = MappingProxyType(
    {
        LedgerEvent.SERVICE_STARTED: Pattern("110100", "E", "110120"),
        LedgerEvent.SERVICE_STOPPED: Pattern("110100", "E", "110121"),
        LedgerEvent.SELF_TESTED: Pattern("110100", "E"),
        LedgerEvent.LEDGER_RECOVERED: Pattern("110113", "U", outcome=Outcome.MINOR_FAILURE),
        LedgerEvent.LEDGER_BEGUN_ANEW: Pattern("110113", "U", outcome=Outcome.SERIOUS_FAILURE),
        LedgerEvent.VAULT_MENDED: Pattern("110113", "U", outcome=Outcome.MINOR_FAILURE),
        LedgerEvent.CAPTURE_SEALED: Pattern("110110", "C"),
        LedgerEvent.STILL_DISCARDED: Pattern("110110", "D"),
        LedgerEvent.OVERRIDE: Pattern("110113", "E", "110132"),
        LedgerEvent.ENVELOPE_OFFERED: Pattern("110106", "R"),
        LedgerEvent.ENVELOPE_RECEIPTED: Pattern("110106", "R"),
        LedgerEvent.ENVELOPE_ERASED: Pattern("110110", "D"),
        LedgerEvent.ENVELOPE_PARKED: Pattern("110106", "R", outcome=Outcome.SERIOUS_FAILURE),
        LedgerEvent.RETRIED: Pattern("110106", "E"),
        LedgerEvent.EXPORTED: Pattern("110106", "R"),
        LedgerEvent.SIGNED_IN: Pattern("110114", "E", "110122"),
        LedgerEvent.SIGN_IN_REFUSED: Pattern("110114", "E", "110122", Outcome.MINOR_FAILURE),
        LedgerEvent.LOCKED: Pattern("110114", "E", "110123"),
        LedgerEvent.PAIRING_STARTED: Pattern("110113", "E", "110126"),
        LedgerEvent.PAIRED: Pattern("110113", "E", "110126"),
        LedgerEvent.PAIRING_FAILED: Pattern("110113", "E", "110126", Outcome.MINOR_FAILURE),
        LedgerEvent.MANIFEST_TAKEN: Pattern("110113", "U", "110129"),
        LedgerEvent.CERTIFICATE_RENEWED: Pattern("110113", "U", "110129"),
        LedgerEvent.WIPE_STARTED: Pattern("110113", "D", "110129"),
        LedgerEvent.UPDATE_BEGUN: Pattern("110113", "E", "110131"),
        LedgerEvent.UPDATE_CONFIRMED: Pattern("110113", "U", "110131"),
        LedgerEvent.UPDATE_FAILED: Pattern("110113", "U", "110131", Outcome.SERIOUS_FAILURE),
    }
)
UNKNOWN: Final = Pattern("110100", "E")
"""For an event of a newer device: it is told, with our own code for it."""


def audit_events(lines: Iterable[bytes], device: DeviceId, site: SiteId) -> Iterator[dict[str, Any]]:
    """One AuditEvent (FHIR R4, JSON values) for each line of a chain; verify the chain first.

    Raises:
        ValueError: a line that is none.
    """
    for raw in lines:
        data = raw.removesuffix(b"\n")
        yield _of_line(parse_line(data), hash_of(data), device, site)


def security_alert(
    identity: str, *, code: str, said: str, at_ms: int, observer: str, entity: Mapping[str, Any]
) -> dict[str, Any]:
    """An AuditEvent for something that somebody must look at.

    Args:
        identity: the resource's id: 1 to 64 letters, digits, hyphens and dots.
        code: our own word for it.
        said: the sentence for people.
        at_ms: when, Unix milliseconds.
        observer: who noticed, as a URI.
        entity: what it is about.
    """
    return _event(
        identity,
        Pattern("110113", "E", outcome=Outcome.SERIOUS_FAILURE),
        code=code,
        at_ms=at_ms,
        observer=observer,
        agents=[_device(observer, requestor=True)],
        entities=[dict(entity)],
    ) | {"outcomeDesc": said}


def thing(system: str, value: str, role: str, details: Mapping[str, str | int]) -> dict[str, Any]:
    """An entity of an AuditEvent: what was used, by its identifier, and what is known of it."""
    names = {"4": "Domain Resource", "13": "Security Resource"}
    return {
        "what": {"identifier": {"system": system, "value": value}},
        "type": _coding(HL7 + "audit-entity-type", "2", "System Object"),
        "role": _coding(HL7 + "object-role", role, names[role]),
    } | ({"detail": [{"type": k, "valueString": str(v)} for k, v in sorted(details.items())]} if details else {})


def device_uri(site: SiteId, device: DeviceId) -> str:
    """The device's name, as its certificates have it."""
    return f"spiffe://{site}/device/{device}"


def _of_line(line: Line, line_hash: str, device: DeviceId, site: SiteId) -> dict[str, Any]:
    uri = device_uri(site, device)
    facts = dict(line.facts)
    clinician, capture = facts.pop("clinician", None), facts.pop("capture", None)
    agents = [_device(uri, requestor=clinician is None)]
    if clinician is not None:
        agents.append(
            {
                "type": {"coding": [_coding(HL7 + "v3-ParticipationType", "AUT", "author (originator)")]},
                "who": {"identifier": {"value": str(clinician)}},
                "requestor": True,
            }
        )
    chained: dict[str, str | int] = {
        "chain": line.chain,
        "sequence": line.sequence,
        "hash": line_hash,
        "previous": line.previous,
    }
    about = chained if capture is not None else chained | facts
    entities = [] if capture is None else [thing(CAPTURE, str(capture), "4", facts)]
    entities.append(thing(LINE, f"{uri}#{line.chain}/{line.sequence}", "13", about))
    return _event(
        line_hash,
        PATTERNS.get(line.event, UNKNOWN),
        code=line.event,
        at_ms=line.at_ms,
        observer=uri,
        agents=agents,
        entities=entities,
    )


def _event(
    identity: str,
    pattern: Pattern,
    *,
    code: str,
    at_ms: int,
    observer: str,
    agents: list[dict[str, Any]],
    entities: list[dict[str, Any]],
) -> dict[str, Any]:
    subtypes = [_dcm(pattern.subtype)] if pattern.subtype else []
    return {
        "resourceType": "AuditEvent",
        "id": identity,
        "type": _dcm(pattern.type),
        "subtype": [*subtypes, _coding(OURS, code, code.replace("-", " "))],
        "action": pattern.action,
        "recorded": _instant(at_ms),
        "outcome": pattern.outcome.value,
        "agent": agents,
        "source": {
            "observer": {"identifier": {"system": _URI, "value": observer}},
            "type": [_coding(HL7 + "security-source-type", "1", "User Device")],
        },
        "entity": entities,
    }


def _device(uri: str, *, requestor: bool) -> dict[str, Any]:
    return {
        "type": {"coding": [_dcm("110153")]},
        "who": {"identifier": {"system": _URI, "value": uri}},
        "requestor": requestor,
    }


def _dcm(code: str) -> dict[str, str]:
    return _coding(DCM, code, _NAMES[code])


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _instant(at_ms: int) -> str:
    at = _EPOCH + timedelta(milliseconds=min(at_ms, _LAST_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
