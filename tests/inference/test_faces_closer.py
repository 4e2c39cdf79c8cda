"""A face in doubt is looked at closer, and a small one that may have moved is looked at small as well."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from inference.canvas import Canvas
from inference.detectors.faces import CLOSE, MOVED, ROUNDED, SIEVE, SIZES, FaceDetector
from inference.policy import Thresholds

LIMITS = Thresholds().face
SMALL = Canvas(256, 192)
LARGEST_SEEN = 30


class SeesStreaks:
    """CenterFace's session, where faces are grey squares and the first look scores 0.6.

    Closer, it sees a square that is no longer than a streak would let it, and nothing else.
    """

    model = SimpleNamespace(name="centerface", sha256="0" * 64)

    def __init__(self) -> None:
        self.closer: list[int] = []

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        rows, columns = np.nonzero(tensor[0, 0] > 100)
        length = int(columns.max() - columns.min() + 1)
        score = 0.6
        if tensor.shape[2:] == (CLOSE.height, CLOSE.width):
            self.closer.append(length)
            score = 0.6 if length <= LARGEST_SEEN else 0.1
        high, wide = (side // 4 for side in tensor.shape[2:])
        heat = np.zeros((1, 1, high, wide), np.float32)
        heat[0, 0, int(rows.mean()) // 4, int(columns.mean()) // 4] = score
        sizes = np.full((1, 2, high, wide), math.log(length / 4), np.float32)
        return [heat, sizes, np.zeros_like(sizes), np.zeros((1, 10, high, wide), np.float32)]


def picture(length: int) -> np.ndarray:
    """256×192, a grey square of that length in its middle."""
    pixels = np.zeros((192, 256, 3), np.uint8)
    top, left = 96 - length // 2, 128 - length // 2
    pixels[top : top + length, left : left + length] = 200
    return pixels


def detector(model: SeesStreaks, *, moved: bool) -> FaceDetector:
    return FaceDetector(model, SMALL, degrees=0, threshold=LIMITS.ask, sure=LIMITS.cover, moved=moved)


def test_a_small_face_that_moved_is_seen_once_it_is_looked_at_small() -> None:
    model = SeesStreaks()
    (face,) = detector(model, moved=True).detect(picture(20))
    assert face.score == pytest.approx(0.6)
    assert model.closer == pytest.approx([MOVED, *SIZES], abs=2)


@pytest.mark.parametrize(("length", "moved"), [(20, False), (60, True)], ids=["no face moves", "large"])
def test_other_faces_are_not_looked_at_small(length: int, moved: bool) -> None:  # noqa: FBT001
    model = SeesStreaks()
    assert detector(model, moved=moved).detect(picture(length)) == []
    assert model.closer == pytest.approx(SIZES, abs=2)


class SeesOne:
    """A network that sees a face of 40 pixels in the middle, so surely, and says how often it was asked."""

    def __init__(self, score: float, name: str = "centerface") -> None:
        self.model = SimpleNamespace(name=name, sha256="0" * 64)
        self.score = score
        self.asked = 0

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        self.asked += 1
        high, wide = (side // 4 for side in tensor.shape[2:])
        heat = np.zeros((1, 1, high, wide), np.float32)
        heat[0, 0, high // 2, wide // 2] = self.score
        sizes = np.full((1, 2, high, wide), math.log(10), np.float32)
        return [heat, sizes, np.zeros_like(sizes), np.zeros((1, 10, high, wide), np.float32)]


def test_where_the_sieve_sees_nothing_like_a_face_the_model_is_not_asked() -> None:
    model, sieve = SeesOne(0.9), SeesOne(SIEVE - 0.01, "centerface-8")
    looking = FaceDetector(model, SMALL, degrees=0, threshold=LIMITS.ask, sure=LIMITS.cover, sieve=sieve)
    assert looking.detect(picture(20)) == []
    assert (sieve.asked, model.asked) == (1, 0)
    assert set(looking.models) == {"centerface", "centerface-8"}


def test_where_the_sieve_lets_a_picture_pass_the_model_alone_is_believed() -> None:
    sieve = SeesOne(SIEVE, "centerface-8")
    seen = [
        FaceDetector(SeesOne(0.9), SMALL, degrees=0, threshold=LIMITS.ask, sure=LIMITS.cover, sieve=one).detect(
            picture(20)
        )
        for one in (None, sieve)
    ]
    assert seen[0] == seen[1]
    assert seen[0][0].score == pytest.approx(0.9)


@pytest.mark.parametrize(("score", "covered"), [(0.39, False), (0.41, True), (0.44, True), (0.46, True)])
def test_a_face_that_rounding_may_have_cost_a_little_is_covered(score: float, covered: bool) -> None:  # noqa: FBT001
    looking = FaceDetector(SeesOne(score), SMALL, degrees=0, threshold=LIMITS.ask, sure=LIMITS.ask, rounded=ROUNDED)
    found = looking.detect(picture(20))
    assert [region.score >= LIMITS.ask for region in found] == ([True] if covered else [])


def test_where_one_look_saw_a_face_the_others_ask_the_model_at_once() -> None:
    shown, other = picture(20), picture(20)
    sieve = SeesOne(0.0, "centerface-8")
    without, behind = SeesOne(0.9), SeesOne(0.9)
    FaceDetector(without, SMALL, degrees=0, threshold=LIMITS.ask, sure=LIMITS.cover).detect(shown)
    looking = FaceDetector(behind, SMALL, degrees=90, threshold=LIMITS.ask, sure=LIMITS.cover, sieve=sieve)
    assert len(looking.detect(shown)) == 1
    assert (sieve.asked, looking.detect(other)) == (0, [])
