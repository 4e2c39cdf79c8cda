"""A wound on a face: whatever is marked, only the marked part of a face is seen, and never its eyes or its mouth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Action, Decision, DecisionRefused, Deidentifier, Frame, Kind, Region, Shown
from inference.covering import FILL, cover, coverage
from inference.facial import (
    MOST_SHOWN,
    Face,
    FaceLook,
    always_covered,
    doubt,
    faces_of,
    may_show,
    show_wound,
    uncovered,
)
from inference.geometry import area, box_polygon
from inference.picture import BY_PERSON, Polygon

WIDTH, HEIGHT = 200, 180
SIZE = (WIDTH, HEIGHT)
BOX = box_polygon((60, 40, 140, 150))
HEAD = box_polygon((35, 10, 165, 170))
EYES, NOSE, MOUTH = ((80.0, 80.0), (120.0, 80.0)), (100.0, 100.0), ((85.0, 122.0), (115.0, 122.0))
LOOK = FaceLook(BOX, 0.9, (*EYES, NOSE, *MOUTH))
REGIONS = (
    Region(Kind.FACE, HEAD, 0.9, "centerface"),
    Region(Kind.FACE, box_polygon((40, 15, 160, 165)), 0.8, "centerface"),
    Region(Kind.TEXT, box_polygon((50, 140, 110, 165)), 0.9, "reader"),
    Region(Kind.FACE, box_polygon((60, 15, 90, 40)), 1.0, BY_PERSON),
)
(FACE,) = faces_of(REGIONS, lambda _region: (LOOK, LOOK))
FOREHEAD = box_polygon((95, 44, 125, 58))

corners = st.tuples(st.floats(-40, 240), st.floats(-40, 220))
boxes = st.tuples(corners, st.floats(2, 80), st.floats(2, 80)).map(
    lambda drawn: box_polygon((*drawn[0], drawn[0][0] + drawn[1], drawn[0][1] + drawn[2]))
)
marks = st.lists(corners, min_size=3, max_size=7).map(tuple) | boxes
regions = st.lists(
    st.builds(Region, st.sampled_from(Kind), boxes, st.floats(0.1, 1), st.sampled_from(["m", BY_PERSON])), max_size=3
)


def seen_of(covered: tuple[Region, ...], shown: list[Shown]) -> np.ndarray:
    return uncovered(WIDTH, HEIGHT, covered, shown)


def inside(polygon: Polygon) -> np.ndarray:
    return coverage(WIDTH, HEIGHT, [polygon])


@given(st.lists(marks, min_size=1, max_size=4), regions)
def test_no_mark_uncovers_eyes_or_mouth_or_anything_but_the_marked_part_of_a_face(
    drawn: list[Polygon], others: list[Region]
) -> None:
    covered, shown = (*REGIONS, *others), []
    for mark in drawn:
        try:
            shown.append(show_wound(mark, [FACE], covered, shown, size=SIZE, features=False))
        except DecisionRefused:
            continue
    seen = seen_of(covered, shown)
    allowed = np.zeros_like(seen)
    for one in shown:
        allowed |= inside(one.polygon)
    assert not (seen & ~allowed).any(), "outside every mark"
    assert not (seen & coverage(WIDTH, HEIGHT, always_covered(FACE))).any(), "eyes or mouth"
    for point in (*EYES, *MOUTH):
        assert not seen[round(point[1]), round(point[0])]
    assert not (seen & coverage(WIDTH, HEIGHT, [r.polygon for r in covered if not may_show(r)])).any(), "another kind"
    assert (seen & inside(HEAD)).sum() <= MOST_SHOWN * area(BOX), "more than a wound"


@given(marks, regions)
def test_a_mark_on_a_face_that_nobody_can_tell_uncovers_nothing(mark: Polygon, others: list[Region]) -> None:
    with pytest.raises(DecisionRefused, match=r"certain|covered face"):
        show_wound(mark, [], (*REGIONS, *others), [], size=SIZE, features=False)


def test_the_marked_part_of_the_face_is_seen() -> None:
    shown = show_wound(FOREHEAD, [FACE], REGIONS, [], size=SIZE, features=False)
    seen = seen_of(REGIONS, [shown])
    assert seen[46:56, 97:123].all()
    assert seen.sum() <= area(FOREHEAD)


def test_a_mark_that_touches_a_second_face_is_refused() -> None:
    other = Region(Kind.FACE, box_polygon((110, 0, 199, 60)), 0.6, "centerface")
    faces = faces_of((*REGIONS, other), lambda region: () if region is other else (LOOK, LOOK))
    assert [face.regions for face in faces] == [REGIONS[:2], (other,)]
    with pytest.raises(DecisionRefused, match="certain"):
        show_wound(FOREHEAD, [FACE], (*REGIONS, other), [], size=SIZE, features=False)


@pytest.mark.parametrize("box", [(110, 0, 199, 60), (70, 60, 130, 140), (0, 0, 1000, 1000), (75, 75, 125, 118)])
def test_a_region_of_another_place_or_size_is_another_face(box: tuple[int, int, int, int]) -> None:
    other = Region(Kind.FACE, box_polygon(box), 0.6, "centerface")
    assert faces_of((*REGIONS, other), lambda _region: (LOOK, LOOK))[0].regions == REGIONS[:2]


def test_marks_together_uncover_no_more_than_one_wound() -> None:
    left, right = box_polygon((62, 104, 78, 148)), box_polygon((121, 100, 160, 168))
    shown = [show_wound(FOREHEAD, [FACE], REGIONS, [], size=SIZE, features=False)]
    shown.append(show_wound(left, [FACE], REGIONS, shown, size=SIZE, features=False))
    with pytest.raises(DecisionRefused, match="more of the face"):
        show_wound(right, [FACE], REGIONS, shown, size=SIZE, features=False)


def test_a_mark_on_the_eyes_shows_them_only_where_features_may_be_seen() -> None:
    eyes = box_polygon((70, 72, 130, 88))
    with pytest.raises(DecisionRefused, match="Nothing would be seen"):
        show_wound(eyes, [FACE], REGIONS, [], size=SIZE, features=False)
    shown = show_wound(eyes, [FACE], REGIONS, [], size=SIZE, features=True)
    assert shown.kept == ()
    assert seen_of(REGIONS, [shown])[80, 80]


def turned(look: FaceLook, degrees: float) -> FaceLook:
    turn = cv2.getRotationMatrix2D((100, 90), degrees, 1.0)

    def moved(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        return tuple((float(x), float(y)) for x, y in np.asarray(points) @ turn[:, :2].T + turn[:, 2])

    return FaceLook(moved(look.box), look.score, moved(look.landmarks))  # type: ignore[arg-type]


@given(st.floats(-180, 180))
def test_a_face_that_looks_into_the_camera_is_told_however_the_patient_lies(degrees: float) -> None:
    look = turned(LOOK, degrees)
    assert doubt(Face(FACE.regions, (look, look)), 0.72, 400, 400) in ("", "it is cut by the edge of the picture")


def landmarks(**changes: tuple[float, float]) -> FaceLook:
    named = dict(zip(("eye", "other_eye", "nose", "corner", "other_corner"), LOOK.landmarks, strict=True))
    return replace(LOOK, landmarks=tuple({**named, **changes}.values()))


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        ((), "well enough"),
        ((LOOK,), "well enough"),
        ((LOOK, replace(LOOK, score=0.5)), "well enough"),
        ((LOOK, landmarks(nose=(100.0, 115.0))), "told for certain"),
        ((landmarks(nose=(121.0, 100.0)),) * 2, "looks away"),
        ((landmarks(nose=(79.0, 100.0)),) * 2, "looks away"),
        ((landmarks(corner=(115.0, 122.0), other_corner=(85.0, 122.0)),) * 2, "do not lie"),
        ((landmarks(corner=(85.0, 60.0), other_corner=(115.0, 60.0)),) * 2, "do not lie"),
        ((landmarks(other_corner=(100.0, 140.0)),) * 2, "do not lie"),
        ((landmarks(corner=(98.0, 122.0), other_corner=(102.0, 122.0)),) * 2, "do not lie"),
        ((replace(LOOK, box=box_polygon((60, -3, 140, 150))),) * 2, "edge"),
        ((replace(LOOK, landmarks=tuple((x / 4, y / 4) for x, y in LOOK.landmarks)),) * 2, "small"),
    ],
    ids=str,
)
def test_a_face_whose_features_are_in_doubt_stays_whole(looks: tuple[FaceLook, ...], reason: str) -> None:
    assert reason in doubt(Face(FACE.regions, looks), 0.72, WIDTH, HEIGHT)


def test_a_face_that_the_first_look_doubted_stays_whole() -> None:
    faint = replace(FACE, regions=(replace(FACE.regions[0], score=0.6),))
    assert "well enough" in doubt(faint, 0.72, WIDTH, HEIGHT)


class Finder:
    """Sees the face of this file in every region."""

    def looks(self, _image: np.ndarray, _region: Region) -> list[FaceLook]:
        return [LOOK, LOOK]


@pytest.fixture
def engine(scripted):
    made = Deidentifier(
        still=[scripted(Kind.FACE, [r for r in REGIONS if r.kind is Kind.FACE]), scripted(Kind.TEXT, [REGIONS[2]])],
        live=[],
        second_look=[],
        features=Finder(),
        threads=1,
    )
    yield made
    made.close()


@pytest.fixture
def face_frame() -> Frame:
    return Frame(np.random.default_rng(3).integers(60, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), 0)


def show(mark: Polygon, **more: object) -> Decision:
    return Decision(Action.SHOW, Kind.FACE, "n-1", 5, polygon=mark, reason="Needed to judge the wound", **more)


def test_the_picture_is_what_the_record_says_and_stays_so_through_further_decisions(engine, face_frame: Frame) -> None:
    photo = engine.still(face_frame)
    assert not photo.redaction.recognisable
    wounded = engine.revise(face_frame, photo.redaction, [show(FOREHEAD)])
    assert wounded.redaction.recognisable
    assert not wounded.redaction.shows_features
    assert wounded.redaction.regions == photo.redaction.regions
    seen = seen_of(wounded.redaction.regions, list(wounded.redaction.shown))
    covered = cover(face_frame.pixels, [r.polygon for r in photo.redaction.regions])
    assert np.array_equal(wounded.pixels, np.where(seen[..., None], face_frame.pixels, covered))
    more = [
        Decision(Action.ADD, Kind.TATTOO, "n-1", 6, polygon=box_polygon((95, 44, 110, 58))),
        Decision(Action.CONFIRM, Kind.FACE, "n-1", 7),
    ]
    again = engine.revise(face_frame, wounded.redaction, more)
    assert np.array_equal(again.pixels[50, 118], face_frame.pixels[50, 118]), "what was shown is shown still"
    assert tuple(again.pixels[50, 100]) == FILL, "what a person covers is covered, shown or not"
    assert [decision.action for decision in again.redaction.decisions] == ["show", "add", "confirm"]


def test_a_face_whose_eyes_and_mouth_are_known_is_not_uncovered_whole(engine, face_frame: Frame) -> None:
    redaction = engine.still(face_frame).redaction
    place = next(number for number, region in enumerate(redaction.regions) if may_show(region))
    remove = Decision(Action.REMOVE, Kind.FACE, "n-1", 5, index=place, reason="It is the wound")
    with pytest.raises(DecisionRefused, match="Mark the wound"):
        engine.revise(face_frame, redaction, [remove])
    allowed = engine.revise(face_frame, redaction, [replace(remove, features=True)])
    assert allowed.redaction.shows_features


def test_what_is_no_face_for_certain_may_be_uncovered_whole_and_the_record_says_so(engine_blind, face_frame) -> None:
    redaction = engine_blind.still(face_frame).redaction
    remove = Decision(Action.REMOVE, Kind.FACE, "n-1", 5, index=0, reason="a pattern on the blanket")
    assert engine_blind.revise(face_frame, redaction, [remove]).redaction.recognisable
    with pytest.raises(DecisionRefused, match="certain"):
        engine_blind.revise(face_frame, redaction, [show(FOREHEAD)])


@pytest.fixture
def engine_blind(scripted):
    made = Deidentifier(still=[scripted(Kind.FACE, REGIONS[:1])], live=[], second_look=[], threads=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": Kind.TEXT, "polygon": FOREHEAD, "reason": "a wound"},
        {"kind": Kind.FACE, "polygon": None, "reason": "a wound"},
        {"kind": Kind.FACE, "polygon": FOREHEAD, "reason": " "},
    ],
)
def test_a_decision_to_show_names_a_face_a_place_and_a_reason(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wound"):
        Decision(Action.SHOW, by="n-1", at_ms=1, **wrong)
    with pytest.raises(ValueError, match="features"):
        Decision(Action.REMOVE, Kind.TEXT, "n-1", 1, index=0, reason="no", features=True)
