"""What is held goes where the picture goes: known motions of drawn pictures, and a label that the camera pans over."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference import Deidentifier, Frame, Kind, Region
from inference.covering import coverage
from inference.geometry import bounds, box_polygon
from inference.hold import Hold
from inference.motion import LOST, Follower, Motion, after_all
from inference.picture import Pixels, Polygon

WIDTH, HEIGHT = 640, 480
FRAME_MS = 33
PIXELS = 2.0
"""How exact a motion has to be: half a pixel of the small copy."""
HAND = 32
"""Pixels a frame, each way: a thousand a second, as far as a hand swings a camera."""


def _world() -> Pixels:
    """A ward wall: coarse and fine texture, the same everywhere."""
    rng = np.random.default_rng(4)
    coarse = cv2.resize(rng.integers(60, 200, (60, 90, 3), dtype=np.uint8), (1800, 1200), interpolation=cv2.INTER_CUBIC)
    fine = rng.integers(0, 30, coarse.shape, dtype=np.uint8)
    return np.clip(coarse.astype(np.int16) + fine - 15, 0, 255).astype(np.uint8)


WORLD = _world()


def seen(left: float, top: float, degrees: float = 0.0, scale: float = 1.0) -> tuple[Pixels, np.ndarray]:
    """What a camera sees there, and the way from the world into its frame."""
    there = cv2.getRotationMatrix2D((left + WIDTH / 2, top + HEIGHT / 2), degrees, scale)
    there[:, 2] -= (left, top)
    return np.asarray(cv2.warpAffine(WORLD, there, (WIDTH, HEIGHT)), np.uint8), there


def placed(polygon: Polygon, there: np.ndarray) -> Polygon:
    points = np.asarray(polygon) @ there[:, :2].T + there[:, 2]
    return tuple((float(x), float(y)) for x, y in points)


@settings(max_examples=40, deadline=None)
@given(st.floats(-HAND, HAND), st.floats(-HAND, HAND), st.floats(-3, 3), st.floats(0.96, 1.04))
@example(30.0, 32.0, 0.0, 1.0)
@example(32.0, -32.0, 3.0, 1.0)
@example(-32.0, -31.0, 1.0, 0.96875)
def test_a_moved_camera_is_found_out(dx: float, dy: float, degrees: float, scale: float) -> None:
    """However a hand moves the camera between two frames, a region ends where its thing is, within the doubt.

    And it is not lost, but where the camera also comes much nearer at once.
    """
    follower = Follower()
    first, before = seen(500, 300)
    second, after = seen(500 + dx, 300 + dy, degrees, scale)
    follower.step(first)
    thing = box_polygon((780, 480, 880, 540))
    moved, doubt = follower.step(second).moved(placed(thing, before))
    assert np.abs(np.subtract(moved, placed(thing, after))).max() <= PIXELS + doubt
    assert doubt < WIDTH * LOST or abs(scale - 1) > 0.02, "not lost"


def test_of_many_swings_hardly_one_is_doubted() -> None:
    rng = np.random.default_rng(0)
    doubts = []
    for _ in range(300):
        (dx, dy), degrees, scale = rng.uniform(-HAND, HAND, 2), rng.uniform(-3, 3), rng.uniform(0.96, 1.04)
        follower = Follower()
        follower.step(seen(500, 300)[0])
        doubts.append(follower.step(seen(500 + dx, 300 + dy, degrees, scale)[0]).doubt)
    assert np.quantile(doubts, 0.99) <= PIXELS


def test_the_first_frame_and_one_of_another_size_come_from_nowhere() -> None:
    follower = Follower()
    frame, _ = seen(500, 300)
    square = box_polygon((10, 10, 50, 50))
    for pixels in (frame, np.ascontiguousarray(frame[:200])):
        assert follower.step(pixels).moved(square) == (square, WIDTH * LOST)


@pytest.mark.parametrize("pixels", [np.zeros((480, 640, 3), np.uint8), np.full((1, 1, 3), 9, np.uint8)])
def test_where_nothing_can_be_followed_the_region_stays_and_grows(pixels: Pixels) -> None:
    follower = Follower()
    follower.step(pixels)
    assert follower.step(pixels).moved(box_polygon((0, 0, 9, 9))) == (
        box_polygon((0, 0, 9, 9)),
        max(pixels.shape[:2]) * LOST,
    )


def test_a_cut_to_another_picture_moves_nothing_far_without_saying_so() -> None:
    follower = Follower()
    follower.step(seen(100, 100)[0])
    square = box_polygon((300, 200, 400, 260))
    moved, doubt = follower.step(seen(1000, 600)[0]).moved(square)
    assert doubt >= WIDTH * LOST or np.abs(np.subtract(moved, square)).max() <= doubt


def test_a_region_whose_own_corners_agree_goes_their_way() -> None:
    corners = np.array([(x, y) for x in (20, 40, 60) for y in (20, 40, 60)], float)
    far = corners + 300
    strays = np.concatenate([np.tile((7.0, -3.0), (9, 1)), np.zeros((9, 2))])
    motion = Motion(np.array([[1.0, 0, 5], [0, 1, 0]]), np.concatenate([corners, far]), strays, 4.0)
    assert motion.moved(box_polygon((10, 10, 70, 70))) == (box_polygon((22, 7, 82, 67)), 0.0)
    assert motion.moved(box_polygon((310, 310, 370, 370))) == (box_polygon((315, 310, 375, 370)), 0.0)
    assert motion.moved(box_polygon((100, 400, 200, 470))) == (box_polygon((105, 400, 205, 470)), 4.0)


@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(0, 5)), max_size=8))
def test_motions_and_their_doubts_add_up(steps: list[tuple[float, float, float]]) -> None:
    nothing = np.empty((0, 2))
    motions = [Motion(np.array([[1, 0, dx], [0, 1, dy]]), nothing, nothing, doubt) for dx, dy, doubt in steps]
    square = box_polygon((0, 0, 40, 40))
    moved, doubt = after_all(motions, square)
    assert doubt == pytest.approx(sum(step[2] for step in steps))
    assert np.allclose(moved, np.add(square, (sum(step[0] for step in steps), sum(step[1] for step in steps))))
    hold = Hold().after(frozenset({Kind.TEXT}), [Region(Kind.TEXT, square, 0.9, "m")], 0)
    for motion in motions:
        hold = hold.moved(motion)
    late = Hold().after(frozenset({Kind.TEXT}), [Region(Kind.TEXT, square, 0.9, "m")], 0, motions)
    left, top, right, bottom = bounds(late.regions(1)[0].polygon)
    assert np.allclose(bounds(hold.regions(1)[0].polygon), (left, top, right, bottom))
    assert left <= min(x for x, _ in moved) - doubt + 1e-3
    assert bottom >= max(y for _, y in moved) + doubt - 1e-3


LABEL = (760, 470, 900, 510)
INK = (250, 10, 250)


@pytest.fixture
def label_world() -> Pixels:
    """The wall with a label on it."""
    world = WORLD.copy()
    left, top, right, bottom = LABEL
    world[top:bottom, left:right] = INK
    cv2.putText(world, "MILLER", (left + 10, bottom - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2)
    return world


def _finds_ink(image: Pixels) -> list[Region]:
    rows, columns = np.nonzero((np.abs(image.astype(np.int16) - INK) < 20).all(axis=2))
    if rows.size == 0:
        return []
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return [Region(Kind.TEXT, box_polygon(box), 0.9, "m")]


PAN = 14
"""Pixels a frame: 420 a second, as a hand swings a camera."""
BETWEEN = 4
"""Frames between two looks for text."""


def _share_covered(polygons: list[Polygon], left: int, top: int) -> float:
    x0, y0, x1, y1 = LABEL[0] - left, LABEL[1] - top, LABEL[2] - left, LABEL[3] - top
    return float(coverage(WIDTH, HEIGHT, polygons)[y0:y1, x0:x1].mean())


def _panned(world: Pixels) -> list[tuple[int, int, Pixels]]:
    places = [(400 + PAN * step, 250 + PAN * step // 3) for step in range(20)]
    return [(x, y, np.ascontiguousarray(world[y : y + HEIGHT, x : x + WIDTH])) for x, y in places]


def _worst(world: Pixels, *, moves: bool) -> float:
    """The least that was covered of the label in any frame, when it is looked for in every fourth."""
    hold, follower, shares = Hold(), Follower(), []
    for step, (left, top, pixels) in enumerate(_panned(world)):
        motion = follower.step(pixels)
        hold = hold.moved(motion) if moves else hold
        now = step * FRAME_MS * 1_000_000
        if step % BETWEEN == 0:
            hold = hold.after(frozenset({Kind.TEXT}), _finds_ink(pixels), now)
        shares.append(_share_covered([region.polygon for region in hold.regions(now)], left, top))
    return min(shares)


def test_a_label_that_the_camera_pans_over_stays_covered_between_looks(label_world: Pixels) -> None:
    assert _worst(label_world, moves=True) >= 0.98
    assert _worst(label_world, moves=False) < 0.8


def test_what_is_found_late_is_covered_where_it_is_by_then(label_world: Pixels, scripted) -> None:
    """The live view as it runs: its look for text takes a few frames, and its answer is of where the label was."""
    text = scripted(Kind.TEXT, does=_finds_ink)
    engine = Deidentifier(still=[], live=[scripted(Kind.FACE), text], second_look=[], threads=2)
    for step, (left, top, pixels) in enumerate(_panned(label_world)):
        view = engine.live(Frame(pixels, step * FRAME_MS * 1_000_000))
        assert _share_covered([region.polygon for region in view.regions], left, top) >= 0.98
    engine.close()
