"""What is written down of a picture: values to JSON and back. The page is docs/formats/capture-manifest.md.

One spelling for the service's answers, `wardlens redact`'s report and the sealed manifest, so that nobody has to learn
two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from capture.canonical import to_canonical
from capture.encounter import BODY_SITES, Consent, Encounter, Laterality
from capture.identifiers import CaptureId, DeviceId, SiteId
from capture.scale_marker import Marker
from inference.picture import Action, Decision, Kind, Outcome, Polygon, Redaction, Region, Shown

FORMAT: Final = "wardlens-capture-manifest/1"
CONSENTS: Final = frozenset({"second_opinion", "teaching", "recognisable"})
"""What a patient may agree to besides the record."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the manifest says of the machine.

    Attributes:
        device: its id.
        software: version of Wardlens.
        camera: name of the camera adapter and sensor.
    """

    device: DeviceId
    software: str
    camera: str


def capture_manifest(
    *,
    capture: CaptureId,
    site: SiteId,
    counter: int,
    facts: DeviceFacts,
    taken_at_ms: int,
    encounter: Encounter,
    redaction: Redaction,
    marker: Marker,
    jpeg: bytes,
) -> bytes:
    """The capture manifest as canonical JSON: everything the hospital is told besides the pixels."""
    return to_canonical(
        {
            "format": FORMAT,
            "capture": capture,
            "site": site,
            "counter": counter,
            "device": {"id": facts.device, "software": facts.software, "camera": facts.camera},
            "taken_at_ms": taken_at_ms,
            "encounter": encounter_to_json(encounter),
            "image": {
                "media_type": "image/jpeg",
                "width": redaction.width,
                "height": redaction.height,
                "bytes": len(jpeg),
                "sha256": hashlib.sha256(jpeg).hexdigest(),
            },
            "marker": marker.to_json(),
            "redaction": redaction_to_json(redaction),
        }
    )


def encounter_to_json(encounter: Encounter) -> dict[str, Any]:
    """`encounter` as JSON values. The body site's term stands beside its code, for the human reader."""
    return {
        "patient": encounter.patient,
        "clinician": encounter.clinician,
        "body_site": {"system": "http://snomed.info/sct", "code": encounter.body_site, "term": _term(encounter)},
        "laterality": None if encounter.laterality is None else encounter.laterality.value,
        "consent": {
            "record": encounter.consent.record,
            "second_opinion": encounter.consent.second_opinion,
            "teaching": encounter.consent.teaching,
            "recognisable": encounter.consent.recognisable,
        },
        "note": encounter.note,
        "series": encounter.series,
        "urgent": encounter.urgent,
    }


def encounter_from_json(value: object) -> Encounter:
    """The encounter that JSON says; `body_site` may be its code alone.

    Raises:
        ValueError: not an encounter; the message is for the person who typed it.
    """
    fields = _fields(
        value,
        "an encounter",
        required={"patient", "clinician", "body_site", "consent"},
        optional={"laterality", "note", "series", "urgent"},
    )
    consent = _fields(fields["consent"], "consent", required={"record"}, optional=CONSENTS)
    site = fields["body_site"]
    if isinstance(site, dict):
        site = _fields(site, "a body site", required={"code"}, optional={"system", "term"})["code"]
    side = fields.get("laterality")
    return Encounter(
        patient=_text(fields["patient"], "the patient reference"),
        clinician=_text(fields["clinician"], "the clinician"),
        body_site=_text(site, "the body site"),
        laterality=None if side is None else Laterality(_text(side, "the side")),
        consent=Consent(
            record=_flag(consent["record"]),
            **{name: _flag(consent.get(name, False)) for name in CONSENTS},
        ),
        note=_text(fields.get("note", ""), "the note"),
        series=_text(fields.get("series", ""), "the wound series"),
        urgent=_flag(fields.get("urgent", False)),
    )


def redaction_to_json(redaction: Redaction) -> dict[str, Any]:
    """`redaction` as JSON values: coordinates to a tenth of a pixel, scores to four digits."""
    return {
        "width": redaction.width,
        "height": redaction.height,
        "outcomes": {kind.value: redaction.outcomes[kind].value for kind in Kind},
        "regions": [
            {
                "kind": region.kind.value,
                "polygon": _polygon_to_json(region.polygon),
                "score": round(float(region.score), 4),
                "model": region.model,
            }
            for region in redaction.regions
        ],
        "models": dict(redaction.models),
        "thresholds": {name: float(score) for name, score in redaction.thresholds.items()},
        "policy": redaction.policy,
        "second_look": redaction.second_look.value,
        "decisions": [_decision_to_json(decision) for decision in redaction.decisions],
        "shown": [
            {"polygon": _polygon_to_json(one.polygon), "kept": [_polygon_to_json(kept) for kept in one.kept]}
            for one in redaction.shown
        ],
        "recognisable": redaction.recognisable,
    }


