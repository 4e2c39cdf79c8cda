"""Pictures are sorted into bins of skin tones: as annotated, or as light as their skin looks."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Kind
from inference.evaluation import AnnotatedPicture, Tone, ToneSource, Truth
from inference.evaluation.tones import tone_of, typology_angle
from inference.geometry import box_polygon
from inference.scenes import SceneSpec, draw_scene

LIGHT_SKIN, TAN_SKIN, DARK_SKIN = (225, 178, 150), (165, 120, 92), (92, 60, 44)


def plain(colour, **more) -> AnnotatedPicture:
    return AnnotatedPicture("p", np.full((100, 100, 3), colour, dtype=np.uint8), **more)


@pytest.mark.parametrize(
    ("monk", "tone"), [(1, "light"), (3, "light"), (4, "medium"), (6, "medium"), (7, "dark"), (10, "dark")]
)
def test_an_annotated_tone_decides(monk: int, tone: str) -> None:
    assert tone_of(plain(DARK_SKIN, monk=monk)) == (Tone(tone), ToneSource.ANNOTATED)


@pytest.mark.parametrize(("colour", "tone"), [(LIGHT_SKIN, "light"), (TAN_SKIN, "medium"), (DARK_SKIN, "dark")])
def test_without_one_the_skin_is_looked_at(colour, tone: str) -> None:
    assert tone_of(plain(colour)) == (Tone(tone), ToneSource.ESTIMATED)


def test_the_angle_is_the_published_one() -> None:
    # L* 67.10, b* 20.94 of sRGB (205, 152, 126), by the CIE formulas.
    angle = typology_angle(plain((205, 152, 126)).pixels, np.ones((100, 100), dtype=np.bool_))
    assert angle == pytest.approx(np.rad2deg(np.arctan2(67.10 - 50, 20.94)), abs=0.5)


@pytest.mark.parametrize("colour", [(40, 90, 200), (128, 128, 128), (0, 0, 0)])
def test_where_there_is_no_skin_nothing_is_said(colour) -> None:
    assert tone_of(plain(colour)) is None


def test_the_face_is_looked_at_where_there_is_one() -> None:
    pixels = np.full((100, 100, 3), LIGHT_SKIN, dtype=np.uint8)
    pixels[:30, :30] = DARK_SKIN
    face = Truth(Kind.FACE, box_polygon((0, 0, 30, 30)))
    assert tone_of(AnnotatedPicture("p", pixels, (face,))) == (Tone.DARK, ToneSource.ESTIMATED)


def test_a_wound_and_a_tattoo_are_not_taken_for_skin() -> None:
    pixels = np.full((100, 100, 3), DARK_SKIN, dtype=np.uint8)
    pixels[:, :80] = LIGHT_SKIN
    wound = np.zeros((100, 100), dtype=np.bool_)
    wound[:, :40] = True
    tattoo = Truth(Kind.TATTOO, box_polygon((40, 0, 80, 100)))
    assert tone_of(AnnotatedPicture("p", pixels, (tattoo,), wound=wound)) == (Tone.DARK, ToneSource.ESTIMATED)


def test_drawn_scenes_of_the_ends_of_the_scale_look_like_it() -> None:
    looked = [draw_scene(SceneSpec(3, tone=tone, props=()), (480, 360)) for tone in (2, 10)]
    light, dark = (typology_angle(scene.pixels, scene.skin_mask & ~scene.wound_mask) for scene in looked)
    assert light is not None
    assert dark is not None
    assert light > dark + 40
