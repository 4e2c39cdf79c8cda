"""Drawn sets keep their promises: one seed one set, exact masks, codes that read, nothing marked where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.picture import Kind
from inference.scenes.sets import (
    FORMAT,
    SETS,
    Drawn,
    FolderNotEmpty,
    Mark,
    code_texts,
    decoded,
    draw_picture,
    draw_set,
    write_set,
)
from inference.scenes.sets.grounds import Ground, Place, bare
from inference.scenes.sets.motifs import MOTIFS, motif
from inference.scenes.sets.recipes import TONES
from inference.scenes.sets.symbols import SYMBOLOGIES, symbol

PLACES = {
    "paper": (0, 1),
    "codes": (0, 5, 6, 9, 12),
    "wounds": (0, 3, 6, 9),
    "clean": (1, 4),
    "ward": (0, 2),
    "tones": (0, 4, 9, 10, 25, 60),
}
"""Few, because a picture takes most of a second: a hand and a limb with bands, a sheet, a trunk, a bed, a tattoo."""
SEED = 4
ANGLES = tuple(float(turn) for turn in range(0, 180, 15))


@pytest.fixture(scope="module")
def sets() -> dict[str, list[Drawn]]:
    """Some pictures of every set."""
    return {name: [draw_picture(name, SEED, place) for place in places] for name, places in PLACES.items()}


def marks(pictures: list[Drawn]) -> list[tuple[Drawn, Mark]]:
    return [(picture, mark) for picture in pictures for mark in picture.marks]


def test_every_set_is_tested() -> None:
    assert set(PLACES) == set(SETS)


@pytest.mark.parametrize("name", list(SETS))
def test_the_same_set_seed_and_place_are_the_same_picture_whatever_was_drawn_before(
    sets: dict[str, list[Drawn]], name: str
) -> None:
    first, again = sets[name][0], draw_picture(name, SEED, PLACES[name][0])
    assert again.jpeg == first.jpeg
    assert np.array_equal(again.wound_mask, first.wound_mask)
    assert [(m.polygon, m.legible, m.text) for m in again.marks] == [
        (m.polygon, m.legible, m.text) for m in first.marks
    ]


def test_another_seed_or_another_place_is_another_picture(sets: dict[str, list[Drawn]]) -> None:
    (other,) = draw_set("clean", count=1, seed=SEED + 1)
    everything = [other.jpeg, *(picture.jpeg for pictures in sets.values() for picture in pictures)]
    assert len(set(everything)) == len(everything)
    assert other.name == "clean-0001"


@pytest.mark.parametrize("name", list(SETS))
def test_pictures_are_900_to_2000_pixels_on_their_long_side(sets: dict[str, list[Drawn]], name: str) -> None:
    for picture in sets[name]:
        height, width, _ = picture.pixels.shape
        assert 900 <= max(height, width) <= 2000
        assert picture.wound_mask.shape == (height, width)


@pytest.mark.parametrize("name", ["paper", "codes", "ward", "tones"])
def test_the_polygon_of_a_mark_is_the_outline_of_its_mask(sets: dict[str, list[Drawn]], name: str) -> None:
    for picture, mark in marks(sets[name]):
        height, width = picture.wound_mask.shape
        mask = mark.mask(height, width)
        filled = np.zeros((height, width), np.uint8)
        cv2.fillPoly(filled, [np.array(mark.polygon, np.int32)], 1)
        both = (filled > 0) & mask
        # The outline may leave holes and small pieces of what is half hidden aside, and never takes in much else.
        assert both.sum() >= 0.9 * filled.sum() - 20, (picture.name, mark)
        if mark.legible and not mark.whole:
            assert both.sum() >= 0.9 * mask.sum() - 20, (picture.name, mark)


def test_legible_letters_stand_out_from_what_they_are_on(sets: dict[str, list[Drawn]]) -> None:
    seen = 0
    for picture, mark in marks(sets["paper"] + sets["codes"]):
        if not mark.legible or mark.whole or mark.kind is Kind.CODE:
            continue
        grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)
        low, high = np.percentile(grey[mark.mask(*grey.shape)], (6, 94))
        assert high - low >= 24, (picture.name, mark)
        seen += 1
    assert seen > 40


def test_legible_words_are_at_least_ten_pixels_high(sets: dict[str, list[Drawn]]) -> None:
    words = [mark for _, mark in marks(sets["paper"]) if mark.kind is Kind.TEXT and not mark.whole]
    legible = [mark for mark in words if mark.legible]
    assert 0.5 * len(words) < len(legible) < len(words)
    assert min(mark.height for mark in legible) >= 10


def test_every_legible_code_decodes(sets: dict[str, list[Drawn]]) -> None:
    codes = [(picture, mark) for picture, mark in marks(sets["codes"]) if mark.kind is Kind.CODE]
    legible = [(picture, mark) for picture, mark in codes if mark.legible]
    assert 0.5 * len(codes) < len(legible) < len(codes)
    for picture, mark in legible:
        read = code_texts(picture.pixels, mark.polygon)
        assert mark.text in read or mark.text in code_texts(picture.pixels, mark.polygon, ANGLES), picture.name


@pytest.mark.parametrize("name", SYMBOLOGIES)
def test_every_symbology_is_written_so_that_it_reads(name: str) -> None:
    drawn = symbol(np.random.default_rng(3), name, "00418273")
    picture = np.full((400, 900, 3), 255, np.uint8)
    rows = np.repeat(drawn.modules, 60 if drawn.linear else 4, axis=0)
    wide = np.repeat(rows, 4, axis=1)
    picture[40 : 40 + wide.shape[0], 40 : 40 + wide.shape[1]] = wide[..., None]
    corners = ((40.0, 40.0), (40.0 + wide.shape[1], 40.0), (40.0 + wide.shape[1], 40.0 + wide.shape[0]))
    assert code_texts(picture, corners) == {drawn.text}


def test_a_code_that_lies_askew_reads_once_it_is_turned_level() -> None:
    drawn = symbol(np.random.default_rng(3), "Code128", "00418273")
    bars = np.repeat(np.repeat(drawn.modules, 30, axis=0), 3, axis=1)
    picture = np.full((600, 600, 3), 255, np.uint8)
    picture[285:315, 150 : 150 + bars.shape[1]] = bars[..., None]
    spin = cv2.getRotationMatrix2D((300, 300), -40, 1.0)
    askew = np.asarray(cv2.warpAffine(picture, spin, (600, 600), borderValue=(255, 255, 255)), np.uint8)
    around = ((100.0, 100.0), (500.0, 100.0), (500.0, 500.0), (100.0, 500.0))
    assert code_texts(askew, around) == frozenset()
    assert code_texts(askew, around, (40.0,)) == {"00418273"}


def test_the_place_decides_the_symbologies_so_that_fifteen_pictures_have_every_one(
    sets: dict[str, list[Drawn]],
) -> None:
    assert len(SYMBOLOGIES) == 15
    for place, picture in zip(PLACES["codes"], sets["codes"], strict=True):
        wanted = [SYMBOLOGIES[(place + 5 * turn) % 15] for turn in range(3)]
        found = [mark.format for mark in picture.marks if mark.kind is Kind.CODE]
        assert found == wanted[: len(found)]
        assert found


def test_a_wristband_has_a_mask_of_the_whole_of_it_around_all_its_words(sets: dict[str, list[Drawn]]) -> None:
    bands = [(picture, mark) for picture, mark in marks(sets["paper"]) if mark.whole]
    assert bands
    for picture, band in bands:
        height, width = picture.wound_mask.shape
        whole = band.mask(height, width)
        words = [
            mark
            for mark in picture.marks
            if not mark.whole and (mark.mask(height, width) & whole).sum() > mark.bitmap.sum() / 2
        ]
        assert len(words) >= 2, picture.name
        for word in words:
            assert (word.mask(height, width) & ~whole).sum() <= 0.02 * word.bitmap.sum()


@pytest.mark.parametrize("name", ["wounds", "clean"])
def test_nothing_in_a_set_without_identifiers_is_marked(sets: dict[str, list[Drawn]], name: str) -> None:
    assert [picture.marks for picture in sets[name]] == [()] * len(PLACES[name])


def test_ten_pictures_in_a_row_have_every_skin_tone_and_every_picture_of_wounds_has_one(
    sets: dict[str, list[Drawn]],
) -> None:
    assert sorted(TONES) == list(range(1, 11))
    for place, picture in zip(PLACES["wounds"], sets["wounds"], strict=True):
        assert picture.skin_tone == TONES[(place + SEED) % 10]
        assert picture.wound_mask.sum() > 300, picture.name


def test_ten_pictures_of_tones_in_a_row_differ_in_their_skin_and_in_nothing_else(sets: dict[str, list[Drawn]]) -> None:
    first, *others = sets["tones"][:3]
    for other in others:
        assert other.skin_tone != first.skin_tone
        assert other.jpeg != first.jpeg
        assert [mark.polygon for mark in other.marks] == [mark.polygon for mark in first.marks]
        assert np.array_equal(other.wound_mask, first.wound_mask)
    marked = [[mark.kind for mark in picture.marks] for picture in sets["tones"]]
    assert marked == [[Kind.TATTOO], [Kind.TATTOO], [Kind.TATTOO], [], [Kind.TATTOO], [Kind.TATTOO]]
    assert sets["tones"][3].wound_mask.any()


@pytest.mark.parametrize("name", MOTIFS)
def test_every_motif_is_ink_on_a_part_of_its_sheet_and_another_each_time(name: str) -> None:
    one, again, *others = (motif(np.random.default_rng(seed), name).pixels for seed in (3, 3, 4, 5, 6))
    assert np.array_equal(one, again)
    assert not all(np.array_equal(one, other) for other in others)
    assert 0.04 < (one.max(axis=2) > 60).mean() < 0.8


@pytest.mark.parametrize("place", [Place.LIMB, Place.TRUNK, Place.HAND])
def test_ink_is_darker_than_the_skin_of_every_tone_and_changes_nothing_beside_it(place: Place) -> None:
    for tone in (1, 6, 10):
        plain, inked = (bare(Ground(place, 5, tone, motif=name), (900, 700)).board for name in ("", "rosette"))
        (draft,) = inked.drafts
        assert draft.kind is Kind.TATTOO
        hull = inked.marks == 1
        before, after = (board.pixels.astype(int).sum(axis=2) for board in (plain, inked))
        assert after[hull].mean() < 0.97 * before[hull].mean()
        near = cv2.dilate(hull.astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
        assert np.array_equal(before[~near], after[~near])


def test_a_metered_picture_of_dark_skin_is_lighter_and_one_of_light_skin_is_not() -> None:
    for tone, brighter in ((10, True), (2, False)):
        plain, metered = (
            bare(Ground(Place.TRUNK, 5, tone, metered=on), (900, 700)).board.pixels for on in (False, True)
        )
        assert bool(metered.mean() > 1.05 * plain.mean()) is brighter


def test_a_wound_is_another_colour_than_the_skin_around_it(sets: dict[str, list[Drawn]]) -> None:
    for picture in sets["wounds"]:
        lab = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2LAB).astype(float)
        wound = picture.wound_mask
        near = cv2.dilate(wound.astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
        near &= ~(cv2.dilate(wound.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0)
        assert np.abs(lab[wound].mean(axis=0) - lab[near].mean(axis=0)).sum() > 6, picture.name


def test_a_written_set_reads_back_as_it_was_drawn(sets: dict[str, list[Drawn]], tmp_path: Path) -> None:
    pictures = sets["ward"]
    steps: list[tuple[int, str]] = []
    listed = write_set(
        pictures, tmp_path / "ward", source="drawn", progress=lambda done, name: steps.append((done, name))
    )
    page = json.loads(listed.read_text("utf-8"))
    assert page["format"] == FORMAT
    assert steps == [(place, picture.name) for place, picture in enumerate(pictures, start=1)]
    for row, picture in zip(page["images"], pictures, strict=True):
        jpeg = (listed.parent / row["file"]).read_bytes()
        assert np.array_equal(decoded(jpeg), picture.pixels)
        assert (row["height"], row["width"]) == picture.wound_mask.shape
        assert row["kinds"] == ["face", "tattoo", "text", "code"]
        assert row.get("skin_tone") == picture.skin_tone
        assert ("wound_mask" in row) == bool(picture.wound_mask.any())
        if "wound_mask" in row:
            assert np.array_equal(_mask(listed.parent / row["wound_mask"]), picture.wound_mask)
        for region, mark in zip(row["regions"], picture.marks, strict=True):
            assert (region["kind"], region["legible"], region["text"]) == (mark.kind, mark.legible, mark.text)
            assert region.get("whole", False) == mark.whole
            assert [tuple(corner) for corner in region["polygon"]] == list(mark.polygon)
            assert np.array_equal(_mask(listed.parent / region["mask"]), mark.mask(*picture.wound_mask.shape))


def _mask(path: Path) -> np.ndarray:
    read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert read is not None
    assert set(np.unique(read)) <= {0, 255}
    return read > 127


def test_a_folder_with_something_in_it_is_left_as_it_is(sets: dict[str, list[Drawn]], tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match="new or an empty folder"):
        write_set(sets["clean"], tmp_path, source="drawn")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_drawing_that_is_interrupted_leaves_no_list(sets: dict[str, list[Drawn]], tmp_path: Path) -> None:
    def interrupted():
        yield sets["clean"][0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_set(interrupted(), tmp_path / "half", source="drawn")
    assert not (tmp_path / "half" / "annotations.json").exists()


@pytest.mark.parametrize("wrong", [lambda: draw_picture("faces", 1, 0), lambda: draw_set("faces")])
def test_an_unknown_set_is_refused_with_the_names_of_those_there_are(wrong) -> None:
    with pytest.raises(ValueError, match="paper, codes, wounds, clean, ward"):
        wrong()


@pytest.mark.parametrize("wrong", [lambda: draw_picture("paper", -1, 0), lambda: draw_set("paper", count=-1)])
def test_a_number_below_nought_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="not negative"):
        wrong()
