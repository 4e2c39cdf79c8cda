"""From a proven envelope to the row that is filed, and from a filed manifest to what people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from capture.canonical import to_canonical
from sync.receiver.archive import NewCapture
from sync.receiver.judging import Proven

_LONGEST: Final = 512
"""Characters of a manifest's text that go into a column of their own; the manifest itself is kept whole."""


def capture_to_file(proven: Proven, received_at_ms: int) -> NewCapture:
    """The row for a proven envelope.

    A manifest that lacks a field, or has it of another type, is filed all the same: its device signed it, and a record
    is not lost for a column. The whole manifest is in the row, and the envelope beside it is the truth.
    """
    manifest = proven.opened.manifest
    encounter = mapping(manifest.get("encounter"))
    image = mapping(manifest.get("image"))
    return NewCapture(
        capture=proven.envelope.capture,
        device=proven.envelope.device,
        site=proven.envelope.site,
        digest=proven.envelope.digest,
        length=len(proven.envelope.raw),
        counter=proven.envelope.counter,
        received_at_ms=received_at_ms,
        taken_at_ms=whole(manifest.get("taken_at_ms")),
        patient=text(encounter.get("patient")),
        body_site=text(mapping(encounter.get("body_site")).get("code")),
        laterality=text(encounter.get("laterality")) or None,
        urgent=encounter.get("urgent") is True,
        picture_digest=text(image.get("sha256")),
        picture_length=len(proven.opened.jpeg),
        manifest=to_canonical(dict(manifest)),
    )


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """`value` if it is text, cut to a column's length, with what no database takes left out; else nothing."""
    return value.replace("\x00", "")[:_LONGEST] if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """`value` if it is a whole number that a column holds."""
    return value if type(value) is int and abs(value) < 2**63 else None
