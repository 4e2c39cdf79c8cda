"""Bodies with toes, fingers, ears and nipples where people have them: MakeHuman's mesh and skins, seen from anywhere.

The mesh stands with its arms out; a picture shows a hand's breadth or a whole trunk of it, from a point that is chosen
by chance, so that feet, hands and heads come as often as limbs. Only shape and colour come from there: light, wounds
and ink are laid on as on every other body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.texture import Field
from inference.training.sources import MESH, SKINS
from inference.training.surfaces import Body, Picture, skin, tone_colour

Points = NDArray[np.float32]

_QUAD: Final = 10
"""Numbers for one face in the mesh's file: flags, four vertices, a material, four places on the skin."""
_BODY: Final = 0
_EYES: Final = (6, 7)
_WHITE: Final = np.array([0.45, 0.42, 0.4], np.float32)
_DARK: Final = 5.5
"""The tone of the Monk scale from which MakeHuman's dark skins are taken."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a picture is about: how often, from where to where on the body (0 sole, 1 crown), how far to its side."""

    share: float
    lowest: float
    highest: float
    aside: float = 0.0


FEET: Final = Part(0.30, 0.0, 0.06)
LEGS: Final = Part(0.20, 0.0, 0.5)
ARMS: Final = Part(0.15, 0.5, 0.9, aside=2.2)
TRUNK: Final = Part(0.20, 0.45, 0.88)
HEAD: Final = Part(0.15, 0.84, 1.0)
PARTS: Final = (FEET, LEGS, ARMS, TRUNK, HEAD)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The mesh and its skins.

    Attributes:
        places: N×3, x to the left hand, y up, z forwards; a tenth of a metre each.
        triangles: M×3 indices into `places`.
        skin_places: M×3×2, where each corner lies on the skin's picture, 0..1, y down.
        eyes: M, true where a triangle is an eyeball.
        light, dark: the skins, each H×W×3 float32 of linear light.
    """

    places: Points
    triangles: NDArray[np.int32]
    skin_places: Points
    eyes: NDArray[np.bool_]
    light: tuple[Picture, ...]
    dark: tuple[Picture, ...]

    @classmethod
    def load(cls, folder: Path) -> People:
        """People out of the sources in `folder`."""
        mesh = json.loads(MESH.at(folder).read_text("utf-8"))
        faces = np.asarray(mesh["faces"], np.int32).reshape(-1, _QUAD)
        faces = faces[np.isin(faces[:, 5], (_BODY, *_EYES))]
        places = np.asarray(mesh["vertices"], np.float32).reshape(-1, 3)
        on_skin = np.asarray(mesh["uvs"][0], np.float32).reshape(-1, 2)
        on_skin[:, 1] = 1 - on_skin[:, 1]
        corners, spots = faces[:, 1:5], faces[:, 6:10]
        halves = ((0, 1, 2), (0, 2, 3))
        skins = [(source.file.path, _read(source.at(folder))) for source in SKINS]
        return cls(
            places,
            np.concatenate([corners[:, half] for half in halves]),
            np.concatenate([on_skin[spots[:, half]] for half in halves]),
            np.tile(np.isin(faces[:, 5], _EYES), 2),
            tuple(picture for path, picture in skins if "dark" not in path),
            tuple(picture for path, picture in skins if "dark" in path),
        )

    def body(self, rng: np.random.Generator, side: int, part: Part | None = None) -> Body:
        """Somebody's body or a part of it, any or that one, in a square of `side` pixels, not yet lit."""
        shape = self._shaped(rng)
        chosen = part or PARTS[int(rng.choice(len(PARTS), p=[one.share for one in PARTS]))]
        middle = self._looked_at(rng, shape, chosen)
        turn = _turned(rng)
        reach = float(np.exp(rng.uniform(np.log(0.6), np.log(3.8))))
        seen = np.asarray((shape - middle) @ turn.T * np.float32(side / (2 * reach)), np.float32)
        seen[:, :2] += np.float32(side / 2) + rng.normal(0, side * 0.08, 2).astype(np.float32)
        view = _rasterised(seen, self.triangles, self.skin_places, self.eyes, side)
        tone = float(rng.uniform(1, 10))
        skins = self.dark if tone > _DARK else self.light
        base = skins[int(rng.integers(len(skins)))]
        albedo = cv2.remap(base, view.across * base.shape[1], view.down * base.shape[0], cv2.INTER_CUBIC)
        tint = tone_colour(rng, tone)
        flat = cv2.resize(base, (1, 1), interpolation=cv2.INTER_AREA)[0, 0]
        detail = skin(rng, side, tone) / tint
        albedo = np.where(view.eyes[..., None], _WHITE, albedo * (tint / flat) * detail)
        height = cv2.GaussianBlur(np.where(view.inside, view.height, view.lowest), (0, 0), 1.8)
        outline = cv2.GaussianBlur(view.inside.astype(np.float32), (0, 0), 0.6)
        return Body(
            np.asarray(outline, np.float32),
            np.asarray(height - view.lowest, np.float32),
            np.asarray(np.clip(albedo, 0.002, 1), np.float32),
            tone,
        )

    def _shaped(self, rng: np.random.Generator) -> Points:
        """The mesh broader or narrower, mirrored now and then, swollen here and there."""
        shape = self.places * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
        waves = rng.normal(0, 0.6, (4, 3)).astype(np.float32)
        for wave in waves:
            shape = shape * (1 + np.float32(0.02) * np.sin(self.places @ wave + np.float32(rng.uniform(0, 6)))[:, None])
        return np.asarray(shape, np.float32)

    def _looked_at(self, rng: np.random.Generator, shape: Points, part: Part) -> Points:
        """The place on the body that the picture is about."""
        used = np.unique(self.triangles)
        low, high = (float(f(shape[used, 1])) for f in (np.min, np.max))
        at = (shape[used, 1] - low) / (high - low)
        fits = used[(at >= part.lowest) & (at <= part.highest) & (np.abs(shape[used, 0]) >= part.aside)]
        return np.asarray(shape[int(rng.choice(fits))], np.float32)


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} is no picture")
    return np.asarray((picture[..., ::-1].astype(np.float32) / 255) ** 2.2, np.float32)


