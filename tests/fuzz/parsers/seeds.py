"""Valid inputs that more than one parser begins with, and files for the parsers that read files."""

from __future__ import annotations

import base64
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from capture.encounter import Consent, Encounter, Laterality
from capture.identifiers import CaptureId, DeviceId, SiteId
from capture.record import DeviceFacts, capture_manifest
from capture.scale_marker import Marker
from inference.picture import Action, Decision, Kind, Outcome, Redaction, Region

VECTORS = Path(__file__).parents[2] / "vectors"
_SQUARE = ((10.0, 10.0), (30.5, 10.0), (30.5, 40.0), (10.0, 40.0))


@cache
def vectors(name: str) -> dict[str, Any]:
    """A file of test vectors."""
    loaded: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return loaded


@cache
def envelopes() -> list[bytes]:
    """Envelopes that a receiver accepts."""
    return [base64.b64decode(case["envelope"]) for case in vectors("envelope")["accepted"]]


@cache
def encounter() -> Encounter:
    """An encounter in which every field says something."""
    return Encounter(
        patient="7-0042",
        clinician="n-17",
        body_site="79951008",
        laterality=Laterality.LEFT,
        consent=Consent(record=True, teaching=True),
        note="heals wëll\nsecond line",
        series="w-1",
        urgent=True,
    )


@cache
def redaction() -> Redaction:
    """A redaction with regions, thresholds and decisions."""
    return Redaction(
        width=64,
        height=48,
        regions=(Region(Kind.FACE, _SQUARE, 0.9876, "centerface"), Region(Kind.TEXT, _SQUARE, 0.5, "person")),
        outcomes={
            Kind.FACE: Outcome.FOUND,
            Kind.TATTOO: Outcome.UNSURE,
            Kind.TEXT: Outcome.UNSURE,
            Kind.CODE: Outcome.CLEAR,
        },
        models={"centerface": "0" * 64},
        thresholds={"face.cover": 0.25, "face.ask": 0.1},
        policy="1",
        second_look=Outcome.CLEAR,
        decisions=(
            Decision(Action.ADD, Kind.TEXT, "n-17", 1_790_000_000_000, _SQUARE),
            Decision(Action.CONFIRM, Kind.TATTOO, "n-17", 1_790_000_000_500),
        ),
    )


@cache
def manifest() -> bytes:
    """A capture manifest."""
    return capture_manifest(
        capture=CaptureId("0123456789abcdef" * 2),
        site=SiteId("st-elsewhere"),
        counter=7,
        facts=DeviceFacts(DeviceId("ward-7"), "0.1.0", "replay"),
        taken_at_ms=1_790_000_000_000,
        encounter=encounter(),
        redaction=redaction(),
        marker=Marker(seen=True, pixels_per_mm=12.5),
        jpeg=b"a picture",
    )


@cache
def workplace() -> Path:
    """A folder for parsers that read files; gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix="wardlens-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def as_file(name: str, data: bytes) -> Path:
    """`data` in a file of that name that only its owner can read."""
    path = workplace() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def in_words(data: bytes) -> str:
    """`data` as the text that somebody could have typed."""
    return data.decode("utf-8", "replace")
