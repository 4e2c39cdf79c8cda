"""What the camera service says and hears, as JSON values. Pure. The page is docs/formats/camera-service.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from capture.camera import CameraStatus
from capture.encounter import Encounter
from capture.errors import FeaturesForbidden, RequestWrong
from capture.quality import Quality
from capture.record import encounter_from_json, redaction_to_json
from capture.service.engine import EngineStatus
from capture.service.scanning import CodeKind
from capture.service.self_test import SelfTested
from capture.service.stills import HeldStill
from capture.service.wire import Json
from inference.picture import Action, Decision, Kind, Region

MOST_DECISIONS: Final = 64


def region_to_json(region: Region) -> Json:
    """A region of the live view: what and where."""
    polygon = [[round(float(x), 1), round(float(y), 1)] for x, y in region.polygon]
    return {"kind": region.kind.value, "polygon": polygon, "score": round(float(region.score), 3)}


def camera_to_json(status: CameraStatus) -> Json:
    """The camera's state."""
    return {"state": status.state.value, "sentence": status.sentence, "name": status.name}


def engine_to_json(status: EngineStatus) -> Json:
    """The de-identifier's state."""
    return {"state": status.state.value, "sentence": status.sentence, "models": dict(status.models)}


def self_test_to_json(last: SelfTested) -> Json:
    """What the device found of itself."""
    wrong = {part: sentence for part, sentence in last.parts.items() if sentence}
    return {"state": last.state.value, "sentence": last.sentence, "at_ms": last.at_ms, "failed": wrong}


def quality_to_json(quality: Quality) -> Json:
    """What the quality gate measured and advises."""
    return {
        "verdict": quality.verdict.value,
        "sentence": quality.sentence,
        "brightness": quality.brightness,
        "sharpness": quality.sharpness,
        "blown": quality.blown,
        "wound": quality.wound,
    }


def still_to_json(still: HeldStill) -> Json:
    """A still in review."""
    redaction = still.photo.redaction
    return {
        "id": still.capture,
        "width": still.photo.width,
        "height": still.photo.height,
        "source": dict(still.frame.metadata),
        "taken_at_ms": still.taken_at_ms,
        "redaction": redaction_to_json(redaction),
        "milliseconds": {**still.within, **still.milliseconds},
        "unanswered": [kind.value for kind in redaction.unanswered],
        "hiding": [kind.value for kind in redaction.hiding],
        "quality": quality_to_json(still.quality),
        "marker": still.marker.to_json(),
    }


def encounter_of(value: object) -> Encounter:
    """The encounter in an accept request, `{"encounter": {...}}`.

    Raises:
        RequestWrong: with the sentence for the person who typed it.
    """
    if not isinstance(value, dict) or value.keys() != {"encounter"}:
        raise RequestWrong('To accept a picture, say {"encounter": {...}}.')
    try:
        return encounter_from_json(value["encounter"])
    except ValueError as wrong:
        raise RequestWrong(f"The picture was not kept yet: {wrong}.") from wrong


def decisions_of(value: object, at_ms: int) -> tuple[Decision, ...]:
    """The decisions in a review request, made at `at_ms`.

    Raises:
        RequestWrong: not a list of 1 to 64 decisions.
        FeaturesForbidden: one would show eyes or mouth, and says of no consent that covers it.
    """
    try:
        said = _DECISIONS.validate_python(value)
        if any(one.features and not (one.consent and one.consent.recognisable) for one in said):
            raise FeaturesForbidden
        return tuple(
            Decision(
                action=one.action,
                kind=one.kind,
                by=one.by,
                at_ms=at_ms,
                polygon=None if one.polygon is None else tuple(one.polygon),
                index=one.index,
                reason=one.reason,
                features=one.features,
            )
            for one in said
        )
    except ValidationError as wrong:
        where = ".".join(str(part) for part in wrong.errors()[0]["loc"])
        raise RequestWrong(f"That decision was not understood ({where}): {wrong.errors()[0]['msg']}.") from None
    except ValueError as wrong:
        raise RequestWrong(f"That decision cannot be followed: {wrong}.") from wrong


_Coordinate = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Corner = tuple[_Coordinate, _Coordinate]


class _ConsentSaid(BaseModel):
    """What the patient agreed to, as far as a decision needs it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    recognisable: bool


class _DecisionSaid(BaseModel):
    """A decision as it comes in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    kind: Kind
    by: Annotated[str, Field(min_length=1, max_length=64)]
    polygon: Annotated[list[_Corner], Field(min_length=3, max_length=64)] | None = None
    index: Annotated[int, Field(ge=0, le=10_000)] | None = None
    reason: Annotated[str, Field(max_length=200)] = ""
    features: Annotated[bool, Field(strict=True)] = False
    consent: _ConsentSaid | None = None


_DECISIONS: Final[TypeAdapter[Sequence[_DecisionSaid]]] = TypeAdapter(
    Annotated[list[_DecisionSaid], Field(min_length=1, max_length=MOST_DECISIONS)]
)


def scan_kind_of(said: object) -> CodeKind:
    """What a scan request looks for, out of `{"kind": ...}`.

    Raises:
        RequestWrong: it names nothing that can be scanned.
    """
    for kind in CodeKind:
        if said == {"kind": kind.value}:
            return kind
    raise RequestWrong
