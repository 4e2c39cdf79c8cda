"""The sets: what a picture of each shows. A set's name, a seed and a place in it decide every pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from inference.scenes.chance import some_wound
from inference.scenes.sets.camera import Shot
from inference.scenes.sets.finishing import finished
from inference.scenes.sets.grounds import Ground, Place, bare
from inference.scenes.sets.motifs import MOTIFS
from inference.scenes.sets.patterns import PATTERNS
from inference.scenes.sets.table import Table
from inference.scenes.sets.values import Drawn
from inference.scenes.sets.with_codes import coded
from inference.scenes.sets.with_paper import papered
from inference.scenes.sets.without_names import STAGES, plain_things, staged, sutured, wounded
from inference.scenes.values import Wound

SIZES: Final = (
    (1600, 1200),
    (1200, 1600),
    (1280, 960),
    (900, 1200),
    (1920, 1080),
    (1200, 1200),
    (1500, 2000),
    (1200, 900),
)
TONES: Final = (3, 8, 5, 10, 1, 7, 4, 9, 2, 6)
"""The order of skin tones; ten pictures in a row have them all, but those without skin."""


class Asked(NamedTuple):
    """A ground, and what is laid onto it."""

    ground: Ground
    lay: Callable[[Table], None]


class Recipe(NamedTuple):
    """A set: what it is for, what its picture at a place shows, and how many pictures in a row share all chance."""

    about: str
    asked: Callable[[np.random.Generator, int, int, int], Asked]
    alike: int = 1


def _paper(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    where = (Place.HAND, Place.LIMB, Place.BED, Place.SHEET, Place.TRUNK)[(place + place // 10) % 5]
    wound = some_wound(rng) if where in {Place.LIMB, Place.TRUNK} and rng.random() < 0.6 else None
    return Asked(Ground(where, seed, tone, wound, pattern=_print(rng, 0.25)), papered)


def _codes(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    where = (Place.SHEET, Place.HAND, Place.SHEET, Place.LIMB, Place.SHEET, Place.TRUNK)[(place + place // 6) % 6]
    wound = some_wound(rng) if where is Place.LIMB and rng.random() < 0.4 else None
    return Asked(Ground(where, seed, tone, wound, pattern=_print(rng, 0.3)), lambda table: coded(table, place))


def _wounds(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    where = (Place.LIMB, Place.TRUNK, Place.LIMB, Place.HAND, Place.BED)[(place + place // 10) % 5]
    stage = STAGES[(place + place // len(STAGES)) % len(STAGES)]
    wound = _fitting(staged(rng, stage), where)
    ground = Ground(where, seed, tone, wound, pattern=_print(rng, 0.2), bruised=bool(rng.random() < 0.25))

    def lay(table: Table) -> None:
        if stage == "sutured":
            sutured(table)
        wounded(table)

    return Asked(ground, lay)


def _clean(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    where = tuple(Place)[(place + place // 10) % len(Place)]
    wound = _fitting(some_wound(rng), where) if rng.random() < 0.4 else None
    gloved = where is Place.HAND and rng.random() < 0.3
    ground = Ground(
        where,
        seed,
        tone,
        None if gloved else wound,
        pattern=_print(rng, 0.5),
        bruised=bool(rng.random() < 0.3) and not gloved,
        gloved=gloved,
    )
    return Asked(ground, plain_things)


def _ward(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    asked = (_paper, _codes, _wounds, _clean)[place % 4](rng, seed, place // 4, tone)
    if asked.ground.place in {Place.LIMB, Place.TRUNK} and rng.random() < 0.4:
        return Asked(replace(asked.ground, tattoo=True), asked.lay)
    return asked


def _tones(rng: np.random.Generator, seed: int, place: int, tone: int) -> Asked:
    scene, unmarked = divmod(place // len(TONES), 2)
    where = (Place.LIMB, Place.TRUNK, Place.LIMB, Place.HAND)[(scene + scene // 12) % 4]
    stage = STAGES[(scene + scene // len(STAGES)) % len(STAGES)]
    wound = _fitting(staged(rng, stage), where) if unmarked or rng.random() < 0.5 else None
    pattern, bruised = _print(rng, 0.2), bool(unmarked and rng.random() < 0.25)
    drawing = "" if unmarked else list(MOTIFS)[scene % len(MOTIFS)]
    ground = Ground(where, seed, tone, wound, pattern=pattern, bruised=bruised, motif=drawing, metered=True)
    return Asked(ground, wounded if wound else lambda _: None)


SETS: Mapping[str, Recipe] = MappingProxyType({
    "paper": Recipe("wristbands, badges, labels, screens, notices and handwriting", _paper),
    "codes": Recipe("barcodes of every clinical symbology, some damaged or cut by the frame", _codes),
    "wounds": Recipe("wounds of all stages on every skin tone, nothing that identifies", _wounds),
    "clean": Recipe("skin, cloth, dressings and wounds, nothing that identifies", _clean),
    "ward": Recipe("all of these in turn, and tattoos", _ward),
    "tones": Recipe("tattoos, and wounds without one: each scene on ten skin tones, alike but for them", _tones, 10),
})  # fmt: skip


def draw_picture(name: str, seed: int, place: int) -> Drawn:
    """The picture at a place (0 is the first) of the set `name` with that seed; it is always the same.

    Raises:
        ValueError: no such set, or a number below nought.
    """
    recipe = _recipe(name, seed, place)
    rng = np.random.default_rng((seed, list(SETS).index(name), place // recipe.alike))
    tone = TONES[(place + seed) % len(TONES)]
    asked = recipe.asked(rng, int(rng.integers(2**31)), place, tone)
    table = Table(rng, bare(asked.ground, SIZES[int(rng.integers(len(SIZES)))]))
    asked.lay(table)
    about = f"{asked.ground.place}, {'with' if asked.ground.wound else 'without'} wound"
    return finished(
        rng,
        table.board,
        Shot.some(rng),
        name=f"{name}-{place + 1:04d}",
        skin_tone=None if asked.ground.gloved else tone,
        about=about,
    )


def draw_set(name: str, *, count: int = 60, seed: int = 1) -> Iterator[Drawn]:
    """The first `count` pictures of a set, drawn one by one.

    Raises:
        ValueError: no such set, or a number below nought.
    """
    _recipe(name, seed, count)
    return (draw_picture(name, seed, place) for place in range(count))


def _recipe(name: str, *numbers: int) -> Recipe:
    if name not in SETS:
        raise ValueError(f"no set is called {name!r}; there are {', '.join(SETS)}")
    if min(numbers) < 0:
        raise ValueError("a seed, a place and a count are not negative")
    return SETS[name]


def _print(rng: np.random.Generator, chance: float) -> str:
    return list(PATTERNS)[int(rng.integers(len(PATTERNS)))] if rng.random() < chance else ""


def _fitting(wound: Wound | None, where: Place) -> Wound | None:
    """The wound no larger than an arm across a bed, or a hand, has room for."""
    largest = {Place.BED: 4.5, Place.HAND: 6.0}.get(where, 20.0)
    return wound and replace(wound, radius=min(wound.radius, largest))
