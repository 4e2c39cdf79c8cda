"""The live view's advice: said once it has held for a moment, and taken back the same way."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest

from capture.quality import LOOK_AT_LIVE, WOUND_BELOW, Verdict, assess
from capture.service import parse_live_message
from capture.service.guide import HOLDS_S, Guide
from tests.capture.service.conftest import ward_picture, write_picture

DARK, GOOD, BLURRED = Verdict.TOO_DARK, Verdict.GOOD, Verdict.BLURRED


def test_advice_that_does_not_hold_is_not_said():
    guide = Guide()
    said = [guide.advice(DARK if tick % 2 else GOOD, tick * HOLDS_S / 2) for tick in range(20)]
    assert set(said) == {GOOD}


def test_advice_that_holds_is_said_and_taken_back_when_it_has_gone():
    guide = Guide()
    seen = [(0.0, GOOD), (1.0, DARK), (1.3, DARK), (1.7, DARK), (2.0, GOOD), (2.3, GOOD), (2.7, GOOD)]
    assert [guide.advice(verdict, now) for now, verdict in seen] == [GOOD, GOOD, GOOD, DARK, DARK, DARK, GOOD]


def test_one_reason_follows_another_without_a_good_word_between():
    guide = Guide()
    seen = [(0.0, DARK), (1.0, DARK), (1.1, BLURRED), (1.8, BLURRED)]
    assert [guide.advice(verdict, now) for now, verdict in seen] == [GOOD, DARK, DARK, BLURRED]


def test_a_wound_that_nobody_looked_for_is_not_missed():
    sharp = ward_picture(640, 480)
    assert assess(sharp, look_at=LOOK_AT_LIVE).verdict is GOOD
    assert assess(sharp, look_at=LOOK_AT_LIVE, wound=0.0).verdict is Verdict.TOO_FAR
    assert assess(sharp, look_at=LOOK_AT_LIVE, wound=WOUND_BELOW).verdict is GOOD


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        (lambda pixels: pixels, "good"),
        (lambda pixels: (pixels * 0.2).astype(np.uint8), "too_dark"),
        (lambda pixels: np.full_like(pixels, 255), "blown_out"),
        (lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 9), "blurred"),
    ],
)
def test_the_live_view_says_what_a_picture_would_be_like(device, changed, advice):
    for file in device.pictures.iterdir():
        file.unlink()
    write_picture(device.pictures / "seen.png", changed(ward_picture(800, 600)))

    async def act(client):
        async with client.live() as stream, asyncio.timeout(20):
            until = asyncio.get_running_loop().time() + 3 * HOLDS_S
            while True:
                message = parse_live_message(await stream.next_message())
                if message.jpeg and asyncio.get_running_loop().time() > until:
                    return message.facts["advice"]

    assert device.story(act) == advice
