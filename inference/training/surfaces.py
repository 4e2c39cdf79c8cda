"""Bodies: outlines of limbs, trunks, hands and feet, skin of every tone and state, and light upon them.

A picture is linear light, H×W×3 float32; a field is H×W float32. Tones are interpolated along the Monk scale, and each
is spread by light and white balance, because cameras do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.body import MONK
from inference.scenes.light import linear
from inference.scenes.texture import Field, bell, fractal, relief, smoothstep

Picture = NDArray[np.float32]
"""H×W×3 float32, linear light."""


@dataclass(slots=True)
class Body:
    """Skin under construction: where it is (0..1), how high it stands, its colour, its tone on the Monk scale.

    `examined` is false where the skin may have wounds of its own that nobody has marked.
    """

    outline: Field
    height: Field
    albedo: Picture
    tone: float
    examined: bool = True


Skin = Callable[[np.random.Generator, int, float], Picture]
"""A generator, a side in pixels and a tone → skin from edge to edge."""


def body(rng: np.random.Generator, side: int, skin_of: Skin | None = None) -> Body:
    """A body or a part of one in a square of `side` pixels, in drawn skin or another."""
    shaped = (_close, _limb, _limb, _limb, _trunk, _hand, _foot, _foot)[int(rng.integers(8))]
    outline, height = shaped(rng, side)
    tone = float(rng.uniform(1, 10))
    return Body(outline, height, (skin_of or skin)(rng, side, tone), tone)


def weathered(rng: np.random.Generator, body: Body) -> None:
    """Skin that has lived: wrinkles, cracks, scales with pale rims, dark speckle; none of it is ink. In place."""
    side = body.outline.shape[0]
    shape = (side, side)
    if rng.random() < 0.6:  # wrinkles, mostly one way
        stretch = (1.0, float(rng.uniform(1.5, 6)))
        stretch = stretch if rng.random() < 0.5 else stretch[::-1]
        field = np.abs(fractal(rng, shape, side * rng.uniform(0.015, 0.08), octaves=3, stretch=stretch))
        lines = bell(field * np.float32(rng.uniform(3, 9)))
        lines = lines * smoothstep(-1.0, 1.0, fractal(rng, shape, side * 0.3, octaves=2) + rng.uniform(-0.5, 1.0))
        body.height -= lines * np.float32(side * rng.uniform(0.002, 0.012))
        dark = lines[..., None] * np.float32(rng.uniform(0.05, 0.45))
        body.albedo *= 1 - dark * np.array([0.6, 0.85, 0.9], np.float32)
    if rng.random() < 0.35:  # scales: pale rims round patches
        field = fractal(rng, shape, side * rng.uniform(0.03, 0.15), octaves=4, gain=0.65)
        rims = bell((field - np.float32(rng.uniform(-0.5, 1.0))) * np.float32(rng.uniform(4, 14)))
        rims = rims * smoothstep(-0.3, 1.0, fractal(rng, shape, side * 0.3, octaves=2))
        pale = np.clip(body.albedo * np.float32(rng.uniform(1.4, 2.6)) + np.float32(0.04), 0, 0.85)
        share = rims[..., None] * np.float32(rng.uniform(0.3, 0.9))
        body.albedo = np.asarray(body.albedo * (1 - share) + pale * share, np.float32)
        body.height += rims * np.float32(side * 0.004)
    if rng.random() < 0.4:  # speckle and stains of old blood or sun
        fine = fractal(rng, shape, side * rng.uniform(0.012, 0.06), octaves=3, gain=0.7)
        where = smoothstep(-0.2, 1.4, fractal(rng, shape, side * rng.uniform(0.15, 0.5), octaves=3))
        spots = smoothstep(0.2, 1.4, fine) * where
        tint = np.array(((0.55, 0.8, 0.9), (0.45, 0.8, 0.75), (0.7, 0.75, 0.7))[int(rng.integers(3))], np.float32)
        body.albedo *= 1 - spots[..., None] * tint * np.float32(rng.uniform(0.3, 0.95))
    if rng.random() < 0.5:  # nails, somewhere: smooth pale or yellow ovals with a shadow at their rim
        for _ in range(int(rng.integers(1, 7))):
            middle = tuple(int(v) for v in rng.uniform(0, side, 2))
            axes = tuple(int(v) for v in side * rng.uniform(0.012, 0.05, 2))
            nail = np.zeros(shape, np.uint8)
            cv2.ellipse(nail, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
            inside = (nail.astype(np.float32) / 255)[..., None] * body.outline[..., None]
            rim = cv2.GaussianBlur(inside, (0, 0), 1.5)[..., None] - inside
            tint = np.array([0.62, 0.5, 0.34], np.float32) * np.float32(rng.uniform(0.4, 1.3))
            body.albedo = np.asarray(body.albedo * (1 - inside * 0.7) + tint * inside * np.float32(0.7), np.float32)
            body.albedo *= 1 - np.clip(rim, 0, 1) * np.float32(0.8)


def _grid(side: int) -> tuple[Field, Field]:
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return x, y


def _close(rng: np.random.Generator, side: int) -> tuple[Field, Field]:
    """Skin from edge to edge."""
    height = fractal(rng, (side, side), side * rng.uniform(0.5, 1.5), octaves=2) * np.float32(side * 0.06)
    return np.ones((side, side), np.float32), height


def _tube(side: int, ends: NDArray[np.float64], radii: tuple[float, float], bend: float) -> tuple[Field, Field]:
    """Outline and height of a tapered, bent tube between two points."""
    x, y = _grid(side)
    (x0, y0), (x1, y1) = ends
    long = max(1.0, float(np.hypot(x1 - x0, y1 - y0)))
    way = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / np.float32(long * long)
    across = (-(x - x0) * (y1 - y0) + (y - y0) * (x1 - x0)) / np.float32(long)
    along = np.clip(way, 0, 1)
    across = across - np.float32(bend * long) * (along * (1 - along))
    past = (way - along) * np.float32(long)
    distance = np.sqrt(across * across + past * past)
    radius = radii[0] + (radii[1] - radii[0]) * along
    radius = radius * (1 + 0.09 * np.sin(along * 7.0 + np.float32(bend * 20)))
    share = np.clip(distance / radius, 0, 1)
    return np.clip(radius - distance + 0.5, 0, 1), np.asarray(radius * np.sqrt(1 - share * share * 0.97), np.float32)


def _limb(rng: np.random.Generator, side: int) -> tuple[Field, Field]:
    """An arm or a leg through the frame, now and then a second one."""
    outline = np.zeros((side, side), np.float32)
    height = np.zeros((side, side), np.float32)
    for _ in range(1 if rng.random() < 0.75 else 2):
        turn = rng.uniform(0, 2 * np.pi)
        middle = rng.uniform(0.3, 0.7, 2) * side
        reach = side * rng.uniform(0.6, 1.0)
        step = np.array([np.cos(turn), np.sin(turn)]) * reach
        first = side * rng.uniform(0.10, 0.36)
        tube = _tube(side, np.array([middle - step, middle + step]), (first, first * rng.uniform(0.5, 1.2)),
                     rng.normal(0, 0.12))  # fmt: skip
        outline, height = np.maximum(outline, tube[0]), np.maximum(height, tube[1])
    return outline, height


def _trunk(rng: np.random.Generator, side: int) -> tuple[Field, Field]:
    """A back, a belly or a shoulder that ends somewhere in the frame."""
    x, y = _grid(side)
    middle, axes = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.35, 0.9, 2) * side
    turn = rng.uniform(0, np.pi)
    dx, dy = x - np.float32(middle[0]), y - np.float32(middle[1])
    u = (dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))) / np.float32(axes[0])
    v = (-dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))) / np.float32(axes[1])
    away = np.sqrt(u * u + v * v) + 0.1 * fractal(rng, (side, side), side * 0.4, octaves=2)
    share = np.clip(away, 0, 1)
    height = np.sqrt(np.clip(1 - share**3, 0, 1)) * np.float32(min(axes) * rng.uniform(0.2, 0.8))
    return np.clip((1 - away) * np.float32(min(axes)) + 0.5, 0, 1), np.asarray(height, np.float32)


def _hand(rng: np.random.Generator, side: int) -> tuple[Field, Field]:
    """A palm with fingers."""
    palm = rng.uniform(0.35, 0.65, 2) * side
    size = side * rng.uniform(0.14, 0.26)
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    outline, height = _tube(side, np.array([palm - way * size * 2.5, palm]), (size * 0.7, size), 0.0)
    for spread in np.linspace(-0.55, 0.55, 4) + rng.normal(0, 0.05, 4):
        finger = np.array([np.cos(turn + spread), np.sin(turn + spread)])
        start = palm + finger * size * 0.7
        thick = size * rng.uniform(0.22, 0.3)
        part = _tube(side, np.array([start, start + finger * size * rng.uniform(0.6, 1.7)]), (thick, thick * 0.8), 0.1)
        outline, height = np.maximum(outline, part[0]), np.maximum(height, part[1])
    return outline, height


def _foot(rng: np.random.Generator, side: int) -> tuple[Field, Field]:
    """A sole or an instep with toes, and the leg behind it."""
    heel = rng.uniform(0.35, 0.65, 2) * side
    size = side * rng.uniform(0.14, 0.24)
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    ball = heel + way * size * 2.0
    outline, height = _tube(side, np.array([heel, ball]), (size * 0.8, size * 1.05), rng.normal(0, 0.1))
    leg = heel + np.array([np.cos(turn + 2.2), np.sin(turn + 2.2)]) * size * 3
    parts = [_tube(side, np.array([heel, leg]), (size * 0.6, size * 0.9), 0.0)] if rng.random() < 0.6 else []
    side_way = np.array([-way[1], way[0]])
    for place in np.linspace(-0.85, 0.85, 5):
        start = ball + side_way * size * place + way * size * (0.7 - 0.25 * abs(place))
        thick = size * (0.2 + 0.12 * (place < -0.7))
        parts.append(_tube(side, np.array([start, start + way * size * 0.35]), (thick, thick), 0.0))
    for part in parts:
        outline, height = np.maximum(outline, part[0]), np.maximum(height, part[1])
    return outline, height


def tone_colour(rng: np.random.Generator, tone: float) -> NDArray[np.float32]:
    """Skin of a tone between two of the Monk scale, lit: three of linear light."""
    low = min(int(tone), 9)
    share = np.float32(tone - low)
    tint = linear(MONK[low - 1]) * (1 - share) + linear(MONK[low]) * share
    light = float(tint.mean()) ** 0.5
    tint = tint * np.array([1.12 - 0.18 * light, 0.84 - 0.10 * light, 0.78 - 0.16 * light], np.float32)
    return np.asarray(tint * np.exp(rng.normal(0, 0.07, 3)), np.float32)


def skin(rng: np.random.Generator, side: int, tone: float) -> Picture:
    """Skin's colour over the whole square: flush, mottling, veins, moles, callus, darkened and peeling patches."""
    shape = (side, side)
    tint = tone_colour(rng, tone)
    light = np.float32(float(tint.mean()) ** 0.5)
    calm = rng.uniform(0.2, 1.3)
    flush = fractal(rng, shape, side * rng.uniform(0.08, 0.4), octaves=3) * np.float32(calm)
    depth = fractal(rng, shape, side * rng.uniform(0.03, 0.2), octaves=4) * np.float32(calm)
    blood = np.array([0.02, -0.06, -0.055], np.float32) * (0.5 + light)
    albedo = tint * (1 + flush[..., None] * blood) * (1 + depth[..., None] * np.float32(0.035))
    if rng.random() < 0.5:
        veins = bell(fractal(rng, shape, side * 0.25, octaves=2, stretch=(0.7, 1.8)) * (1 / 0.09))
        veins = cv2.GaussianBlur(veins, (0, 0), side * 0.006)[..., None] * np.float32(rng.uniform(0.1, 0.4) * light)
        albedo = albedo * (1 - veins * np.array([0.8, 0.45, 0.25], np.float32))
    if rng.random() < 0.35:  # darkened patches: old scars, stasis, bruises that fade
        patch = smoothstep(0.6, 1.8, fractal(rng, shape, side * rng.uniform(0.08, 0.4), octaves=4))[..., None]
        albedo = albedo * (1 - patch * rng.uniform(0.2, 0.75) * np.array([0.7, 0.9, 1.0], np.float32))
    if rng.random() < 0.2:  # callus, peeling, dry scales: never far from the skin's own colour
        scale = smoothstep(0.7, 1.5, fractal(rng, shape, side * rng.uniform(0.02, 0.15), octaves=4))[..., None]
        pale = np.clip(tint * np.float32(rng.uniform(1.3, 2.2)), 0, 0.8) + np.float32(0.06)
        albedo = albedo * (1 - scale * np.float32(0.7)) + pale * scale * np.float32(0.7)
    spots = np.zeros(shape, np.uint8)
    for _ in range(int(rng.choice([0, 8, 40, 160]))):
        axes = (int(8 * rng.uniform(0.3, 1.6)), int(8 * rng.uniform(0.3, 1.6)))
        place = (int(rng.integers(side * 8)), int(rng.integers(side * 8)))
        cv2.ellipse(spots, place, axes, 0, 0, 360, int(rng.integers(40, 200)), -1, cv2.LINE_AA, 3)
    mole = (spots.astype(np.float32) / 255)[..., None]
    return np.asarray(np.clip(albedo * (1 - mole * np.array([0.5, 0.75, 0.9], np.float32)), 0.002, 1), np.float32)


