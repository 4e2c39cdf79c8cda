"""Degradations change what is seen, and the truth only where it changes too."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Kind
from inference.evaluation import ALL, DEGRADATIONS, AnnotatedPicture, Truth, named
from inference.evaluation.patches import patch_of
from inference.geometry import box_polygon
from inference.picture import Pixels, Polygon

BY_NAME = {degradation.name: degradation for degradation in DEGRADATIONS}
FACE = Truth(Kind.FACE, box_polygon((40, 30, 100, 90)))


@pytest.fixture
def portrait(noise: Pixels) -> AnnotatedPicture:
    wound = np.zeros(noise.shape[:2], dtype=np.bool_)
    wound[70:110, 60:120] = True
    return AnnotatedPicture("p", noise, (FACE,), wound=wound, monk=5)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_degradation_gives_a_whole_picture_and_the_same_one_each_time(name: str, portrait) -> None:
    first, second = (BY_NAME[name].change(portrait) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert (first.name, first.monk, len(first.truths)) == ("p", 5, 1)
    assert np.array_equal(first.pixels, portrait.pixels) == (name == "as-is")


@pytest.mark.parametrize("name", ["dark", "motion", "defocus", "jpeg"])
def test_light_lens_and_hand_leave_the_truth_where_it_is(name: str, portrait) -> None:
    changed = BY_NAME[name].change(portrait)
    assert changed.truths == portrait.truths
    assert changed.wound is portrait.wound


def test_dark_and_blur_do_what_their_numbers_say() -> None:
    pixels = np.zeros((41, 61, 3), dtype=np.uint8)
    pixels[20, 30] = 255
    spread = {
        name: BY_NAME[name].change(AnnotatedPicture("p", pixels)).pixels[..., 0] for name in ("motion", "defocus")
    }
    rows, columns = np.nonzero(spread["motion"])
    assert (set(rows), columns.min(), columns.max()) == ({20}, 23, 37)
    rows, columns = np.nonzero(spread["defocus"])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 24, 26, 34)
    white = AnnotatedPicture("p", np.full((4, 4, 3), 200, dtype=np.uint8))
    assert np.all(BY_NAME["dark"].change(white).pixels == 36)


@pytest.mark.parametrize("name", ["mask", "hand"])
def test_a_thing_before_a_face_hides_a_part_of_it_and_of_nothing_far_away(name: str, portrait) -> None:
    changed = BY_NAME[name].change(portrait)
    painted = (changed.pixels != portrait.pixels).any(axis=2)
    assert 0.2 < painted[30:90, 40:100].mean() < 0.7
    assert not painted[:28].any()
    assert not painted[:, 120:].any()
    assert changed.truths == portrait.truths


@pytest.mark.parametrize("name", ["mask", "hand"])
def test_a_wound_behind_a_mask_or_a_hand_is_no_longer_there_to_be_damaged(name: str, portrait) -> None:
    changed = BY_NAME[name].change(portrait)
    painted = (changed.pixels != portrait.pixels).any(axis=2)
    assert changed.wound is not None
    assert np.array_equal(changed.wound, portrait.wound & ~painted)


def test_a_mask_is_only_put_on_a_face(noise: Pixels) -> None:
    word = AnnotatedPicture("p", noise, (Truth(Kind.TEXT, FACE.polygon),))
    assert [d.name for d in DEGRADATIONS if not d.applies(word)] == ["mask", "hand", "cut"]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_cut_goes_through_the_largest_face_and_leaves_what_the_smaller_part_showed(
    noise: Pixels, *, mirrored: bool
) -> None:
    height, width = noise.shape[:2]

    def box(left: int, top: int, right: int, bottom: int) -> Polygon:
        return box_polygon((width - right, top, width - left, bottom) if mirrored else (left, top, right, bottom))

    def bits(left: int, right: int) -> np.ndarray:
        mask = np.zeros((height, width), dtype=np.bool_)
        mask[50:60, left:right] = True
        return mask[:, ::-1].copy() if mirrored else mask

    pixels = noise[:, ::-1].copy() if mirrored else noise
    large, small = Truth(Kind.FACE, box(20, 30, 80, 90)), Truth(Kind.FACE, box(100, 10, 120, 30))
    gone, word = Truth(Kind.FACE, box(5, 10, 25, 30)), Truth(Kind.TEXT, box(45, 50, 60, 60), mask=bits(45, 60))
    lost = Truth(Kind.TEXT, box(5, 50, 15, 60), mask=bits(5, 15))
    whole = AnnotatedPicture("p", pixels, (gone, large, lost, word, small), wound=bits(40, 70), monk=5)

    cut = BY_NAME["cut"].change(whole)

    begin, end = (0, width - 50) if mirrored else (50, width)
    assert np.array_equal(cut.pixels, pixels[:, begin:end])
    assert [(t.kind, t.polygon) for t in cut.truths] == [
        (t.kind, tuple((x - begin, y) for x, y in t.polygon)) for t in (large, word, small)
    ]
    left = [patch_of(truth, cut.width, cut.height).bits.sum() for truth in cut.truths]
    assert left == [30 * 60, 10 * 10, 20 * 20]
    assert cut.wound is not None
    assert cut.wound.sum() == 10 * 20


def test_degradations_are_named_in_any_order_and_come_in_the_tables() -> None:
    assert [degradation.name for degradation in named(["dark", "as-is", "dark"])] == ["as-is", "dark"]
    assert named([ALL]) == DEGRADATIONS
    assert {f"turn-{degrees}" for degrees in range(45, 360, 45)} < set(BY_NAME)
    with pytest.raises(KeyError, match="fog"):
        named(["dark", "fog"])
