"""The fill: solid, exact, and nothing of what it covers is left."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.covering import FILL, cover, coverage
from inference.geometry import box_polygon

CORNER = st.tuples(st.floats(-50, 150), st.floats(-50, 120))
POLYGONS = st.lists(st.lists(CORNER, min_size=3, max_size=6).map(tuple), max_size=4)


def _picture(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 255, (70, 100, 3), dtype=np.uint8)


@given(POLYGONS)
def test_covered_pixels_are_the_fill_and_all_others_are_untouched(polygons: list) -> None:
    picture = _picture()
    mask = coverage(100, 70, polygons)
    covered = cover(picture, polygons)
    assert np.all(covered[mask] == FILL)
    assert np.array_equal(covered[~mask], picture[~mask])


@given(POLYGONS)
def test_nothing_of_the_covered_pixels_is_left(polygons: list) -> None:
    """Two pictures that differ only under the fill become one picture."""
    mask = coverage(100, 70, polygons)
    first, second = _picture(1), _picture(2)
    second[~mask] = first[~mask]
    assert np.array_equal(cover(first, polygons), cover(second, polygons))


@given(POLYGONS)
def test_the_frame_itself_is_never_written_to(polygons: list) -> None:
    picture = _picture()
    picture.flags.writeable = False
    before = picture.copy()
    cover(picture, polygons)
    assert np.array_equal(picture, before)


@given(st.tuples(*[st.integers(-20, 120)] * 2), st.integers(1, 60), st.integers(1, 60))
def test_a_box_covers_every_pixel_in_it(corner: tuple[int, int], width: int, height: int) -> None:
    x, y = corner
    mask = coverage(100, 70, [box_polygon((x, y, x + width, y + height))])
    assert mask[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)].all()
    assert not mask[: max(0, y - 1)].any()
    assert not mask[:, : max(0, x - 1)].any()


@given(st.lists(CORNER, min_size=3, max_size=3))
def test_every_pixel_that_lies_wholly_inside_a_triangle_is_covered(corners: list) -> None:
    mask = coverage(100, 70, [tuple(corners)])
    contour = np.array(corners, dtype=np.float32)
    for row in range(0, 70, 7):
        for column in range(0, 100, 9):
            if cv2.pointPolygonTest(contour, (column + 0.5, row + 0.5), measureDist=True) > 0.75:
                assert mask[row, column]


def test_a_corner_very_far_outside_still_covers_what_is_inside() -> None:
    assert coverage(100, 70, [box_polygon((-1e9, -1e9, 1e9, 1e9))]).all()


def test_a_region_wholly_outside_covers_nothing() -> None:
    assert not coverage(100, 70, [box_polygon((200, 200, 300, 300))]).any()


def test_a_picture_so_long_that_its_end_cannot_be_covered_is_refused() -> None:
    end = box_polygon((32_700, 0, 32_768, 2))
    assert (cover(np.zeros((2, 32_768, 3), np.uint8), [end])[:, 32_701:] == FILL).all()
    with pytest.raises(ValueError, match="cannot be covered"):
        cover(np.zeros((2, 32_769, 3), np.uint8), [end])
