"""Tattoos into skin: single pieces, pieces with shading and colour, lettering, and whole sleeves.

Ink lies under the skin's own pigment, so it takes light away from what the skin gives back (a product, not a layer of
paint): black ink on dark skin is a little darker, and colour on it is nearly gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.texture import Field, fractal, smoothstep
from inference.training.drawings import SIDE
from inference.training.stock import Stock
from inference.training.surfaces import Picture

_DIM, _FAINT = 0.04, 0.08
"""Ink that changes light by a smaller share than that, in skin as bright as that, nobody sees."""
_REDS = np.array(
    [[0.55, 0.04, 0.05], [0.7, 0.1, 0.09], [0.4, 0.02, 0.04], [0.75, 0.2, 0.1], [0.8, 0.3, 0.35]], np.float32
)
_INKS = np.array(
    [
        [0.08, 0.15, 0.55], [0.03, 0.08, 0.25], [0.1, 0.4, 0.7], [0.35, 0.6, 0.8], [0.05, 0.4, 0.2], [0.45, 0.7, 0.4],
        [0.5, 0.1, 0.4], [0.14, 0.28, 0.36], [0.16, 0.32, 0.28], [0.05, 0.25, 0.28], [0.1, 0.16, 0.3], [0.8, 0.6, 0.1],
    ],
    np.float32,
)  # fmt: skip
"""What one ink leaves of light: blues, greens, purple, yellow, pale ones, and blue and green that have faded."""
_OLD_BLACK = np.array(
    [[0.05, 0.06, 0.07], [0.08, 0.14, 0.17], [0.03, 0.03, 0.04], [0.01, 0.01, 0.015], [0.02, 0.04, 0.07]], np.float32
)


@dataclass(slots=True)
class Ink:
    """Ink under construction: how much lies where (0..1), and what share of light of each colour it leaves."""

    amount: Field
    leaves: Picture

    @classmethod
    def none(cls, side: int) -> Ink:
        """No ink yet."""
        return cls(np.zeros((side, side), np.float32), np.ones((side, side, 3), np.float32))

    def add(self, amount: Field, leaves: Picture) -> None:
        """More ink over what is there."""
        share = amount[..., None]
        self.leaves = np.asarray(self.leaves * (1 - share) + leaves * share, np.float32)
        self.amount = np.maximum(self.amount, amount)


def tattooed(rng: np.random.Generator, albedo: Picture, outline: Field, stock: Stock) -> tuple[Picture, Field]:
    """`albedo` with one or more tattoos on the skin, and the region (0 or 1) that they take, gaps and all."""
    side = albedo.shape[0]
    ink = Ink.none(side)
    if rng.random() < 0.25:
        pieces, sizes = int(rng.integers(6, 18)), (0.2, 0.55)
        if rng.random() < 0.7:
            _wash(rng, ink, side)
    elif rng.random() < 0.15:
        pieces, sizes = int(rng.integers(3, 9)), (0.05, 0.2)
    else:
        pieces, sizes = int(rng.choice([1, 1, 1, 2, 3])), (0.1, 1.4)
    ys, xs = np.nonzero(cv2.erode((outline > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)))
    if not len(xs):
        return albedo, np.zeros((side, side), np.float32)
    for _ in range(pieces):
        size = side * float(np.exp(rng.uniform(np.log(sizes[0]), np.log(sizes[1]))))
        pick = int(rng.integers(len(xs)))
        place = _placing(rng, (float(xs[pick]), float(ys[pick])), size)
        _piece(rng, ink, stock, place, size)
    blur = side * float(np.exp(rng.uniform(np.log(0.0005), np.log(0.006))))
    amount = np.asarray(cv2.GaussianBlur(ink.amount, (0, 0), max(0.4, blur)), np.float32)
    if rng.random() < 0.5:  # worn in places
        amount *= 1 - rng.uniform(0, 0.3) * smoothstep(-0.5, 1.5, fractal(rng, (side, side), side * 0.03, octaves=3))
    strength = rng.uniform(0.4, 0.75) if rng.random() < 0.2 else rng.uniform(0.9, 1.3)
    amount = np.asarray(np.clip(amount * outline * strength, 0, 1), np.float32)
    if rng.random() < 0.2:  # fresh: the skin around is red and swollen
        halo = cv2.GaussianBlur(amount, (0, 0), side * 0.03)[..., None] * np.float32(rng.uniform(0.3, 0.9))
        albedo = np.asarray(albedo * (1 - halo * np.array([0.0, 0.35, 0.3], np.float32)), np.float32)
    done = albedo * (1 - amount[..., None] * (1 - ink.leaves))
    gaps = max(3, int(side * 0.05)) | 1
    change = np.abs(done - albedo) / (albedo + np.float32(_DIM))
    seen = ((amount > 0.06) & (change.max(axis=2) > _FAINT)).astype(np.uint8)
    solid = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gaps, gaps)))
    solid = cv2.dilate(solid, np.ones((3, 3), np.uint8))
    return np.asarray(done, np.float32), np.asarray(solid * (outline > 0.3), np.float32)


def _wash(rng: np.random.Generator, ink: Ink, side: int) -> None:
    """The grey shading behind a sleeve."""
    grey = smoothstep(-0.8, 1.2, fractal(rng, (side, side), side * rng.uniform(0.06, 0.2), octaves=4))
    band = smoothstep(-0.3, 0.3, fractal(rng, (side, side), side * 0.7, octaves=1) + rng.uniform(-0.5, 0.8))
    colour = _OLD_BLACK[int(rng.integers(len(_OLD_BLACK)))] * rng.uniform(1, 3)
    ink.add(np.asarray(grey * band * rng.uniform(0.3, 0.9), np.float32), np.broadcast_to(colour, (side, side, 3)))


def _piece(rng: np.random.Generator, ink: Ink, stock: Stock, placing: NDArray[np.float64], size: float) -> None:
    """One drawing, placed, bent a little and inked in one of the ways that tattooists have."""
    side = ink.amount.shape[0]
    book = stock.book
    made, flat = (
        (book.lettering, True), (book.ornament, True), (book.sign, True), (stock.portrait, False),
        (book.coloured, False), (book.shape, False),
    )[int(rng.choice(6, p=[0.14, 0.12, 0.14, 0.08, 0.22, 0.30]))]  # fmt: skip
    drawing = made(rng)
    alpha = _fraction(cv2.warpAffine(drawing.alpha, placing, (side, side), flags=cv2.INTER_AREA))
    if rng.random() < 0.4:
        alpha = _bent(rng, alpha)
    black = _OLD_BLACK[int(rng.integers(len(_OLD_BLACK)))]
    if drawing.colour is not None:
        colour = _fraction(cv2.warpAffine(drawing.colour, placing, (side, side))) ** np.float32(2.2)
        _coloured(rng, ink, alpha, colour, black)
    elif flat:
        ink.add(alpha, np.broadcast_to(_flat(rng, black), (side, side, 3)))
    else:
        _shaped(rng, ink, alpha, black, size)


def _fraction(values: NDArray[Any]) -> NDArray[np.float32]:
    """0..255 as 0..1."""
    return np.asarray(values, np.float32) / np.float32(255)


def _placing(rng: np.random.Generator, middle: tuple[float, float], size: float) -> NDArray[np.float64]:
    scale = size / SIDE
    turn = rng.uniform(0, 2 * np.pi)
    stretch = np.diag([scale * rng.uniform(0.7, 1.2), scale * rng.uniform(0.7, 1.4) * rng.choice([-1, 1])])
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ stretch
    shift = np.array(middle) - spin @ np.array([SIDE / 2, SIDE / 2])
    return np.concatenate([spin, shift[:, None]], axis=1)


def _bent(rng: np.random.Generator, alpha: Field) -> Field:
    side = alpha.shape[0]
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    reach = np.float32(side * rng.uniform(0.005, 0.03))
    dx, dy = (fractal(rng, (side, side), side * 0.3, octaves=1) * reach for _ in range(2))
    return np.asarray(cv2.remap(alpha, x + dx, y + dy, cv2.INTER_LINEAR), np.float32)


def _flat(rng: np.random.Generator, black: NDArray[np.float32]) -> NDArray[np.float32]:
    """One ink: mostly black and what became of it; red, the colour that blood has too; or another."""
    way = rng.random()
    if way < 0.45:
        return black
    inks = _REDS if way < 0.7 else _INKS
    return np.asarray(np.clip(inks[int(rng.integers(len(inks)))] * rng.uniform(0.6, 1.3), 0, 0.95), np.float32)


def _coloured(rng: np.random.Generator, ink: Ink, alpha: Field, colour: Picture, black: NDArray[np.float32]) -> None:
    """A drawing in its colours, or in greys, with an outline and shading."""
    if rng.random() < 0.4:
        grey = colour.mean(axis=2, keepdims=True)
        leaves = black + (1 - black) * np.clip(grey * rng.uniform(0.5, 1.3), 0, 1)
    else:
        tint = np.exp(rng.normal(0, 0.35, 3)).astype(np.float32)
        if rng.random() < 0.3:  # shades of one ink, as roses and hearts are
            tint = tint * _flat(rng, black) * np.float32(1.3)
            shades = colour.mean(axis=2, keepdims=True) ** np.float32(0.5)
        else:
            shades = colour
        leaves = np.clip(shades * tint, 0, 1) ** np.float32(rng.uniform(0.7, 1.6))
    ink.add(alpha, np.asarray(_shaded(rng, leaves), np.float32))
    if rng.random() < 0.7:
        edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(alpha + colour.mean(axis=2), (0, 0), 1.0), cv2.CV_32F))
        line = np.clip(edges * rng.uniform(4, 14), 0, 1)
        ink.add(np.asarray(line, np.float32), np.broadcast_to(black, colour.shape))


def _shaped(rng: np.random.Generator, ink: Ink, alpha: Field, black: NDArray[np.float32], size: float) -> None:
    """A shape filled, outlined, or outlined and shaded from its edge inwards."""
    ground = np.broadcast_to(black, (*alpha.shape, 3))
    way = rng.random()
    if way < 0.35:
        ink.add(alpha, np.broadcast_to(_flat(rng, black), ground.shape))
        return
    thick = max(1, int(size * rng.uniform(0.008, 0.03)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thick + 1, 2 * thick + 1))
    line = np.asarray(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, kernel), np.float32)
    if way > 0.6:
        inside = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        fade = cv2.exp(-inside / np.float32(max(1.0, size * rng.uniform(0.03, 0.2)))) * alpha
        if rng.random() < 0.4:
            hue = np.asarray(rng.uniform(0.05, 0.9, 3), np.float32) if rng.random() < 0.5 else _flat(rng, black)
            ink.add(np.asarray(alpha * rng.uniform(0.5, 1), np.float32), np.broadcast_to(hue, ground.shape))
        ink.add(np.asarray(fade * rng.uniform(0.4, 1), np.float32), ground)
    ink.add(line, ground)


def _shaded(rng: np.random.Generator, leaves: Picture) -> Picture:
    side = leaves.shape[0]
    if rng.random() < 0.3:
        return leaves
    shade = fractal(rng, (side, side), side * rng.uniform(0.03, 0.15), octaves=3)
    return np.asarray(np.clip(leaves * (1 + rng.uniform(0.1, 0.5) * shade[..., None]), 0, 1), np.float32)
