"""Pictures on canvases: whole, in proportion, and where the scale says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.canvas import Canvas, fit, fit_turned

CANVAS = Canvas(160, 128)


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=40)
def test_any_picture_fits_whole_and_the_rest_is_black(width: int, height: int) -> None:
    placed, scale = fit(np.full((height, width, 3), 200, dtype=np.uint8), CANVAS)
    assert placed.shape == (128, 160, 3)
    right, bottom = max(1, round(width * scale)), max(1, round(height * scale))
    assert (placed[:bottom, :right] == 200).all()
    assert not placed[bottom:].any()
    assert not placed[:, right:].any()


def test_a_mark_is_found_where_the_scale_says() -> None:
    picture = np.zeros((600, 800, 3), dtype=np.uint8)
    picture[300:340, 500:540] = 255
    placed, scale = fit(picture, CANVAS)
    rows, columns = np.nonzero(placed[..., 0] > 128)
    assert columns.mean() / scale == pytest.approx(520, abs=5)
    assert rows.mean() / scale == pytest.approx(320, abs=5)


def test_a_canvas_lies_or_stands_as_the_picture_does() -> None:
    assert CANVAS.for_picture(400, 300) == Canvas(160, 128)
    assert CANVAS.for_picture(300, 400) == Canvas(128, 160)


def test_a_canvas_that_no_model_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        Canvas(161, 128)


@given(st.sampled_from(range(0, 360, 15)), st.sampled_from([(400, 300), (300, 400), (1200, 900), (90, 70)]), st.data())
def test_a_point_is_found_again_in_the_picture_however_it_was_turned(degrees, size, data: st.DataObject) -> None:
    width, height = size
    half = max(3, round(max(size) / 30))
    x = data.draw(st.integers(half, width - half - 1))
    y = data.draw(st.integers(half, height - half - 1))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y - half : y + half + 1, x - half : x + half + 1] = 255
    canvas = Canvas(320, 240) if degrees % 90 == 0 else Canvas(320, 320)
    placed, back = fit_turned(picture, canvas, degrees)
    light = placed[..., 0].astype(float)
    rows, columns = np.mgrid[0 : placed.shape[0], 0 : placed.shape[1]] + 0.5
    centre = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
    found = back[:, :2] @ centre + back[:, 2]
    pixel = max(width, height) / 150
    assert np.abs(found - (x + 0.5, y + 0.5)).max() < pixel
