"""A row of scenes for a demonstration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.scenes.chance import BESIDE, some_person, some_wound
from inference.scenes.drawing import draw_scene
from inference.scenes.values import Prop, Scene, SceneSpec, View

_SIZES = ((1600, 1200), (1920, 1080), (2048, 1536), (2592, 1944), (1944, 2592), (3264, 2448), (4000, 3000))
_TONES = (3, 7, 5, 9, 2, 6, 8, 4, 10, 1)


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
            props=tuple(p for p in BESIDE[place % len(BESIDE)] if view is View.LIMB or p is not Prop.WRISTBAND),
            person=some_person(rng),
            wound=some_wound(rng),
        )
        yield f"scene-{place + 1:03d}", draw_scene(spec, _SIZES[place % len(_SIZES)])
