"""The live view: its own faces in every frame, the other kinds in turn beside them, and nothing too old."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from inference import Deidentifier, DetectionFailed, Frame, Kind, Outcome, Region
from inference.covering import FILL
from inference.geometry import box_polygon
from inference.viewfinder import AGAIN_NS, STALE_NS

MS = 1_000_000
SQUARE = box_polygon((20, 20, 60, 60))


class Patient:
    """A detector that answers at once until it is told to wait, and then when it is told."""

    def __init__(self, scripted, kind: Kind) -> None:
        self.entered, self.released = threading.Event(), threading.Event()
        self.released.set()
        self.finds: list[Region] = []
        self.detector = scripted(kind, does=self._look)

    def _look(self, _image: object) -> list[Region]:
        self.entered.set()
        assert self.released.wait(30)
        return self.finds

    def wait(self) -> None:
        self.entered.clear()
        self.released.clear()


def at(frame: Frame, milliseconds: float) -> Frame:
    return Frame(frame.pixels, round(milliseconds * MS))


def _shown(engine: Deidentifier, frame: Frame, *milliseconds: float) -> None:
    for shown in milliseconds:
        engine.live(at(frame, shown))


@pytest.fixture
def text(scripted) -> Patient:
    return Patient(scripted, Kind.TEXT)


@pytest.fixture
def face(scripted):
    return scripted(Kind.FACE)


@pytest.fixture
def code(scripted):
    return scripted(Kind.CODE)


@pytest.fixture
def engine(face, text, code):
    made = Deidentifier(still=[], live=[text.detector, face, code], second_look=[], threads=2)
    yield made
    text.released.set()
    made.close()


def test_no_live_frame_is_shown_before_its_own_faces_were_looked_for(engine, face, frame: Frame) -> None:
    for count in range(1, 9):
        engine.live(at(frame, count * 40))
        assert face.looked == count


def test_nothing_is_shown_before_every_kind_was_looked_for(engine, face, text, code, frame: Frame) -> None:
    engine.live(at(frame, 0))
    assert (face.looked, text.detector.looked, code.looked) == (1, 1, 1)
    engine.live(at(frame, 5_000))
    assert face.looked == 2
    assert text.detector.looked >= 2
    assert code.looked >= 2


def test_frames_are_shown_while_a_slow_kind_is_looked_for_and_then_covered(engine, text, frame: Frame) -> None:
    engine.live(at(frame, 0))
    text.wait()
    again = AGAIN_NS / MS + 1
    engine.live(at(frame, again))
    assert text.entered.wait(30)
    text.finds = [Region(Kind.TEXT, SQUARE, 0.9, "m")]
    assert np.array_equal(engine.live(at(frame, again + 1)).pixels, frame.pixels)
    text.released.set()
    assert (engine.live(at(frame, STALE_NS / MS + 1)).pixels[21:59, 21:59] == FILL).all()


def test_what_is_slow_keeps_no_other_kind_waiting_where_there_are_three_workers(face, text, code, frame: Frame) -> None:
    engine = Deidentifier(still=[], live=[text.detector, face, code], second_look=[], threads=3)
    engine.live(at(frame, 0))
    text.wait()
    engine.live(at(frame, AGAIN_NS / MS + 1))
    engine.live(at(frame, STALE_NS / MS))
    text.released.set()
    assert code.looked >= 2
    assert engine.ages(at(frame, STALE_NS / MS))[Kind.CODE] < AGAIN_NS
    engine.close()


def test_on_two_workers_what_is_slow_leaves_one_for_faces_until_another_kind_is_too_old(
    engine, face, text, code, frame: Frame
) -> None:
    engine.live(at(frame, 0))
    text.wait()
    for shown in (AGAIN_NS / MS + 1, STALE_NS / MS - 1):
        engine.live(at(frame, shown))
        assert engine.ages(at(frame, shown))[Kind.FACE] == 0
    assert code.looked == 1
    text.released.set()
    engine.live(at(frame, STALE_NS / MS + 1))
    assert code.looked == 2
    assert engine.ages(at(frame, STALE_NS / MS + 1))[Kind.CODE] == 0


def test_a_kind_whose_last_look_is_too_old_is_waited_for(engine, text, frame: Frame) -> None:
    engine.live(at(frame, 0))
    text.wait()
    text.finds = [Region(Kind.TEXT, SQUARE, 0.9, "m")]
    views = []
    showing = threading.Thread(target=lambda: views.append(engine.live(at(frame, STALE_NS / MS + 1))))
    showing.start()
    assert text.entered.wait(30)
    assert views == []
    text.released.set()
    showing.join(30)
    assert (views[0].pixels[21:59, 21:59] == FILL).all()


def test_what_was_looked_for_beside_the_frames_and_failed_shows_nothing(engine, text, frame: Frame) -> None:
    engine.live(at(frame, 0))
    text.finds = [None]  # type: ignore[list-item]
    with pytest.raises(DetectionFailed, match="text"):
        _shown(engine, frame, AGAIN_NS / MS + 1, STALE_NS / MS + 1)
    text.finds = []
    assert engine.live(at(frame, 200)).regions == ()


def test_a_live_view_covers_what_was_found_in_this_frame(scripted, frame: Frame) -> None:
    engine = Deidentifier(
        still=[], live=[scripted(Kind.FACE, [Region(Kind.FACE, SQUARE, 0.9, "m")])], second_look=[], threads=1
    )
    view = engine.live(frame)
    assert (view.pixels[21:59, 21:59] == FILL).all()
    assert np.array_equal(view.pixels[:19], frame.pixels[:19])
    assert view.monotonic_ns == frame.monotonic_ns
    engine.close()


def test_the_age_of_a_look_is_told_for_each_kind_that_was_looked_for(engine, text, frame: Frame) -> None:
    assert engine.ages(at(frame, 0)) == {}
    engine.live(at(frame, 0))
    assert engine.ages(at(frame, 30)) == {Kind.FACE: 30 * MS, Kind.TEXT: 30 * MS, Kind.CODE: 30 * MS}
    text.wait()
    _shown(engine, frame, 0, 0.01, 0.02)
    ages = engine.ages(at(frame, 0.02))
    assert ages[Kind.FACE] == 0
    assert ages[Kind.TEXT] == 0.02 * MS


def test_a_live_view_of_one_kind_looks_for_no_other_and_its_still_asks_about_all(
    engine, face, text, code, frame
) -> None:
    alone = engine.live_only(Kind.FACE)
    alone.live(at(frame, 0))
    assert (face.looked, text.detector.looked, code.looked) == (1, 0, 0)
    assert set(alone.still(frame).redaction.outcomes.values()) == {Outcome.UNSURE}
    alone.close()


def test_a_detector_has_its_turn_though_another_looks_for_its_kind_in_every_frame(scripted, frame: Frame) -> None:
    both, text, code = scripted(Kind.FACE), scripted(Kind.TEXT), scripted(Kind.CODE)
    both.kinds = frozenset({Kind.FACE, Kind.TEXT})
    engine = Deidentifier(still=[], live=[both, text, code], second_look=[], threads=2)
    for count in range(5):
        engine.live(at(frame, count * (STALE_NS / MS + 1)))
        assert min(both.looked, text.looked, code.looked) >= count + 1
    assert engine.ages(at(frame, 4 * (STALE_NS / MS + 1)))[Kind.TEXT] == 0
    engine.close()
