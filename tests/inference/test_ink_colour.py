"""Ink or blood: what the colour of a piece does to its score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.detectors.ink import reconsidered
from inference.detectors.skinmap import SkinMaps

SHAPE = (40, 40)
INSIDE = np.zeros(SHAPE, np.bool_)
INSIDE[15:25, 15:25] = True
SKINS = {"light": (232, 190, 172), "medium": (160, 110, 80), "dark": (70, 48, 38)}


def _maps(skin: float = 0.9) -> SkinMaps:
    sure = np.where(INSIDE, 0.8, 0.0).astype(np.float32)
    rest = np.full(SHAPE, skin, np.float32)
    return SkinMaps(sure, np.zeros(SHAPE, np.float32), rest, np.zeros(SHAPE, np.float32), 0.25)


def _picture(skin: tuple[int, int, int], takes: tuple[float, float, float]) -> np.ndarray:
    picture = np.full((*SHAPE, 3), skin, np.float64)
    picture[INSIDE] *= takes
    return picture.astype(np.uint8)


@pytest.mark.parametrize("skin", SKINS.values(), ids=SKINS)
def test_blood_makes_a_tattoo_less_likely_and_ink_does_not(skin: tuple[int, int, int]) -> None:
    blood = reconsidered(0.8, INSIDE, _picture(skin, (0.8, 0.35, 0.35)), _maps())
    black = reconsidered(0.8, INSIDE, _picture(skin, (0.3, 0.36, 0.42)), _maps())
    blue = reconsidered(0.8, INSIDE, _picture(skin, (0.4, 0.6, 0.9)), _maps())
    assert blood < 0.4
    assert black > 0.8
    assert blue >= black


@given(st.floats(0.0, 1.0), st.sampled_from(["light", "medium"]), st.floats(0.75, 1.0), st.floats(0.75, 1.0))
def test_the_colour_of_the_lamp_matters_little(score: float, skin: str, red: float, blue: float) -> None:
    lit = tuple(max(40, round(c * lamp)) for c, lamp in zip(SKINS[skin], (red, 1.0, blue), strict=True))
    one = reconsidered(score, INSIDE, _picture(SKINS[skin], (0.5, 0.5, 0.5)), _maps())
    other = reconsidered(score, INSIDE, _picture(lit, (0.5, 0.5, 0.5)), _maps())
    assert one == pytest.approx(other, abs=0.12)
    assert 0 <= one <= 1


def test_without_skin_beside_it_the_score_stays() -> None:
    assert reconsidered(0.7, INSIDE, _picture(SKINS["light"], (0.9, 0.2, 0.2)), _maps(skin=0.0)) == 0.7


def test_the_witness_never_makes_sure_of_what_the_network_does_not_see() -> None:
    assert reconsidered(0.02, INSIDE, _picture(SKINS["light"], (0.2, 0.5, 1.0)), _maps()) < 0.2
