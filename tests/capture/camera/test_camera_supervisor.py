"""The thread that owns the camera: its states, what it says, and that it comes back."""

from __future__ import annotations

import itertools
import queue
import threading
import time

import numpy as np
import pytest

from capture.camera import CameraState, CameraStatus, CameraSupervisor
from capture.camera.latest import Latest
from capture.camera.states import HOPELESS_S, TRANSITIONS, CameraEvent, after, gives_up
from capture.errors import CameraFailed, CameraHung, CameraLost, CameraMissing, CameraStalled
from inference import Frame


class Scripted:
    """A camera that does what the test puts on its script: an error to raise, or nothing for a frame."""

    name = "scripted"

    def __init__(self):
        self.notice = ""
        self.script = queue.SimpleQueue()
        self.opened = self.closed = 0
        self.trouble = None
        self.threads = set()
        self._pause = threading.Event()

    def open(self):
        self.opened += 1
        self._do()

    def preview(self):
        self._pause.wait(0.005)
        return self._do()

    def still(self):
        return self._do()

    def close(self):
        self.closed += 1

    def _do(self):
        self.threads.add(threading.current_thread().name)
        if self.trouble is not None:
            raise self.trouble
        return Frame(np.zeros((48, 64, 3), np.uint8), 1)


@pytest.fixture
def camera():
    return Scripted()


@pytest.fixture
def supervisor(camera):
    supervisor = CameraSupervisor(camera, retry_s=0.01, still_timeout_s=2.0)
    supervisor.start()
    yield supervisor
    supervisor.stop()


def test_every_state_has_an_answer_to_every_event():
    assert set(TRANSITIONS) == set(itertools.product(CameraState, CameraEvent))


@pytest.mark.parametrize("state", CameraState)
def test_a_frame_makes_any_state_ready_and_trouble_makes_none_ready(state):
    status = CameraStatus(state, "", "camera")
    assert after(status, CameraEvent.FRAME, "x").state is CameraState.READY
    assert after(status, CameraEvent.GONE, "x").state is CameraState.MISSING
    assert after(status, CameraEvent.SILENT, "x") == CameraStatus(CameraState.STALLED, "x", "camera")


def test_a_camera_is_starting_until_its_first_frame():
    status = CameraSupervisor(Scripted()).status
    assert status.state is CameraState.STARTING
    assert status.sentence


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (CameraMissing(), CameraState.MISSING),
        (CameraLost(), CameraState.MISSING),
        (CameraStalled(), CameraState.STALLED),
        (ValueError("a bug in an adapter"), CameraState.STALLED),
    ],
)
def test_trouble_is_said_and_the_camera_comes_back_when_it_is_over(supervisor, camera, trouble, state):
    assert supervisor.wait_until(CameraState.READY, 5)
    camera.trouble = trouble
    assert supervisor.wait_until(state, 5)
    assert supervisor.status.sentence.endswith(".")
    assert "bug" not in supervisor.status.sentence
    with pytest.raises(CameraFailed) as refused:
        supervisor.still()
    assert refused.value.sentence == supervisor.status.sentence
    camera.trouble = None
    assert supervisor.wait_until(CameraState.READY, 5)
    assert supervisor.still().width == 64
    assert camera.closed >= 1


def test_nothing_old_is_shown_while_the_camera_is_away(supervisor, camera):
    assert supervisor.wait_until(CameraState.READY, 5)
    camera.trouble = CameraLost()
    assert supervisor.wait_until(CameraState.MISSING, 5)
    opened = camera.opened
    while camera.opened < opened + 2:
        assert supervisor.frames.newer_than(10**9, 0.01) is None
    assert supervisor.frames.newer_than(0, 0.0) is None


def test_the_camera_is_used_from_one_thread_only(supervisor, camera):
    assert supervisor.wait_until(CameraState.READY, 5)
    supervisor.still()
    assert camera.threads == {"camera"}


