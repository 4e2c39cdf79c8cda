"""The drawings that become tattoos: icons as shapes or in colour, lettering, and ornaments drawn from a seed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.training.sources import FONTS, ICONS, PRINT_FONTS

SIDE: Final = 128
_MOST: Final = {"game-icons": 2600, "noto": 900, "fluent-emoji-flat": 500, "streamline-freehand-color": 400}
_CHOICE: Final = 1
"""The seed of which icons of a set are taken, where it has more."""
_LEAVE_OUT: Final = re.compile(r"flag|button|square|keycap|clock|skin-tone|^[0-9]|arrow|latin|japanese")
_WORDS: Final = (
    "Forever", "Maria", "Mum", "Love", "Carpe Diem", "1987", "XII.IV.MMX", "Faith", "Lucía", "No Regrets", "Ana",
    "Strength", "Family First", "Only God", "Jean", "Hope", "Serenity", "R.I.P.", "Sofia 2014", "La Vida", "Dad",
)  # fmt: skip
_LETTERS: Final = "ABCEGJKLMRSTV&0123578"
_HAN: Final = "爱力龙和福家勇天心美生命永恒虎火水"

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A drawing on a square: how much ink lies where (0..255), and its colours where it has some (RGB)."""

    alpha: Mask
    colour: NDArray[np.uint8] | None = None


class Book:
    """All drawings that a tattooist of ours knows."""

    def __init__(
        self, shapes: Sequence[Drawing], colours: Sequence[Drawing], fonts: Sequence[Path], print_fonts: Sequence[Path]
    ) -> None:
        self._shapes, self._colours = tuple(shapes), tuple(colours)
        self._fonts, self._print_fonts = tuple(fonts), tuple(print_fonts)

    @classmethod
    def load(cls, folder: Path) -> Book:
        """The book from the sources in `folder`; rasterised once, and kept there."""
        kept = folder / "drawings.npz"
        if not kept.is_file():
            _rasterise(folder, kept)
        with np.load(kept) as stored:
            shapes = [Drawing(alpha) for alpha in stored["shapes"]]
            colours = [Drawing(rgba[..., 3], rgba[..., :3]) for rgba in stored["colours"]]
        fonts, print_fonts = ([source.at(folder) for source in some] for some in (FONTS, PRINT_FONTS))
        return cls(shapes, colours, fonts, print_fonts)

    def shape(self, rng: np.random.Generator) -> Drawing:
        """A drawing in one colour."""
        return self._shapes[int(rng.integers(len(self._shapes)))]

    def coloured(self, rng: np.random.Generator) -> Drawing:
        """A drawing in its own colours."""
        return self._colours[int(rng.integers(len(self._colours)))]

    def lettering(self, rng: np.random.Generator) -> Drawing:
        """A word or two."""
        path = self._fonts[int(rng.integers(len(self._fonts)))]
        text = str(rng.choice(_WORDS))
        if "zheng" in path.name:
            text = "".join(str(c) for c in rng.choice(list(_HAN), int(rng.integers(1, 4))))
        line = _set(text, path)
        scale = SIDE / max(line.shape)
        line = np.asarray(cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        alpha = np.zeros((SIDE, SIDE), np.uint8)
        y, x = (SIDE - line.shape[0]) // 2, (SIDE - line.shape[1]) // 2
        alpha[y : y + line.shape[0], x : x + line.shape[1]] = line
        return Drawing(alpha)

    def written(self, rng: np.random.Generator, text: str) -> Mask:
        """A line of text as it is printed or hurriedly written, as large as its letters are set."""
        fonts = (*self._print_fonts, *self._fonts[-3:-1]) if rng.random() < 0.9 else self._fonts[:-1]
        return _set(text, fonts[int(rng.integers(len(fonts)))])

    def ornament(self, rng: np.random.Generator) -> Drawing:
        """A mandala, a tribal sweep, a band or a row of dots and lines."""
        made = (_mandala, _tribal, _band, _stars)[int(rng.integers(4))]
        return Drawing(made(rng))

    def sign(self, rng: np.random.Generator) -> Drawing:
        """A few plain figures side by side: crosses, rings, diamonds, hearts, moons, letters."""
        mask = np.zeros((SIDE, SIDE), np.uint8)
        count = int(rng.choice([1, 1, 1, 2, 3]))
        for place in range(count):
            middle = SIDE * (place + 0.5) / count, SIDE / 2
            if rng.random() < 0.25:
                letter = _set(str(rng.choice(list(_LETTERS))), self._fonts[int(rng.integers(len(self._fonts) - 1))])
                _paste(mask, letter, middle, SIDE * 0.8 / count)
            else:
                _figure(rng, mask, middle, SIDE * 0.42 / count)
        return Drawing(mask)


@lru_cache(maxsize=32)
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), 72)


