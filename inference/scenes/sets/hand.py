"""The back of a hand at the end of a forearm, as a surface: capsules that run into each other."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.body import Limb, grid
from inference.scenes.texture import Field, bell, fractal

Bone = tuple[float, float, float, float, float, float]
"""Along and across of its start, then of its end, in wrist radii; its radius at both."""


def _bones(rng: np.random.Generator) -> list[Bone]:
    spread = rng.uniform(0.02, 0.14)
    thumb = rng.uniform(0.5, 0.95)
    side = float(rng.choice([-1, 1]))
    bones: list[Bone] = [
        (-9.0, 0.0, 0.3, 0.0, 1.5, 0.96),
        (0.3, 0.0, 1.4, 0.0, 0.96, 1.05),
        (1.3, -0.45, 2.5, -0.62, 0.72, 0.56),
        (1.3, 0.45, 2.5, 0.62, 0.72, 0.56),
        (1.2, 0.0, 2.6, 0.0, 0.9, 0.6),
    ]
    for place, (across, length) in enumerate(((-0.93, 1.5), (-0.33, 2.0), (0.29, 1.9), (0.86, 1.4))):
        fan = (place - 1.5) * spread
        base, bend = 2.5 - 0.12 * abs(place - 1.4), rng.normal(0, 0.04)
        middle = (base + 0.55 * length, across + (fan + bend) * 0.55 * length)
        bones.append((base, across, *middle, 0.36, 0.31))
        bones.append((*middle, base + length, across + fan * length, 0.31, 0.25))
    bones.append((0.6, 0.7, 1.5, 1.35, 0.55, 0.42))
    bones.append((1.5, 1.35, 1.5 + thumb, 1.35 + 0.62, 0.40, 0.30))
    return [(a, side * b, c, side * d, r, s) for a, b, c, d, r, s in bones]


def hand_surface(rng: np.random.Generator, shape: tuple[int, int], unit: float, limb: Limb) -> tuple[Field, Field]:
    """Outline (0..1) and height in pixels of a hand whose wrist has the middle and the radius of `limb`."""
    along, across = limb.along(*grid(shape))
    radius = np.float32(limb.radius)
    s, t = along / radius, across / radius
    outside = np.full(shape, 9.0, np.float32)
    height = np.full(shape, -3.0, np.float32)
    for bone in _bones(rng):
        window = _reach(limb, bone, shape)
        away, thick = _away(s[window], t[window], bone)
        share = away / thick
        dome = thick * (np.sqrt(np.maximum(1 - share * share, 0.02)) - 3 * np.maximum(share - 0.99, 0))
        outside[window] = np.minimum(outside[window], away - thick)
        # Smooth union: knuckles and tendons run into the back of the hand.
        under = height[window]
        gap = np.clip(0.5 + 0.5 * (under - dome) / 0.16, 0, 1)
        height[window] = dome + (under - dome) * gap + 0.16 * gap * (1 - gap)
    height = np.asarray(height * radius * 0.8, np.float32)
    height += fractal(rng, shape, 5 * unit, octaves=3) * np.float32(0.10 * unit)
    for at in (-0.12, 0.05):
        height -= bell(np.asarray((s - at - 0.05 * t * t) / 0.02, np.float32)) * np.float32(0.25 * unit)
    outline = np.clip(-outside * radius + 0.5, 0, 1)
    return np.asarray(outline, np.float32), np.asarray(cv2.GaussianBlur(height, (0, 0), 0.25 * unit), np.float32)


def _away(s: Field, t: Field, bone: Bone) -> tuple[Field, Field]:
    """How far each point is from a bone, and how thick the bone is where it is nearest."""
    a, b, c, d, near, far = bone
    length = max((c - a) ** 2 + (d - b) ** 2, 1e-6)
    way = np.clip(((s - a) * (c - a) + (t - b) * (d - b)) / length, 0, 1)
    away = np.sqrt((s - a - way * (c - a)) ** 2 + (t - b - way * (d - b)) ** 2)
    return np.asarray(away, np.float32), np.asarray(near + way * (far - near), np.float32)


def _reach(limb: Limb, bone: Bone, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the picture in which a bone can be seen or felt."""
    a, b, c, d, near, far = bone
    ends = np.array([[a, b], [c, d]], np.float32) * np.float32(limb.radius)
    x, y = limb.point(ends[:, 0], ends[:, 1])
    reach = 1.8 * max(near, far) * limb.radius
    low_x, high_x = np.clip([x.min() - reach, x.max() + reach], 0, shape[1])
    low_y, high_y = np.clip([y.min() - reach, y.max() + reach], 0, shape[0])
    return slice(int(low_y), int(high_y)), slice(int(low_x), int(high_x))
