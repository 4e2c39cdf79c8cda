"""Things with print on them: wristbands, labels, badges, notes, screens, with letters and codes; and writing on skin.

The network learns such a thing as a whole, because it is covered as a whole: a name is on it, and what a reader makes
of its letters at a slant, in a crease or under a glare is another question.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.texture import Field, fractal
from inference.training.drawings import Book
from inference.training.surfaces import Body, Picture

_LETTERS: Final = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:./-,")
_DPI: Final = 3
"""The paper is drawn this many times as large as it is shown at most, and so small print stays print."""


def thing(rng: np.random.Generator, side: int, book: Book) -> tuple[Picture, Field]:
    """A thing with print on it in a square of `side` pixels: its surface, and its outline (0..1)."""
    wide = side * float(np.exp(rng.uniform(np.log(0.12), np.log(0.8))))
    high = wide * float(np.exp(rng.uniform(np.log(0.12), np.log(0.9))))
    paper = _paper(rng, (max(12, int(high * _DPI)), max(24, int(wide * _DPI))), book)
    turn = rng.uniform(0, 2 * np.pi)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([wide, high]) / 2
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = corners * (1 + rng.normal(0, 0.08, (4, 1))) + rng.uniform(-0.05, 1.05, 2) * side
    rows, columns = paper.shape[:2]
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    small = cv2.GaussianBlur(paper, (0, 0), 0.45 * _DPI)
    surface = cv2.warpPerspective(small, matrix, (side, side), flags=cv2.INTER_LINEAR)
    outline = cv2.warpPerspective(np.ones((rows, columns), np.float32), matrix, (side, side))
    crease = 1 + np.float32(rng.choice([0.03, 0.2])) * fractal(
        rng, (side, side), side * rng.uniform(0.05, 0.4), octaves=2
    )
    surface = surface * np.clip(crease, 0.4, 1.6)[..., None]
    if rng.random() < 0.25:  # gloss
        glare = np.clip(fractal(rng, (side, side), side * 0.2, octaves=1) - 1.0, 0, 1)
        surface = surface + glare[..., None] * np.float32(0.8)
    return np.asarray(surface, np.float32), np.asarray(outline, np.float32)


def _paper(rng: np.random.Generator, shape: tuple[int, int], book: Book) -> Picture:
    """The flat thing: a ground, lines of letters, now and then bars or a matrix."""
    dark = rng.random() < 0.25
    ground = rng.uniform(0.0, 0.12, 3) if dark else rng.uniform(0.45, 0.9) * np.exp(rng.normal(0, 0.06, 3))
    if rng.random() < 0.2:
        ground = rng.uniform(0.05, 0.9, 3)
    ink = rng.uniform(0.4, 0.95, 3) if ground.mean() < 0.25 else rng.uniform(0.0, 0.12, 3)
    mask = np.zeros(shape, np.uint8)
    top = int(shape[0] * rng.uniform(0.02, 0.12))
    while top < shape[0] * 0.9:
        tall = int(shape[0] * rng.uniform(0.06, 0.4))
        tall = int(np.clip(tall, 10, 90))
        if top + tall > shape[0]:
            break
        left = int(shape[1] * rng.uniform(0.02, 0.15))
        wide = int((shape[1] - left) * rng.uniform(0.4, 0.97))
        _stamp(mask, _line(rng, book, tall, wide), top, left)
        top += int(tall * rng.uniform(1.1, 1.8))
    if rng.random() < 0.5 or not mask.any():
        _code(rng, mask)
    share = (mask.astype(np.float32) / 255)[..., None]
    sheet = ground * (1 - share) + ink * share
    if rng.random() < 0.2:
        sheet[: int(shape[0] * rng.uniform(0.1, 0.3))] = rng.uniform(0.02, 0.7, 3)
    if rng.random() < 0.4:
        edge = max(1, int(shape[0] * 0.02))
        sheet[:edge], sheet[-edge:], sheet[:, :edge], sheet[:, -edge:] = ink, ink, ink, ink
    return np.asarray(sheet, np.float32)


def _line(rng: np.random.Generator, book: Book, tall: int, wide: int) -> NDArray[np.uint8]:
    text = "".join(str(c) for c in rng.choice(_LETTERS, int(rng.integers(3, 22))))
    if rng.random() < 0.5:
        text = text.upper()
    if len(text) > 8:
        text = text[: len(text) // 2] + " " + text[len(text) // 2 :]
    line = book.written(rng, text)
    scale = min(tall / line.shape[0], wide / line.shape[1])
    size = max(1, int(line.shape[1] * scale)), max(1, int(line.shape[0] * scale))
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8)


def _stamp(mask: NDArray[np.uint8], line: NDArray[np.uint8], top: int, left: int) -> None:
    rows, columns = min(line.shape[0], mask.shape[0] - top), min(line.shape[1], mask.shape[1] - left)
    if rows > 0 and columns > 0:
        part = mask[top : top + rows, left : left + columns]
        np.maximum(part, line[:rows, :columns], out=part)


def _code(rng: np.random.Generator, mask: NDArray[np.uint8]) -> None:
    """Bars or a matrix that nobody can read, where a code would be."""
    rows, columns = mask.shape
    if rng.random() < 0.6:
        high, wide = int(rows * rng.uniform(0.15, 0.7)), int(columns * rng.uniform(0.25, 0.8))
        top, left = int(rng.integers(0, rows - high + 1)), int(rng.integers(0, columns - wide + 1))
        steps = max(8, wide // max(2, int(rng.integers(2, 6))))
        bars = np.repeat(rng.random(steps) < 0.5, -(-wide // steps))[:wide]
        mask[top : top + high, left : left + wide] = np.where(bars, 255, 0)
    else:
        size = int(min(rows, columns) * rng.uniform(0.3, 0.9))
        cells = int(rng.integers(10, 30))
        top, left = int(rng.integers(0, rows - size + 1)), int(rng.integers(0, columns - size + 1))
        grid = (rng.random((cells, cells)) < 0.5).astype(np.uint8) * 255
        mask[top : top + size, left : left + size] = cv2.resize(grid, (size, size), interpolation=cv2.INTER_NEAREST)


def written_on(rng: np.random.Generator, body: Body, book: Book) -> Field:
    """A marker's letters on the skin, in place: a date, initials, a side; gives where they are."""
    side = body.outline.shape[0]
    text = str(rng.choice(["L", "R", "12/11", "OK", "M.K. 3.4.", "LEFT", "NO", "T.B. 14:30", "2x daily", "THIS LEG"]))
    line = book.written(rng, text)
    tall = side * rng.uniform(0.04, 0.16)
    scale = tall / line.shape[0]
    spin = cv2.getRotationMatrix2D((line.shape[1] / 2, line.shape[0] / 2), rng.uniform(0, 360), scale)
    spin[:, 2] += rng.uniform(0.15, 0.85, 2) * side - np.array([line.shape[1] / 2, line.shape[0] / 2])
    ink = cv2.warpAffine(line, spin, (side, side), flags=cv2.INTER_AREA).astype(np.float32) / 255
    ink = ink * body.outline * np.float32(rng.uniform(0.6, 0.95))
    tints = np.array([[0.02, 0.02, 0.03], [0.02, 0.03, 0.2], [0.2, 0.02, 0.25], [0.3, 0.02, 0.02]], np.float32)
    body.albedo *= 1 - ink[..., None] * (1 - tints[int(rng.integers(4))])
    box = cv2.warpAffine(np.ones(line.shape, np.float32), spin, (side, side))
    return np.asarray(box * (body.outline > 0.3), np.float32)
