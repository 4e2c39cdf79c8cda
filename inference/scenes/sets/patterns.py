"""Prints on cloth that mean nothing: stripes, checks, dots and sprigs; to a machine they look like codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from inference.scenes.body import grid
from inference.scenes.light import Linear, linear
from inference.scenes.texture import Field, smoothstep

_INKS = ((70, 110, 170), (180, 80, 90), (60, 120, 96), (120, 96, 150), (200, 150, 70))


def _stripes(x: Field, y: Field) -> Field:
    del y
    return smoothstep(0.25, 0.45, np.asarray(np.sin(x) + 0.45 * np.sin(3 * x + 1), np.float32))


def _checks(x: Field, y: Field) -> Field:
    across, down = smoothstep(-0.1, 0.1, np.sin(x)), smoothstep(-0.1, 0.1, np.sin(y))
    return np.asarray(0.5 * (across + down), np.float32)


def _dots(x: Field, y: Field) -> Field:
    return smoothstep(0.55, 0.75, np.asarray(np.sin(x) * np.sin(y), np.float32))


def _sprigs(x: Field, y: Field) -> Field:
    petals = np.cos(5 * np.arctan2(np.sin(y), np.sin(x)))
    away = np.sqrt(np.sin(x) ** 2 + np.sin(y) ** 2)
    return smoothstep(-0.06, 0.06, np.asarray(0.42 + 0.16 * petals - away, np.float32))


PATTERNS: Mapping[str, Callable[[Field, Field], Field]] = MappingProxyType(
    {"stripes": _stripes, "checks": _checks, "dots": _dots, "sprigs": _sprigs}
)


def printed(rng: np.random.Generator, name: str, shape: tuple[int, int], unit: float, folds: Field) -> Linear:
    """What to multiply the cloth's colour with; the print follows the folds a little."""
    x, y = grid(shape)
    turn, step = rng.uniform(0, np.pi), np.float32(2 * np.pi / (rng.uniform(2.2, 9) * unit))
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = (x + 0.6 * folds) * cosine + y * sine, y * cosine - (x + 0.6 * folds) * sine
    ink = PATTERNS[name](np.asarray(u * step, np.float32), np.asarray(v * step, np.float32))
    tint = linear(_INKS[int(rng.integers(len(_INKS)))]) * np.float32(1.1)
    return np.asarray(1 + (tint[:, None, None] - 1) * ink * np.float32(rng.uniform(0.5, 0.9)), np.float32)
