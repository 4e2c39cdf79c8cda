"""A badge or a wristband held to the camera: a printed code over what the camera saw before, as badly as one likes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from inference.picture import Pixels

_FINE: Final = 4
"""Drawn so many times finer than it is seen, so that a module may measure a part of a pixel."""
_LINEAR_MODULES: Final = 30
"""Height of a code that is bars alone."""
_BORDER: Final = 4
"""Modules of paper around the quiet zone."""
_PAPER: Final = 245.0
_INK: Final = 28.0
_AWAY: Final = 5.0
"""The camera is so many widths of the code away."""

_ROOM: Final = 8
"""Pixels around the card that are drawn finely with it."""

Plane = NDArray[np.float32]
Corners = NDArray[np.float64]
"""4×2: x and y of the top left corner, then clockwise."""


@dataclass(frozen=True, slots=True)
class Holding:
    """How a code is held. Pixels are of the picture that comes out.

    Attributes:
        module: how large its smallest bar or square is, pixels.
        turn: in the plane of the picture, degrees.
        tilt: about its upright axis, away from the camera, degrees.
        bent: how much of the way around a wrist it reaches, degrees; 0 for a card.
        defocus: radius of the disc that a point becomes, pixels.
        motion: length of the streak that a point becomes, pixels.
        light: share of a well-lit ward's; what is missing is noise.
        glare: a lamp is mirrored in a part of it.
        cut: the share of its width that lies beyond the picture's edge.
    """

    module: float = 2.0
    turn: float = 0.0
    tilt: float = 0.0
    bent: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    light: float = 1.0
    glare: bool = False
    cut: float = 0.0


def draw_held(code_format: str, text: str, before: Pixels, how: Holding, rng: np.random.Generator) -> Pixels:
    """The picture `before` (H×W×3 uint8 RGB) with this code held into it; of the same size.

    Args:
        code_format: the symbology, as zxing-cpp names it.
        text: what it says.
        before: what the camera sees behind it.
        how: how it is held.
        rng: where exactly, and the camera's noise.
    """
    fine = math.ceil(how.module * _FINE)  # a whole number, so that no bar comes out wider than another
    card = _card(code_format, text, fine)
    if how.bent:
        card = _around_a_wrist(card, how.bent)
    corners = _corners(
        (card.shape[0] * how.module / fine, card.shape[1] * how.module / fine), before.shape[:2], how, rng
    )
    (left, top), (right, bottom) = _box(corners, before.shape[:2])
    light = before.astype(np.float32)
    light[top:bottom, left:right] = _laid(card, corners - (left, top), light[top:bottom, left:right], how, rng)
    noise = rng.normal(0, 2 + 5 * (1 - how.light), light.shape)
    return np.clip(np.rint(light * how.light + noise), 0, 255).astype(np.uint8)


def _laid(card: Plane, corners: Corners, before: Plane, how: Holding, rng: np.random.Generator) -> Plane:
    """This part of the picture with the card over it."""
    high, wide = card.shape
    source = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32)
    way = cv2.getPerspectiveTransform(source, (corners * _FINE).astype(np.float32))
    size = (before.shape[1] * _FINE, before.shape[0] * _FINE)
    there = np.asarray(cv2.warpPerspective(np.ones_like(card), way, size), np.float32)[..., None]
    laid = np.asarray(cv2.warpPerspective(card, way, size), np.float32)[..., None]
    fine = np.asarray(cv2.resize(before, size), np.float32) * (1 - there) + laid * there
    if how.glare:
        fine = fine + _lamp(there[..., 0])[..., None]
    if (kernel := _smear(how, rng)) is not None:
        fine = cv2.filter2D(fine, -1, kernel)
    return np.asarray(cv2.resize(fine, (before.shape[1], before.shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def _card(code_format: str, text: str, module: int) -> Plane:
    """The flat card, `module` of its pixels a module."""
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(code_format))
    symbol = np.asarray(made.to_image(scale=1, add_quiet_zones=False), np.uint8)
    if made.format in _linear():
        symbol = np.repeat(symbol[:1], _LINEAR_MODULES, axis=0)
        quiet = 10
    else:
        quiet = 4
    symbol = np.pad(symbol, quiet + _BORDER, constant_values=255)
    drawn = np.kron(symbol, np.ones((module, module), np.uint8)).astype(np.float32) / 255
    return np.asarray(_INK + (_PAPER - _INK) * drawn, np.float32)


def _linear() -> frozenset[zxingcpp.BarcodeFormat]:
    names = ("Code128", "Code39", "Code93", "Codabar", "ITF")
    return frozenset(zxingcpp.barcode_format_from_str(name) for name in names)


def _around_a_wrist(card: Plane, degrees: float) -> Plane:
    """The card bent around an upright cylinder, and darker where it turns away."""
    high, wide = card.shape
    radius = wide / np.radians(degrees)
    half = radius * np.sin(np.radians(min(degrees, 179) / 2))
    across = np.linspace(-half, half, max(2, round(2 * half)), dtype=np.float32) / np.float32(radius)
    columns = np.tile(np.arcsin(across) * radius + wide / 2, (high, 1)).astype(np.float32)
    rows = np.tile(np.arange(high, dtype=np.float32)[:, None], (1, across.size))
    shade = (0.35 + 0.65 * np.sqrt(1 - across**2)).astype(np.float32)
    return np.asarray(cv2.remap(card, columns, rows, cv2.INTER_LINEAR) * shade, np.float32)


def _corners(card: tuple[float, float], seen: tuple[int, ...], how: Holding, rng: np.random.Generator) -> Corners:
    """Where the corners of the flat card (its height and width) come to lie; all in pixels of the picture."""
    high, wide = card
    turn, tilt = np.radians(how.turn), np.radians(how.tilt)
    corners = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)]) / 2
    nearer = _AWAY * wide / (_AWAY * wide + corners[:, 0] * np.sin(tilt))
    flat = np.stack([corners[:, 0] * np.cos(tilt) * nearer, corners[:, 1] * nearer], axis=1)
    turned = flat @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    reach, frame = np.abs(turned).max(axis=0), np.array([seen[1], seen[0]], np.float64)
    middle = frame / 2 + rng.uniform(-0.6, 0.6, 2) * np.maximum(0.0, frame / 2 - reach - 2)
    if how.cut:
        middle[0] = frame[0] - reach[0] * (1 - 2 * how.cut)
    return np.asarray(turned + middle, np.float64)


def _box(corners: Corners, seen: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of the picture that the card touches, with room for its blur: left and top, right and bottom."""
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - _ROOM, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + _ROOM, (seen[1], seen[0]))
    return (int(low[0]), int(low[1])), (int(high[0]), int(high[1]))


