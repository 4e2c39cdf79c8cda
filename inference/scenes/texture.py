"""Random fields and tiles that surfaces are made of: float32, mean about 0, deviation about 1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""H×W float32."""


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high`, without a corner between."""
    t = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def bell(value: Field) -> Field:
    """1 at nought, falling to nothing within about two either side."""
    # Cut where it is nothing to see: numbers too small to be normal cost ten times as much.
    return np.asarray(cv2.exp(-np.minimum(value * value, 30.0)), np.float32)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float,
    *,
    octaves: int = 3,
    gain: float = 0.5,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Field:
    """Smooth noise whose largest features are `cell` pixels wide, times `stretch` (across, down)."""
    total = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        steps = [max(1.0, cell * s * 0.5**octave) for s in stretch]
        # Coarse layers are made coarse and enlarged: the eye sees no difference, and it is many times quicker.
        thin = int(max(1.0, min(steps) / 6))
        weight = gain**octave
        total += _layer(rng, shape, steps, thin) * np.float32(weight)
        power += weight * weight
    return np.asarray(total * np.float32(1.35 / power**0.5), dtype=np.float32)


def _layer(rng: np.random.Generator, shape: tuple[int, int], steps: list[float], thin: int) -> Field:
    height, width = -(-shape[0] // thin), -(-shape[1] // thin)
    step_x, step_y = steps[0] / thin, steps[1] / thin
    grid = rng.standard_normal((int(height / step_y) + 4, int(width / step_x) + 4)).astype(np.float32)
    shift = rng.random(2) + 1.0
    inverse = np.array([[1 / step_x, 0, shift[0]], [0, 1 / step_y, shift[1]]], np.float64)
    flags = (cv2.INTER_CUBIC if min(step_x, step_y) > 2 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    layer = cv2.warpAffine(grid, inverse, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    if thin > 1:
        layer = cv2.resize(layer, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(layer, np.float32)


def relief(height: Field) -> tuple[Field, Field]:
    """Slopes of a height field across and down, in height per pixel."""
    kernel = np.array([[-0.5, 0.0, 0.5]], np.float32)
    return (
        np.asarray(cv2.filter2D(height, cv2.CV_32F, kernel), np.float32),
        np.asarray(cv2.filter2D(height, cv2.CV_32F, kernel.T), np.float32),
    )
