"""From a board to a drawn picture: it is taken, and what is left to be seen and read of each mark is written down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Polygon
from inference.scenes.sets.board import Board, Draft
from inference.scenes.sets.camera import Shot
from inference.scenes.sets.reading import code_texts, contrast
from inference.scenes.sets.values import Drawn, Mark, decoded

SMALLEST = 30
"""Pixels; of what shows less, nobody can say what it is."""
_SHOWN, _NARROW, _CONTRAST = 0.7, 0.45, 24.0


def finished(
    rng: np.random.Generator, board: Board, shot: Shot, *, name: str, skin_tone: int | None, about: str
) -> Drawn:
    """The picture that `shot` takes of `board`, with its truth."""
    jpeg = shot.taken(rng, board.pixels)
    pixels = decoded(jpeg)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    marks = []
    for place, draft in enumerate(board.drafts):
        found = _shown(board.wholes if draft.whole else board.marks, place + 1)
        if found is None:
            continue
        corner, bitmap, polygon = found
        window = (slice(corner[1], corner[1] + bitmap.shape[0]), slice(corner[0], corner[0] + bitmap.shape[1]))
        if draft.kind is Kind.CODE:
            level = float(np.rad2deg(draft.turn))
            legible = draft.text in code_texts(pixels, polygon, (0.0, level))
        elif draft.kind is Kind.TEXT and not draft.whole:
            legible = _legible(draft, shot, bitmap, grey[window])
        else:
            legible = True
        marks.append(
            Mark(
                draft.kind,
                polygon,
                corner,
                bitmap,
                legible,
                draft.text,
                format=draft.format,
                height=float(draft.height),
                whole=draft.whole,
            )
        )
    tone = skin_tone if board.skin.mean() > 0.01 else None
    return Drawn(name, jpeg, tuple(marks), board.wound, tone, about)


def _legible(draft: Draft, shot: Shot, bitmap: NDArray[np.bool_], grey: NDArray[np.uint8]) -> bool:
    return bool(
        shot.reads(draft.height)
        and draft.narrow >= _NARROW
        and float(bitmap.sum()) >= _SHOWN * draft.area
        and contrast(grey, bitmap) >= _CONTRAST
    )


def _shown(marks: NDArray[np.int32], number: int) -> tuple[tuple[int, int], NDArray[np.bool_], Polygon] | None:
    """(corner, bitmap, outline) of what is to be seen of a mark, or None where that is nothing to speak of."""
    where = (marks == number).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(where)
    if not width:
        return None
    part = where[y : y + height, x : x + width]
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    if cv2.contourArea(largest) < SMALLEST:
        return None
    corners = cv2.approxPolyDP(largest, 0.8, closed=True)[:, 0]
    if len(corners) < 3:
        return None
    polygon = tuple((float(x + a), float(y + b)) for a, b in corners)
    return (x, y), part.astype(np.bool_), polygon
