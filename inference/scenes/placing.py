"""Finding room for the props, laying their sheets into the picture, and where their words and codes came to lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels
from inference.scenes.body import Limb, grid
from inference.scenes.light import Lamp, cast
from inference.scenes.printing import Box, Sheet
from inference.scenes.texture import Field, smoothstep

Points = NDArray[np.float64]
"""N×2, x and y."""
Mapping2 = Callable[[Points], Points]
"""From units of a sheet to pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is still free, one cell a unit: 0 free, 1 limb or wound's surroundings, 2 taken."""

    cells: NDArray[np.uint8]

    def find(
        self, rng: np.random.Generator, width: float, height: float, turns: tuple[float, ...], allowed: int
    ) -> tuple[float, float, float] | None:
        """A free place (middle x, middle y, turn in radians) for a thing of that size, or None."""
        rows, columns = self.cells.shape
        for attempt in range(260):
            # Upright first; the other turns are for what fits no other way.
            turn = np.deg2rad(turns[0 if attempt < 120 else attempt % len(turns)] + np.clip(rng.normal(0, 4), -7, 7))
            reach_x = (abs(np.cos(turn)) * width + abs(np.sin(turn)) * height) / 2 + 1.5
            reach_y = (abs(np.sin(turn)) * width + abs(np.cos(turn)) * height) / 2 + 1.5
            if 2 * reach_x >= columns or 2 * reach_y >= rows:
                continue
            x, y = rng.uniform(reach_x, columns - reach_x), rng.uniform(reach_y, rows - reach_y)
            cover = self._cover(x, y, turn, width + 1.6, height + 1.6)
            if not np.any(self.cells[cover > 0] > allowed):
                self.cells[cover > 0] = 2
                return float(x), float(y), float(turn)
        return None

    def _cover(self, x: float, y: float, turn: float, width: float, height: float) -> NDArray[np.uint8]:
        cover = np.zeros_like(self.cells)
        corners = cv2.boxPoints(((x, y), (width, height), float(np.rad2deg(turn))))
        cv2.fillConvexPoly(cover, corners.astype(np.int32), 1)
        return cover


def lie_flat(sheet: Sheet, place: tuple[float, float, float], unit: float, rng: np.random.Generator) -> Points:
    """The 3×3 homography from sheet units to picture pixels: turned, and tilted a little away from the camera."""
    x, y, turn = place
    half = np.array([sheet.width, sheet.height]) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    tilt = corners * (1 + rng.uniform(-0.025, 0.025, (4, 1)))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    target = (tilt @ spin.T + [x, y]) * unit
    source = corners + half
    return np.asarray(
        cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32)), dtype=np.float64
    )


def flat_mapping(homography: Points) -> Mapping2:
    """Where a point of a flat sheet lies in the picture."""

    def apply(points: Points) -> Points:
        return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), homography)[0], np.float64)

    return apply


def outline(box: Box, mapping: Mapping2, *, steps: int = 1) -> tuple[tuple[float, float], ...]:
    """A box of a sheet as a polygon of the picture; `steps` corners a side where the sheet is bent."""
    left, top, width, height = box
    way = np.linspace(0, 1, steps + 1)[:-1]
    ring = np.concatenate(
        [
            np.stack([left + width * way, np.full(steps, top)], axis=1),
            np.stack([np.full(steps, left + width), top + height * way], axis=1),
            np.stack([left + width * (1 - way), np.full(steps, top + height)], axis=1),
            np.stack([np.full(steps, left), top + height * (1 - way)], axis=1),
        ]
    )
    return tuple((float(x), float(y)) for x, y in mapping(ring))