def test_a_notice_of_the_camera_is_the_sentence_of_ready(supervisor, camera):
    assert supervisor.wait_until(CameraState.READY, 5)
    camera.notice = "The camera is ready, but file 2 of 3 was skipped."
    sequence = 0
    while supervisor.status.sentence != camera.notice:
        newer = supervisor.frames.newer_than(sequence, 5)
        assert newer is not None
        sequence = newer[0]
    assert supervisor.status.state is CameraState.READY


def test_a_still_that_fails_is_told_to_who_asked_and_the_camera_restarts(supervisor, camera):
    assert supervisor.wait_until(CameraState.READY, 5)
    camera.still = lambda: (_ for _ in ()).throw(CameraStalled("It hung."))
    with pytest.raises(CameraStalled, match="It hung"):
        supervisor.still()
    assert supervisor.wait_until(CameraState.STALLED, 5) or camera.opened > 1
    assert supervisor.wait_until(CameraState.READY, 5)


def test_a_reader_of_the_latest_never_sees_an_older_value():
    slot = Latest()
    assert slot.newer_than(0, 0.0) is None
    for value in "abc":
        slot.put(value)
    assert slot.newer_than(0, 0.0) == (3, "c")
    assert slot.newer_than(3, 0.0) is None
    slot.clear()
    assert slot.newer_than(0, 0.0) is None
    slot.put("d")
    assert slot.newer_than(3, 0.0) == (4, "d")
    slot.close()
    assert slot.newer_than(0, 60.0) is None, "a closed slot makes nobody wait"


def test_a_camera_that_worked_and_hangs_is_given_up_once(camera):
    given_up = []
    supervisor = CameraSupervisor(camera, retry_s=0.01, given_up=lambda: given_up.append(1))
    supervisor.start()
    try:
        assert supervisor.wait_until(CameraState.READY, 5)
        camera.trouble = CameraStalled()
        assert supervisor.wait_until(CameraState.STALLED, 5)
        assert supervisor.hopeless is None, "what is only silent is opened again"
        camera.trouble = CameraHung("It hangs. Switch it off.")
        opened = camera.opened
        while camera.opened < opened + 3:
            time.sleep(0.001)
        assert given_up == [1]
        assert supervisor.hopeless is camera.trouble
    finally:
        supervisor.stop()


def test_a_camera_that_never_worked_and_hangs_is_given_up_after_a_minute_in_which_it_says_why(camera):
    clock, given_up = [0.0], threading.Event()
    camera.trouble = CameraHung("It hangs. Switch it off.")
    supervisor = CameraSupervisor(camera, retry_s=0.01, given_up=given_up.set, clock=lambda: clock[0])
    supervisor.start()
    try:
        while camera.opened < 2:
            time.sleep(0.001)
        clock[0] = HOPELESS_S - 1
        opened = camera.opened
        while camera.opened < opened + 3:
            time.sleep(0.001)
        assert not given_up.is_set()
        assert supervisor.status.sentence == "It hangs. Switch it off."
        clock[0] = HOPELESS_S
        assert given_up.wait(5)
    finally:
        supervisor.stop()


def test_to_give_up_needs_a_camera_that_worked_or_a_minute():
    assert gives_up(delivered=True, hung_s=0.0)
    assert not gives_up(delivered=False, hung_s=HOPELESS_S - 0.1)
    assert gives_up(delivered=False, hung_s=HOPELESS_S)


def test_the_cameras_thread_is_heard_as_long_as_it_comes_round(camera):
    beats = queue.SimpleQueue()
    supervisor = CameraSupervisor(camera, retry_s=0.01, beat=lambda: beats.put(1))
    supervisor.start()
    try:
        for trouble in (None, CameraLost(), CameraStalled(), ValueError("a bug")):
            camera.trouble = trouble
            for _ in range(5):
                beats.get(timeout=5)
    finally:
        supervisor.stop()
