"""Our own network's maps: what its answer becomes, and what it never becomes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.canvas import Canvas
from inference.covering import coverage
from inference.detectors.pieces import pieces
from inference.detectors.skin import TATTOO, SkinDetector
from inference.detectors.skinlooks import DARK, is_dark, surveyed
from inference.detectors.skinmap import FADES, LEAST, SKIN, STRIDE, SkinMaps, decode, joined, on_skin
from inference.geometry import bounds
from inference.picture import Kind
from inference.policy import Thresholds

SCALE = 1 / 8


def block(rows: slice, columns: slice, sure: float, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    field = np.zeros(shape, np.float32)
    field[rows, columns] = sure
    return field


def test_bare_skin_has_no_tattoo() -> None:
    assert pieces(np.zeros((48, 64), np.float32), SCALE, TATTOO) == []


def test_a_tattoo_is_covered_whole_with_a_margin_in_pixels_of_the_picture() -> None:
    (piece,) = pieces(block(slice(10, 20), slice(20, 40), 0.9), SCALE, TATTOO)
    left, top, right, bottom = bounds(piece.outline)
    assert piece.score == pytest.approx(0.9)
    assert np.array_equal(np.argwhere(piece.inside)[[0, -1]], [(10, 20), (19, 39)])
    assert left < 20 / SCALE
    assert top < 10 / SCALE
    assert right > 40 / SCALE
    assert bottom > 20 / SCALE
    assert right - left < 40 / SCALE


def test_the_pieces_of_one_drawing_are_one_region_and_two_drawings_are_two() -> None:
    near = block(slice(10, 20), slice(20, 30), 0.9) + block(slice(10, 20), slice(32, 40), 0.8)
    assert len(pieces(near, SCALE, TATTOO)) == 1
    far = block(slice(10, 20), slice(5, 12), 0.9) + block(slice(10, 20), slice(45, 55), 0.8)
    assert sorted(round(piece.score, 1) for piece in pieces(far, SCALE, TATTOO)) == [0.8, 0.9]


def test_a_tattoo_takes_what_is_faint_beside_it_and_not_a_faint_floor_without_end() -> None:
    faint = block(slice(20, 30), slice(20, 64), 0.4)
    (piece,) = pieces(np.maximum(faint, block(slice(20, 30), slice(5, 25), 0.95)), SCALE, TATTOO)
    _, _, right, _ = bounds(piece.outline)
    assert 29 / SCALE < right < 40 / SCALE


def test_what_is_faint_alone_is_no_tattoo_and_joins_none() -> None:
    one = block(slice(10, 20), slice(4, 14), 0.95)
    assert pieces(block(slice(10, 20), slice(14, 40), 0.5), SCALE, TATTOO) == []
    both = one + block(slice(10, 20), slice(14, 46), 0.4) + block(slice(10, 20), slice(46, 58), 0.95)
    assert len(pieces(both, SCALE, TATTOO)) == 2


def test_a_speck_is_no_tattoo() -> None:
    assert pieces(block(slice(10, 11), slice(20, 22), 0.99), SCALE, TATTOO) == []


@given(
    st.integers(0, 40), st.integers(0, 56), st.integers(3, 20), st.integers(3, 20), st.floats(TATTOO.core + 0.05, 1.0)
)  # fmt: skip
def test_every_sure_pixel_lies_in_a_region(top: int, left: int, high: int, wide: int, sure: float) -> None:
    """Wherever ink is on the map, also at its edge, its own pixels are covered."""
    field = block(slice(top, top + high), slice(left, left + wide), sure)
    found = pieces(field, SCALE, TATTOO)
    mask = coverage(64 * 8, 48 * 8, [piece.outline for piece in found])
    small = mask.reshape(48, 8, 64, 8).all(axis=(1, 3))
    assert small[field > 0].all()


def test_the_maps_are_cut_to_the_part_of_the_canvas_that_the_picture_took() -> None:
    answer = np.random.default_rng(1).random((1, 4, 48, 64), dtype=np.float32)
    placed = np.zeros((48 * STRIDE, 64 * STRIDE, 3), np.uint8)
    placed[:100, :200] = 90
    seen = decode(answer, placed, scale=0.25, width=800, height=400)
    assert seen.tattoo.shape == (25, 50)
    assert seen.seen.shape == (25, 50, 3)
    assert (seen.seen == 90).all()
    assert seen.scale == 0.25 / STRIDE
    assert np.array_equal(seen.wound, answer[0, 1, :25, :50])


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((1, 3, 8, 8), np.float32),
        np.zeros((4, 8, 8), np.float32),
        np.full((1, 4, 8, 8), np.nan, np.float32),
        np.full((1, 4, 8, 8), 2.0, np.float32),
        np.full((1, 4, 8, 8), -1.0, np.float32),
        np.zeros((1, 4, 8, 9), np.float32),
    ],
)
def test_an_answer_that_is_no_four_maps_of_probabilities_is_refused(answer: np.ndarray) -> None:
    with pytest.raises(ValueError, match="skin model"):
        decode(answer, np.zeros((32, 32, 3), np.uint8), scale=1.0, width=32, height=32)


def test_maps_of_several_sizes_are_one_of_the_first_size_their_mean_and_of_wounds_the_most() -> None:
    def maps(shape: tuple[int, int], sure: float) -> SkinMaps:
        each = np.full(shape, sure, np.float32)
        return SkinMaps(each, each, each, each, np.zeros((*shape, 3), np.uint8), shape[1] / 640)

    both = joined([maps((8, 10), 0.2), maps((16, 20), 0.8)])
    assert both.tattoo.shape == (8, 10)
    for mean in (both.tattoo, both.skin, both.printed):
        assert np.allclose(mean, 0.5)
    assert np.allclose(both.wound, 0.8)
    three = joined([maps((8, 10), 0.2), maps((16, 20), 0.8), maps((6, 8), 0.6)])
    assert np.allclose(three.tattoo, (0.2 + 0.8 + 2 * 0.6) / 4), "the coarsest counts twice"
    assert np.allclose(three.printed, (0.2 + 0.8 + 0.6) / 3)
    alone = maps((8, 10), 0.2)
    assert joined([alone]) is alone
    six = [maps((8, 10), 0.2), maps((16, 20), 0.8), maps((6, 8), 0.6)] * 2
    assert np.allclose(joined(six).tattoo, three.tattoo), "both ways round, as one"


def colours(tensor: np.ndarray) -> np.ndarray:
    """How red, green and blue each place of the maps is, 0 to 1."""
    small = tensor[0].reshape(3, tensor.shape[2] // STRIDE, STRIDE, tensor.shape[3] // STRIDE, STRIDE)
    return np.float32(small.mean(axis=(2, 4)) / 255)


class Looking:
    """The network's session: sure of a tattoo where it is red, of skin where it is green, and blind on the left."""

    model = SimpleNamespace(name="skin-model", sha256="0" * 64)

    def __init__(self, *, blind: float = 0.0) -> None:
        self._blind = blind

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        red, green, _ = colours(tensor)
        red[:, : int(self._blind * red.shape[1])] = 0
        none = np.zeros_like(red)
        return [np.stack([red, none, green, none])[None]]


