"""What the models' tensors say, decoded: on tensors made here, without a runtime."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.detectors import centerface, textmap
from inference.detectors.reading import is_writing, letters, lying, other_ways, rows_of, straighten, upside_down


def _face_tensors(row: int, column: int, size: float, score: float) -> list[np.ndarray]:
    heat = np.zeros((1, 1, 24, 32), dtype=np.float32)
    scale = np.zeros((1, 2, 24, 32), dtype=np.float32)
    offset = np.zeros((1, 2, 24, 32), dtype=np.float32)
    heat[0, 0, row, column] = score
    scale[0, :, row, column] = math.log(size / 4)
    return [heat, scale, offset, np.zeros((1, 10, 24, 32), dtype=np.float32)]


@given(st.integers(0, 23), st.integers(0, 31), st.floats(4, 100), st.floats(0.31, 1))
def test_a_face_is_where_the_heat_is_and_as_large_as_its_logarithm(
    row: int, column: int, size: float, score: float
) -> None:
    boxes, scores = centerface.decode(_face_tensors(row, column, size, score), 0.3)
    assert boxes.shape == (1, 4)
    centre = (boxes[0, :2] + boxes[0, 2:]) / 2
    assert centre == pytest.approx([column * 4 + 2, row * 4 + 2], abs=1e-3)
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(size, rel=1e-4)
    assert scores[0] == pytest.approx(score, rel=1e-5)


def test_heat_below_the_threshold_is_no_face() -> None:
    boxes, scores = centerface.decode(_face_tensors(5, 5, 20, 0.29), 0.3)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_face_map_with_no_number_is_an_error_and_never_no_face(which: int) -> None:
    tensors = _face_tensors(5, 5, 20, 0.9)
    tensors[which][..., 5, 5] = math.nan
    with pytest.raises(ValueError, match="no number"):
        centerface.decode(tensors, 0.3)


@pytest.mark.parametrize("score", [-1.0, 1.5])
def test_a_face_map_beyond_probabilities_is_an_error_and_never_no_face(score: float) -> None:
    with pytest.raises(ValueError, match="no probability"):
        centerface.decode(_face_tensors(5, 5, 20, score), 0.3)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_face_map_of_another_shape_is_an_error(which: int) -> None:
    tensors = _face_tensors(5, 5, 20, 0.9)
    tensors[which] = tensors[which][:, :, :-1] if which else tensors[0][:, 0]
    with pytest.raises(ValueError, match="CenterFace"):
        centerface.decode(tensors, 0.3)


def test_too_few_outputs_are_an_error() -> None:
    with pytest.raises(ValueError, match="four outputs"):
        centerface.decode(_face_tensors(5, 5, 20, 0.9)[:2], 0.3)


def _text_map(left: int, top: int, width: int, height: int, score: float = 0.9) -> list[np.ndarray]:
    heat = np.zeros((1, 1, 96, 128), dtype=np.float32)
    heat[0, 0, top : top + height, left : left + width] = score
    return [heat]


@given(st.integers(10, 40), st.integers(10, 40), st.integers(12, 60), st.integers(4, 30))
@settings(max_examples=40)
def test_a_line_of_text_is_covered_beyond_its_core(left: int, top: int, width: int, height: int) -> None:
    lines = textmap.decode(_text_map(left, top, width, height), core=0.3, threshold=0.5)
    assert len(lines) == 1
    quad = lines[0].quad(1.7)
    assert lines[0].score == pytest.approx(0.9, abs=0.01)
    assert quad[:, 0].min() <= left
    assert quad[:, 1].min() <= top
    assert quad[:, 0].max() >= left + width
    assert quad[:, 1].max() >= top + height


def test_specks_and_faint_lines_are_no_text() -> None:
    assert textmap.decode(_text_map(10, 10, 2, 2), core=0.3, threshold=0.5) == []
    assert textmap.decode(_text_map(10, 10, 40, 10, 0.4), core=0.3, threshold=0.5) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 2.0])
def test_a_text_map_that_holds_no_probability_is_an_error(value: float) -> None:
    outputs = _text_map(10, 10, 40, 10)
    outputs[0][0, 0, 50, 50] = value
    with pytest.raises(ValueError, match="probabilities"):
        textmap.decode(outputs, core=0.3, threshold=0.5)


def test_a_text_map_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="1×1×H×W"):
        textmap.decode([np.zeros((1, 2, 8, 8), dtype=np.float32)], core=0.3, threshold=0.5)


def _steps(*best: int, sure: float = 0.8) -> list[np.ndarray]:
    steps = np.full((1, len(best), 5), (1 - sure) / 4, dtype=np.float32)
    for place, letter in enumerate(best):
        steps[0, place, letter] = sure
    return [steps]


def test_letters_are_runs_that_are_not_blank() -> None:
    assert letters(_steps(0, 0, 0)) == (0.0, ())
    assert letters(_steps(1, 1, 0, 1, 2)) == (pytest.approx(0.8), (2, 1))
    assert letters(_steps(3))[1] == (1,)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.floats(0.3, 1))
def test_there_are_never_more_letters_than_steps_nor_surer_ones(best: list[int], sure: float) -> None:
    mean, counts = letters(_steps(*best, sure=sure))
    count = sum(counts)
    assert count <= sum(letter != 0 for letter in best)
    assert len(counts) == len({letter for letter in best if letter})
    assert mean == pytest.approx(sure if count else 0, abs=1e-5)


@pytest.mark.parametrize(
    "counts",
    [(), (1,), (2,), (6,), (4, 1), (6, 1), (5, 5, 5), (4, 4, 4, 3)],
    ids=lambda counts: "-".join(map(str, counts)),
)
def test_ticks_stitches_and_waves_that_read_as_the_same_letters_again_are_no_writing(counts: tuple[int, ...]) -> None:
    assert not is_writing(counts)


@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (2, 2, 1), (4, 3, 2, 1), (5, 3, 3, 1, 1, 1, 1)])
def test_words_and_dates_with_repeated_letters_are_writing(counts: tuple[int, ...]) -> None:
    assert is_writing(counts)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 2.0])
def test_a_reading_that_holds_no_probability_is_an_error(value: float) -> None:
    outputs = _steps(1, 2, 3)
    outputs[0][0, 1, 1] = value
    with pytest.raises(ValueError, match="probabilities"):
        letters(outputs)


def test_a_reading_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="1×T×C"):
        letters([np.zeros((3, 5), dtype=np.float32)])


@pytest.mark.parametrize("turns", range(4))
def test_a_line_is_laid_flat_whichever_corner_comes_first(turns: int) -> None:
    """Left half red, right half blue: flat again, or upside down, but never mirrored and never upright."""
    picture = np.zeros((100, 300, 3), dtype=np.uint8)
    picture[40:60, 50:150] = (255, 0, 0)
    picture[40:60, 150:250] = (0, 0, 255)
    picture[40:50, 50:150] = (255, 255, 0)
    quad = np.roll(np.array([(50.0, 40), (250, 40), (250, 60), (50, 60)]), turns, axis=0)
    line = straighten(picture, lying(quad))
    if turns in {2, 3}:
        line = upside_down(line[:, :320])
    top_left, bottom_right = line[8, 40], line[40, 280]
    assert top_left.tolist() == [255, 255, 0]
    assert bottom_right.tolist() == [0, 0, 255]


@pytest.mark.parametrize(("long", "canvas"), [(20, 96), (80, 192), (120, 320), (250, 320)])
def test_a_line_is_read_on_the_narrowest_canvas_that_holds_it(long: int, canvas: int) -> None:
    picture = np.full((100, 300, 3), 90, dtype=np.uint8)
    quad = np.array([(10.0, 40), (10.0 + long, 40), (10.0 + long, 60), (10, 60)])
    assert straighten(picture, quad).shape == (48, canvas, 3)


def test_of_a_line_too_long_to_read_the_middle_is_read_unsqueezed() -> None:
    picture = np.zeros((40, 900, 3), dtype=np.uint8)
    picture[10:30, 50:850] = (200, 0, 0)
    picture[10:30, 440:460] = (0, 0, 200)
    line = straighten(picture, np.array([(50.0, 10), (850, 10), (850, 30), (50, 30)]))
    blue = np.flatnonzero(line[24, :, 2] > 100)
    assert blue.mean() == pytest.approx(160, abs=2)
    assert len(blue) == pytest.approx(20 * 48 / 20, abs=3)


def test_a_block_of_two_lines_is_read_a_line_at_a_time_and_across_only_if_it_is_no_long_line() -> None:
    picture = np.zeros((100, 300, 3), dtype=np.uint8)
    picture[20:50, 50:140] = (255, 0, 0)
    picture[50:80, 50:140] = (0, 0, 255)
    block = lying(np.array([(50.0, 20), (140, 20), (140, 80), (50, 80)]))
    upper, lower, middle = (straighten(picture, row) for row in rows_of(block))
    assert upper[20, 40].tolist() == [255, 0, 0]
    assert lower[28, 40].tolist() == [0, 0, 255]
    assert {tuple(middle[4, 40].tolist()), tuple(middle[44, 40].tolist())} == {(255, 0, 0), (0, 0, 255)}
    (across,) = other_ways(block)
    turned = straighten(picture, across)
    assert {tuple(turned[24, 5].tolist()), tuple(turned[24, 26].tolist())} == {(255, 0, 0), (0, 0, 255)}
    assert list(other_ways(lying(np.array([(0.0, 0), (90, 0), (90, 20), (0, 20)])))) == []
