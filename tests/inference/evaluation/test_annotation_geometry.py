"""Truths are measured by the pixels that they hold, and are turned exactly as the pixels are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Kind
from inference.evaluation import AnnotatedPicture, Truth
from inference.evaluation.patches import Patch, inside, patch_of
from inference.evaluation.turning import Turn, rim_grey
from inference.geometry import area, box_polygon

SIZES = st.tuples(st.integers(8, 60), st.integers(8, 60))
TURNS = st.sampled_from(range(0, 360, 45))
QUARTER_TURNS = st.sampled_from(range(0, 360, 90))
# No corner lies on a pixel's middle, and no side runs through many: where it does, rounding decides.
CORNERS = st.lists(st.tuples(st.floats(-10, 70), st.floats(-10, 70)), min_size=3, max_size=6)


def canvas_of(patch: Patch, width: int, height: int) -> np.ndarray:
    canvas = np.zeros((height, width), dtype=np.bool_)
    patch.add_to(canvas)
    return canvas


def middles_inside(polygon, width: int, height: int) -> np.ndarray:
    """The even-odd rule, pixel by pixel."""
    found = np.zeros((height, width), dtype=np.bool_)
    for row in range(height):
        for column in range(width):
            x, y, odd = column + 0.5, row + 0.5, False
            for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
                if (ay > y) != (by > y) and x > ax + (y - ay) * (bx - ax) / (by - ay):
                    odd = not odd
            found[row, column] = odd
    return found


@given(SIZES, CORNERS)
def test_a_polygon_holds_the_pixels_whose_middle_it_holds_and_at_least_one(size, corners) -> None:
    expected = middles_inside(corners, *size)
    found = canvas_of(inside(tuple(corners), *size), *size)
    if expected.any():
        assert np.array_equal(found, expected)
    else:
        assert found.sum() == 1


@given(st.integers(0, 30), st.integers(0, 20), st.integers(1, 30), st.integers(1, 20))
def test_a_box_of_whole_pixels_holds_exactly_these(left: int, top: int, width: int, height: int) -> None:
    found = canvas_of(inside(box_polygon((left, top, left + width, top + height)), 64, 48), 64, 48)
    assert found[top : top + height, left : left + width].all()
    assert found.sum() == width * height


@given(SIZES, CORNERS, TURNS)
def test_a_turned_polygon_keeps_its_area_and_its_place_on_the_canvas(size, corners, degrees: int) -> None:
    turn = Turn(degrees, *size)
    turned = turn.polygon(tuple(corners))
    assert area(turned) == pytest.approx(area(tuple(corners)), abs=1e-6)
    frame = np.array(turn.polygon(box_polygon((0, 0, *size))))
    assert frame.min() >= -1e-6
    assert np.all(frame <= np.array(turn.size) + 1e-6)


@given(SIZES, st.data(), QUARTER_TURNS)
def test_quarter_turns_move_a_truth_with_its_pixels(size, data: st.DataObject, degrees: int) -> None:
    width, height = size
    left, top = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    truth = Truth(Kind.FACE, box_polygon((left, top, right, bottom)))
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[top:bottom, left:right] = 255
    picture = AnnotatedPicture("p", pixels, (truth,), wound=pixels[..., 0] > 0)
    turned = Turn(degrees, width, height).picture(picture)
    found = canvas_of(patch_of(turned.truths[0], turned.width, turned.height), turned.width, turned.height)
    assert np.array_equal(found, turned.pixels[..., 0] == 255)
    assert turned.wound is not None
    assert np.array_equal(found, turned.wound)


@given(SIZES, st.data(), TURNS)
def test_every_turn_takes_pixels_outline_mask_and_wound_to_one_place(size, data: st.DataObject, degrees: int) -> None:
    width, height = size[0] + 20, size[1] + 20
    left, top = data.draw(st.integers(0, width - 12)), data.draw(st.integers(0, height - 12))
    box = box_polygon((left, top, left + 12, top + 12))
    mask = canvas_of(inside(box, width, height), width, height)
    pixels = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    truths = (Truth(Kind.FACE, box), Truth(Kind.FACE, box, mask=mask))
    turned = Turn(degrees, width, height).picture(AnnotatedPicture("p", pixels, truths, wound=mask))
    size_after = (turned.width, turned.height)
    outline, masked = (canvas_of(patch_of(truth, *size_after), *size_after) for truth in turned.truths)
    bright = turned.pixels[..., 0] >= 128
    assert turned.wound is not None
    assert np.array_equal(masked, turned.wound)
    for one in (masked, bright):
        # The rims may differ by the pixels that a slanted side cuts; the rest may not.
        assert (outline ^ one).sum() <= 0.15 * outline.sum()


@given(SIZES, TURNS)
def test_a_full_round_of_turns_brings_a_picture_back(size, degrees: int) -> None:
    turn = Turn(degrees, *size)
    back = Turn(-degrees, *turn.size)
    corners = np.array(back.polygon(turn.polygon(box_polygon((0, 0, *size)))))
    moved = (np.array(back.size) - np.array(size)) / 2
    assert corners == pytest.approx(np.array(box_polygon((0, 0, *size))) + moved, abs=1e-6)


def test_a_turned_picture_lies_on_a_grey_as_bright_as_its_rim() -> None:
    pixels = np.full((40, 60, 3), 90, dtype=np.uint8)
    pixels[10:30, 10:50] = 250
    assert rim_grey(pixels) == 90
    assert Turn(45, 60, 40).pixels(pixels)[0, 0].tolist() == [90, 90, 90]


def test_a_truth_half_out_of_the_picture_is_measured_by_the_half_in_it() -> None:
    patch = inside(box_polygon((-10, -10, 10, 10)), 50, 40)
    assert (patch.left, patch.top, patch.bits.shape, patch.bits.all()) == (0, 0, (10, 10), True)


def test_a_grown_patch_reaches_as_far_as_it_says_and_no_farther() -> None:
    patch = inside(box_polygon((20, 20, 21, 21)), 60, 50).grown(5, 60, 50)
    rows, columns = np.nonzero(canvas_of(patch, 60, 50))
    assert np.hypot(rows - 20, columns - 20).max() == 5
    assert rows.size == sum(x * x + y * y <= 25 for x in range(-5, 6) for y in range(-5, 6))


def test_a_patch_grown_at_the_edge_stays_in_the_picture() -> None:
    patch = inside(box_polygon((0, 0, 4, 4)), 30, 20).grown(100, 30, 20)
    assert canvas_of(patch, 30, 20).all()
