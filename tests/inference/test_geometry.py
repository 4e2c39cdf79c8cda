"""Corners and boxes, turned and scaled: found where they are, whatever way the picture was turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.geometry import (
    area,
    bounds,
    box_corners,
    box_polygon,
    expand_boxes,
    lies_in,
    overlap_of_smaller,
    scale_polygon,
    strongest,
    turn_back,
)

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
COORDINATES = st.floats(-1000, 1000)
BOX = st.tuples(COORDINATES, COORDINATES, st.floats(0.5, 500), st.floats(0.5, 500)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(SIZES, st.integers(-8, 8), st.data())
def test_a_pixel_is_found_again_after_any_quarter_turns(size: tuple[int, int], turns: int, data: st.DataObject) -> None:
    width, height = size
    picture = np.arange(width * height).reshape(height, width)
    turned = np.rot90(picture, turns)
    row = data.draw(st.integers(0, turned.shape[0] - 1))
    column = data.draw(st.integers(0, turned.shape[1] - 1))
    x, y = turn_back(np.array([[column + 0.5, row + 0.5]]), turns, width, height)[0]
    assert picture[int(y), int(x)] == turned[row, column]


@given(BOX, st.integers(0, 3))
def test_a_turned_box_keeps_its_area(box: tuple[float, ...], turns: int) -> None:
    corners = box_corners(np.array([box]))[0]
    turned = turn_back(corners, turns, 640, 480)
    assert tuple(map(tuple, corners)) == box_polygon(box)
    assert area(tuple(map(tuple, turned))) == pytest.approx(area(box_polygon(box)), rel=1e-6, abs=1e-6)


@given(BOX, st.floats(0.1, 0.9), st.sampled_from((1, -1)))
def test_what_lies_in_a_polygon_is_told_from_what_reaches_out_of_it(box, factor: float, way: int) -> None:
    outer = box_polygon(box)[::way]
    assert lies_in(scale_polygon(outer, factor), outer)
    assert not lies_in(scale_polygon(outer, 1 / factor), outer)
    assert lies_in(scale_polygon(outer, 1.04), outer, slack=0.05)


def test_the_corners_of_a_box_around_a_diamond_do_not_lie_in_the_diamond() -> None:
    diamond = ((50.0, 0.0), (100.0, 50.0), (50.0, 100.0), (0.0, 50.0))
    assert not lies_in(box_polygon((5, 5, 30, 30)), diamond)
    assert lies_in(box_polygon((40, 40, 60, 60)), diamond)


@given(BOX, st.floats(1, 3))
def test_an_expanded_box_holds_the_box_about_the_same_centre(box: tuple[float, ...], factor: float) -> None:
    grown = expand_boxes(np.array([box]), factor)[0]
    assert np.all(grown[:2] <= np.array(box[:2]) + 1e-6)
    assert np.all(grown[2:] >= np.array(box[2:]) - 1e-6)
    assert grown[2] - grown[0] == pytest.approx((box[2] - box[0]) * factor, rel=1e-6, abs=1e-6)
    assert grown[0] + grown[2] == pytest.approx(box[0] + box[2], rel=1e-6, abs=1e-6)


@given(BOX, st.floats(0.1, 4))
def test_a_scaled_polygon_scales_its_bounds(box: tuple[float, ...], factor: float) -> None:
    left, _, right, _ = bounds(scale_polygon(box_polygon(box), factor))
    assert right - left == pytest.approx((box[2] - box[0]) * factor, rel=1e-6, abs=1e-6)


@given(BOX, BOX)
def test_overlap_is_symmetric_and_whole_for_a_box_with_itself(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    assert overlap_of_smaller(one, other) == overlap_of_smaller(other, one)
    assert 0 <= overlap_of_smaller(one, other) <= 1
    assert overlap_of_smaller(one, one) == pytest.approx(1)


def test_boxes_apart_do_not_overlap() -> None:
    assert overlap_of_smaller((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert overlap_of_smaller((0, 0, 10, 10), (50, 50, 60, 60)) == 0


@given(st.lists(st.tuples(BOX, st.floats(0, 1)), max_size=12))
def test_every_dropped_box_overlaps_a_better_one_that_stays(rows: list[tuple[tuple[float, ...], float]]) -> None:
    boxes = np.array([box for box, _ in rows]).reshape(-1, 4)
    scores = np.array([score for _, score in rows])
    kept = strongest(boxes, scores, 0.3)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    assert len(set(kept.tolist())) == len(kept)
    for place in set(range(len(rows))) - set(kept.tolist()):
        better = [k for k in kept if scores[k] >= scores[place]]
        assert any(_iou(boxes[place], boxes[k]) > 0.3 - 1e-9 for k in better)


def test_the_best_box_always_stays() -> None:
    boxes = np.array([(0.0, 0, 10, 10), (1, 1, 11, 11), (30, 30, 40, 40)])
    assert strongest(boxes, np.array([0.5, 0.9, 0.4]), 0.3).tolist() == [1, 2]


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    size = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    shared = float(size.prod())
    return shared / (area(box_polygon(one)) + area(box_polygon(other)) - shared)
