"""Figures on the real pictures, held by bounds a little looser than docs/evaluation.md says: a slide shows here.

A part of each set, spread evenly, so that the suite stays quick; docs/evaluation.md says how the whole is measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from inference import Deidentifier, Frame, Kind, Outcome, Photo
from inference.covering import coverage
from inference.picture import Pixels

pytestmark = [pytest.mark.data, pytest.mark.models]


def _rows(folder: Path, every: int) -> Iterator[tuple[dict[str, Any], Pixels]]:
    for row in json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["images"][::every]:
        picture = cv2.imread(str(folder / row["file"]))
        assert picture is not None
        yield row, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _mask(photo: Photo, kinds: Sequence[Kind] = tuple(Kind)) -> np.ndarray:
    regions = [region.polygon for region in photo.redaction.regions if region.kind in kinds]
    return coverage(photo.width, photo.height, regions)


@pytest.mark.parametrize("turns", [0, 1])
def test_nearly_every_face_is_covered_whole(engine: Deidentifier, data_folder: Path, turns: int) -> None:
    shares: list[float] = []
    for row, picture in _rows(data_folder / "faces", 3):
        mask = np.rot90(_mask(engine.still(Frame(np.rot90(picture, turns), 0)), [Kind.FACE]), -turns)
        for x, y, width, height in (map(int, region["box"]) for region in row["regions"]):
            shares.append(float(mask[max(0, y) : y + height, max(0, x) : x + width].mean()))
    assert np.mean(np.array(shares) >= 0.98) >= 0.98


def test_no_code_is_readable_afterwards(engine: Deidentifier, data_folder: Path) -> None:
    readable = []
    for row, picture in _rows(data_folder / "codes", 3):
        covered = np.ascontiguousarray(engine.still(Frame(picture, 0)).pixels)
        if zxingcpp.read_barcodes(covered) or cv2.QRCodeDetector().detectAndDecode(covered)[0]:
            readable.append(row["file"])
    assert readable == []


def test_legible_street_words_are_covered(engine: Deidentifier, data_folder: Path) -> None:
    shares = []
    for row, picture in _rows(data_folder / "text", 1):
        mask = _mask(engine.still(Frame(picture, 0)), [Kind.TEXT])
        for region in (r for r in row["regions"] if r["legible"]):
            word = coverage(row["width"], row["height"], [tuple(map(tuple, region["polygon"]))])
            shares.append(float(mask[word].mean()))
    assert np.mean(np.array(shares) >= 0.5) >= 0.8


def test_wounds_are_left_alone_or_a_person_is_asked(engine: Deidentifier, data_folder: Path) -> None:
    """Of tattoos a person is always asked: what their regions hide is counted apart."""
    wound_pixels = covered_unasked = as_tattoo = asked = damaged_unasked = pictures = 0
    settled = [kind for kind in Kind if kind is not Kind.TATTOO]
    for row, picture in _rows(data_folder / "wounds", 10):
        photo = engine.still(Frame(picture, 0))
        read = cv2.imread(str(data_folder / "wounds" / row["wound_mask"]), cv2.IMREAD_GRAYSCALE)
        assert read is not None
        wound = read > 127
        assert photo.redaction.outcomes[Kind.TATTOO] is Outcome.UNSURE
        question = any(photo.redaction.outcomes[kind] is Outcome.UNSURE for kind in settled)
        hidden = 0 if question else int((_mask(photo, settled) & wound).sum())
        as_tattoo += int((_mask(photo, [Kind.TATTOO]) & wound).sum())
        pictures += 1
        asked += question
        wound_pixels += int(wound.sum())
        covered_unasked += hidden
        damaged_unasked += hidden > 0.05 * wound.sum()
    assert covered_unasked <= 0.003 * wound_pixels
    assert as_tattoo <= 0.05 * wound_pixels
    assert damaged_unasked <= 0.03 * pictures
    assert asked <= 0.15 * pictures