def lay(picture: Pixels, sheet: Sheet, homography: Points, lamp: Lamp, unit: float, *, glow: bool) -> NDArray[np.uint8]:
    """Lays a flat sheet with its shadow into `picture`, in place; gives the H×W coverage (0..255) that it hides."""
    corners = flat_mapping(homography)(
        np.array([[0, 0], [sheet.width, 0], [sheet.width, sheet.height], [0, sheet.height]], np.float64)
    )
    rows, columns = picture.shape[:2]
    margin = 4 * unit
    x0, y0 = (int(v) for v in np.maximum(corners.min(axis=0) - margin, 0))
    x1, y1 = (int(v) for v in np.minimum(corners.max(axis=0) + margin, [columns, rows]))
    window = picture[y0:y1, x0:x1]
    to_window = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], np.float64) @ homography
    to_window = to_window @ np.diag([1 / sheet.scale, 1 / sheet.scale, 1.0])
    size = (x1 - x0, y1 - y0)
    face = cv2.warpPerspective(sheet.pixels, to_window, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(sheet.alpha, to_window, size, flags=cv2.INTER_LINEAR)
    cover: Field = np.asarray(alpha, np.float32) / np.float32(255)
    shadow = 0.5 * cast(cover, lamp, 0.9 * unit, 1.0 * unit) + 0.3 * cast(cover, lamp, 0.3 * unit, 0.35 * unit)
    x, y = grid((size[1], size[0]))
    fall = 0.97 + 0.05 * (lamp.x * (x / size[0] - 0.5) + lamp.y * (y / size[1] - 0.5))
    glare = np.exp(-((((x - y * 0.6) / unit - (size[0] / unit) * 0.42) / 5.0) ** 2)) * (16.0 if glow else 7.0)
    lit = face.astype(np.float32) * (fall if not glow else 1.0 * np.ones_like(fall))[..., None] + glare[..., None]
    ground = window.astype(np.float32) * (1 - np.minimum(shadow, 0.75) * (1 - cover))[..., None]
    mixed = ground + (lit - ground) * cover[..., None]
    picture[y0:y1, x0:x1] = np.clip(mixed, 0, 255).astype(np.uint8)
    hidden = np.zeros((rows, columns), np.uint8)
    hidden[y0:y1, x0:x1] = alpha
    return hidden


def wrap(
    picture: Pixels, sheet: Sheet, limb: Limb, lamp: Lamp, *, at: float, unit: float
) -> tuple[Mapping2, NDArray[np.uint8]]:
    """Wraps a band around `limb` at a way `at` along it, in place; gives where its points lie and what it hides."""
    radius = float(limb.width(np.array([at], np.float32))[0]) * 1.02
    bow = 0.10
    middle = sheet.width / 2

    def mapping(points: Points) -> Points:
        turn = (points[:, 0] - middle) * unit / radius
        across = radius * np.sin(turn)
        along = at + (points[:, 1] - sheet.height / 2) * unit - bow * radius * (1 - np.cos(turn))
        x, y = limb.point(along.astype(np.float32), across.astype(np.float32))
        return np.stack([x, y], axis=1).astype(np.float64)

    turn = np.linspace(-np.pi / 2, np.pi / 2, 40) * radius / unit + middle
    rim = np.concatenate([mapping(np.stack([turn, np.full(40, v)], axis=1)) for v in (0.0, sheet.height)])
    rows, columns = picture.shape[:2]
    x0, y0 = (max(0, int(v - 4 * unit)) for v in rim.min(axis=0))
    x1, y1 = int(min(columns, rim[:, 0].max() + 4 * unit)), int(min(rows, rim[:, 1].max() + 4 * unit))
    window = picture[y0:y1, x0:x1]
    x, y = grid((y1 - y0, x1 - x0))
    along, across = limb.along(x + np.float32(x0), y + np.float32(y0))
    share = np.clip(across / np.float32(radius), -1, 1)
    rise = np.sqrt(np.maximum(1 - share * share, 0))
    u = (np.arcsin(share) * np.float32(radius / unit) + np.float32(middle)) * np.float32(sheet.scale)
    v = ((along - np.float32(at) + np.float32(bow * radius) * (1 - rise)) / np.float32(unit)) + np.float32(
        sheet.height / 2
    )
    face = cv2.remap(sheet.pixels, u, v * np.float32(sheet.scale), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    edge = np.minimum(np.minimum(v, sheet.height - v) * np.float32(unit), np.float32(radius) - np.abs(across))
    cover = np.clip(edge + 0.5, 0, 1).astype(np.float32)
    shadow = 0.55 * cast(cover, lamp, 0.5 * unit, 0.6 * unit)
    facing = _facing(limb, lamp, share, rise)
    gloss = np.exp(-(((share - 0.36 * np.sign(lamp.x)) / 0.07) ** 2)) * 20 * smoothstep(0.0, 0.4, rise)
    lit = face.astype(np.float32) * facing[..., None] + gloss[..., None]
    ground = window.astype(np.float32) * (1 - shadow * (1 - cover))[..., None]
    picture[y0:y1, x0:x1] = np.clip(ground + (lit - ground) * cover[..., None], 0, 255).astype(np.uint8)
    hidden = np.zeros((rows, columns), np.uint8)
    hidden[y0:y1, x0:x1] = (cover * 255).astype(np.uint8)
    return mapping, hidden


def _facing(limb: Limb, lamp: Lamp, share: Field, rise: Field) -> Field:
    """How bright a bent sheet is: 1 where it faces the lamp, less around the bend."""
    across = lamp.x * np.cos(limb.lean) - lamp.y * np.sin(limb.lean)
    light = np.clip(rise * lamp.z + share * across + 0.25, 0, None) / (lamp.z + 0.25)
    return np.asarray(np.clip(0.30 + 0.70 * light**0.7, 0, 1.02), np.float32)