def _set(text: str, path: Path) -> Mask:
    """A line of text, 255 where its letters are."""
    font = _font(path)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (max(1, int(right - left) + 8), max(1, int(bottom - top) + 8)))
    ImageDraw.Draw(picture).text((4 - left, 4 - top), text, font=font, fill=255)
    return np.asarray(picture, dtype=np.uint8)


def _rasterise(folder: Path, kept: Path) -> None:
    rng = np.random.default_rng(_CHOICE)
    shapes: list[Mask] = []
    colours: list[NDArray[np.uint8]] = []
    for source in ICONS:
        stored = json.loads(source.at(folder).read_text("utf-8"))
        name = source.file.name.rsplit("/", 1)[1]
        icons = [key for key in sorted(stored["icons"]) if not _LEAVE_OUT.search(key)]
        for key in rng.permutation(icons)[: _MOST[name]]:
            rgba = _render(stored["icons"][str(key)], stored)
            if rgba[..., 3].mean() > 250:
                continue
            if name in {"game-icons", "streamline-freehand-color"}:
                shapes.append(rgba[..., 3])
            if name != "game-icons":
                colours.append(rgba)
    aside = kept.with_suffix(".part.npz")
    np.savez_compressed(aside, shapes=np.stack(shapes), colours=np.stack(colours))
    aside.replace(kept)


def _render(icon: dict[str, object], stored: dict[str, object]) -> NDArray[np.uint8]:
    """SIDE×SIDE×4 uint8 RGBA."""
    wide = icon.get("width", stored.get("width", 16))
    high = icon.get("height", stored.get("height", 16))
    body = str(icon["body"]).replace("currentColor", "#000000")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="0 0 {wide} {high}">{body}</svg>'
    )
    png = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE)), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        return np.zeros((SIDE, SIDE, 4), np.uint8)
    fitted = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(fitted, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)


def _paste(mask: Mask, letter: Mask, middle: tuple[float, float], size: float) -> None:
    scale = size / max(letter.shape)
    small = np.asarray(cv2.resize(letter, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = int(middle[0] - small.shape[1] / 2), int(middle[1] - small.shape[0] / 2)
    mask[y : y + small.shape[0], x : x + small.shape[1]] |= small


def _figure(rng: np.random.Generator, mask: Mask, middle: tuple[float, float], size: float) -> None:
    """One plain figure, filled or in outline, now and then within itself again."""
    t = np.linspace(0, 2 * np.pi, 48)
    kind = int(rng.integers(6))
    if kind == 0:  # a plus, a times
        arm = rng.uniform(0.15, 0.4)
        cross = np.array([(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm), (arm, 1), (-arm, 1),
                          (-arm, arm), (-1, arm), (-1, -arm), (-arm, -arm)])  # fmt: skip
        outline = cross
    elif kind == 1:  # a triangle, a diamond, a hexagon
        corners = int(rng.integers(3, 7))
        angle = np.arange(corners) * 2 * np.pi / corners
        outline = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    elif kind == 2:  # a ring
        outline = np.stack([np.cos(t), np.sin(t)], axis=1)
    elif kind == 3:  # a heart
        outline = np.stack([16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t))], 1) / 16
    elif kind == 4:  # a moon
        inner = rng.uniform(0.3, 0.8)
        half = t[12:37]
        arc = np.stack([np.cos(half), np.sin(half)], axis=1)
        outline = np.concatenate([arc, (arc * [1 - inner, 1])[::-1]])
    else:  # a bar, a drop
        outline = np.stack([np.cos(t) * rng.uniform(0.15, 0.6), np.sin(t) * (1 - 0.4 * np.cos(t))], axis=1)
    turn = rng.uniform(0, 2 * np.pi)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    filled, thick = rng.random() < 0.65, int(rng.integers(1, 6))
    for nest in range(int(rng.choice([1, 1, 2, 3]))):
        points = [_points(np.array(middle) + (outline @ spin.T) * size * (1 - 0.3 * nest))]
        if filled:
            cv2.fillPoly(mask, points, 0 if nest % 2 else 255, cv2.LINE_AA, 3)
        else:
            cv2.polylines(mask, points, True, 255, thick, cv2.LINE_AA, 3)


