"""What is covered is measured on the pixels, by kind, with the wound and the questions told apart."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import zxingcpp

from inference import Frame, Kind, Region
from inference.evaluation import AnnotatedPicture, Seen, Truth
from inference.evaluation.measuring import height_of, measured
from inference.evaluation.readable import readable_codes
from inference.evaluation.rows import TruthRow
from inference.geometry import box_polygon
from inference.picture import Pixels

FACE = box_polygon((20, 20, 60, 60))
SURE, DOUBTFUL = 0.99, 0.6


def region(kind: Kind, *box: float, score: float = SURE) -> Region:
    """A region from (left, top, right, bottom)."""
    return Region(kind, box_polygon(box), score, "m")


@pytest.fixture
def look(engine_that_sees):
    """Measures a picture on which an engine sees these regions."""

    def measure(picture: AnnotatedPicture, *regions: Region, **more) -> Seen:
        return measured(picture, engine_that_sees(*regions, **more).still(Frame(picture.pixels, 0)))

    return measure


@pytest.mark.parametrize(("right", "share"), [(60, 1.0), (40, 0.5), (23, 0.075), (20, 0.0)])
def test_the_share_covered_is_that_of_the_pixels(look, noise: Pixels, right: float, share: float) -> None:
    # A region also covers the pixels that its outline touches: half a pixel less keeps the count whole.
    covering = region(Kind.FACE, 0, 0, right - 0.5, 100) if right > 20 else region(Kind.FACE, 0, 0, 15, 15)
    (row,) = look(AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE),)), covering).truths
    assert row.share == pytest.approx(share)


def test_what_another_kind_covers_is_covered_all_the_same(look, noise: Pixels) -> None:
    seen = look(AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE),)), region(Kind.TEXT, 10, 10, 70, 70))
    assert seen.truths[0].share == 1.0


def test_an_exact_mask_is_measured_in_place_of_the_outline(look, noise: Pixels) -> None:
    mask = np.zeros((120, 160), dtype=np.bool_)
    mask[20:60, 20:30] = True
    seen = look(AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE, mask=mask),)), region(Kind.FACE, 0, 0, 29.5, 99))
    assert seen.truths[0].share == 1.0


def test_covering_outside_truths_is_counted_and_by_the_kinds_that_are_annotated(look, noise: Pixels) -> None:
    picture = AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE),), kinds=frozenset({Kind.FACE}))
    regions = (region(Kind.FACE, 20, 20, 59.5, 59.5), region(Kind.TEXT, 99.5, 79.5, 119.5, 99.5))
    seen = look(picture, *regions, region(Kind.FACE, 139.5, 99.5, 149.5, 109.5))
    assert seen.outside == pytest.approx((21 * 21 + 11 * 11) / (160 * 120))
    assert seen.false == pytest.approx(11 * 11 / (160 * 120))
    assert look(replace(picture, kinds=frozenset()), *regions).false is None


def test_a_little_around_a_truth_is_not_held_to_be_false(look, noise: Pixels) -> None:
    picture = AnnotatedPicture("p", noise, (Truth(Kind.FACE, FACE),), kinds=frozenset({Kind.FACE}))
    assert look(picture, region(Kind.FACE, 12, 20, 68, 60)).false == 0
    assert look(picture, region(Kind.FACE, 0, 20, 80, 60)).false > 0


def test_a_wound_is_counted_by_what_covers_it(look, noise: Pixels) -> None:
    wound = np.zeros((120, 160), dtype=np.bool_)
    wound[50:70, 50:70] = True
    picture = AnnotatedPicture("p", noise, wound=wound)
    seen = look(picture, region(Kind.FACE, 0, 0, 59.5, 100), region(Kind.CODE, 55, 0, 64.5, 100))
    assert seen.wound is not None
    assert (seen.wound.pixels, seen.wound.hidden, seen.wound.share) == (400, 300, 0.75)
    assert seen.wound.hidden_by == {Kind.FACE: 200, Kind.TATTOO: 0, Kind.TEXT: 0, Kind.CODE: 200}
    assert look(replace(picture, wound=np.zeros_like(wound))).wound is None


def test_a_question_because_of_a_doubt_and_one_because_nobody_looked_are_told_apart(look, noise: Pixels) -> None:
    picture = AnnotatedPicture("p", noise)
    doubt = region(Kind.FACE, 20, 20, 60, 60, score=DOUBTFUL)
    assert look(picture, doubt).asks == {Kind.FACE}
    assert look(picture, doubt).nobody_looked == {Kind.TATTOO}
    assert look(picture).asks == frozenset()
    everything = look(picture, kinds=tuple(Kind))
    assert (everything.asks, everything.nobody_looked) == (frozenset(), frozenset())


def test_a_second_look_that_found_is_said_and_its_covering_counts(look, noise: Pixels) -> None:
    picture = AnnotatedPicture("p", noise, (Truth(Kind.TEXT, box_polygon((100, 60, 140, 80))),))
    seen = look(picture, then=(region(Kind.TEXT, 95, 55, 145, 85),))
    assert seen.second_look_found
    assert seen.asks == {Kind.TEXT}
    assert seen.truths[0].share == 1.0


@pytest.fixture
def code_picture() -> AnnotatedPicture:
    image = np.array(zxingcpp.create_barcode("WARD-7", zxingcpp.BarcodeFormat.QRCode).to_image(scale=4))
    pixels = np.full((300, 400, 3), 235, dtype=np.uint8)
    high, wide = image.shape[:2]
    pixels[100 : 100 + high, 150 : 150 + wide] = image.reshape(high, wide, -1)
    return AnnotatedPicture("p", pixels, (Truth(Kind.CODE, box_polygon((150, 100, 150 + wide, 100 + high))),))


def test_a_code_that_a_phone_still_reads_is_readable(look, code_picture: AnnotatedPicture) -> None:
    (left,) = look(code_picture).truths
    assert (left.readable_before, left.readable) == (True, True)
    (hidden,) = look(code_picture, region(Kind.CODE, 150, 100, 300, 250)).truths
    assert (hidden.readable_before, hidden.readable) == (True, False)


def test_a_code_where_none_is_annotated_is_told_apart(look, code_picture: AnnotatedPicture) -> None:
    elsewhere = replace(code_picture, truths=(Truth(Kind.CODE, box_polygon((10, 10, 40, 40))),))
    seen = look(elsewhere)
    assert seen.readable_elsewhere
    assert not seen.truths[0].readable
    assert look(replace(code_picture, truths=())).readable_elsewhere
    assert not look(code_picture).readable_elsewhere


def test_a_code_that_only_opencv_or_only_a_doubled_look_reads_is_found_too(code_picture: AnnotatedPicture) -> None:
    small = cv2.resize(np.array(code_picture.pixels), None, fx=0.32, fy=0.32, interpolation=cv2.INTER_AREA)
    at_its_size, thorough = (len(readable_codes(small, thorough=how)) for how in (False, True))
    assert thorough > at_its_size


@pytest.mark.parametrize(
    ("polygon", "height"),
    [
        (box_polygon((10, 10, 50, 22)), 12),
        (box_polygon((10, 10, 14, 22)), 12),
        (((10, 50), (10, 10), (22, 10), (22, 50)), 12),
        (((10, 10), (30, 10), (50, 10), (50, 22), (10, 22)), 12),
    ],
)
def test_the_height_of_a_word_is_its_readers(polygon, height: float) -> None:
    assert height_of(Truth(Kind.TEXT, polygon)) == pytest.approx(height)


def test_only_text_that_can_be_read_is_held_to_the_bar() -> None:
    assert TruthRow(Kind.TEXT, 0.0, 10.0).judged
    assert not TruthRow(Kind.TEXT, 0.0, 9.9).judged
    assert not TruthRow(Kind.TEXT, 0.0, 30.0, legible=False).judged
    assert TruthRow(Kind.FACE, 0.0, 5.0, legible=False).judged


def test_a_photo_of_another_picture_is_refused(engine_that_sees, noise: Pixels) -> None:
    with pytest.raises(ValueError, match="another size"):
        measured(AnnotatedPicture("p", noise), engine_that_sees().still(Frame(noise[:60], 0)))