def hair(rng: np.random.Generator, albedo: Picture) -> None:
    """Hairs over skin, in place."""
    side = albedo.shape[0]
    mask = np.zeros((side, side), np.uint8)
    turn, thick = rng.uniform(0, 2 * np.pi), 1 if rng.random() < 0.8 else 2
    long = side * rng.uniform(0.02, 0.08)
    step = np.linspace(0, 1, 6)
    for x, y in rng.uniform(0, side, (int(rng.choice([60, 250, 700])), 2)):
        way, bend = turn + rng.normal(0, 0.3), rng.normal(0, 0.5)
        curve = np.stack([x + long * step * np.cos(way + bend * step), y + long * step * np.sin(way + bend * step)], 1)
        cv2.polylines(mask, [np.round(curve * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    strength = (mask.astype(np.float32) / 255)[..., None] * np.float32(rng.uniform(0.2, 0.8))
    albedo *= 1 - strength * np.array([0.75, 0.85, 0.9], np.float32)


def lit(rng: np.random.Generator, albedo: Picture, height: Field, *, wet: Field | None = None) -> Picture:
    """A surface under one lamp and the room's light; blood lets red creep around edges."""
    across, down = relief(np.asarray(cv2.GaussianBlur(height, (0, 0), 1.2), np.float32))
    turn, rise = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(25, 80))
    lamp = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    up = 1.0 / cv2.sqrt(across * across + down * down + 1.0)
    facing = (lamp[2] - across * lamp[0] - down * lamp[1]) * up
    room = rng.uniform(0.15, 0.6)
    # Where a surface lies lower than all about it, little light gets in: between toes, in folds.
    deep = np.maximum(cv2.GaussianBlur(height, (0, 0), max(2.0, height.shape[0] * 0.02)) - height, 0)
    open_to_light = cv2.exp(-deep / np.float32(height.shape[0] * 0.012) * np.float32(rng.uniform(0.2, 1.2)))
    out = np.empty_like(albedo)
    for channel, creep in enumerate((0.35, 0.15, 0.08)):
        key = np.clip((facing + creep) / (1 + creep), 0, 1)
        out[..., channel] = albedo[..., channel] * (key * (1.15 - room) + room * (0.6 + 0.4 * up)) * open_to_light
    gloss = rng.choice([0.0, 0.03, 0.15])
    if gloss or wet is not None:
        half = lamp + np.array([0, 0, 1.0])
        half = half / np.linalg.norm(half)
        mirror = np.clip((half[2] - across * half[0] - down * half[1]) * up, 0, 1)
        shine = np.float32(gloss) * cv2.pow(mirror, 22.0)
        if wet is not None:
            shine = shine + wet * cv2.pow(mirror, 60.0) * np.float32(0.8)
        out += shine[..., None]
    return np.asarray(out, np.float32)