def picture(columns: slice, *, skin: int = 255) -> np.ndarray:
    """320×240 of skin, with a tattoo in some columns."""
    shown = np.zeros((240, 320, 3), np.uint8)
    shown[..., 1] = skin
    shown[80:160, columns, 0] = 255
    return shown


def test_what_is_seen_in_a_mirror_lies_where_it_is() -> None:
    shown = picture(slice(20, 60))
    straight, mirrored = surveyed(Looking(), shown, [Canvas(320, 256)], twice=True)
    assert np.array_equal(straight.tattoo, mirrored.tattoo)
    assert np.array_equal(straight.seen, mirrored.seen)
    assert straight.scale == mirrored.scale
    assert mirrored.tattoo[30, 10] == 1
    assert mirrored.tattoo[30, 70] == 0


@pytest.mark.parametrize("width", [317, 318, 319])
def test_a_mirror_moves_a_picture_of_any_width_by_less_than_one_place_of_the_map(width: int) -> None:
    shown = picture(slice(20, 60))[:, :width]
    straight, mirrored = surveyed(Looking(), shown, [Canvas(320, 256)], twice=True)
    left, right = (np.flatnonzero(maps.tattoo[30] > 0.5) for maps in (straight, mirrored))
    assert abs(left - right).max() <= 1 if left.size == right.size else abs(left.size - right.size) <= 1


def test_a_tattoo_that_is_seen_in_a_mirror_alone_is_half_as_sure() -> None:
    both, one = (SkinDetector(Looking(blind=0.5), [Canvas(320, 256)], Thresholds(), twice=way) for way in (True, False))
    seen = both.survey(picture(slice(20, 60)))
    assert seen.maps.tattoo[30, 10] == 0.5
    assert one.survey(picture(slice(20, 60))).maps.tattoo[30, 10] == 0