def _lamp(there: Plane) -> Plane:
    """The mirrored lamp: a soft round spot on the code's left third."""
    rows, columns = np.nonzero(there > 0)
    if not rows.size:
        return np.zeros_like(there)
    x, y = columns.min() + np.ptp(columns) / 3, rows.mean()
    size = max(np.ptp(columns), np.ptp(rows)) / 8
    across = np.arange(there.shape[1], dtype=np.float32) - x
    down = np.arange(there.shape[0], dtype=np.float32)[:, None] - y
    return np.asarray(300 * np.exp(-(across**2 + down**2) / (2 * size**2)) * there, np.float32)


def _smear(how: Holding, rng: np.random.Generator) -> Plane | None:
    """What a point becomes: a disc, a streak in any direction, or itself."""
    reach = max(how.defocus, how.motion / 2) * _FINE
    if not reach:
        return None
    side = 2 * int(np.ceil(reach)) + 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    if how.defocus:
        cv2.circle(kernel, (middle, middle), round(how.defocus * _FINE), 1.0, -1)
    else:
        angle = rng.uniform(0, np.pi)
        way = np.rint(np.array([np.cos(angle), np.sin(angle)]) * reach).astype(int)
        cv2.line(kernel, (middle - way[0], middle - way[1]), (middle + way[0], middle + way[1]), 1.0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
