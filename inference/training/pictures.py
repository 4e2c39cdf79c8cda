"""One training picture with its truth: a body before a ground, ink or none, ailments, things over it, and a camera.

Everything is decided by the generator that is passed in; the same seed makes the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels
from inference.scenes.texture import Field, fractal, smoothstep
from inference.training import ailments, grounds, printed
from inference.training.grounds import laid_over
from inference.training.inking import tattooed
from inference.training.stock import Stock
from inference.training.surfaces import Body, Picture, hair, lit

STRIDE: Final = 4
"""Pixels of the picture for one of the truth: the network answers at a quarter of its input."""
CHANNELS: Final = ("tattoo", "wound", "skin", "print")

Truth = NDArray[np.uint8]
"""4×(H/4)×(W/4) uint8, 255 where tattoo, wound, skin, print are; UNKNOWN where a wound may be and nobody looked."""
UNKNOWN: Final = 77
"""A value that a truth takes by itself on an edge at most."""

_BARE: Final = 0.08
_TATTOO: Final = 0.6
_HAIR: Final = 0.3
_PRINT: Final = 0.25
_WRITTEN: Final = 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture of side×side pixels with its truth."""

    pixels: Pixels
    truth: Truth


def draw(rng: np.random.Generator, stock: Stock, side: int) -> Sample:
    """A picture of `side`×`side` pixels; `side` is a multiple of 4."""
    book = stock.book
    picture = grounds.ground(rng, side, book)
    fields = np.zeros((len(CHANNELS), side, side), np.float32)
    examined = True
    if rng.random() > _BARE:
        one = stock.body(rng, side)
        examined = one.examined
        picture, fields = _bodied(rng, picture, one, stock)
    for _ in range(int(rng.choice([0, 0, 0, 1, 1, 2]))):
        fields *= 1 - laid_over(rng, picture, grounds.thing(rng, side, book))
    if rng.random() < _PRINT:
        for _ in range(int(rng.choice([1, 1, 2, 3]))):
            over = laid_over(rng, picture, printed.thing(rng, side, book))
            fields *= 1 - over
            fields[3] = np.maximum(fields[3], over)
    if rng.random() < 0.3:
        edge = smoothstep(-0.15, 0.15, fractal(rng, (side, side), side * 0.8, octaves=1) + rng.uniform(-1, 1))
        picture *= 1 - edge[..., None] * np.float32(rng.uniform(0.3, 0.8))
    pixels = _photographed(rng, picture)
    truth = np.stack([_quarter(field) for field in fields])
    if not examined:
        truth[1][truth[1] == 0] = UNKNOWN
    return Sample(pixels, truth)


def _bodied(rng: np.random.Generator, behind: Picture, one: Body, stock: Stock) -> tuple[Picture, NDArray[np.float32]]:
    """That body before `behind`: the picture, and where tattoo, wound, skin and print are (4×H×W)."""
    side = behind.shape[0]
    ink, wound, wet, words = (np.zeros((side, side), np.float32) for _ in range(4))
    for ailment in (ailments.bruise, ailments.rash, ailments.scar, ailments.closed_with, ailments.marked):
        if rng.random() < 0.1:
            ailment(rng, one)
    if rng.random() < _TATTOO:
        one.albedo, ink = tattooed(rng, one.albedo, one.outline, stock)
    if rng.random() < 0.45:
        for _ in range(int(rng.choice([1, 1, 2, 3]))):
            here, shine = ailments.wound(rng, one)
            wound, wet = np.maximum(wound, here), np.maximum(wet, shine)
        ink = ink * (wound < 0.5)
    if rng.random() < _WRITTEN:
        words = printed.written_on(rng, one, stock.book)
    if rng.random() < _HAIR:
        hair(rng, one.albedo)
    shown = lit(rng, one.albedo, one.height, wet=wet)
    shadow = cv2.GaussianBlur(np.roll(one.outline, rng.integers(-10, 11, 2), (0, 1)), (0, 0), side * 0.02)[..., None]
    edge = one.outline[..., None]
    picture = behind * (1 - shadow * np.float32(rng.uniform(0, 0.6))) * (1 - edge) + shown * edge
    return np.asarray(picture, np.float32), np.stack([ink, wound, one.outline, words])


def _quarter(field: Field) -> NDArray[np.uint8]:
    size = field.shape[1] // STRIDE, field.shape[0] // STRIDE
    return np.asarray(np.clip(cv2.resize(field, size, interpolation=cv2.INTER_AREA) * 255, 0, 255), np.uint8)


def _photographed(rng: np.random.Generator, picture: Picture) -> Pixels:
    """Linear light as a phone or a small camera gives it: exposure, colour, blur, noise, sharpening, JPEG."""
    bright = float(np.quantile(picture.mean(axis=2), 0.9)) + 1e-3
    exposure = rng.uniform(0.45, 1.15) / max(bright, 0.08) if rng.random() < 0.85 else rng.uniform(0.5, 2)
    light = picture * np.float32(exposure) * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    rolled = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    shown = np.clip(rolled, 0, 1) ** np.float32(1 / rng.uniform(1.8, 2.6))
    grey = shown.mean(axis=2, keepdims=True)
    shown = grey + (shown - grey) * np.float32(0.0 if rng.random() < 0.03 else rng.uniform(0.6, 1.5))
    shown = (shown - 0.5) * np.float32(rng.uniform(0.75, 1.25)) + np.float32(0.5 + rng.normal(0, 0.04))
    if rng.random() < 0.5:
        shown = cv2.GaussianBlur(shown, (0, 0), rng.uniform(0.4, 2.0))
    elif rng.random() < 0.3:
        soft = cv2.GaussianBlur(shown, (0, 0), 1.2)
        shown = shown + (shown - soft) * np.float32(rng.uniform(0.5, 1.5))
    noise = rng.standard_normal(shown.shape, dtype=np.float32) * np.float32(rng.uniform(0.002, 0.03))
    pixels = np.asarray(np.clip((shown + noise) * 255, 0, 255), np.uint8)
    if rng.random() < 0.6:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        pixels = np.asarray(decoded, np.uint8)
    return pixels
