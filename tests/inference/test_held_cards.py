"""Cards that are drawn as held to the camera: the same each time, over a picture that is otherwise as it was."""

from __future__ import annotations

import numpy as np
import pytest

from inference.detectors.codes import read_codes, scan_codes
from inference.scenes.held import Holding, draw_held

BEFORE = np.full((480, 640, 3), (190, 150, 120), np.uint8)


def held(how=None, code="Code128", seed=1):
    return draw_held(code, "71940355", BEFORE, how or Holding(), np.random.default_rng(seed))


def changed(picture):
    """Columns and rows at which it is no longer as it was, but for noise."""
    rows, columns = np.nonzero(np.abs(picture.astype(int) - BEFORE).max(axis=2) > 30)
    return np.ptp(columns), np.ptp(rows)


@pytest.mark.parametrize("code", ["Code128", "Code39", "DataMatrix", "QRCode", "PDF417"])
def test_a_card_that_is_held_well_can_be_read(code):
    picture = held(code=code)
    assert (picture.shape, picture.dtype) == (BEFORE.shape, np.uint8)
    assert [one.text for one in read_codes(picture, side=2000)] == ["71940355"]


def test_the_same_chance_draws_the_same_picture():
    assert np.array_equal(held(seed=3), held(seed=3))
    assert not np.array_equal(held(seed=3), held(seed=4))


def test_a_card_is_as_large_as_its_modules_turned_and_tilted_as_asked():
    wide, high = changed(held())
    assert changed(held(Holding(module=1.0)))[0] == pytest.approx(wide / 2, abs=3)
    assert changed(held(Holding(turn=90))) == pytest.approx((high, wide), abs=3)
    assert changed(held(Holding(tilt=60)))[0] == pytest.approx(wide / 2, rel=0.15)
    assert changed(held(Holding(bent=180)))[0] == pytest.approx(wide * 2 / np.pi, rel=0.05)
    assert changed(held(Holding(cut=0.5)))[0] == pytest.approx(wide / 2, abs=3)


def test_blur_darkness_and_a_lamp_take_what_they_take():
    def contrast(how):
        return float(np.std(held(how).astype(float)))

    assert contrast(Holding(defocus=2.0)) < contrast(Holding()) > contrast(Holding(motion=6.0))
    assert held(Holding(light=0.2)).mean() == pytest.approx(held().mean() / 5, rel=0.1)
    assert (held(Holding(glare=True)) == 255).sum() > 2 * (held() == 255).sum()


@pytest.mark.parametrize("how", [Holding(turn=40), Holding(turn=25), Holding(module=1.5), Holding(turn=90)])
def test_a_card_that_is_held_aslant_or_far_is_read_where_it_lies(how):
    picture = held(how)
    (found,) = scan_codes(picture, side=2000)
    rows, columns = np.nonzero(np.abs(picture.astype(int) - BEFORE).max(axis=2) > 30)
    x, y = np.mean(found.polygon, axis=0)
    assert found.text == "71940355"
    assert (x, y) == pytest.approx(((columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2), abs=6)
