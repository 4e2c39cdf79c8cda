"""The body map: right and left as the patient has them, codes that are on the list, and room for a finger."""

from __future__ import annotations

import itertools
import re

import pytest

from capture.body_sites import BODY_SITES, PAIRED
from capture.encounter import Laterality
from provisioning.panel import body_map
from provisioning.panel.body_map import BACK, FIGURES, FRONT, INSTEPS, NAPE, SOLES, View, rounded, spots

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT
ALL = tuple(spot for view in View for spot in spots(view))
FINGER = 48


def middle(spot) -> float:
    return sum(x for x, _y in spot.corners) / len(spot.corners)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.view}-{figure.name}")
def test_right_is_the_patients_right_in_every_figure(figure):
    """Facing the patient, their right is on the viewer's left; from behind, on the viewer's right."""
    sides = [spot for spot in ALL if spot.figure is figure and spot.side]
    assert sides
    for spot in sides:
        on_viewers_left = middle(spot) < figure.middle
        assert on_viewers_left == ((spot.side is RIGHT) == figure.faces), (spot.code, spot.side)


def test_only_who_stands_behind_sees_the_patients_right_on_their_own_right():
    assert [figure for figure in FIGURES if not figure.faces] == [BACK, NAPE]
    assert FRONT.viewers_left(RIGHT)
    assert not FRONT.viewers_left(LEFT)
    assert BACK.viewers_left(LEFT)
    assert not BACK.viewers_left(RIGHT)


@pytest.mark.parametrize("view", View)
def test_every_part_of_one_side_has_its_mirror_image_on_the_other(view):
    drawn = [spot for spot in spots(view) if spot.side]
    for spot in drawn:
        mirrored = [
            other
            for other in drawn
            if (other.figure, other.code) == (spot.figure, spot.code)
            and other.side is not spot.side
            and middle(other) - other.figure.middle == pytest.approx(spot.figure.middle - middle(spot))
        ]
        assert len(mirrored) == 1, spot.code


def test_the_inner_ankle_lies_towards_the_other_foot_and_the_outer_one_away_from_it():
    for figure, inner, outer in ((INSTEPS, "181563003", "181564009"), (SOLES, "699919007", "699909001")):
        away = {(spot.code, spot.side): abs(middle(spot) - figure.middle) for spot in ALL if spot.figure is figure}
        for side in (LEFT, RIGHT):
            assert away[inner, side] < away[outer, side]


def test_every_code_of_the_map_is_on_the_list_and_what_comes_in_two_has_a_side():
    assert {spot.code for spot in ALL} <= set(BODY_SITES)
    assert {spot.code for spot in ALL if spot.side is None} & PAIRED == set()
    chosen = {spot.code for spot in ALL if not spot.leads_to}
    assert {"84607009", "54735007", "22180002", "29836001", "362916000", "60496002", "33712006"} <= chosen


def test_what_opens_a_larger_view_can_be_chosen_there():
    for spot in ALL:
        if spot.leads_to:
            there = [one for one in spots(spot.leads_to) if one.code == spot.code and one.side is spot.side]
            assert there, spot.code
            assert not any(one.leads_to for one in there)


def outline(spot):
    """Points of a part's outline, its round corners sampled."""
    found = []
    for piece in spot.path[1:-1].split("L"):
        start, curve = piece.split("Q")
        points = [tuple(map(float, pair)) for pair in re.findall(r"([-\d.]+) ([-\d.]+)", f"{start} {curve}")]
        (x0, y0), (x1, y1), (x2, y2) = points
        for t in (step / 20 for step in range(21)):
            near, mid, far = (1 - t) ** 2, 2 * t * (1 - t), t**2
            found.append((near * x0 + mid * x1 + far * x2, near * y0 + mid * y1 + far * y2))
    return found


@pytest.mark.parametrize("spot", ALL, ids=lambda spot: f"{spot.figure.view}-{spot.figure.name}-{spot.code}-{spot.side}")
def test_every_part_has_room_for_a_finger_within_the_screen(spot):
    xs, ys = zip(*outline(spot), strict=True)
    assert max(xs) - min(xs) >= FINGER
    assert max(ys) - min(ys) >= FINGER
    assert min(xs) >= 0
    assert max(xs) <= body_map.WIDTH
    assert min(ys) >= 0
    assert max(ys) <= body_map.HEIGHT


def within(point, corners) -> bool:
    """Whether a point lies in a convex outline, its rim not counted."""
    turns = [
        (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
        for a, b in zip(corners, (*corners[1:], corners[0]), strict=True)
    ]
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


@pytest.mark.parametrize("view", View)
def test_no_part_lies_over_another(view):
    for spot, other in itertools.permutations(spots(view), 2):
        centre = (middle(spot), sum(y for _x, y in spot.corners) / 4)
        assert not any(within(point, other.corners) for point in (*spot.corners, centre)), (spot.code, other.code)


def test_round_corners_stay_within_the_outline_and_short_edges_are_not_overrun():
    assert rounded(((0, 0), (100, 0), (100, 100), (0, 100)), 10).startswith("M0 10Q0 0 10 0L90 0Q100 0 100 10")
    assert rounded(((0, 0), (8, 0), (8, 100), (0, 100)), 10).startswith("M0 10Q0 0 4 0L4 0Q8 0 8 10")
