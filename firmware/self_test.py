"""A test of the device that IT asks for from a desk: the sync service asks, and the camera service answers.

Two small files in the state folder, as the process with the network is shut out of the camera service's socket. What is
asked is 128 random bits; what is answered are names of parts. Nothing about a patient fits in either.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from capture.errors import CaptureError
from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.stopping import beside
from provisioning import durable

ASKED: Final = "health/self-test-asked"
ANSWER: Final = "health/self-test.json"
ANSWER_SECONDS: Final = 75.0
"""How long an answer is waited for: the camera service gives a test 60 s (capture.service.app.SELF_TEST_S)."""

REST_SECONDS: Final = 30.0
"""Between an answer and the next test: whoever breaks into the process with the network cannot keep the camera busy."""

_LOOK_SECONDS: Final = 0.25
_MODE: Final = 0o640
_LONGEST: Final = 1024
_QUESTION: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PARTS: Final = re.compile(r"[a-z-]{1,32}", re.ASCII)
_MOST_PARTS: Final = 16

Test = Callable[[], tuple[str, ...]]
"""Tests the device now: the parts with which something is wrong."""


def ask_for_self_test(
    state: Path,
    stop: threading.Event,
    *,
    seconds: float = ANSWER_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[str, ...]:
    """The parts that failed in a test that the camera service began after this was called.

    Args:
        state: the device's state folder.
        stop: ends the waiting.
        seconds: the most to wait.
        monotonic: seconds that only grow.

    Raises:
        WorkFailed: there was no test; the sentence is for IT.
    """
    question, until = secrets.token_hex(16), monotonic() + seconds
    _write(state / ASKED, question.encode())
    try:
        while not stop.wait(_LOOK_SECONDS):
            if (failed := read_answer(state, question)) is not None:
                return failed
            if monotonic() >= until:
                raise WorkFailed(
                    f"Its camera service did not answer within {seconds:.0f} seconds, so it was not tested. "
                    "Look at its screen; if that shows no reason, restart the device."
                )
        raise WorkFailed("The device stopped while it was at it. Ask again.")
    finally:
        with suppress(OSError):
            (state / ASKED).unlink(missing_ok=True)


@contextmanager
def answering_self_tests(state: Path, test: Test, rest: float = REST_SECONDS) -> Iterator[None]:
    """While the block lasts, whoever asks for a test of the device gets one, and its answer.

    Args:
        state: the device's state folder.
        test: tests it; raises a CaptureError where it cannot yet, and is called again.
        rest: seconds between an answer and the next test.
    """
    stop = threading.Event()
    with beside("self-test-asked", lambda: _answer(state, test, rest, stop), stop, 2 * _LOOK_SECONDS):
        yield


def read_question(state: Path) -> str | None:
    """What the sync service asks, if it asks anything."""
    asked = _read(state / ASKED).decode("ascii", "replace")
    return asked if _QUESTION.fullmatch(asked) else None


def read_answer(state: Path, question: str) -> tuple[str, ...] | None:
    """The parts that failed, in the answer to this question; None where there is no such answer."""
    try:
        said = json.loads(_read(state / ANSWER))
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.keys() != {"asked", "failed"} or said["asked"] != question:
        return None
    failed = said["failed"]
    if not isinstance(failed, list) or len(failed) > _MOST_PARTS:
        return None
    if not all(isinstance(part, str) and _PARTS.fullmatch(part) for part in failed):
        return None
    return tuple(failed)


def _answer(state: Path, test: Test, rest: float, stop: threading.Event) -> None:
    answered = None
    while not stop.wait(_LOOK_SECONDS):
        question = read_question(state)
        if question in (None, answered):
            continue
        try:
            failed = test()
        except CaptureError:  # it does not listen yet, or did not come to an end: whoever asks has its own patience
            continue
        answered = question
        try:
            _write(state / ANSWER, json.dumps({"asked": question, "failed": failed}).encode())
        except WorkFailed:
            structlog.get_logger().error(Event.HEALTH_UNWRITTEN, error="self-test-answer")
        stop.wait(rest)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        durable.write(path, data, mode=_MODE)
    except OSError as error:
        raise WorkFailed(f"{path} cannot be written ({error.strerror}), so the device is not tested.") from error


def _read(path: Path) -> bytes:
    """The beginning of a small file that another service wrote; nothing where it cannot be read, and never a wait."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return file.read(_LONGEST) or b""
    except OSError:
        return b""
