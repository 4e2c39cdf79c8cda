"""A wound in a surface: an irregular edge, three tissues, depth, wet shine, and the reddened skin around it."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.body import Surface, grid
from inference.scenes.texture import Field, fractal, smoothstep
from inference.scenes.values import Wound


def wound_field(
    rng: np.random.Generator,
    shape: tuple[int, int],
    unit: float,
    wound: Wound,
    *,
    middle: tuple[float, float],
    lean: float,
) -> Field:
    """Pixels inside the edge, about: positive where the wound is, negative around it."""
    x, y = grid(shape)
    dx, dy = x - np.float32(middle[0]), y - np.float32(middle[1])
    turn = lean + rng.uniform(-0.5, 0.5)
    long, short = rng.uniform(1.1, 1.35), rng.uniform(0.72, 0.9)
    down = (dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))) / np.float32(long)
    side = (dx * np.float32(np.cos(turn)) - dy * np.float32(np.sin(turn))) / np.float32(short)
    radius = np.float32(wound.radius * unit)
    angle = np.arctan2(down, side)
    edge = np.full(shape, radius, np.float32)
    for lobes in range(2, 7):
        swing = np.float32(rng.normal(0, 0.16) / lobes**0.8)
        edge += radius * swing * np.cos(angle * lobes + np.float32(rng.uniform(0, 6.28)))
    edge += fractal(rng, shape, wound.radius * unit * 0.45, octaves=4) * radius * np.float32(0.055)
    return np.asarray(edge - np.sqrt(down * down + side * side), np.float32)


def cut(rng: np.random.Generator, surface: Surface, field: Field, unit: float, wound: Wound) -> None:
    """Opens the wound in `surface`, in place."""
    radius = wound.radius * unit
    margin = round(radius * 1.4)
    inside = np.argwhere(field > -radius * 0.9)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    window = (
        slice(max(0, int(top) - margin // 4), int(bottom) + margin // 4),
        slice(max(0, int(left) - margin // 4), int(right) + margin // 4),
    )
    f = field[window]
    here = f > 0
    shape = (f.shape[0], f.shape[1])
    cobble = fractal(rng, shape, radius * 0.13, octaves=3, gain=0.6)
    patches = fractal(rng, shape, radius * 0.55, octaves=4)
    fibres = fractal(rng, shape, radius * 0.3, octaves=3, stretch=(0.35, 1.6))
    islands = fractal(rng, shape, radius * 0.8, octaves=4)

    base = np.asarray(surface.albedo[window], np.float32)
    red = _mix((0.36, 0.022, 0.022), (0.60, 0.085, 0.06), smoothstep(-1.4, 1.6, cobble + 0.5 * fibres))
    yellow = _mix((0.42, 0.25, 0.06), (0.66, 0.50, 0.19), smoothstep(-1.2, 1.3, fibres))
    black = _mix((0.016, 0.012, 0.010), (0.07, 0.045, 0.03), smoothstep(0.2, 1.8, cobble + fibres * 0.4))
    deep = smoothstep(0.0, 0.5 * radius, f)
    slough = _share(patches + 0.5 * deep, here, wound.slough + wound.necrosis, 0.28)
    dead = _share(islands + 0.4 * deep, here, wound.necrosis, 0.14)
    tissue = red * (1 - slough[..., None]) + yellow * slough[..., None]
    tissue = tissue * (1 - dead[..., None]) + black * dead[..., None]
    growing = np.exp(-(((f - 0.045 * radius) / (0.05 * radius)) ** 2))[..., None] * np.float32(0.6)
    tissue = tissue * (1 - growing) + (base * np.float32(0.45) + np.array([0.42, 0.16, 0.14], np.float32)) * growing

    # Around it: a pale wet seam, then a flush that fades; on dark skin the flush reads as a deeper purple.
    lightness = float(base.mean())
    flush = np.exp(np.minimum(f, 0) / np.float32(0.42 * radius)) * (0.85 + 0.15 * patches)
    flush = np.clip(flush, 0, 1)[..., None]
    tone = np.array([0.90, 0.50, 0.50] if lightness > 0.12 else [0.80, 0.56, 0.66], np.float32)
    around = base * (1 - flush * (1 - tone))
    seam = np.exp(-(((f + 0.05 * radius) / (0.045 * radius)) ** 2))[..., None] * np.float32(0.38)
    around = around * (1 - seam) + (base * 0.6 + np.array([0.36, 0.25, 0.22], np.float32) * (0.3 + lightness)) * seam

    edge = smoothstep(-0.8, 0.8, f)[..., None]
    surface.albedo[window] = around * (1 - edge) + tissue * edge
    bowl = smoothstep(-0.02 * radius, 0.34 * radius, f) * np.float32(0.26 * radius)
    rim = np.exp(-(((f + 0.10 * radius) / (0.11 * radius)) ** 2)) * np.float32(0.055 * radius)
    rough = cobble * np.float32(0.016 * radius) * (1 - 0.6 * slough) + islands * np.float32(0.02 * radius)
    raised = dead * np.float32(0.03 * radius)
    # A crease of the skin ends where the skin ends.
    even = cv2.GaussianBlur(surface.height[window], (0, 0), 1.6 * unit)
    surface.height[window] += (even - surface.height[window]) * edge[..., 0]
    surface.height[window] += rim - bowl + (rough + raised) * edge[..., 0]
    surface.gloss[window] *= 1 - 0.5 * edge[..., 0]
    surface.wet[window] = edge[..., 0] * (0.62 - 0.30 * slough) * (1 - 0.8 * dead)


def _mix(low: tuple[float, float, float], high: tuple[float, float, float], share: Field) -> Field:
    a, b = np.array(low, np.float32), np.array(high, np.float32)
    return np.asarray(a + (b - a) * share[..., None], np.float32)


def _share(field: Field, where: np.ndarray, share: float, softness: float) -> Field:
    """A soft mask that covers `share` of `where`, the highest of `field` first."""
    if share <= 0.0:
        return np.zeros_like(field)
    level = float(np.quantile(field[where], 1 - min(share, 1.0)))
    return smoothstep(level - softness, level + softness, field)
