"""Pictures on canvases: whole, in proportion, and where the scale says."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.canvas import Canvas, cut_out, fit, fit_turned, shrunk
from inference.picture import frozen_pixels

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


@given(st.sampled_from(range(0, 360, 45)), st.floats(0.05, 3), st.data())
def test_what_is_cut_out_has_its_middle_in_the_middle(degrees: int, scale: float, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(30, 370)), data.draw(st.integers(30, 270))
    picture = np.zeros((300, 400, 3), np.uint8)
    half = max(2, round(3 / scale)) if scale < 1 else 2
    picture[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = 255
    light = cut_out(picture, Canvas(96, 96), (x + 0.5, y + 0.5), degrees, scale)[..., 0].astype(float)
    rows, columns = np.mgrid[0:96, 0:96] + 0.5
    centre = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
    cut = min(x, y, 399 - x, 299 - y) < half
    assert cut or np.abs(centre - 48).max() < 1.5


@pytest.mark.parametrize("middle", [(-500.0, -500.0), (5000.0, 20.0), (0.0, 0.0), (399.9, 299.9)])
def test_what_is_cut_out_beyond_the_picture_is_black(middle: tuple[float, float]) -> None:
    view = cut_out(np.full((300, 400, 3), 255, np.uint8), Canvas(96, 96), middle, 45, 0.5)
    assert view.shape == (96, 96, 3)
    assert (view == 0).any()


def test_a_read_only_picture_is_shrunk_once_and_what_came_of_it_goes_with_it() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (400, 600, 3), np.uint8)
    first = frozen_pixels(noise)
    small = shrunk(first, (150, 100))
    assert shrunk(first, (150, 100)) is small
    assert not small.flags.writeable
    assert shrunk(first, (75, 50)).shape == (50, 75, 3)
    gone = weakref.ref(small)
    del first, small
    gc.collect()
    assert gone() is None


def test_a_picture_that_may_still_change_is_shrunk_anew() -> None:
    picture = np.zeros((400, 600, 3), np.uint8)
    assert not shrunk(picture, (150, 100)).any()
    picture[:] = 90
    assert (shrunk(picture, (150, 100)) == 90).all()


def test_a_shared_picture_is_laid_on_a_canvas_as_one_that_is_not_shared() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (900, 1200, 3), np.uint8)
    frozen = frozen_pixels(noise)
    for degrees in (0, 90, 45):
        for _ in range(2):
            assert np.array_equal(*(fit_turned(one, Canvas(160, 160), degrees)[0] for one in (noise, frozen)))
