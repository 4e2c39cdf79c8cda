"""The sets `wounds` and `clean`: nobody is named in them, so whatever is covered there is covered for nothing."""

from __future__ import annotations

from typing import Final

import numpy as np

from inference.scenes.props import gauze
from inference.scenes.sets import papers, plain
from inference.scenes.sets.bending import Flat
from inference.scenes.sets.board import Finish
from inference.scenes.sets.grounds import Place
from inference.scenes.sets.papers import Given
from inference.scenes.sets.table import CLOTH, DOTS, SKIN, TAKEN, WALL, Maker, Table
from inference.scenes.values import Person, Wound

STAGES: Final = ("granulating", "sloughy", "necrotic", "mixed", "healing", "small", "large", "sutured")
"""What a wound of these sets can be like."""


def staged(rng: np.random.Generator, stage: str) -> Wound | None:
    """A wound of that stage; a sutured one is drawn by :func:`sutured` instead.

    Raises:
        ValueError: no such stage among :data:`STAGES`.
    """
    match stage:
        case "granulating":
            return Wound(float(rng.uniform(8, 14)), float(rng.uniform(0, 0.08)), 0.0)
        case "sloughy":
            return Wound(float(rng.uniform(8, 14)), float(rng.uniform(0.65, 0.92)), float(rng.uniform(0, 0.05)))
        case "necrotic":
            return Wound(float(rng.uniform(7, 13)), float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.55, 0.84)))
        case "mixed":
            return Wound(float(rng.uniform(9, 14)), float(rng.uniform(0.25, 0.45)), float(rng.uniform(0.12, 0.35)))
        case "healing":
            return Wound(float(rng.uniform(3.5, 6)), 0.0, 0.0)
        case "small":
            return Wound(float(rng.uniform(2.2, 4)), float(rng.uniform(0, 0.6)), float(rng.uniform(0, 0.3)))
        case "large":
            return Wound(float(rng.uniform(15, 19)), float(rng.uniform(0.1, 0.5)), float(rng.uniform(0, 0.3)))
        case "sutured":
            return None
    raise ValueError(f"no stage is called {stage!r}; there are {', '.join(STAGES)}")


def sutured(table: Table) -> None:
    """A closed cut with stitches or staples across it, along the limb."""
    rng, unit = table.rng, table.unit
    length = float(rng.uniform(20, 34)) * (0.5 if table.bare.ground.place in {Place.HAND, Place.BED} else 1.0)
    x, y = table.bare.middle
    turn = float(np.pi / 2 - table.bare.limb.lean + rng.normal(0, 0.3))
    bend = Flat(x, y, turn, unit * (0.6 if length < 18 else 1.0))
    cut = plain.cut(rng, bend.size * DOTS, length)
    table.board.lay(cut, bend, Finish.INK, cut=True)
    table.board.lay(plain.stitches(rng, bend.size * DOTS, length), bend, Finish.INK)
    rows, columns = (int(v / unit) for v in (y, x))
    reach = int(length * bend.size / unit / 2) + 3
    table.cells[max(0, rows - reach) : rows + reach, max(0, columns - reach) : columns + reach] = TAKEN


def wounded(table: Table) -> None:
    """A wound, and what lies beside one: a scale without figures, gauze, a marker's outline."""
    rng = table.rng
    if rng.random() < 0.5:
        _beside(table, lambda k: plain.ruler(rng, k))
    if rng.random() < 0.35:
        _beside(table, lambda k: gauze(Person(), rng, k))
    if rng.random() < 0.25:
        outlined(table)


def outlined(table: Table) -> None:
    """A marker's line around the wound, as the edge of a redness is followed from day to day."""
    ground = table.bare.ground
    radius = (ground.wound.radius if ground.wound else 6.0) * 1.7
    if ground.place in {Place.LIMB, Place.TRUNK}:
        sheet = plain.outline(table.rng, table.unit * DOTS, radius)
        table.board.lay(sheet, Flat(*table.bare.middle, 0.0, table.unit), Finish.INK)


def plain_things(table: Table) -> None:
    """What lies around where nobody is named: blank paper, dressings, tape, tubes, curves without figures."""
    rng = table.rng
    makers: tuple[Maker, ...] = (
        lambda k: plain.paper(rng, k),
        lambda k: plain.dressing(rng, k),
        lambda k: plain.tape(rng, k),
        lambda k: plain.ruler(rng, k),
        lambda k: gauze(Person(), rng, k),
        lambda k: plain.tube(rng, k),
    )
    for place in rng.permutation(len(makers))[: int(rng.integers(1, 4))]:
        _beside(table, makers[int(place)])
    if table.bare.ground.place is Place.BED:
        for make in (lambda k: plain.paper(rng, k), lambda k: papers.monitor(Given.some(rng, k), words=False)):
            size = float(rng.uniform(0.35, 0.7)) * table.unit
            table.put(make, size, Finish.PAPER, WALL, turn=float(rng.normal(0, 0.03)))
    if table.bare.ground.wound is not None and rng.random() < 0.3:
        outlined(table)
    ground = table.bare.ground
    if ground.wound is None and ground.place is not Place.SHEET and not ground.gloved and rng.random() < 0.25:
        sutured(table)
    if rng.random() < 0.3:
        table.on_skin(plain.dressing(rng, table.unit * DOTS), table.unit * 0.7, Finish.PAPER, turn=table.some_turn())


def _beside(table: Table, make: Maker) -> None:
    size = float(table.rng.uniform(0.6, 1.1)) * table.unit
    on = SKIN if table.roomy else CLOTH
    turn, creases = table.some_turn(upright=0.4), int(table.rng.integers(0, 3))
    table.put(make, size, Finish.PAPER, on, turn=turn, creases=creases)
