"""Codes: located with a margin, and no reader reads them afterwards."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference import Deidentifier, Frame, Kind
from inference.covering import cover, coverage
from inference.detectors import codes
from inference.detectors.codes import DECODED, CodeDetector, read_codes
from inference.detectors.modules import busy_places
from inference.detectors.quads import grow_quad, grow_sides
from inference.geometry import bounds
from inference.scenes import SceneSpec, draw_scene

FORMATS = ["QRCode", "DataMatrix", "Aztec", "PDF417", "Code128", "Code39", "EAN13"]


def _code(name: str) -> np.ndarray:
    content = "5901234123457" if name == "EAN13" else "WL 4711"
    symbol = zxingcpp.create_barcode(content, zxingcpp.barcode_format_from_str(name))
    return np.array(symbol.to_image(scale=3, add_quiet_zones=True), dtype=np.uint8)


def _scene(name: str, degrees: float) -> np.ndarray:
    """A code turned about its middle, on skin-coloured ground."""
    code = _code(name)
    height, width = code.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (400 - width / 2, 300 - height / 2)
    scene = np.full((600, 800, 3), (205, 160, 135), dtype=np.uint8)
    cv2.warpAffine(
        np.repeat(code[..., None], 3, axis=2), matrix, (800, 600), dst=scene, borderMode=cv2.BORDER_TRANSPARENT,
        flags=cv2.INTER_LINEAR,
    )  # fmt: skip
    return scene


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
@pytest.mark.parametrize("name", FORMATS)
def test_a_code_is_found_and_no_reader_reads_it_afterwards(name: str, degrees: int) -> None:
    scene = _scene(name, degrees)
    regions = CodeDetector(side=1600, locate=True).detect(scene)
    if not zxingcpp.read_barcodes(scene):
        assert name in {"Code128", "Code39", "EAN13", "PDF417"}
        assert degrees == 30
        return
    assert any(region.score == DECODED and region.kind is Kind.CODE for region in regions)
    covered = cover(scene, [region.polygon for region in regions])
    assert zxingcpp.read_barcodes(covered) == []
    assert not cv2.QRCodeDetector().detectAndDecode(covered)[0]
    assert not cv2.barcode.BarcodeDetector().detectAndDecode(covered)[0]


@pytest.mark.parametrize("name", ["Code128", "EAN13"])
def test_all_of_a_barcodes_bars_are_covered_not_only_the_line_that_was_read(name: str) -> None:
    scene = _scene(name, 0)
    dark = scene.max(axis=2) < 60
    mask = coverage(800, 600, [r.polygon for r in CodeDetector(side=1600, locate=False).detect(scene)])
    assert (dark & mask).sum() >= 0.99 * dark.sum()


def _small() -> np.ndarray:
    """A matrix code of 1.9 pixels a module, slightly out of focus, somewhere on skin."""
    code = np.array(
        zxingcpp.create_barcode("WL 4711", zxingcpp.barcode_format_from_str("DataMatrix")).to_image(scale=8), np.uint8
    )
    code = np.pad(code, 24, constant_values=255)
    code = cv2.resize(code, None, fx=1.9 / 8, fy=1.9 / 8, interpolation=cv2.INTER_AREA)
    scene = np.full((600, 800, 3), (205, 160, 135), dtype=np.uint8)
    scene[301 : 301 + code.shape[0], 407 : 407 + code.shape[1]] = code[..., None]
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.7), np.uint8)


def test_a_code_that_reads_only_enlarged_is_found_and_does_not_read_enlarged_afterwards() -> None:
    scene = _small()
    assert read_codes(scene, side=1600) == []
    doubled = cv2.resize(scene, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    assert [code.text for code in zxingcpp.read_barcodes(doubled)] == ["WL 4711"]
    regions = CodeDetector(side=1600, locate=False).detect(scene)
    covered = cover(scene, [region.polygon for region in regions])
    assert zxingcpp.read_barcodes(cv2.resize(covered, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)) == []


def test_busy_places_are_at_most_ten_and_in_the_picture() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (500, 700), dtype=np.uint8)
    noise[::60] = 0
    patches = np.full((500, 700), 128, np.uint8)
    for x in range(20, 680, 50):
        patches[200:230, x : x + 30] = noise[200:230, x : x + 30]
    assert len(busy_places(patches)) == 10
    for left, top, right, bottom in busy_places(patches) + busy_places(noise):
        assert 0 <= left < right <= 700
        assert 0 <= top < bottom <= 500


def test_skin_without_a_code_has_none() -> None:
    assert CodeDetector(side=1600, locate=True).detect(np.full((600, 800, 3), (205, 160, 135), dtype=np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (9, 9)])
def test_a_tiny_or_thin_picture_is_looked_at_without_an_error(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert isinstance(CodeDetector(side=1600, locate=True).detect(noise), list)


def test_a_wristbands_code_is_read_for_the_encounter_and_its_content_is_not_in_the_repr() -> None:
    engine = Deidentifier(still=[], live=[], second_look=[], threads=1)
    (found,) = engine.scan(Frame(_scene("QRCode", 0), 0))
    engine.close()
    assert found.text == "WL 4711"
    assert "4711" not in repr(found)
    left, top, right, bottom = bounds(found.polygon)
    assert left < 400 < right
    assert top < 300 < bottom


def test_a_large_picture_is_read_at_a_limited_size_and_found_at_its_own() -> None:
    scene = cv2.resize(_scene("DataMatrix", 0), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    (found,) = read_codes(np.asarray(scene, dtype=np.uint8), side=1600)
    left, _, right, _ = bounds(found.polygon)
    assert left < 1600 < right


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=4, max_size=4), st.floats(1.05, 1.6))
@example([(0.0, 3.0), (1.0, 0.0), (1.0, 0.0), (1.0, 2.220446049250313e-16)], 1.5)
@settings(max_examples=60)
def test_a_grown_quad_holds_its_corners_even_if_it_was_a_line_or_a_point(corners: list, factor: float) -> None:
    grown = grow_quad(np.array(corners), factor).astype(np.float32)
    for x, y in corners:
        assert cv2.pointPolygonTest(grown, (x, y), measureDist=True) >= -0.05


def test_a_line_over_bars_grows_to_the_bars_and_one_over_nothing_stays() -> None:
    grey = np.full((200, 300), 200, dtype=np.uint8)
    grey[60:140, 50:250] = np.repeat(np.where(np.arange(50) % 3 == 0, 20, 200), 4)[:200].astype(np.uint8)
    line = np.array([(50.0, 100), (250, 100), (250, 101), (50, 101)])
    grown = grow_sides(line, grey)
    assert grown[:, 1].min() <= 62
    assert grown[:, 1].max() >= 137
    assert grown[:, 1].min() >= 52
    assert grown[:, 1].max() <= 148
    assert grow_sides(np.zeros((4, 2)), grey).tolist() == np.zeros((4, 2)).tolist()


def _printed(symbology: str, text: str) -> np.ndarray:
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(symbology))
    drawn = np.asarray(made.to_image(scale=3), np.uint8)[:160]
    left, top, width, height = cv2.boundingRect(255 - drawn)  # without its quiet zone: the card has one
    return np.repeat(drawn[top : top + height, left : left + width, None], 3, axis=2)


def _held_before_skin(code: np.ndarray, degrees: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A white card with the code, turned, in the middle of skin, and where the code is."""
    card = cv2.copyMakeBorder(code, 30, 30, 40, 40, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    scene = np.full((700, 900, 3), (205, 160, 135), np.uint8)
    there = cv2.getRotationMatrix2D((card.shape[1] / 2, card.shape[0] / 2), degrees, 1.0)
    there[:, 2] += np.array([900, 700]) / 2 - np.array([card.shape[1], card.shape[0]]) / 2
    cv2.warpAffine(card, there, (900, 700), dst=scene, borderMode=cv2.BORDER_TRANSPARENT)
    inside = np.zeros(card.shape[:2], np.uint8)
    inside[30:-30, 40:-40] = 255
    return scene, cv2.warpAffine(inside, there, (900, 700)) > 127


@pytest.mark.parametrize("symbology", ["Code128", "Code39", "PDF417", "DataMatrix", "QRCode", "ITF"])
@pytest.mark.parametrize("degrees", [30, 45, 60, 135])
def test_a_slanted_code_is_covered(symbology: str, degrees: int) -> None:
    scene, there = _held_before_skin(_printed(symbology, "00418273"), degrees)
    regions = CodeDetector(side=1600, locate=True, slanted=True).detect(scene)
    mask = coverage(900, 700, [region.polygon for region in regions])
    assert mask[there].mean() > 0.98


@pytest.mark.parametrize("symbology", ["Code128", "PDF417", "DataMatrix", "QRCode"])
def test_a_code_in_the_dark_is_covered_and_no_reader_gives_up(symbology: str) -> None:
    scene, there = _held_before_skin(_printed(symbology, "00418273"))
    dark = cv2.convertScaleAbs(scene, alpha=0.18)
    regions = CodeDetector(side=1600, locate=True).detect(dark)
    assert coverage(900, 700, [region.polygon for region in regions])[there].mean() > 0.98


@pytest.mark.parametrize(("seed", "width"), [(0, 512), (33, 384), (38, 384)])
def test_a_picture_turned_is_no_code_itself(seed: int, width: int) -> None:
    """Its edges on the grey around it look like the two lines of a Data Matrix: six real wounds were covered whole."""
    scene = draw_scene(SceneSpec(seed, props=()), (width, 512)).pixels
    assert CodeDetector(side=1600, locate=False, slanted=True).detect(scene) == []


def test_only_bars_are_grown_along_their_sides() -> None:
    formats = {zxingcpp.barcode_format_from_str(name) for name in ("Code128", "ITF", "EAN-13", "Codabar")}
    assert formats <= codes._LINEAR
    assert codes._LINEAR.isdisjoint({zxingcpp.barcode_format_from_str(n) for n in ("DataMatrix", "QRCode", "PDF417")})
