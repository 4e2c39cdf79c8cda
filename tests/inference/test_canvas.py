"""Pictures on canvases: whole, in proportion, and where the scale says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.canvas import Canvas, fit

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