def _points(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(points * 8).astype(np.int32)


def _mandala(rng: np.random.Generator) -> Mask:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    petals = int(rng.integers(5, 17))
    middle = SIDE / 2
    for _ in range(int(rng.integers(3, 8))):
        inner, outer = np.sort(rng.uniform(4, 60, 2))
        bulge = rng.uniform(-0.6, 0.6)
        thick = int(rng.integers(1, 4))
        filled = rng.random() < 0.3
        for turn in np.arange(petals) * 2 * np.pi / petals:
            t = np.linspace(0, 1, 14)
            radius = inner + (outer - inner) * t
            for side in (-1, 1):
                angle = turn + side * bulge * np.sin(np.pi * t) * np.pi / petals * 2
                curve = np.stack([middle + radius * np.cos(angle), middle + radius * np.sin(angle)], axis=1)
                cv2.polylines(mask, [_points(curve)], False, 255, thick, cv2.LINE_AA, 3)
                if filled and side == 1:
                    cv2.fillPoly(mask, [_points(curve)], 255, cv2.LINE_AA, 3)
        if rng.random() < 0.5:
            cv2.circle(mask, (SIDE // 2, SIDE // 2), int(outer), 255, thick, cv2.LINE_AA)
    return mask


def _tribal(rng: np.random.Generator) -> Mask:
    """Sweeps that swell and taper."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(rng.integers(3, 9))):
        start, bend = rng.uniform(16, SIDE - 16, 2), rng.uniform(-1.2, 1.2)
        way, long, thick = rng.uniform(0, 2 * np.pi), rng.uniform(30, 90), rng.uniform(4, 12)
        t = np.linspace(0, 1, 24)
        angle = way + bend * t * 2
        spine = start + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1) * long / 24, axis=0)
        across = np.stack([-np.sin(angle), np.cos(angle)], 1) * (np.sin(np.pi * t) ** 0.8 * thick)[:, None]
        cv2.fillPoly(mask, [_points(np.concatenate([spine + across, (spine - across)[::-1]]))], 255, cv2.LINE_AA, 3)
    return mask


def _band(rng: np.random.Generator) -> Mask:
    """Rows of figures across the square, as an armband has."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    top, bottom = int(rng.integers(30, 50)), int(rng.integers(78, 98))
    for y in (top, bottom):
        cv2.line(mask, (0, y), (SIDE, y), 255, int(rng.integers(1, 8)), cv2.LINE_AA)
    step = int(rng.integers(8, 32))
    kind = int(rng.integers(4))
    for x in range(0, SIDE, step):
        middle = (top + bottom) // 2
        if kind == 0:
            corners = np.array([(x, bottom), (x + step / 2, top), (x + step, bottom)], float)
            cv2.fillPoly(mask, [_points(corners)], 255, cv2.LINE_AA, 3)
        elif kind == 1:
            cv2.circle(mask, (x + step // 2, middle), step // 3, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
        elif kind == 2:
            cv2.line(mask, (x, top), (x + step, bottom), 255, 2, cv2.LINE_AA)
            cv2.line(mask, (x + step, top), (x, bottom), 255, 2, cv2.LINE_AA)
        else:
            cv2.rectangle(mask, (x + 1, top + 4), (x + step // 2, bottom - 4), 255, -1)
    return mask


def _stars(rng: np.random.Generator) -> Mask:
    """Scattered small figures with lines between them."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    places = rng.uniform(12, SIDE - 12, (int(rng.integers(3, 14)), 2))
    if rng.random() < 0.6:
        cv2.polylines(mask, [_points(places)], False, 255, 1, cv2.LINE_AA, 3)
    for x, y in places:
        size, points = rng.uniform(2, 9), int(rng.integers(2, 7)) * 2
        turn = np.arange(points) * 2 * np.pi / points
        reach = np.where(np.arange(points) % 2 == 0, size, size * rng.uniform(0.3, 1))
        star = np.stack([x + reach * np.cos(turn), y + reach * np.sin(turn)], axis=1)
        if points > 4:
            cv2.fillPoly(mask, [_points(star)], 255, cv2.LINE_AA, 3)
        else:
            cv2.circle(mask, (int(x), int(y)), max(1, int(size / 2)), 255, -1, cv2.LINE_AA)
    return mask
