"""The film that Wardlens and another program are compared on: the same every time, and right about its faces."""

import cv2
import numpy as np
import pytest

from firmware.measuring.film import FACE, FACE_HEIGHTS, HEAD, SIZE, draw_film, face_places, share_covered
from inference.geometry import area, bounds, box_polygon

RED = (255, 0, 0)


@pytest.fixture(scope="module")
def portrait():
    """A grey head with a red face."""
    pixels = np.full((512, 512, 3), 128, np.uint8)
    left, top, right, bottom = map(int, FACE)
    pixels[top:bottom, left:right] = RED
    return pixels


@pytest.fixture(scope="module")
def film(portrait):
    return draw_film(portrait, count=8)


def test_the_same_seed_draws_the_same_film_and_another_seed_another(portrait, film):
    again = draw_film(portrait, count=3)
    assert np.array_equal(again.frames, film.frames[:3])
    assert again.faces == film.faces[:3]
    assert face_places(1, seed=5) != film.faces[:1]


def test_the_face_is_where_the_film_says_it_is(film):
    for frame, face in zip(film.frames, film.faces, strict=True):
        mask = np.zeros(frame.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(face).astype(np.int32)], 1)
        red = (frame[..., 0] > 180) & (frame[..., 1] < 60) & (frame[..., 2] < 60)
        inside = mask > 0
        assert red[inside].mean() > 0.9
        assert red[inside].sum() > 0.9 * red[cv2.dilate(mask, np.ones((5, 5))) > 0].sum()


def test_the_whole_face_is_in_every_frame_and_its_size_as_promised():
    faces = face_places()
    assert len(faces) == 150
    for face in faces:
        left, top, right, bottom = bounds(face)
        assert min(left, top) >= 0
        assert right <= SIZE[0]
        assert bottom <= SIZE[1]
    heights = [float(np.hypot(*np.subtract(face[3], face[0]))) for face in faces]
    assert min(heights) == pytest.approx(FACE_HEIGHTS[0], rel=0.05)
    assert max(heights) == pytest.approx(FACE_HEIGHTS[1], rel=0.05)


def test_another_portrait_is_refused_because_its_face_is_not_known():
    with pytest.raises(ValueError, match="512×512"):
        draw_film(np.zeros((300, 300, 3), np.uint8))


def test_the_face_lies_in_the_head_that_is_pasted():
    assert area(box_polygon(FACE)) < area(box_polygon(HEAD))
    assert FACE[0] > HEAD[0]
    assert FACE[3] < HEAD[3]


@pytest.mark.parametrize(
    ("shapes", "share"),
    [
        ([], 0.0),
        ([(100, 100, 150, 200)], 0.5),
        ([(100, 100, 150, 200), (150, 100, 200, 200)], 1.0),
        ([(100, 100, 150, 200), (100, 100, 150, 200)], 0.5),
        ([(90, 90, 210, 210)], 1.0),
        ([(300, 300, 400, 400)], 0.0),
    ],
)
def test_a_face_is_covered_by_what_lies_on_it_counted_once(shapes, share):
    face = box_polygon((100, 100, 200, 200))
    assert share_covered(face, [box_polygon(shape) for shape in shapes]) == pytest.approx(share, abs=0.02)
