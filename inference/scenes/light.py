"""One lamp, a bright room, and how skin, cloth and wet tissue answer them. Linear light, float32."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels
from inference.scenes.texture import Field, smoothstep

Linear = NDArray[np.float32]
"""3×H×W float32, linear light, 1.0 is paper white. Plane by plane, because fields of H×W multiply it."""


def linear(colour: tuple[int, int, int]) -> NDArray[np.float32]:
    """An sRGB colour as linear light (IEC 61966-2-1, by its 2.2 approximation)."""
    return np.asarray((np.array(colour, np.float32) / 255) ** 2.2, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Lamp:
    """Where the light comes from: a unit vector (x right, y down, z towards the camera), and its warmth."""

    x: float
    y: float
    z: float
    warmth: float

    @classmethod
    def hung(cls, rng: np.random.Generator) -> Lamp:
        """A lamp above the bed, somewhere towards the upper left."""
        turn = np.deg2rad(rng.uniform(200, 250))
        rise = np.deg2rad(rng.uniform(46, 58))
        return cls(
            float(np.cos(turn) * np.cos(rise)),
            float(np.sin(turn) * np.cos(rise)),
            float(np.sin(rise)),
            float(rng.uniform(-0.03, 0.05)),
        )

    def shade(
        self, albedo: Linear, slopes: tuple[Field, Field], soft: tuple[float, float, float], gloss: Field, wet: Field
    ) -> Linear:
        """`albedo` under this lamp.

        `soft` is how far light creeps around an edge (red, green, blue: blood lets red through); `gloss` and `wet` are
        the strengths of a broad and of a sharp highlight.
        """
        across, down = slopes
        up = 1.0 / cv2.sqrt(across * across + down * down + 1.0)
        facing = (self.z - across * self.x - down * self.y) * up
        length = (2.0 + 2.0 * self.z) ** 0.5
        half_x, half_y, half_z = self.x / length, self.y / length, (self.z + 1.0) / length
        mirror = np.clip((half_z - across * half_x - down * half_y) * up, 0, 1)
        shine = gloss * cv2.pow(mirror, 14.0) + wet * cv2.pow(mirror, 70.0)
        room = 0.24 + 0.12 * up
        out = np.empty_like(albedo)
        for channel, (creep, tint) in enumerate(zip(soft, (1 + self.warmth, 1.0, 1 - self.warmth), strict=True)):
            key = np.clip((facing + creep) * (1 / (1 + creep)), 0, 1)
            out[channel] = albedo[channel] * (key * (1.02 * tint) + room) + shine * tint
        return out


def cast(alpha: Field, lamp: Lamp, height: float, softness: float) -> Field:
    """The shadow, 0 to 1, that a thing of that outline throws when it lies `height` pixels above the ground."""
    shift_x, shift_y = -lamp.x / lamp.z * height, -lamp.y / lamp.z * height
    rows, columns = alpha.shape
    step = max(1, int(softness / 3))
    small = cv2.resize(alpha, (max(1, columns // step), max(1, rows // step)), interpolation=cv2.INTER_LINEAR)
    move = np.array([[1, 0, shift_x / step], [0, 1, shift_y / step]], np.float64)
    moved = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(moved, (0, 0), max(0.6, softness / step))
    return np.asarray(cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def developed(light: Linear, exposure: float) -> Pixels:
    """Linear light as an sRGB picture, highlights rolled off as a camera does."""
    level = np.linspace(0, 4, 16_384)
    rolled = np.where(level > 0.7, 0.7 + 0.3 * (1 - np.exp(-(level - 0.7) / 0.3)), level)
    table = np.clip(rolled ** (1 / 2.2) * 255 + 0.5, 0, 255).astype(np.uint8)
    steps = np.clip(light * np.float32(exposure * 16_383 / 4), 0, 16_383).astype(np.uint16)
    return np.ascontiguousarray(np.moveaxis(table[steps], 0, 2))


def vignette(shape: tuple[int, int]) -> Field:
    """1 in the middle, a little less in the corners."""
    rows, columns = shape
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    return np.asarray(1.0 - 0.16 * smoothstep(0.5, 2.2, x * x + y * y), np.float32)
