"""Paper: a band is taken whole from one line on it, and nothing that runs on is taken for paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.covering import coverage
from inference.detectors.paper import LARGEST, papers_around
from inference.geometry import box_polygon, lies_in
from inference.picture import Kind, Region

SKIN, WHITE, CLOTH = (190, 140, 115), (242, 242, 238), (70, 120, 125)
LINE = (420, 292, 580, 318)


def line(box: tuple[int, int, int, int] = LINE, score: float = 0.9) -> Region:
    return Region(Kind.TEXT, box_polygon(box), score, "reader")


def scene(ground: tuple[int, int, int] = SKIN) -> np.ndarray:
    """Cloth, and a limb across the picture; letters at LINE."""
    picture = np.full((600, 1000, 3), CLOTH, np.uint8)
    picture[150:450] = ground
    return picture


def lettered(picture: np.ndarray) -> np.ndarray:
    for x in range(LINE[0] + 8, LINE[2] - 8, 12):
        picture[LINE[1] + 6 : LINE[3] - 6, x : x + 6] = (25, 25, 30)
    return picture


def banded(*, shaded: bool = False, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a white band around the limb, and where the band is."""
    band = np.zeros((600, 1000), np.uint8)
    corners = cv2.boxPoints(((500, 300), (240, 70), turn))
    cv2.fillPoly(band, [corners.astype(np.int32)], 1)
    picture = scene()
    picture[band > 0] = WHITE
    if shaded:
        fall = np.linspace(1.0, 0.4, 1000)[None, :, None]
        picture = (picture * fall).astype(np.uint8)
    return lettered(picture), band > 0


@pytest.mark.parametrize("shaded", [False, True])
@pytest.mark.parametrize("turn", [0.0, -7.0, 7.0])
def test_a_band_is_taken_whole_from_one_line_on_it(turn: float, shaded: bool) -> None:  # noqa: FBT001
    picture, band = banded(shaded=shaded, turn=turn)
    (paper,) = papers_around(picture, [line()])
    taken = coverage(1000, 600, [paper.polygon])
    assert (taken & band).sum() >= 0.99 * band.sum()
    assert (taken & ~band).sum() <= 0.25 * band.sum()
    assert (paper.kind, paper.score, paper.model) == (Kind.TEXT, 0.9, "reader")


def test_two_lines_on_one_band_are_one_paper_as_sure_as_the_surer_line() -> None:
    picture, _ = banded()
    (paper,) = papers_around(picture, [line(score=0.6), line((400, 270, 500, 290), score=0.8)])
    assert paper.score == 0.8


@pytest.mark.parametrize("ground", [SKIN, WHITE, (60, 45, 38)])
def test_letters_on_a_limb_or_a_sheet_are_on_no_paper(ground: tuple[int, int, int]) -> None:
    assert papers_around(lettered(scene(ground)), [line()]) == []


def test_a_wide_ruler_or_dressing_with_a_word_on_it_is_not_taken() -> None:
    picture = scene()
    picture[240:390, 300:740] = WHITE
    assert papers_around(lettered(picture), [line()]) == []


def test_a_paper_with_writing_next_to_a_wound_leaves_the_wound() -> None:
    picture, _ = banded()
    picture[350:430, 430:570] = (150, 45, 40)
    (paper,) = papers_around(picture, [line()])
    assert not coverage(1000, 600, [paper.polygon])[352:430].any()


def test_without_a_line_there_is_no_paper() -> None:
    assert papers_around(banded()[0], []) == []
    assert papers_around(banded()[0], [line((2000, 10, 2100, 40))]) == []


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_whatever_the_picture_a_paper_is_bounded_and_holds_its_line(high: int, wide: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (high, wide, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(coarse, (wide * 5, high * 5), interpolation=cv2.INTER_NEAREST), np.uint8)
    corners = sorted(rng.uniform(0, wide * 5, 2)), sorted(rng.uniform(0, high * 5, 2))
    box = (corners[0][0], corners[1][0], corners[0][1] + 1, corners[1][1] + 1)
    for paper in papers_around(picture, [Region(Kind.CODE, box_polygon(box), 1.0, "reader")]):
        room = (np.sqrt(LARGEST * wide * high * 25) + 8) * 2 * (wide + high) * 5
        assert coverage(wide * 5, high * 5, [paper.polygon]).sum() <= LARGEST * wide * high * 25 + room
        assert lies_in(paper.polygon, box_polygon((-8, -8, wide * 5 + 8, high * 5 + 8)))
