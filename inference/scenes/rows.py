"""Scenes made up from a seed alone, and a row of them for a demonstration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.scenes.drawing import draw_scene
from inference.scenes.values import Person, Prop, Scene, SceneSpec, View, Wound

_NAMES = (
    "MARTHA EXAMPLE",
    "AMARA SPECIMEN",
    "JOHN SAMPLE",
    "LUCIA MUSTER",
    "OMAR FICTION",
    "WEI PLACEHOLDER",
    "ANNA NOBODY",
    "KOFI INVENTED",
)
_CLINICIANS = ("IRIS SAMPLE", "TOM EXAMPLE", "LEILA DEMO", "PAUL MODEL")
_BESIDE = (
    (Prop.WRISTBAND, Prop.BADGE, Prop.RULER),
    (Prop.WRISTBAND, Prop.LABEL, Prop.GAUZE),
    (Prop.LABEL, Prop.RULER, Prop.QR),
    (Prop.WRISTBAND, Prop.SCREEN, Prop.RULER),
    (Prop.WRISTBAND, Prop.QR, Prop.BADGE, Prop.RULER),
    (Prop.BADGE, Prop.RULER),
)
_SIZES = ((1600, 1200), (1920, 1080), (2048, 1536), (2592, 1944), (1944, 2592), (3264, 2448), (4000, 3000))
_TONES = (3, 7, 5, 9, 2, 6, 8, 4, 10, 1)


def imagined(seed: int, *, person: Person | None = None) -> SceneSpec:
    """A scene of which everything is left to `seed`, but the person where one is given."""
    rng = np.random.default_rng((seed, 11))
    view = View.TRUNK if rng.random() < 0.3 else View.LIMB
    props = _BESIDE[int(rng.integers(len(_BESIDE)))]
    return SceneSpec(
        seed=seed,
        tone=int(rng.integers(1, 11)),
        view=view,
        props=tuple(prop for prop in props if view is View.LIMB or prop is not Prop.WRISTBAND),
        person=person or _person(rng),
        wound=_wound(rng),
    )


def demo_row(count: int, seed: int = 1) -> Iterator[tuple[str, Scene]]:
    """`count` scenes of 2 to 12 megapixels as (name, scene), drawn one by one; every tone and every prop comes round.

    The name says the place in the row and nothing about what is in the picture.
    """
    for place in range(count):
        rng = np.random.default_rng((seed, place, 12))
        view = View.TRUNK if place % 6 == 2 else View.LIMB
        spec = SceneSpec(
            seed=seed * 1000 + place,
            tone=_TONES[(place + seed - 1) % len(_TONES)],
            view=view,
            props=_BESIDE[place % len(_BESIDE)],
            person=_person(rng),
            wound=_wound(rng),
        )
        yield f"scene-{place + 1:03d}", draw_scene(spec, _SIZES[place % len(_SIZES)])


def _person(rng: np.random.Generator) -> Person:
    return Person(
        name=_NAMES[int(rng.integers(len(_NAMES)))],
        born=f"{int(rng.integers(1931, 2006))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}",
        number=f"{int(rng.integers(1, 10**8)):08d}",
        clinician=_CLINICIANS[int(rng.integers(len(_CLINICIANS)))],
    )


def _wound(rng: np.random.Generator) -> Wound:
    return Wound(
        radius=float(rng.uniform(8, 13)),
        slough=float(rng.uniform(0.1, 0.5)),
        necrosis=float(rng.choice([0.0, 0.05, 0.15])),
    )
