"""One picture, its truth and what the de-identifier made of it, as a row. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from inference.covering import coverage
from inference.evaluation.annotations import AnnotatedPicture, Bits, Truth
from inference.evaluation.patches import Patch, patch_of
from inference.evaluation.readable import Middle, readable_codes
from inference.evaluation.rows import Seen, TruthRow, WoundRow
from inference.picture import Kind, Outcome, Photo, Pixels, Redaction

GROWN: Final[Mapping[Kind, float]] = MappingProxyType(
    {Kind.FACE: 0.25, Kind.TATTOO: 0.1, Kind.TEXT: 0.5, Kind.CODE: 0.25}
)
"""How far around a truth covering is not held to be false, in shares of its height: hair, blots, ascenders, the quiet
zone. Never less than `GROWN_AT_LEAST` pixels."""
GROWN_AT_LEAST: Final = 4.0
_QUADRILATERAL: Final = 4


def measured(picture: AnnotatedPicture, photo: Photo) -> Seen:
    """What the photo shows and hides of what is true in the picture.

    Measured against the pixels that are covered (`inference.covering.coverage` of the record's regions), all kinds
    together: what is hidden is hidden, whoever took it for what.

    Raises:
        ValueError: the photo is of another size.
    """
    if (photo.width, photo.height) != (picture.width, picture.height):
        raise ValueError("this photo is of a picture of another size")
    by_kind = _covered_by_kind(photo.redaction)
    covered = np.logical_or.reduce(list(by_kind.values()))
    patches = [patch_of(truth, picture.width, picture.height) for truth in picture.truths]
    elsewhere = ~_grown(picture, patches)
    false = np.logical_or.reduce([by_kind[kind] for kind in picture.kinds]) if picture.kinds else None
    nobody_looked = kinds_nobody_looked_for(photo.redaction)
    truths, left_elsewhere = _truth_rows(picture, patches, covered, photo.pixels)
    return Seen(
        truths=truths,
        asks=frozenset(k for k, said in photo.redaction.outcomes.items() if said is Outcome.UNSURE) - nobody_looked,
        nobody_looked=nobody_looked,
        hiding=frozenset(photo.redaction.hiding),
        second_look_found=photo.redaction.second_look is Outcome.FOUND,
        covered=float(covered.mean()),
        outside=float((covered & elsewhere).mean()),
        false=None if false is None else float((false & elsewhere).mean()),
        readable_elsewhere=left_elsewhere,
        wound=_wound_row(picture.wound, covered, by_kind),
        milliseconds=photo.milliseconds.get("total", 0.0),
    )


def kinds_nobody_looked_for(redaction: Redaction) -> frozenset[Kind]:
    """The kinds without a threshold in the record: no detector looks for them, so they are unsure in every picture."""
    looked = {name.partition(".")[0] for name in redaction.thresholds}
    return frozenset(kind for kind in Kind if kind not in looked and redaction.outcomes[kind] is Outcome.UNSURE)


def _covered_by_kind(redaction: Redaction) -> dict[Kind, Bits]:
    return {
        kind: coverage(redaction.width, redaction.height, [r.polygon for r in redaction.regions if r.kind is kind])
        for kind in Kind
    }


def _grown(picture: AnnotatedPicture, patches: Sequence[Patch]) -> Bits:
    near = np.zeros((picture.height, picture.width), dtype=np.bool_)
    for truth, patch in zip(picture.truths, patches, strict=True):
        radius = max(GROWN_AT_LEAST, GROWN[truth.kind] * height_of(truth))
        patch.grown(radius, picture.width, picture.height).add_to(near)
    return near


def _truth_rows(
    picture: AnnotatedPicture, patches: Sequence[Patch], covered: Bits, after: Pixels
) -> tuple[tuple[TruthRow, ...], bool]:
    """A row for each truth, and whether a code can be read that is none of them."""
    codes = [patch for truth, patch in zip(picture.truths, patches, strict=True) if truth.kind is Kind.CODE]
    before = readable_codes(picture.pixels, thorough=True) if codes else []
    left = readable_codes(after, thorough=bool(codes))
    rows = tuple(
        TruthRow(
            kind=truth.kind,
            share=patch.share_of(covered),
            height=height_of(truth),
            legible=truth.legible,
            readable_before=truth.kind is Kind.CODE and any(_around(patch, middle) for middle in before),
            readable=truth.kind is Kind.CODE and any(_around(patch, middle) for middle in left),
        )
        for truth, patch in zip(picture.truths, patches, strict=True)
    )
    return rows, any(not any(_around(patch, middle) for patch in codes) for middle in left)


def _around(patch: Patch, middle: Middle) -> bool:
    """Whether the middle of a code that was read lies in the bounds of an annotated one."""
    return patch.left <= middle[0] <= patch.right and patch.top <= middle[1] <= patch.bottom


def height_of(truth: Truth) -> float:
    """Pixels from top to bottom as a reader sees it: of a quadrilateral its sides, of anything else the shorter way."""
    corners = np.asarray(truth.polygon, dtype=np.float64)
    if len(corners) == _QUADRILATERAL and truth.kind is Kind.TEXT:
        return float(np.hypot(*(corners[3] - corners[0])) + np.hypot(*(corners[2] - corners[1]))) / 2
    return float(min(cv2.minAreaRect(corners.astype(np.float32))[1]))


def _wound_row(wound: Bits | None, covered: Bits, by_kind: Mapping[Kind, Bits]) -> WoundRow | None:
    if wound is None or not wound.any():
        return None
    return WoundRow(
        pixels=int(wound.sum()),
        hidden=int((wound & covered).sum()),
        hidden_by={kind: int((wound & bits).sum()) for kind, bits in by_kind.items()},
    )
