"""The set `paper`: wristbands, badges, labels, screens, notices and handwriting, on every ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference.scenes.chance import some_person
from inference.scenes.printing import Sheet
from inference.scenes.props import SHEETS
from inference.scenes.sets import papers, plain
from inference.scenes.sets.bending import Around, Crease, Flat
from inference.scenes.sets.board import Finish
from inference.scenes.sets.grounds import Place
from inference.scenes.sets.papers import Given
from inference.scenes.sets.sayings import said
from inference.scenes.sets.strokes import WRITTEN, written
from inference.scenes.sets.table import CLOTH, DOTS, SKIN, WALL, Table
from inference.scenes.values import Prop


def band(table: Table) -> None:
    """A wristband around the limb, as wide as such bands are for such a wrist; all of it is to be covered."""
    rng, bare = table.rng, table.bare
    limb = bare.limb
    size = limb.radius * float(rng.uniform(0.042, 0.056))
    at = {
        Place.HAND: -limb.radius * rng.uniform(0.55, 1.5),
        Place.LIMB: table.unit * rng.choice([-1, 1]) * rng.uniform(28, 38),
    }.get(bare.ground.place, table.unit * rng.choice([-1, 1]) * rng.uniform(16, 44))
    given = Given.some(rng, max(4.0, size * DOTS))
    bend = Around(
        limb,
        float(at),
        size,
        past=float(rng.normal(0, 0.22)) * limb.radius,
        turn=float(rng.normal(0, 0.05) + (np.pi if rng.random() < 0.5 else 0.0)),
        bow=float(rng.uniform(-0.16, 0.16)),
        creases=Crease.some(rng, int(rng.integers(0, 5)), strength=0.8),
    )
    table.wrap(papers.band(given), bend, whole=given.person.name)


def handwriting(table: Table, on: int) -> None:
    """Marker on skin, cloth or wall."""
    turn = table.some_turn(upright=0.85 if on == WALL else 0.45)
    sheet, size = _ink(table, table.some_capital(11, 64))
    if on == SKIN:
        table.on_skin(sheet, size, Finish.INK, turn=turn)
    else:
        table.put(lambda _: sheet, size, Finish.INK, on, turn=turn)


def noted(table: Table, on: int) -> None:
    """A dressing, a strip of tape or a note with handwriting on it."""
    rng = table.rng
    make = (plain.dressing, plain.tape, plain.paper)[int(rng.integers(2 if on == SKIN else 3))]
    size = float(rng.uniform(0.55, 1.0)) * table.unit
    sheet = make(rng, size * DOTS)
    turn = table.some_turn(upright=0.8 if on == WALL else 0.4)
    creases = int(rng.integers(0, 3))
    if on == SKIN:
        bend: Flat | Around | None = table.on_skin(sheet, size, Finish.PAPER, turn=turn, creases=creases)
    else:
        bend = table.put(lambda _: sheet, size, Finish.PAPER, on, turn=turn, creases=creases)
    if bend is not None:
        ink, wanted = _ink(table, table.some_capital(14, 60))
        fit = 0.9 * bend.size * min(sheet.width / ink.width, sheet.height / ink.height)
        table.board.lay(ink, replace(bend, size=min(wanted, fit), creases=()), Finish.INK)


def lying(table: Table, on: int) -> None:
    """A badge, a label, a form or a screen."""
    rng = table.rng
    choice = int(rng.integers(7))
    size = table.some_size()
    turn = table.some_turn(upright=0.45)
    creases = int(rng.integers(0, 5)) if rng.random() < 0.6 else 0
    if choice <= 2:
        table.put(lambda k: papers.medicine(Given.some(rng, k)), size, _stock(table), on, turn=turn, creases=creases)
    elif choice <= 5:
        prop = (Prop.BADGE, Prop.LABEL, Prop.QR)[choice - 3]
        finish = Finish.PLASTIC if prop is Prop.BADGE else _stock(table)
        folds = 0 if prop is Prop.BADGE else creases
        table.put(lambda k: SHEETS[prop](Given.some(rng, k).person, rng, k), size, finish, on, turn=turn, creases=folds)
    else:
        table.put(lambda k: papers.form(Given.some(rng, k)), size, Finish.PAPER, on, turn=turn, creases=creases)


def on_wall(table: Table) -> None:
    """A notice, a name board or a monitor."""
    rng = table.rng
    choice = int(rng.integers(4))
    make = (papers.notice, papers.board, papers.monitor, papers.notice)[choice]
    finish = (Finish.PAPER, Finish.PLASTIC, Finish.GLASS, Finish.PAPER)[choice]
    turn = float(rng.normal(0, 0.03))
    table.put(
        lambda k: make(Given.some(rng, k)),
        table.some_size(9, 30),
        finish,
        WALL,
        turn=turn,
        creases=int(rng.integers(0, 3)) if choice in {0, 3} else 0,
    )


def screen(table: Table) -> None:
    """A monitor, close by."""
    table.put(
        lambda k: papers.monitor(Given.some(table.rng, k)),
        table.some_size(13, 34),
        Finish.GLASS,
        CLOTH,
        turn=table.some_turn(upright=0.8),
        lean=0.8,
    )


def papered(table: Table) -> None:
    """What a picture of this set shows, by its ground."""
    rng = table.rng
    on = SKIN if table.roomy else CLOTH
    match table.bare.ground.place:
        case Place.HAND:
            band(table)
            if rng.random() < 0.5:
                handwriting(table, SKIN)
            _several(table, 1, on)
        case Place.LIMB:
            if rng.random() < 0.6:
                band(table)
            (noted if rng.random() < 0.5 else handwriting)(table, SKIN)
            _several(table, 1, on)
        case Place.TRUNK:
            noted(table, SKIN)
            for _ in range(int(rng.integers(1, 4))):
                handwriting(table, SKIN)
            _several(table, int(rng.integers(0, 2)), on)
        case Place.BED:
            for _ in range(int(rng.integers(2, 5))):
                on_wall(table)
            handwriting(table, WALL)
            band(table)
            (handwriting if rng.random() < 0.5 else lying)(table, CLOTH)
        case Place.SHEET:
            if rng.random() < 0.25:
                screen(table)
            _several(table, int(rng.integers(1, 4)), on)
            (noted if rng.random() < 0.5 else handwriting)(table, CLOTH)


def _several(table: Table, count: int, on: int) -> None:
    for _ in range(count):
        lying(table, on)


def _stock(table: Table) -> Finish:
    return Finish.PLASTIC if table.rng.random() < 0.35 else Finish.PAPER


def _ink(table: Table, capital: float) -> tuple[Sheet, float]:
    """Something written by hand, and its pixels to a unit for capitals `capital` pixels high."""
    rng, size = table.rng, capital / WRITTEN
    pen = plain.PENS[int(rng.integers(len(plain.PENS)))]
    lines = said(rng, some_person(rng))
    return written(rng, lines, size * DOTS, colour=pen, thick=float(rng.uniform(0.1, 0.2))), size
