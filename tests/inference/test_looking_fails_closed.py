"""Promise 1, in the engine: whatever a detector does, the answer is a whole picture or none at all."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from inference import Deidentifier, DetectionFailed, Frame, Kind, Outcome, Region
from inference.geometry import box_polygon
from inference.guard import Guarded
from inference.looking import Deadline, answer_of
from inference.picture import Pixels
from inference.workers import MOST_HANGING, Workers

SQUARE = box_polygon((20, 20, 60, 60))


def nothing(_image: Pixels) -> object:
    return []


def raises(_image: Pixels) -> object:
    raise RuntimeError("a kernel crashed")


def runs_out_of_memory(_image: Pixels) -> object:
    raise MemoryError


def scores_nan(_image: Pixels) -> object:
    return [Region(Kind.TEXT, SQUARE, math.nan, "m")]


def places_nan(_image: Pixels) -> object:
    return [Region(Kind.TEXT, ((0, 0), (math.nan, 1), (1, 1)), 0.9, "m")]


def answers_none(_image: Pixels) -> object:
    return None


def answers_boxes(_image: Pixels) -> object:
    return [(0, 0, 10, 10)]


def answers_another_kind(_image: Pixels) -> object:
    return [Region(Kind.CODE, SQUARE, 0.9, "m")]


def writes_to_the_frame(image: Pixels) -> object:
    image[:] = 0
    return []


BROKEN = [
    raises, runs_out_of_memory, scores_nan, places_nan, answers_none, answers_boxes, answers_another_kind,
    writes_to_the_frame,
]  # fmt: skip


@pytest.fixture
def make(scripted) -> Iterator[Callable[..., Deidentifier]]:
    made: list[Deidentifier] = []

    def build(*, still: object = nothing, live: object = nothing, second: object = nothing, **more: float):
        made.append(
            Deidentifier(
                still=[scripted(Kind.TEXT, does=still), scripted(Kind.FACE, does=nothing)],
                live=[scripted(Kind.TEXT, does=live), scripted(Kind.FACE, does=nothing)],
                second_look=[scripted(Kind.TEXT, does=second)],
                threads=2,
                **more,
            )
        )
        return made[-1]

    yield build
    for engine in made:
        engine.close()


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_detector_means_no_photo(broken: object, make: Callable[..., Deidentifier], frame: Frame) -> None:
    with pytest.raises(DetectionFailed, match="text"):
        make(still=broken).still(frame)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_second_look_means_no_photo(broken: object, make: Callable[..., Deidentifier], frame: Frame) -> None:
    with pytest.raises(DetectionFailed, match="text"):
        make(second=broken).still(frame)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_detector_means_no_live_view(broken: object, make: Callable[..., Deidentifier], frame: Frame) -> None:
    with pytest.raises(DetectionFailed, match="text"):
        make(live=broken).live(frame)


def test_a_detector_that_hangs_means_no_picture_and_says_which(make: Callable[..., Deidentifier], frame: Frame) -> None:
    release = threading.Event()

    def hangs(_image: Pixels) -> object:
        release.wait(30)
        return []

    engine = make(still=hangs, live=hangs, still_deadline_seconds=0.05, live_deadline_seconds=0.05)
    try:
        with pytest.raises(DetectionFailed, match=r"text took longer than 0\.05 s"):
            engine.still(frame)
        with pytest.raises(DetectionFailed, match="took longer"):
            engine.live(frame)
    finally:
        release.set()


def test_an_engine_recovers_when_its_detector_does(make: Callable[..., Deidentifier], frame: Frame) -> None:
    broken = threading.Event()
    broken.set()
    engine = make(still=lambda image: raises(image) if broken.is_set() else [])
    with pytest.raises(DetectionFailed):
        engine.still(frame)
    broken.clear()
    assert np.array_equal(engine.still(frame).pixels, frame.pixels)


def test_a_kind_that_no_detector_looks_for_is_unsure_and_never_clear(
    make: Callable[..., Deidentifier], frame: Frame
) -> None:
    redaction = make().still(frame).redaction
    assert redaction.outcomes[Kind.TATTOO] is Outcome.UNSURE
    assert redaction.outcomes[Kind.CODE] is Outcome.UNSURE
    assert redaction.outcomes[Kind.FACE] is Outcome.CLEAR
    assert Kind.TATTOO in redaction.unanswered


def test_after_a_detector_that_never_answers_the_next_picture_is_looked_at(
    make: Callable[..., Deidentifier], frame: Frame
) -> None:
    """Both of the engine's threads hang, and nobody waits behind them."""
    release, hanging = threading.Event(), threading.Event()
    hanging.set()

    def hangs(_image: Pixels) -> object:
        if hanging.is_set():
            release.wait(30)
        return []

    engine = make(still=hangs, second=hangs, still_deadline_seconds=0.05)
    try:
        for _ in range(3):
            with pytest.raises(DetectionFailed, match="took longer"):
                engine.still(frame)
        hanging.clear()
        engine._still_deadline = 10
        assert np.array_equal(engine.still(frame).pixels, frame.pixels)
    finally:
        release.set()


def test_when_too_many_looks_hang_it_says_to_restart_and_looks_again_once_they_end() -> None:
    release = threading.Event()
    workers = Workers(1)
    hanging = []
    try:
        for _ in range(MOST_HANGING):
            hanging.append(workers.submit(release.wait, 30))
            while not hanging[-1].running():
                pass
            workers.leave_behind()
        with pytest.raises(DetectionFailed, match="Restart the device"):
            workers.submit(list)
    finally:
        release.set()
    assert all(one.result(10) for one in hanging)
    assert workers.submit(list).result(10) == []
    workers.close()
    with pytest.raises(DetectionFailed, match="cannot be started"):
        workers.submit(list)


def test_a_look_that_was_cancelled_means_no_picture() -> None:
    release = threading.Event()
    workers = Workers(1)
    begun, waiting = workers.submit(release.wait, 30), workers.submit(list)
    while not begun.running():
        pass
    workers.leave_behind()
    release.set()
    with pytest.raises(DetectionFailed, match="failed on this picture"):
        answer_of(waiting, "text", workers, Deadline(10))
    workers.close()


@pytest.mark.parametrize(
    "answer",
    [None, (), "[]", np.zeros((3, 2)), [7], [((1.0, 1.0), (2.0, 2.0))], [((0.0, 0.0), (math.nan, 1.0), (1.0, 1.0))]],
)
def test_a_guard_that_answers_with_no_outlines_means_no_photo(scripted, frame: Frame, answer: object) -> None:
    class Guard:
        name = "wound"
        kinds: frozenset[Kind] = frozenset()
        models: Mapping[str, str] = {}

        def prepare(self) -> None: ...

        def guarded(self, _image: Pixels) -> Guarded:
            return Guarded([], answer)

    engine = Deidentifier(still=[], live=[], second_look=[], guard=Guard(), threads=1)
    with pytest.raises(DetectionFailed, match="wound"):
        engine.still(frame)
    engine.close()
