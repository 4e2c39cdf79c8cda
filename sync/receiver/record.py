"""From a proven envelope to the row that is filed, and from a filed manifest to what people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from capture.canonical import to_canonical
from capture.envelope import Envelope
from sync.receiver.archive import Contents, NewCapture
from sync.receiver.opening import Opened

_LONGEST: Final = 512
"""Characters of a manifest's text that go into a column of their own; the manifest itself is kept whole."""


def capture_to_file(envelope: Envelope, opened: Opened | None, received_at_ms: int) -> NewCapture:
    """The row for a verified envelope; without what is `opened` it is filed sealed."""
    return NewCapture(
        capture=envelope.capture,
        device=envelope.device,
        site=envelope.site,
        digest=envelope.digest,
        length=len(envelope.raw),
        counter=envelope.counter,
        received_at_ms=received_at_ms,
        contents=None if opened is None else contents_to_file(opened),
    )


def contents_to_file(opened: Opened) -> Contents:
    """What the row says of what was in an envelope.

    A manifest that lacks a field, or has it of another type, is filed all the same: its device signed it, and a record
    is not lost for a column. The whole manifest is in the row, and the envelope beside it is the truth.
    """
    manifest = opened.manifest
    encounter = mapping(manifest.get("encounter"))
    image = mapping(manifest.get("image"))
    return Contents(
        taken_at_ms=whole(manifest.get("taken_at_ms")),
        patient=text(encounter.get("patient")),
        body_site=text(mapping(encounter.get("body_site")).get("code")),
        laterality=text(encounter.get("laterality")) or None,
        series=text(encounter.get("series")),
        urgent=encounter.get("urgent") is True,
        picture_digest=text(image.get("sha256")),
        picture_length=len(opened.jpeg),
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
