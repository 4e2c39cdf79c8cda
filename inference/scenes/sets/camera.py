"""What a phone in a ward does to a picture: uneven light, somebody's shadow, a trace of blur, noise and JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.picture import Pixels
from inference.scenes.texture import Field, smoothstep


@dataclass(frozen=True, slots=True)
class Shot:
    """How a picture was taken.

    Attributes:
        fall: how much darker the far side is, 0..1, and `fall_turn` where that is, radians.
        shadow: how dark a shadow over a part of the picture is, 0 for none; `shadow_turn`, `shadow_at` and
            `shadow_edge` are where it falls and how soft it ends, in halves of the picture.
        blur: out of focus, deviation in pixels.
        motion, way: how far the hand moved in pixels, and which way, radians.
        noise: deviation of the sensor's noise, of 255.
        warmth: of the white balance; 0 is right.
        quality: of the JPEG.
    """

    fall: float = 0.2
    fall_turn: float = 0.0
    shadow: float = 0.0
    shadow_turn: float = 0.0
    shadow_at: float = 0.0
    shadow_edge: float = 0.1
    blur: float = 0.5
    motion: float = 0.0
    way: float = 0.0
    noise: float = 2.0
    warmth: float = 0.0
    exposure: float = 1.0
    quality: int = 90

    @classmethod
    def some(cls, rng: np.random.Generator) -> Shot:
        """A shot as a hurried person takes it; most are sharp."""
        return cls(
            fall=float(rng.uniform(0.05, 0.4)),
            fall_turn=float(rng.uniform(0, 2 * np.pi)),
            shadow=float(rng.uniform(0.3, 0.62)) if rng.random() < 0.4 else 0.0,
            shadow_turn=float(rng.uniform(0, 2 * np.pi)),
            shadow_at=float(rng.uniform(-0.3, 0.3)),
            shadow_edge=float(rng.uniform(0.05, 0.3)),
            blur=float(rng.choice([0.35, 0.55, 0.8, 1.2], p=[0.4, 0.3, 0.2, 0.1])),
            motion=float(rng.uniform(2, 6)) if rng.random() < 0.25 else 0.0,
            way=float(rng.uniform(0, np.pi)),
            noise=float(rng.uniform(1.2, 4.5)),
            warmth=float(rng.uniform(-0.05, 0.08)),
            exposure=float(rng.uniform(0.82, 1.08)),
            quality=int(rng.integers(80, 95)),
        )

    def reads(self, height: float) -> bool:
        """Whether letters with capitals that high (pixels) are still letters: at least 10, and not blurred away."""
        return height >= max(10.0, 8.0 * self.blur, 1.9 * self.motion)

    def taken(self, rng: np.random.Generator, pixels: Pixels) -> bytes:
        """The JPEG of `pixels` (H×W×3 RGB) taken like this."""
        rows, columns = pixels.shape[:2]
        light = self._light(rows, columns)
        gains = np.array([1 + self.warmth, 1.0, 1 - self.warmth], np.float32) * self.exposure
        lit = np.clip(pixels.astype(np.float32) * light[..., None] * gains, 0, 255)
        lit = cv2.GaussianBlur(lit, (0, 0), self.blur)
        if self.motion > 0:
            lit = cv2.filter2D(lit, -1, _smear(self.motion, self.way))
        # Noise of the light itself is strongest in the dark once a curve has lifted it.
        grain = rng.standard_normal((rows, columns, 1), np.float32)
        colour = cv2.resize(rng.standard_normal((rows // 2 + 1, columns // 2 + 1, 3), np.float32), (columns, rows))
        strength = self.noise * (1.35 - lit.mean(axis=2, keepdims=True) / 255)
        lit += (0.75 * grain + 0.6 * np.asarray(colour, np.float32)) * strength
        picture = np.clip(lit + 0.5, 0, 255).astype(np.uint8)
        done, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        )
        assert done
        return jpeg.tobytes()

    def _light(self, rows: int, columns: int) -> Field:
        y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
        down = x * np.float32(np.cos(self.fall_turn)) + y * np.float32(np.sin(self.fall_turn))
        light = 1 - np.float32(self.fall) * smoothstep(-0.6, 1.5, np.asarray(down + 0.25 * (x * x + y * y), np.float32))
        if self.shadow > 0:
            edge = x * np.float32(np.cos(self.shadow_turn)) + y * np.float32(np.sin(self.shadow_turn))
            edge = edge + 0.12 * np.sin(3.1 * y + 2.0 * x + np.float32(self.shadow_turn))
            light *= 1 - np.float32(self.shadow) * smoothstep(
                -self.shadow_edge, self.shadow_edge, np.asarray(edge - self.shadow_at, np.float32)
            )
        return np.asarray(light, np.float32)


def _smear(length: float, way: float) -> Field:
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side + 2, side + 2), np.uint8)
    middle = (side + 1) / 2
    dx, dy = np.cos(way) * (length - 1) / 2, np.sin(way) * (length - 1) / 2
    ends = [(round((middle - s * dx) * 16), round((middle - s * dy) * 16)) for s in (1, -1)]
    cv2.line(kernel, ends[0], ends[1], (255,), 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / np.float32(max(1, int(kernel.sum()))), np.float32)
