"""A wound in a surface: an irregular edge, three tissues, depth, wet shine, and the reddened skin around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.body import Surface, grid
from inference.scenes.light import Linear as Planes
from inference.scenes.texture import Field, bell, fractal, smoothstep
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
    radius = np.float32(wound.radius * unit)
    window = around(middle, float(radius), shape)
    x, y = grid(shape)
    dx, dy = x[window] - np.float32(middle[0]), y[window] - np.float32(middle[1])
    turn = lean + rng.uniform(-0.5, 0.5)
    long, short = rng.uniform(1.1, 1.35), rng.uniform(0.72, 0.9)
    down = (dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))) / np.float32(long)
    side = (dx * np.float32(np.cos(turn)) - dy * np.float32(np.sin(turn))) / np.float32(short)
    angle = np.arctan2(down, side)
    edge = np.full_like(angle, radius)
    for lobes in range(2, 7):
        swing = np.float32(rng.normal(0, 0.16) / lobes**0.8)
        edge += radius * swing * np.cos(angle * lobes + np.float32(rng.uniform(0, 6.28)))
    edge += fractal(rng, (angle.shape[0], angle.shape[1]), float(radius) * 0.45, octaves=4) * radius * np.float32(0.055)
    field = np.full(shape, -9 * radius, np.float32)
    field[window] = edge - np.sqrt(down * down + side * side)
    return field


def around(middle: tuple[float, float], radius: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part of a picture that a wound of that radius, its rim and its flush can reach."""
    reach = 3.2 * radius
    return (
        slice(max(0, int(middle[1] - reach)), min(shape[0], int(middle[1] + reach))),
        slice(max(0, int(middle[0] - reach)), min(shape[1], int(middle[0] + reach))),
    )


def cut(
    rng: np.random.Generator, surface: Surface, field: Field, unit: float, wound: Wound, *, middle: tuple[float, float]
) -> None:
    """Opens the wound in `surface`, in place."""
    radius = wound.radius * unit
    window = around(middle, radius, (field.shape[0], field.shape[1]))
    f = field[window]
    shape = (f.shape[0], f.shape[1])
    cobble = fractal(rng, shape, radius * 0.13, octaves=3, gain=0.6)
    patches = fractal(rng, shape, radius * 0.55, octaves=4)
    fibres = fractal(rng, shape, radius * 0.3, octaves=3, stretch=(0.35, 1.6))
    islands = fractal(rng, shape, radius * 0.8, octaves=4)
    deep = smoothstep(0.0, 0.5 * radius, f)
    slough = _share(patches + 0.5 * deep, f > 0, wound.slough + wound.necrosis, 0.28)
    dead = _share(islands + 0.4 * deep, f > 0, wound.necrosis, 0.14)
    edge = smoothstep(-0.8, 0.8, f)

    skin = surface.albedo[:, window[0], window[1]]
    red = _mix((0.30, 0.016, 0.018), (0.52, 0.065, 0.05), smoothstep(-1.4, 1.6, cobble + 0.5 * fibres))
    yellow = _mix((0.42, 0.25, 0.06), (0.66, 0.50, 0.19), smoothstep(-1.2, 1.3, fibres))
    black = _mix((0.016, 0.012, 0.010), (0.07, 0.045, 0.03), smoothstep(0.2, 1.8, cobble + fibres * 0.4))
    tissue = _between(_between(red, yellow, slough), black, dead)
    growing = bell((f - 0.045 * radius) / (0.05 * radius)) * np.float32(0.6)
    tissue = _between(tissue, skin * np.float32(0.45) + _plane(0.42, 0.16, 0.14), growing)
    skin[:] = _between(_reddened(skin, f, radius, patches), tissue, edge)

    bowl = smoothstep(-0.02 * radius, 0.34 * radius, f) * np.float32(0.26 * radius)
    rim = bell((f + 0.10 * radius) / (0.11 * radius)) * np.float32(0.055 * radius)
    rough = cobble * np.float32(0.016 * radius) * (1 - 0.6 * slough) + islands * np.float32(0.02 * radius)
    height = surface.height[window]
    # A crease of the skin ends where the skin ends.
    height += (cv2.GaussianBlur(height, (0, 0), 1.6 * unit) - height) * edge
    height += rim - bowl + (rough + dead * np.float32(0.03 * radius)) * edge
    surface.gloss[window] *= 1 - 0.5 * edge
    surface.wet[window] = edge * (0.62 - 0.30 * slough) * (1 - 0.8 * dead)


def _reddened(skin: Planes, f: Field, radius: float, patches: Field) -> Planes:
    """Skin with a pale wet seam at the edge and a flush that fades; on dark skin the flush is a deeper purple."""
    lightness = float(skin.mean())
    flush = np.clip(cv2.exp(np.minimum(f, 0) / np.float32(0.42 * radius)) * (0.85 + 0.15 * patches), 0, 1)
    tone = _plane(0.90, 0.50, 0.50) if lightness > 0.12 else _plane(0.80, 0.56, 0.66)
    seam = bell((f + 0.05 * radius) / (0.045 * radius)) * np.float32(0.38)
    pale = skin * np.float32(0.6) + _plane(0.36, 0.25, 0.22) * np.float32(0.3 + lightness)
    return _between(_between(skin, skin * tone, flush), pale, seam)


def _plane(red: float, green: float, blue: float) -> Planes:
    return np.array([red, green, blue], np.float32)[:, None, None]


def _between(low: Planes, high: Planes, share: Field) -> Planes:
    return np.asarray(low + (high - low) * share, np.float32)


def _mix(low: tuple[float, float, float], high: tuple[float, float, float], share: Field) -> Planes:
    return _between(_plane(*low), _plane(*high), share)


def _share(field: Field, where: NDArray[np.bool_], share: float, softness: float) -> Field:
    """A soft mask that covers `share` of `where`, the highest of `field` first."""
    if share <= 0.0:
        return np.zeros_like(field)
    level = float(np.quantile(field[where], 1 - min(share, 1.0)))
    return smoothstep(level - softness, level + softness, field)