def _turned(rng: np.random.Generator) -> Points:
    """A rotation: any way round the body, from well above to well below, and any roll of the camera."""
    around, rise, roll = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.7), rng.uniform(0, 2 * np.pi)
    steps = ((around, 0, 2), (rise, 1, 2), (roll, 0, 1))
    turn = np.eye(3)
    for angle, one, other in steps:
        step = np.eye(3)
        step[[one, other], [one, other]] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return np.asarray(turn, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What is seen at each pixel: the place on the skin, 0..1, the height towards the camera in pixels, eyes."""

    across: Field
    down: Field
    height: Field
    inside: NDArray[np.bool_]
    eyes: NDArray[np.bool_]

    @property
    def lowest(self) -> np.float32:
        """The height of what lies farthest from the camera."""
        return np.float32(self.height[self.inside].min() if self.inside.any() else 0)


def _rasterised(
    corners: Points, triangles: NDArray[np.int32], spots: Points, eyes: NDArray[np.bool_], side: int
) -> _View:
    """The nearest triangle at each pixel; `corners` are N×3, pixels across and down, and height towards the camera."""
    at = corners[triangles]
    edges = at[:, 1:, :2] - at[:, :1, :2]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    low, high = at[..., :2].min(axis=1), at[..., :2].max(axis=1)
    shown = (area > 1e-6) & (high >= 0).all(axis=1) & (low < side).all(axis=1)
    first = np.maximum(np.floor(low[shown]), 0).astype(np.int32)
    last = np.minimum(np.ceil(high[shown]), side - 1).astype(np.int32)
    span = (last - first).max(axis=1) + 1
    numbers = np.nonzero(shown)[0]
    found: list[tuple[NDArray[Any], ...]] = []
    bound = 1
    while len(numbers):
        bound *= 2
        fits = span <= bound
        if fits.any():
            here = numbers[fits]
            *pixels, box = _inside(at[here], area[here], first[fits], bound, side)
            found.append((*pixels, here[box]))
            numbers, first, span = numbers[~fits], first[~fits], span[~fits]
    flat, near, first_share, second_share, number = (
        [np.concatenate(column) for column in zip(*found, strict=True)] if found else [np.zeros(0, np.int64)] * 5
    )
    # Written from the farthest to the nearest: the last one stays.
    order = np.argsort(near, kind="stable")
    top = np.full(side * side, -1, np.int64)
    top[flat[order]] = order
    seen = top >= 0
    of = top[seen]
    shares = np.stack([1 - first_share[of] - second_share[of], first_share[of], second_share[of]], axis=1)
    spot = (spots[number[of]] * shares[..., None]).sum(axis=1)
    planes = np.zeros((3, side * side), np.float32)
    planes[:, seen] = np.stack([spot[:, 0], spot[:, 1], near[of]])
    eye = np.zeros(side * side, np.bool_)
    eye[seen] = eyes[number[of]]
    across, down, height = planes.reshape(3, side, side)
    return _View(across, down, height, seen.reshape(side, side), eye.reshape(side, side))


def _inside(at: Points, area: Field, first: NDArray[np.int32], bound: int, side: int) -> tuple[NDArray[Any], ...]:
    """Pixels within each triangle out of a box of `bound`² pixels: place, height, shares of two corners, which box."""
    ys, xs = np.mgrid[:bound, :bound].reshape(2, -1)
    across, down = first[:, :1] + xs, first[:, 1:] + ys
    (x0, y0), edges = at[:, 0, :2].T, at[:, 1:, :2] - at[:, :1, :2]
    dx, dy = across - x0[:, None], down - y0[:, None]
    one = (dx * edges[:, 1, 1, None] - dy * edges[:, 1, 0, None]) / area[:, None]
    other = (dy * edges[:, 0, 0, None] - dx * edges[:, 0, 1, None]) / area[:, None]
    slack = -1e-4
    hit = (one >= slack) & (other >= slack) & (one + other <= 1 - slack) & (across < side) & (down < side)
    z = at[:, :, 2]
    height = z[:, :1] * (1 - one - other) + z[:, 1:2] * one + z[:, 2:] * other
    return (down[hit] * side + across[hit]).astype(np.int64), height[hit], one[hit], other[hit], np.nonzero(hit)[0]
