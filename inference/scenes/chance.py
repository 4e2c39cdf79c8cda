"""What a seed alone decides: whose things lie there, what lies there, and what the wound is like."""

from __future__ import annotations

import numpy as np

from inference.scenes.values import Person, Prop, SceneSpec, View, Wound

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
BESIDE = (
    (Prop.WRISTBAND, Prop.BADGE, Prop.RULER),
    (Prop.WRISTBAND, Prop.LABEL, Prop.GAUZE),
    (Prop.LABEL, Prop.RULER, Prop.QR),
    (Prop.WRISTBAND, Prop.SCREEN, Prop.RULER),
    (Prop.WRISTBAND, Prop.QR, Prop.BADGE, Prop.RULER),
    (Prop.BADGE, Prop.RULER),
)
"""Props that find room beside each other."""


def imagined(seed: int, *, person: Person | None = None) -> SceneSpec:
    """A scene of which everything is left to `seed`, but the person where one is given."""
    rng = np.random.default_rng((seed, 11))
    view = View.TRUNK if rng.random() < 0.3 else View.LIMB
    props = BESIDE[int(rng.integers(len(BESIDE)))]
    return SceneSpec(
        seed=seed,
        tone=int(rng.integers(1, 11)),
        view=view,
        props=tuple(prop for prop in props if view is View.LIMB or prop is not Prop.WRISTBAND),
        person=person or some_person(rng),
        wound=some_wound(rng),
    )


def some_person(rng: np.random.Generator) -> Person:
    """An invented patient and clinician."""
    return Person(
        name=_NAMES[int(rng.integers(len(_NAMES)))],
        born=f"{int(rng.integers(1931, 2006))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}",
        number=f"{int(rng.integers(1, 10**8)):08d}",
        clinician=_CLINICIANS[int(rng.integers(len(_CLINICIANS)))],
    )


def some_wound(rng: np.random.Generator) -> Wound:
    """A wound as likely as another."""
    return Wound(
        radius=float(rng.uniform(8, 13)),
        slough=float(rng.uniform(0.1, 0.5)),
        necrosis=float(rng.choice([0.0, 0.05, 0.15])),
    )
