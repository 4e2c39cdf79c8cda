"""The worst cases on one sheet: each picture beside its covered output, the truth outlined, the number under it.

The sheet shows test pictures uncovered. It is made only where somebody named a file for it.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Final

import cv2
import numpy as np

from inference.evaluation.annotations import AnnotatedPicture
from inference.evaluation.rows import BARS, DAMAGED, PictureRow, Seen, TruthRow
from inference.geometry import scaled_size
from inference.picture import Photo, Pixels

MOST: Final = 10
_PANEL: Final = (400, 320)
"""Width and height of one picture on the sheet."""
_CAPTION: Final = 50
_GAP: Final = 10
_COLUMNS: Final = 2
_PAPER: Final = (250, 250, 248)
_INK: Final = (24, 26, 30)
_TRUTH: Final = (0, 200, 80)
_WOUND: Final = (255, 200, 0)
_LETTERS: Final = 17
_LETTERS_ACROSS: Final = 88


def severity(row: PictureRow) -> tuple[float, str]:
    """How bad a case is, and the sentence under it.

    A readable code is 2; an identifier below its bar 1 and what is missing of the bar; a wound damaged without a
    question 1 and its share. Less than 1: other covered wounds, frame covered for nothing, a question about nothing.
    """
    if row.seen is None:
        return 0.0, "failed: nothing came out"
    cases = [(0.0, "nothing amiss")]
    cases += [_of_truth(truth) for truth in row.seen.truths if truth.judged]
    cases += _of_the_rest(row.seen)
    return max(cases)


def _of_truth(truth: TruthRow) -> tuple[float, str]:
    if truth.readable:
        return 2.0, "a code can still be read"
    short = BARS[truth.kind] - truth.share
    return (1 + short, f"{truth.kind} covered {truth.share:.1%}") if short > 0 else (0.0, "")


def _of_the_rest(seen: Seen) -> list[tuple[float, str]]:
    cases: list[tuple[float, str]] = []
    asked = "a person is asked about " + " and ".join(sorted(seen.asks)) if seen.asks else "nobody is asked"
    if seen.readable_elsewhere:
        cases.append((1.5, "a code that nobody annotated can be read"))
    if seen.wound and seen.wound.hidden:
        weight = seen.wound.share * (0.5 if seen.asks else 1.0) + (not seen.asks and seen.wound.share > DAMAGED)
        cases.append((weight, f"wound covered {seen.wound.share:.1%}, {asked}"))
    if seen.false:
        cases.append((seen.false / 2, f"frame covered for nothing {seen.false:.1%}"))
    if seen.asks and not seen.truths:
        cases.append((0.1, f"nothing is annotated, and {asked}"))
    return cases


class WorstCases:
    """Keeps the ten worst cases as they are seen; a witness of an evaluation."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, int, Pixels]] = []
        self._order = count(0, -1)

    def __call__(self, dataset: str, degradation: str, row: PictureRow, shown: AnnotatedPicture, photo: Photo) -> None:
        """One more case."""
        weight, sentence = severity(row)
        if len(self._kept) == MOST and weight <= self._kept[0][0]:
            return
        tile = _tile(shown, photo, (f"{dataset}/{row.file}  {degradation}", sentence))
        heapq.heappush(self._kept, (weight, next(self._order), tile))
        if len(self._kept) > MOST:
            heapq.heappop(self._kept)

    def sheet(self) -> Pixels:
        """H×W×3 uint8 RGB: the cases, the worst first, two a line."""
        tiles = [tile for _, _, tile in sorted(self._kept, key=lambda kept: (-kept[0], -kept[1]))]
        high, wide = _PANEL[1] + _CAPTION, 2 * _PANEL[0] + _GAP
        lines = max(1, -(-len(tiles) // _COLUMNS))
        shape = (lines * (high + _GAP) + _GAP, _COLUMNS * (wide + _GAP) + _GAP, 3)
        sheet = np.full(shape, _PAPER, dtype=np.uint8)
        for place, tile in enumerate(tiles):
            line, column = divmod(place, _COLUMNS)
            top, left = _GAP + line * (high + _GAP), _GAP + column * (wide + _GAP)
            sheet[top : top + high, left : left + wide] = tile
        return sheet


def encoded_sheet(sheet: Pixels) -> bytes:
    """The sheet as a PNG."""
    done, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError("OpenCV cannot write a PNG of this sheet")
    return bytes(data)


def _tile(shown: AnnotatedPicture, photo: Photo, caption: tuple[str, str]) -> Pixels:
    tile = np.full((_PANEL[1] + _CAPTION, 2 * _PANEL[0] + _GAP, 3), _PAPER, dtype=np.uint8)
    for left, pixels in ((0, shown.pixels), (_PANEL[0] + _GAP, photo.pixels)):
        panel = _panel(pixels, shown)
        tile[: panel.shape[0], left : left + panel.shape[1]] = panel
    face = cv2.FontFace("sans")
    for line, text in enumerate(caption):
        at = (2, _PANEL[1] + 19 + 23 * line)
        cv2.putText(tile, text[:_LETTERS_ACROSS], at, _INK, face, _LETTERS, 400 + 200 * line)
    return tile


def _panel(pixels: Pixels, shown: AnnotatedPicture) -> Pixels:
    scale = min(_PANEL[0] / shown.width, _PANEL[1] / shown.height)
    size = scaled_size(shown.width, shown.height, scale)
    panel = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    outlines = [(np.asarray(truth.polygon), _TRUTH) for truth in shown.truths if truth.mask is None]
    masks = [(truth.mask, _TRUTH) for truth in shown.truths] + [(shown.wound, _WOUND)]
    for mask, colour in masks:
        if mask is not None:
            contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            outlines += [(contour.reshape(-1, 2) + 0.5, colour) for contour in contours]
    for points, colour in outlines:
        corners = np.round((points * scale - 0.5) * 16).astype(np.int32)
        cv2.polylines(panel, [corners], isClosed=True, color=colour, thickness=1, lineType=cv2.LINE_8, shift=4)
    return panel