class Remembering(Looking):
    """The same, and what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[np.ndarray] = []

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        self.shown.append(tensor[0].transpose(1, 2, 0))
        return super().run(tensor)


def test_in_the_dark_the_second_look_is_at_the_same_picture_with_its_contrast_evened() -> None:
    shown = np.zeros((240, 320, 3), np.uint8)
    shown[..., 1] = 150 + np.random.default_rng(1).integers(-10, 11, (240, 320))
    shown[100:130, 40:80, 1] -= 10
    session = Remembering()
    once, again = surveyed(session, shown, [Canvas(320, 256)], twice=True)
    assert is_dark(once)
    assert once.tattoo.shape == again.tattoo.shape
    first, second = session.shown
    assert not second[240:].any(), "beside the picture nothing is evened"
    lower = [view[20:90, 120:200, 1].mean() - view[100:130, 40:80, 1].mean() for view in (first, second)]
    assert lower[1] > 2 * lower[0] > 15, "the mark stands where it stood, and stands out"


@pytest.mark.parametrize("bright", [10, 200])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 700), (7, 5)])
def test_a_picture_of_any_shape_is_looked_at_twice_in_the_dark_and_in_the_light(
    shape: tuple[int, int], bright: int
) -> None:
    shown = np.full((*shape, 3), bright, np.uint8)
    views = surveyed(Looking(), shown, [Canvas(320, 256), Canvas(512, 384)], twice=True)
    for once, again in zip(views[::2], views[1::2], strict=True):
        assert once.tattoo.shape == again.tattoo.shape
        assert once.seen.shape == again.seen.shape


def test_light_skin_is_not_dark_and_without_skin_the_whole_picture_says() -> None:
    def seen(bright: int, skin: float) -> SkinMaps:
        flat = np.full((30, 40), skin, np.float32)
        return SkinMaps(flat, flat, flat, flat, np.full((30, 40, 3), bright, np.uint8), 0.25)

    assert [is_dark(seen(int(DARK) + step, 0.9)) for step in (-1, 0, 1)] == [True, False, False]
    assert is_dark(seen(20, 0.0))
    assert not is_dark(seen(200, 0.0))
    partly = seen(200, 0.0)
    partly.skin[:5], partly.seen[:5] = 0.9, 30
    assert is_dark(partly), "the skin decides, not the sheet around it"


def test_a_tattoo_lies_on_skin_and_what_lies_on_none_is_cloth() -> None:
    detector = SkinDetector(Looking(), [Canvas(320, 256), Canvas(256, 192)], Thresholds(), twice=True)
    (region,) = detector.detect(picture(slice(120, 200)))
    assert region.kind is Kind.TATTOO
    left, _, right, _ = bounds(region.polygon)
    assert left < 120
    assert right > 200
    assert detector.detect(picture(slice(120, 200), skin=100)) == []


def test_a_tattoo_counts_in_full_on_sure_skin_and_less_and_less_off_it() -> None:
    skin = np.float32([[1.0, SKIN, SKIN - FADES / 4, SKIN - FADES / 2, SKIN - FADES, 0.0]])
    sure, nothing = np.full_like(skin, 0.9), np.zeros_like(skin)
    maps = on_skin(SkinMaps(sure, nothing, skin, nothing, np.zeros((1, 6, 3), np.uint8), 0.25))
    assert maps.tattoo == pytest.approx(0.9 * np.float32([[1, 1, 0.75, 0.5, LEAST, LEAST]]), abs=1e-6)
    assert maps.skin is skin


class Reading(Looking):
    """Sees print where it is blue, and on small canvases nothing of it."""

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        _, _, blue = colours(tensor)
        none = np.zeros_like(blue)
        return [np.stack([none, none, none, blue if tensor.shape[3] >= 512 else none])[None]]


def test_a_wristband_that_the_largest_canvas_alone_sees_is_covered() -> None:
    shown = np.zeros((960, 1280, 3), np.uint8)
    shown[400:440, 600:800, 2] = 255
    canvases = [Canvas(320, 256), Canvas(512, 384), Canvas(256, 192)]
    (band,) = SkinDetector(Reading(), canvases, Thresholds(), twice=True).detect(shown)
    assert band.kind is Kind.TEXT
    left, top, right, bottom = bounds(band.polygon)
    assert 560 < left <= 600
    assert 360 < top <= 400
    assert 800 <= right < 840
    assert 440 <= bottom < 480
    (once,) = SkinDetector(Reading(), [Canvas(512, 384)], Thresholds()).detect(shown)
    assert once.polygon == band.polygon
