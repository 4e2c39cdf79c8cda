"""The sheet shows the ten worst cases, the worst first, each beside what came of it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference import Deidentifier, Frame, Kind, Photo, Region
from inference.evaluation import (
    AnnotatedPicture,
    PictureRow,
    Seen,
    Truth,
    TruthRow,
    WorstCases,
    WoundRow,
    encoded_sheet,
)
from inference.evaluation.worst import severity
from inference.geometry import box_polygon
from inference.picture import Pixels

FACE = box_polygon((20, 20, 60, 60))
NOTHING = Seen((), frozenset(), frozenset({Kind.TATTOO}), frozenset(), False, 0.0, 0.0, None, False, None, 1.0)


def row(name: str = "p", **seen) -> PictureRow:
    return PictureRow(name, 160, 120, seen=replace(NOTHING, **seen))


def face(share: float) -> tuple[TruthRow, ...]:
    return (TruthRow(Kind.FACE, share, 40),)


def wound(share: float) -> WoundRow:
    return WoundRow(1000, round(1000 * share), {})


ASKED = frozenset({Kind.FACE})
FROM_BAD_TO_GOOD = [
    (row(truths=(TruthRow(Kind.CODE, 1.0, 40, readable=True),)), "a code can still be read"),
    (row(truths=face(0.0)), "face covered 0.0%"),
    (row(wound=wound(0.8)), "wound covered 80.0%, nobody is asked"),
    (row(truths=face(0.5)), "face covered 50.0%"),
    (row(wound=wound(0.06)), "wound covered 6.0%, nobody is asked"),
    (row(wound=wound(1.0), asks=ASKED), "wound covered 100.0%, a person is asked about face"),
    (row(false=0.5), "frame covered for nothing 50.0%"),
    (row(asks=ASKED), "nothing is annotated, and a person is asked about face"),
    (row(wound=wound(0.04)), "wound covered 4.0%, nobody is asked"),
    (row(truths=face(0.99), asks=ASKED), "nothing amiss"),
]


def test_cases_are_ordered_by_what_they_do_to_people() -> None:
    weights = [severity(one)[0] for one, _ in FROM_BAD_TO_GOOD]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(weights)
    assert [severity(one)[1] for one, _ in FROM_BAD_TO_GOOD] == [sentence for _, sentence in FROM_BAD_TO_GOOD]


@pytest.fixture
def shown(noise: Pixels) -> AnnotatedPicture:
    mask = np.zeros((120, 160), dtype=np.bool_)
    mask[70:90, 90:120] = True
    return AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE), Truth(Kind.TEXT, FACE, mask=mask)), wound=mask)


@pytest.fixture
def photo(engine_that_sees, shown: AnnotatedPicture) -> Photo:
    engine: Deidentifier = engine_that_sees(Region(Kind.FACE, FACE, 0.99, "m"))
    return engine.still(Frame(shown.pixels, 0))


def test_the_ten_worst_are_kept_and_the_worst_comes_first(shown: AnnotatedPicture, photo: Photo) -> None:
    shares = [0.05 * place for place in range(14)]
    together, worst_only = WorstCases(), WorstCases()
    for place in np.random.default_rng(3).permutation(14):
        together("set", "as-is", row(f"picture {place}", truths=face(shares[place])), shown, photo)
    for place in range(10):
        worst_only("set", "as-is", row(f"picture {place}", truths=face(shares[place])), shown, photo)
    assert np.array_equal(together.sheet(), worst_only.sheet())


def test_of_equal_cases_the_first_stay(shown: AnnotatedPicture, photo: Photo) -> None:
    all_twelve, first_ten = WorstCases(), WorstCases()
    for place in range(12):
        all_twelve("set", "as-is", row(f"picture {place}", truths=face(0.5)), shown, photo)
    for place in range(10):
        first_ten("set", "as-is", row(f"picture {place}", truths=face(0.5)), shown, photo)
    assert np.array_equal(all_twelve.sheet(), first_ten.sheet())


def test_a_case_shows_the_picture_what_came_of_it_and_the_truth(shown: AnnotatedPicture, photo: Photo) -> None:
    cases = WorstCases()
    cases("set", "turn-45", row(truths=face(1.0)), shown, photo)
    sheet = cases.sheet()
    green = (sheet == (0, 200, 80)).all(axis=2)
    yellow = (sheet == (255, 200, 0)).all(axis=2)
    middle = sheet.shape[1] // 4
    for side in (np.s_[:, :middle], np.s_[:, middle : 2 * middle]):
        assert green[side].any()
        assert yellow[side].any()
    # The face (20…60 of 160) is open on the left, and filled on the right.
    assert sheet[110, 10 + 100].tolist() != [24, 26, 30]
    assert sheet[110, 10 + 410 + 100].tolist() == [24, 26, 30]
    assert (sheet[330:370, 10:400] < 128).any(), "there is a caption"


def test_an_empty_sheet_is_still_a_picture() -> None:
    sheet = WorstCases().sheet()
    back = cv2.imdecode(np.frombuffer(encoded_sheet(sheet), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back is not None
    assert np.array_equal(back, sheet)
