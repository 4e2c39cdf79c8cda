"""Ink or blood: what the colour of a piece does to its score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.detectors.ink import reconsidered
from inference.detectors.pieces import Piece
from inference.detectors.skinmap import SkinMaps

SHAPE = (40, 40)
INSIDE = np.zeros(SHAPE, np.bool_)
INSIDE[15:25, 15:25] = True
SKINS = {"light": (232, 190, 172), "medium": (160, 110, 80), "dark": (70, 48, 38)}


def heard(
    score: float, skin: tuple[int, ...], takes: tuple[float, float, float], *, sure_of_skin: float = 0.9
) -> float:
    """The score of a piece that takes so much of each colour of the skin around it."""
    picture = np.full((*SHAPE, 3), skin, np.float64)
    picture[INSIDE] *= takes
    nothing = np.zeros(SHAPE, np.float32)
    sure = np.where(INSIDE, np.float32(0.8), nothing)
    maps = SkinMaps(sure, nothing, np.full(SHAPE, sure_of_skin, np.float32), nothing, picture.astype(np.uint8), 0.25)
    return reconsidered(Piece((), score, INSIDE), maps)


@pytest.mark.parametrize("skin", SKINS.values(), ids=SKINS)
def test_blood_makes_a_tattoo_less_likely_and_ink_does_not(skin: tuple[int, int, int]) -> None:
    blood = heard(0.8, skin, (0.8, 0.35, 0.35))
    black = heard(0.8, skin, (0.3, 0.36, 0.42))
    blue = heard(0.8, skin, (0.4, 0.6, 0.9))
    assert blood < 0.6
    assert black == pytest.approx(0.8)
    assert blue == pytest.approx(0.8)


@given(st.floats(0.0, 1.0), st.sampled_from(["light", "medium"]), st.floats(0.75, 1.0), st.floats(0.75, 1.0))
def test_the_colour_of_the_lamp_matters_little(score: float, skin: str, red: float, blue: float) -> None:
    lit = tuple(max(40, round(c * lamp)) for c, lamp in zip(SKINS[skin], (red, 1.0, blue), strict=True))
    one, other = (heard(score, seen, (0.5, 0.5, 0.5)) for seen in (SKINS[skin], lit))
    assert one == pytest.approx(other, abs=0.12)
    assert 0 <= one <= 1


def test_without_skin_beside_it_the_score_stays() -> None:
    assert heard(0.7, SKINS["light"], (0.9, 0.2, 0.2), sure_of_skin=0.0) == 0.7


@given(st.floats(0.001, 0.999), st.sampled_from(sorted(SKINS)), st.tuples(*[st.floats(0.1, 1.0)] * 3))
def test_the_witness_only_ever_takes_away(score: float, skin: str, takes: tuple[float, float, float]) -> None:
    assert heard(score, SKINS[skin], takes) <= score + 1e-6
