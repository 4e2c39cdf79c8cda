"""A test of the device that IT asks for: begun anew, answered once, and a service that is silent is said in words."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from capture.errors import CameraServiceAway
from firmware.errors import WorkFailed
from firmware.self_test import ANSWER, ASKED, answering_self_tests, ask_for_self_test, read_answer, read_question

QUESTION = "5e" * 16


class Device:
    """Fails as it is told; says how often it was tested."""

    def __init__(self, *failed):
        self.failed = failed
        self.runs = 0
        self.away = 0

    def __call__(self):
        if self.away:
            self.away -= 1
            raise CameraServiceAway
        self.runs += 1
        return self.failed


def ask(state, **patience):
    return ask_for_self_test(state, threading.Event(), **patience)


@pytest.mark.parametrize("failed", [(), ("phantom",), ("sealing", "clock")])
def test_each_question_begins_a_test_of_its_own(tmp_path, failed):
    device = Device(*failed)
    with answering_self_tests(tmp_path, device, rest=0.0):
        assert [ask(tmp_path) for _ in range(3)] == [failed] * 3
    assert device.runs == 3
    assert not (tmp_path / ASKED).exists()


def test_a_question_that_is_left_lying_is_answered_once(tmp_path):
    device = Device()
    (tmp_path / ASKED).parent.mkdir()
    (tmp_path / ASKED).write_text(QUESTION)
    with answering_self_tests(tmp_path, device, rest=0.0):
        until(lambda: read_answer(tmp_path, QUESTION) is not None)
        assert ask(tmp_path) == ()  # by then it has looked at the old one again
    assert device.runs == 2


def test_a_camera_service_that_does_not_listen_yet_is_asked_again(tmp_path):
    device = Device()
    device.away = 2
    with answering_self_tests(tmp_path, device, rest=0.0):
        assert ask(tmp_path) == ()
    assert (device.away, device.runs) == (0, 1)


def test_between_two_tests_the_camera_service_rests(tmp_path):
    device = Device()
    with answering_self_tests(tmp_path, device):
        assert ask(tmp_path) == ()
        with pytest.raises(WorkFailed, match="did not answer"):
            ask(tmp_path, seconds=1.0)
    assert device.runs == 1


def test_a_camera_service_that_is_silent_is_said_in_words_and_in_time(tmp_path):
    with pytest.raises(WorkFailed, match=r"did not answer within 75 seconds, so it was not tested\. Look at its"):
        ask(tmp_path, monotonic=iter(range(0, 1000, 30)).__next__)
    assert not (tmp_path / ASKED).exists()


def test_the_answer_to_an_older_question_is_none(tmp_path):
    with answering_self_tests(tmp_path, Device()):
        ask(tmp_path)
    with pytest.raises(WorkFailed, match="did not answer"):
        ask(tmp_path, seconds=0)


def test_a_device_that_stops_does_not_wait(tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkFailed, match="Ask again"):
        ask_for_self_test(tmp_path, stop)


def test_a_disk_that_refuses_is_said(tmp_path):
    (tmp_path / "health").write_text("in the way")
    with pytest.raises(WorkFailed, match="cannot be written"):
        ask(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"asked": QUESTION},
        {"asked": QUESTION, "failed": "phantom"},
        {"asked": QUESTION, "failed": ["Muller, Anna, 1950-01-01"]},
        {"asked": QUESTION, "failed": ["a"] * 17},
        {"asked": QUESTION, "failed": [], "note": "x"},
        {"asked": "5f" * 16, "failed": []},
        ["phantom"],
    ],
)
def test_an_answer_says_names_of_parts_and_nothing_else(tmp_path, said):
    (tmp_path / ANSWER).parent.mkdir()
    (tmp_path / ANSWER).write_text(json.dumps(said))
    assert read_answer(tmp_path, QUESTION) is None


@pytest.mark.parametrize("said", [b"", b"5e", QUESTION.encode() + b"\n", b"\xff" * 32, b"5E" * 16])
def test_what_is_no_question_is_not_answered(tmp_path, said):
    (tmp_path / ASKED).parent.mkdir()
    (tmp_path / ASKED).write_bytes(said)
    assert read_question(tmp_path) is None


def test_a_pipe_where_the_question_should_lie_holds_nobody(tmp_path):
    (tmp_path / ASKED).parent.mkdir()
    os.mkfifo(tmp_path / ASKED)
    assert read_question(tmp_path) is None


def until(so, seconds=10.0):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)
