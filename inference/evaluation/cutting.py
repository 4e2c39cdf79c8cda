"""A picture whose frame ends in the middle of a face: half of it is left to be recognised. Pure."""

from __future__ import annotations

from dataclasses import replace

from inference.evaluation.annotations import AnnotatedPicture, Bits, Truth
from inference.evaluation.patches import patch_of
from inference.geometry import area, bounds
from inference.picture import Kind


def cut_through_a_face(picture: AnnotatedPicture) -> AnnotatedPicture:
    """The larger part of the picture, to the left or to the right of the middle of its largest face.

    A truth that reaches over the new edge keeps its outline, of which what lies in the picture is measured; one of
    which nothing is left is gone.
    """
    left, _, right, _ = bounds(max((t.polygon for t in picture.truths if t.kind is Kind.FACE), key=area))
    at = min(max(round((left + right) / 2), 1), picture.width - 1)
    begin, end = (0, at) if 2 * at >= picture.width else (at, picture.width)
    return replace(
        picture,
        pixels=picture.pixels[:, begin:end],
        truths=tuple(_shifted(truth, begin, end) for truth in picture.truths if _is_left(truth, picture, begin, end)),
        wound=None if picture.wound is None else picture.wound[:, begin:end],
    )


def _is_left(truth: Truth, picture: AnnotatedPicture, begin: int, end: int) -> bool:
    patch = patch_of(truth, picture.width, picture.height)
    return bool(patch.bits[:, max(0, begin - patch.left) : max(0, end - patch.left)].any())


def _shifted(truth: Truth, begin: int, end: int) -> Truth:
    mask: Bits | None = None if truth.mask is None else truth.mask[:, begin:end]
    return replace(truth, polygon=tuple((x - begin, y) for x, y in truth.polygon), mask=mask)
