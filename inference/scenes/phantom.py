"""The phantom: a drawn ward scene that holds every kind of identifier, and knows where each one and its wound are.

A device looks at it when it starts and every day: what comes out must hide all of that, and none of the wound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.covering import FILL, coverage
from inference.picture import Kind, Pixels
from inference.scenes.doll import draw_doll
from inference.scenes.drawing import draw_scene
from inference.scenes.values import Prop, SceneSpec

SIZE: Final = (1280, 960)
SEED: Final = 0
_PORTRAIT, _CORNER = 240, 20
_HIDDEN: Final = 0.98
"""Share of each identifier that must be gone; drawn text is set to the pixel, and its outline is not."""
_HARMED: Final = 0.05
"""Share of the wound that may be."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """The drawn picture, H×W×3 uint8 RGB, with where its identifiers and its wound are."""

    pixels: Pixels = field(repr=False)
    identifiers: tuple[tuple[Kind, Mask], ...] = field(repr=False)
    wound: Mask = field(repr=False)

    def shortcomings(self, covered: Pixels) -> tuple[str, ...]:
        """What is wrong with this de-identified phantom, in the order of the kinds; nothing if it is as it should be.

        Each is the name of a kind of which something can still be seen, or "wound" where that was covered.
        """
        if covered.shape != self.pixels.shape:
            return (*(kind.value for kind in Kind), "wound")
        hidden = np.asarray((covered == np.asarray(FILL, np.uint8)).all(axis=2))
        seen = {kind for kind, mask in self.identifiers if hidden[mask].mean() < _HIDDEN}
        harmed = ("wound",) if hidden[self.wound].mean() > _HARMED else ()
        return (*(kind.value for kind in Kind if kind in seen), *harmed)


def draw_phantom() -> Phantom:
    """The phantom: always the same."""
    props = (Prop.WRISTBAND, Prop.BADGE, Prop.LABEL)
    scene = draw_scene(SceneSpec(SEED, props=props, tattoo=True), SIZE)
    doll, face = draw_doll(_PORTRAIT)
    pixels = scene.pixels.copy()
    corner = (slice(_CORNER, _CORNER + _PORTRAIT), slice(_CORNER, _CORNER + _PORTRAIT))
    pixels[corner] = doll
    whole_face = np.zeros(pixels.shape[:2], np.bool_)
    whole_face[corner] = face
    drawn = [(region.kind, coverage(*SIZE, [region.polygon]) & ~whole_face) for region in scene.truth]
    return Phantom(pixels, ((Kind.FACE, whole_face), *drawn), scene.wound_mask & ~whole_face)
