"""What happens to skin and is no tattoo: wounds of all stages, bruises, rashes, scars, sutures, and a surgeon's marker.

Each function changes a body's colour in place. A wound also gives the field (0..1) of where it is, because the network
learns wounds as a kind of their own: what is wound is not ink, and it must not be covered in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.light import linear
from inference.scenes.texture import Field, bell, fractal, smoothstep
from inference.training.surfaces import Body, Picture

_RED = ((150, 30, 28), (190, 52, 48), (110, 18, 20), (205, 90, 80))
_SLOUGH = ((214, 190, 110), (196, 170, 90), (222, 208, 160), (150, 140, 80))
_DEAD = ((34, 26, 22), (62, 44, 34), (20, 18, 18), (80, 66, 50))
_NEW = ((226, 150, 146), (214, 130, 132), (240, 190, 180))
_BRUISE = ((70, 32, 70), (52, 48, 92), (120, 110, 52), (88, 96, 60), (96, 30, 44))


def wound(rng: np.random.Generator, body: Body) -> tuple[Field, Field]:
    """Puts a wound into the body; gives where it is, and how wet it shines there."""
    side = body.outline.shape[0]
    ys, xs = np.nonzero(body.outline > 0.5)
    if not len(xs):
        return np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    pick = int(rng.integers(len(xs)))
    radius = side * float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
    edge = _edge(rng, side, (float(xs[pick]), float(ys[pick])), radius)
    inside = smoothstep(-0.04, 0.06, edge) * body.outline
    halo = bell(np.minimum(edge, 0) * np.float32(rng.uniform(1.2, 5))) * body.outline
    flush = rng.choice([0.0, rng.uniform(0.2, 0.6)])
    body.albedo *= 1 - halo[..., None] * np.array([0.02, 0.5, 0.45], np.float32) * np.float32(flush)
    if rng.random() < 0.35:  # macerated or callused edge
        pale = bell((edge + 0.15) * np.float32(rng.uniform(4, 12)))[..., None] * np.float32(rng.uniform(0.3, 0.9))
        body.albedo[:] = body.albedo * (1 - pale) + linear(_SLOUGH[2]) * pale
    if rng.random() < 0.25:  # darkened edge
        dark = bell((edge + 0.2) * np.float32(rng.uniform(2, 7)))[..., None] * np.float32(rng.uniform(0.3, 0.85))
        body.albedo *= 1 - dark * np.array([0.75, 0.85, 0.9], np.float32)
    bed = _tissue(rng, side, radius)
    body.albedo[:] = body.albedo * (1 - inside[..., None]) + bed * inside[..., None]
    rough = fractal(rng, (side, side), max(3.0, radius * 0.3), octaves=3)
    body.height += inside * (rough * np.float32(radius * 0.04) - np.float32(radius * rng.uniform(0, 0.25)))
    return np.asarray(inside, np.float32), np.asarray(inside * np.float32(rng.choice([0.05, 0.5, 1.0])), np.float32)


def _edge(rng: np.random.Generator, side: int, middle: tuple[float, float], radius: float) -> Field:
    """Share of the radius inside the edge: positive where the wound is."""
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    turn, stretch = rng.uniform(0, np.pi), np.float32(np.exp(rng.normal(0, 0.35)))
    dx, dy = (x - np.float32(middle[0])) / np.float32(radius), (y - np.float32(middle[1])) / np.float32(radius)
    u = (dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))) * stretch
    v = (-dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))) / stretch
    jagged = fractal(rng, (side, side), max(4.0, radius * rng.uniform(0.4, 1.4)), octaves=4)
    return np.asarray(1 - np.sqrt(u * u + v * v) + jagged * np.float32(rng.uniform(0.05, 0.3)), np.float32)


def _tissue(rng: np.random.Generator, side: int, radius: float) -> Picture:
    """Granulation with slough, dead tissue and new skin, in any shares."""
    shape = (side, side)
    bed = np.broadcast_to(_pick(rng, _RED), (*shape, 3)) * (
        1 + fractal(rng, shape, max(3.0, radius * 0.15), octaves=3)[..., None] * np.float32(0.25)
    )
    for row, often in ((_SLOUGH, 0.55), (_DEAD, 0.35), (_NEW, 0.3), (_DEAD, 0.15)):
        if rng.random() < often:
            level = rng.uniform(-1.5, 1.2)
            patch = fractal(rng, shape, max(4.0, radius * rng.uniform(0.3, 1.2)), octaves=4)
            share = smoothstep(level - 0.2, level + 0.4, patch)[..., None]
            bed = bed * (1 - share) + _pick(rng, row) * share
    fine = fractal(rng, shape, max(2.0, radius * 0.06), octaves=2)[..., None]
    return np.asarray(np.clip(bed * (1 + fine * np.float32(0.15)), 0.002, 1), np.float32)


def _pick(rng: np.random.Generator, row: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
    """One colour of a row, as linear light."""
    return linear(row[int(rng.integers(len(row)))])


def _stroke(target: NDArray[np.uint8], points: NDArray[np.float64], thick: int) -> None:
    """Draws a line through N×2 points, in place."""
    cv2.polylines(target, [np.round(points * 8).astype(np.int32)], False, 255, max(1, thick), cv2.LINE_AA, 3)


def bruise(rng: np.random.Generator, body: Body) -> None:
    """A bruise or a stain of blood or iodine: soft, blotched, no lines."""
    side = body.outline.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        middle = (float(rng.uniform(0, side)), float(rng.uniform(0, side)))
        edge = _edge(rng, side, middle, side * rng.uniform(0.05, 0.35))
        soft = rng.uniform(0.1, 0.9)
        blotch = 0.7 + 0.3 * fractal(rng, (side, side), side * 0.05, octaves=3)
        share = smoothstep(-soft, soft, edge) * np.clip(blotch, 0, 1) * np.float32(rng.uniform(0.3, 0.9))
        tint = linear(_BRUISE[int(rng.integers(len(_BRUISE)))]) if rng.random() < 0.75 else linear((150, 80, 20))
        body.albedo *= 1 - share[..., None] * (1 - np.clip(tint * np.float32(2.2), 0, 1))


def rash(rng: np.random.Generator, body: Body) -> None:
    """Many small red or dark spots: petechiae, a rash, folliculitis."""
    side = body.outline.shape[0]
    spots = np.zeros((side, side), np.uint8)
    spread, middle = side * rng.uniform(0.08, 0.4), rng.uniform(0, side, 2)
    size = rng.uniform(0.5, 4)
    for x, y in rng.normal(middle, spread, (int(rng.integers(20, 260)), 2)):
        cv2.circle(spots, (int(x * 8), int(y * 8)), int(8 * size * rng.uniform(0.4, 1.2)), int(rng.integers(60, 220)),
                   -1, cv2.LINE_AA, 3)  # fmt: skip
    share = cv2.GaussianBlur(spots, (0, 0), max(0.5, size * 0.3)).astype(np.float32)[..., None] / 255
    dark = rng.uniform(0.2, 0.8)
    body.albedo *= 1 - share * np.array([0.5 * dark, 0.8, 0.75], np.float32)


def scar(rng: np.random.Generator, body: Body) -> None:
    """A scar, a row of stretch marks or swollen veins: soft lines paler, redder or bluer than the skin."""
    side = body.outline.shape[0]
    lines = np.zeros((side, side), np.uint8)
    turn = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.choice([1, 1, 2, 8]))):
        start, way = rng.uniform(0, side, 2), turn + rng.normal(0, 0.15)
        angle = way + np.cumsum(rng.normal(0, 0.12, 24))
        spine = (
            start + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), axis=0) * side * rng.uniform(0.1, 0.6) / 24
        )
        thick = max(1, int(side * rng.uniform(0.004, 0.025)))
        _stroke(lines, spine, thick)
    share = cv2.GaussianBlur(lines, (0, 0), side * rng.uniform(0.003, 0.012)).astype(np.float32)[..., None] / 255
    tints = ([1.25, 1.2, 1.2], [1.05, 0.7, 0.7], [0.75, 0.8, 0.95], [0.7, 0.6, 0.6])
    tint = np.array(tints[int(rng.integers(4))], np.float32)
    body.albedo *= 1 + share * (tint - 1)
    body.height += share[..., 0] * np.float32(side * rng.uniform(-0.004, 0.012))


def closed_with(rng: np.random.Generator, body: Body) -> None:
    """A cut closed with stitches or staples."""
    side = body.outline.shape[0]
    start, turn = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0, 2 * np.pi)
    long = side * rng.uniform(0.15, 0.7)
    way, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    cut = np.zeros((side, side), np.uint8)
    _stroke(cut, np.array([start, start + way * long]), int(side * 0.008))
    red = cv2.GaussianBlur(cut, (0, 0), side * 0.006).astype(np.float32)[..., None] / 255
    body.albedo *= 1 - red * np.array([0.3, 0.8, 0.8], np.float32)
    thread = np.zeros((side, side), np.uint8)
    reach, step = side * rng.uniform(0.012, 0.035), side * rng.uniform(0.025, 0.06)
    for at in np.arange(step / 2, long, step):
        place = start + way * at
        _stroke(thread, np.array([place - across * reach, place + across * reach]), int(side * 0.006))
    share = (thread.astype(np.float32) / 255)[..., None]
    tint = linear(((20, 20, 26), (30, 50, 140), (190, 190, 196))[int(rng.integers(3))])
    body.albedo[:] = body.albedo * (1 - share) + tint * share


def marked(rng: np.random.Generator, body: Body) -> None:
    """A surgeon's marker: an outline around something, an arrow, a cross, a row of ticks. One even thin line."""
    side = body.outline.shape[0]
    lines = np.zeros((side, side), np.uint8)
    thick = max(1, int(side * rng.uniform(0.006, 0.016)))
    for _ in range(int(rng.integers(1, 4))):
        middle, size = rng.uniform(0.1, 0.9, 2) * side, side * rng.uniform(0.03, 0.25)
        turn = np.linspace(0, 2 * np.pi, 30)
        kind = int(rng.integers(4))
        if kind == 0:
            reach = size * (1 + 0.15 * np.sin(turn * 2 + rng.uniform(0, 6)))
            strokes = [middle + np.stack([np.cos(turn), np.sin(turn) * rng.uniform(0.5, 1)], 1) * reach[:, None]]
        elif kind == 1:
            way = rng.uniform(0, 2 * np.pi)
            arms = [(angle, size * long) for angle, long in ((way, 1.0), (way + 0.5, 0.6), (way - 0.5, 0.6))]
            strokes = [np.array([middle, middle + long * np.array([np.cos(a), np.sin(a)])]) for a, long in arms]
        elif kind == 2:
            a, b = np.array([size, size]) / 3, np.array([size, -size]) / 3
            strokes = [np.array([middle - a, middle + a]), np.array([middle - b, middle + b])]
        else:
            way = rng.uniform(0, 2 * np.pi)
            strokes = [np.array([middle, middle + size * 2 * np.array([np.cos(way), np.sin(way)])])]
        for stroke in strokes:
            _stroke(lines, stroke, thick)
    tint = linear(((40, 30, 110), (20, 22, 30), (90, 30, 110), (20, 90, 60))[int(rng.integers(4))])
    share = (lines.astype(np.float32) / 255)[..., None] * np.float32(rng.uniform(0.5, 0.95))
    body.albedo *= 1 - share * (1 - np.clip(tint * 2, 0, 1))
