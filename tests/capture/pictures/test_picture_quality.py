"""Too dark, too blurred, blown out: said, and only when it is so."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from capture.pictures import read_picture
from capture.quality import Verdict, assess

SCENE = np.clip(np.random.default_rng(5).normal(130, 40, (600, 800, 3)), 0, 245).astype(np.uint8)


def test_a_sharp_well_lit_picture_is_good():
    assert assess(SCENE).verdict is Verdict.GOOD


def test_a_picture_in_the_dark_is_said():
    assert assess((SCENE * 0.15).astype(np.uint8)).verdict is Verdict.TOO_DARK


def test_a_picture_in_too_much_light_is_said():
    assert assess(np.clip(SCENE.astype(int) * 4, 0, 255).astype(np.uint8)).verdict is Verdict.BLOWN_OUT


def test_a_blurred_picture_is_said():
    quality = assess(cv2.GaussianBlur(SCENE, (0, 0), 12))
    assert quality.verdict is Verdict.BLURRED
    assert "again" in quality.sentence


def test_sharpness_means_the_same_for_a_larger_sensor():
    edges = cv2.GaussianBlur(SCENE, (0, 0), 4)
    larger = cv2.resize(edges, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert assess(larger).sharpness == pytest.approx(assess(edges).sharpness, rel=0.2)


@pytest.mark.data
def test_no_real_wound_picture_is_called_unusable(data_folder):
    files = sorted((data_folder / "wounds").glob("*.jpg"))[::10]
    assert len(files) > 30
    verdicts = {file.name: assess(read_picture(file.read_bytes())).verdict for file in files}
    assert {name: verdict for name, verdict in verdicts.items() if verdict is not Verdict.GOOD} == {}
