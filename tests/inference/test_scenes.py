"""Drawn scenes say the truth about themselves: every word, code and wound pixel is where they say."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.picture import Kind, Polygon
from inference.scenes import Person, Prop, SceneSpec, View, Wound, demo_row, draw_scene, imagined

ALL_BUT_THE_BAND = tuple(prop for prop in Prop if prop is not Prop.WRISTBAND)
READABLE = (1280, 960)


def patch(pixels: np.ndarray, polygon: Polygon, *, margin: float = 0.0) -> np.ndarray:
    corners = np.array(polygon)
    low = np.maximum(corners.min(axis=0) - margin, 0).astype(int)
    high = np.ceil(corners.max(axis=0) + margin).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]]


def inside(shape: tuple[int, int], polygon: Polygon) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(polygon)).astype(np.int32)], 1)
    return mask.astype(bool)


def test_the_same_seed_draws_the_same_pixels_and_another_seed_others() -> None:
    first, second, other = (draw_scene(seed, (640, 480)) for seed in (3, 3, 4))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.wound_mask, second.wound_mask)
    assert first.truth == second.truth
    assert first.words == second.words
    assert not np.array_equal(first.pixels, other.pixels)


def test_the_wound_mask_is_where_the_tissue_is_red_yellow_or_black() -> None:
    spec = SceneSpec(8, tone=2, props=(), wound=Wound(radius=12, slough=0.0, necrosis=0.0))
    with_wound = draw_scene(spec, (800, 600))
    lab = cv2.cvtColor(with_wound.pixels, cv2.COLOR_RGB2LAB).astype(int)
    redness = lab[..., 1]
    wound, skin = with_wound.wound_mask, with_wound.skin_mask & ~with_wound.wound_mask
    assert 0.01 < wound.mean() < 0.12
    assert redness[wound].mean() > redness[skin].mean() + 20
    kernel = np.ones((9, 9), np.uint8)
    just_outside = cv2.dilate(wound.astype(np.uint8), np.ones((41, 41), np.uint8)).astype(bool)
    just_outside &= ~cv2.dilate(wound.astype(np.uint8), np.ones((19, 19), np.uint8)).astype(bool)
    well_inside = cv2.erode(wound.astype(np.uint8), kernel).astype(bool)
    assert np.percentile(redness[well_inside], 5) > np.percentile(redness[just_outside & skin], 75)


def test_a_scene_without_a_wound_has_an_empty_wound_mask() -> None:
    assert not draw_scene(SceneSpec(5, wound=None, props=()), (640, 480)).wound_mask.any()


def test_a_prop_more_leaves_the_skin_elsewhere_as_it_was() -> None:
    bare = draw_scene(SceneSpec(9, props=()), (800, 600))
    dressed = draw_scene(SceneSpec(9, props=(Prop.WRISTBAND,)), (800, 600))
    away = np.ones((600, 800), bool)
    band = np.concatenate([np.array(word.polygon) for word in dressed.words])
    top = int(band[:, 1].min()) - 150
    away[top:] = False
    assert np.array_equal(bare.pixels[away], dressed.pixels[away])


@pytest.mark.parametrize("prop", list(Prop))
def test_every_prop_finds_room_beside_a_wound(prop: Prop) -> None:
    scene = draw_scene(SceneSpec(21, props=(prop,)), (800, 600))
    assert scene.props == (prop,)
    assert bool(scene.words) == (prop is not Prop.GAUZE)


@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        (Prop.WRISTBAND, ("DataMatrix", "71940355")),
        (Prop.LABEL, ("Code128", "71940355")),
        (Prop.QR, ("QRCode", "urn:mrn:71940355")),
        (Prop.BADGE, ("Code128", None)),
    ],
)
def test_a_drawn_barcode_is_read_where_the_scene_says_it_is(prop: Prop, expected: tuple[str, str | None]) -> None:
    scene = draw_scene(SceneSpec(31, props=(prop,), person=Person(number="71940355")), READABLE)
    (code,) = scene.codes
    assert code.format == expected[0]
    assert expected[1] in (None, code.text)
    read = zxingcpp.read_barcodes(patch(scene.pixels, code.polygon, margin=40).copy())
    assert [found.text for found in read] == [code.text]
    assert code.polygon in [region.polygon for region in scene.truth if region.kind is Kind.CODE]


@pytest.mark.parametrize("prop", [Prop.WRISTBAND, Prop.BADGE, Prop.LABEL, Prop.SCREEN, Prop.QR])
def test_words_have_ink_inside_their_outline_and_calm_paper_around_it(prop: Prop) -> None:
    scene = draw_scene(SceneSpec(41, props=(prop,)), READABLE)
    grey = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2GRAY).astype(int)
    for word in scene.words:
        letters = grey[inside(grey.shape, word.polygon)]
        assert np.percentile(letters, 97) - np.percentile(letters, 3) > 70, word.text


@pytest.mark.parametrize("size", [(640, 480), (800, 600), (1280, 960)])
def test_words_are_at_least_ten_pixels_high_from_a_third_of_a_megapixel_on(size: tuple[int, int]) -> None:
    for seed in range(3):
        scene = draw_scene(SceneSpec(seed, props=tuple(Prop)), size)
        assert scene.words
        assert min(word.height for word in scene.words) >= 10


def test_what_the_caller_prints_is_in_the_scene_word_for_word() -> None:
    canary = Person(name="ZELDA CANARY", born="1901-02-03", number="99887766", clinician="CANDY CANARY")
    scene = draw_scene(SceneSpec(51, props=(Prop.WRISTBAND, Prop.BADGE, Prop.LABEL), person=canary), READABLE)
    identifying = {word.text for word in scene.words if word.identifying}
    assert {"ZELDA", "CANARY", "1901-02-03", "99887766", "CANDY"} <= identifying
    assert "99887766" in {code.text for code in scene.codes}


def test_every_identifying_word_lies_in_a_true_text_region() -> None:
    scene = draw_scene(SceneSpec(61, props=tuple(Prop)), READABLE)
    regions = [region for region in scene.truth if region.kind is Kind.TEXT]
    covered = np.zeros(scene.pixels.shape[:2], bool)
    for region in regions:
        covered |= inside(covered.shape, region.polygon)
    for word in scene.words:
        if word.identifying:
            assert covered[inside(covered.shape, word.polygon)].mean() > 0.97, word.text


def test_a_tattoo_darkens_the_skin_inside_its_true_region_only() -> None:
    plain = draw_scene(SceneSpec(71, tone=3, props=()), (800, 600))
    inked = draw_scene(SceneSpec(71, tone=3, props=(), tattoo=True), (800, 600))
    (region,) = inked.truth
    assert region.kind is Kind.TATTOO
    where = cv2.dilate(inside((600, 800), region.polygon).astype(np.uint8), np.ones((15, 15))).astype(bool)
    change = plain.pixels.astype(int).mean(axis=2) - inked.pixels.astype(int).mean(axis=2)
    assert change[where].max() > 60
    assert np.abs(change[~where]).max() < 12


def test_darker_tones_are_darker() -> None:
    shades = []
    for tone in range(1, 11):
        scene = draw_scene(SceneSpec(81, tone=tone, props=(), wound=None), (480, 360))
        shades.append(scene.pixels[scene.skin_mask].mean())
    assert all(pale - dark > -6 for pale, dark in itertools.pairwise(shades))
    assert shades[0] - shades[-1] > 100


@pytest.mark.parametrize("size", [(300, 400), (5000, 4000)])
def test_a_size_out_of_bounds_is_refused_with_a_sentence(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 320 pixels and at most"):
        draw_scene(1, size)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SceneSpec(-1),
        lambda: SceneSpec(1, tone=11),
        lambda: SceneSpec(1, props=(Prop.QR, Prop.QR)),
        lambda: SceneSpec(1, view=View.TRUNK),
        lambda: Wound(radius=30),
        lambda: Wound(slough=0.8, necrosis=0.4),
        lambda: Person(name=""),
        lambda: Person(number="12a4"),
    ],
)
def test_a_spec_that_cannot_be_drawn_cannot_be_made(wrong) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        wrong()


@st.composite
def specs(draw: st.DrawFn) -> SceneSpec:
    view = draw(st.sampled_from(View))
    props = ALL_BUT_THE_BAND if view is View.TRUNK else tuple(Prop)
    seed, tone, tattoo = draw(st.integers(0, 10**6)), draw(st.integers(1, 10)), draw(st.booleans())
    return SceneSpec(seed, tone=tone, view=view, props=props, tattoo=tattoo)


@settings(max_examples=12)
@given(spec=specs(), width=st.integers(320, 520), height=st.integers(320, 520))
def test_any_scene_is_whole_and_all_its_truth_lies_in_the_frame(spec: SceneSpec, width: int, height: int) -> None:
    scene = draw_scene(spec, (width, height))
    assert scene.pixels.shape == (height, width, 3)
    assert scene.pixels.dtype == np.uint8
    assert scene.wound_mask.shape == scene.skin_mask.shape == (height, width)
    assert scene.wound_mask.any()
    assert not (scene.wound_mask & ~scene.skin_mask).any()
    for region in scene.truth:
        corners = np.array(region.polygon)
        assert (corners >= -1).all()
        assert (corners <= [width + 1, height + 1]).all()
        if region.kind is not Kind.TATTOO:
            assert not (inside((height, width), region.polygon) & scene.wound_mask).mean() > 0.002


@settings(max_examples=50)
@given(seed=st.integers(0, 10**9))
def test_any_seed_imagines_a_scene_that_can_be_drawn(seed: int) -> None:
    spec = imagined(seed)
    assert spec == imagined(seed)
    assert 1 <= spec.tone <= 10
    assert imagined(seed, person=Person(name="ZELDA CANARY")).person.name == "ZELDA CANARY"


def test_the_demo_row_has_mixed_sizes_of_two_to_twelve_megapixels_and_every_code_reads() -> None:
    names, megapixels = [], []
    for name, scene in demo_row(7):
        names.append(name)
        megapixels.append(scene.pixels.shape[0] * scene.pixels.shape[1] / 1e6)
        read = {found.text for found in zxingcpp.read_barcodes(scene.pixels)}
        assert {code.text for code in scene.codes} <= read, name
        assert scene.wound_mask.mean() > 0.008
    assert len(set(names)) == len(names)
    assert min(megapixels) >= 1.9
    assert max(megapixels) >= 12