def redaction_from_json(value: object) -> Redaction:
    """The redaction that JSON says; one of before `shown` and `recognisable` were written has neither.

    Raises:
        ValueError: not a redaction.
    """
    names = {
        "width",
        "height",
        "outcomes",
        "regions",
        "models",
        "thresholds",
        "policy",
        "second_look",
        "decisions",
    }
    fields = _fields(value, "a redaction", required=names, optional={"shown", "recognisable"})
    redaction = Redaction(
        width=_whole(fields["width"]),
        height=_whole(fields["height"]),
        regions=tuple(_region(entry) for entry in _list(fields["regions"])),
        outcomes={Kind(kind): Outcome(answer) for kind, answer in _mapping(fields["outcomes"]).items()},
        models={name: _text(digest, "a digest") for name, digest in _mapping(fields["models"]).items()},
        thresholds={name: _number(score) for name, score in _mapping(fields["thresholds"]).items()},
        policy=_text(fields["policy"], "the policy"),
        second_look=Outcome(fields["second_look"]),
        decisions=tuple(_decision(entry) for entry in _list(fields["decisions"])),
        shown=tuple(_shown(entry) for entry in _list(fields.get("shown", []))),
    )
    if _flag(fields.get("recognisable", redaction.recognisable)) is not redaction.recognisable:
        raise ValueError("a picture shows recognisable features exactly where a person uncovered of a face")
    return redaction


def _term(encounter: Encounter) -> str:
    return BODY_SITES[encounter.body_site]


def _polygon_to_json(polygon: Polygon) -> list[list[float]]:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in polygon]


def _decision_to_json(decision: Decision) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "action": decision.action.value,
        "kind": decision.kind.value,
        "by": decision.by,
        "at_ms": decision.at_ms,
        "reason": decision.reason,
    }
    if decision.polygon is not None:
        fields["polygon"] = _polygon_to_json(decision.polygon)
    if decision.index is not None:
        fields["index"] = decision.index
    if decision.features:
        fields["features"] = True
    return fields


def _decision(value: object) -> Decision:
    fields = _fields(
        value,
        "a decision",
        required={"action", "kind", "by", "at_ms"},
        optional={"reason", "polygon", "index", "features"},
    )
    return Decision(
        action=Action(fields["action"]),
        kind=Kind(fields["kind"]),
        by=_text(fields["by"], "who decided"),
        at_ms=_whole(fields["at_ms"]),
        polygon=_polygon(fields["polygon"]) if "polygon" in fields else None,
        index=_whole(fields["index"]) if "index" in fields else None,
        reason=_text(fields.get("reason", ""), "the reason"),
        features=_flag(fields.get("features", False)),
    )


def _shown(value: object) -> Shown:
    fields = _fields(value, "a shown part", required={"polygon", "kept"})
    return Shown(_polygon(fields["polygon"]), tuple(_polygon(entry) for entry in _list(fields["kept"])))


def _region(value: object) -> Region:
    fields = _fields(value, "a region", required={"kind", "polygon", "score", "model"})
    return Region(
        kind=Kind(fields["kind"]),
        polygon=_polygon(fields["polygon"]),
        score=_number(fields["score"]),
        model=_text(fields["model"], "a model"),
    )


def _polygon(value: object) -> Polygon:
    corners = [_list(corner) for corner in _list(value)]
    if len(corners) < 3 or any(len(corner) != 2 for corner in corners):
        raise ValueError("a polygon is a list of at least three pairs of numbers")
    return tuple((_number(corner[0]), _number(corner[1])) for corner in corners)


def _fields(
    value: object, what: str, *, required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    fields = _mapping(value)
    known = {*required, *optional}
    if not fields.keys() <= known or not set(required) <= fields.keys():
        missing, strange = sorted(set(required) - fields.keys()), len(fields.keys() - known)
        raise ValueError(f"{what} has other fields than documented (missing: {missing}, unknown: {strange})")
    return fields


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object was expected")  # noqa: TRY004 - what a peer sent is one family
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list was expected")  # noqa: TRY004 - what a peer sent is one family
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text")  # noqa: TRY004 - what a peer sent is one family
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("yes or no was expected")  # noqa: TRY004 - what a peer sent is one family
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a whole number was expected")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number was expected")  # noqa: TRY004 - what a peer sent is one family
    try:
        return float(value)
    except OverflowError as error:  # JSON has whole numbers that no float holds
        raise ValueError("a number is too large") from error
