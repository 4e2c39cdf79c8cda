"""The set `codes`: every symbology on labels, bands, bottles and creased paper, some damaged beyond reading."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.body import Limb
from inference.scenes.chance import some_person
from inference.scenes.printing import Sheet
from inference.scenes.sets.bending import Around, Crease, Flat
from inference.scenes.sets.board import Finish
from inference.scenes.sets.grounds import Place
from inference.scenes.sets.plain import PENS
from inference.scenes.sets.symbols import SYMBOLOGIES, Symbol, printed_on, symbol
from inference.scenes.sets.table import CLOTH, DOTS, SKIN, TAKEN, Table


def coded(table: Table, place: int) -> None:
    """One to three codes; the place in the set decides which symbology comes first and what became of it."""
    rng = table.rng
    shape = table.board.skin.shape
    count = int(rng.integers(1, 4))
    for turn in range(count):
        drawn = symbol(rng, SYMBOLOGIES[(place + 5 * turn) % len(SYMBOLOGIES)], some_person(rng).number)
        module = _module(table, drawn, 0.75 * min(shape))
        sheet = _label(rng, drawn, module * DOTS)
        fate = int(rng.integers(8)) if turn == 0 else 7
        if fate == 0:
            _cut_by_the_frame(table, sheet, module)
            continue
        if fate == 1:
            _damaged(rng, sheet)
        _laid(table, sheet, module)


def _module(table: Table, drawn: Symbol, room: float) -> float:
    """Pixels of a module: from just readable to as large as the frame has room for."""
    largest = min(12.0, room / (drawn.modules.shape[1] + 8))
    return float(np.exp(table.rng.uniform(np.log(1.7), np.log(max(1.8, largest)))))


def _label(rng: np.random.Generator, drawn: Symbol, dots: float) -> Sheet:
    """A sticker, a unit a module, with the number under the code by half."""
    columns, rows = drawn.modules.shape[1], drawn.modules.shape[0]
    high = float(columns * rng.uniform(0.22, 0.5)) if drawn.linear else float(rows)
    margin = float(rng.uniform(2, 6))
    spelt = rng.random() < 0.5
    capital = max(5.0, columns * 0.055)
    below = capital * 1.7 if spelt else 0.0
    sheet = Sheet(columns + 2 * margin, high + 2 * margin + below, max(3.0, dots), radius=float(rng.uniform(0, 3)))
    printed_on(sheet, drawn, margin, margin, module=1.0, height=high)
    if spelt:
        words = drawn.text if len(drawn.text) <= 16 else drawn.text[:16]
        sheet.text(margin + drawn.quiet, margin + high + capital * 1.25, words, capital, room=columns - 2 * drawn.quiet)
    return sheet


def _laid(table: Table, sheet: Sheet, size: float) -> None:
    rng = table.rng
    turn = table.some_turn(upright=0.35)
    creases = int(rng.integers(1, 5)) if rng.random() < 0.35 else 0
    finish = Finish.PLASTIC if rng.random() < 0.35 else Finish.PAPER
    place, limb = table.bare.ground.place, table.bare.limb
    if place in {Place.HAND, Place.LIMB} and sheet.height * size < 1.1 * limb.radius and rng.random() < 0.7:
        _worn(table, sheet, size, creases)
    elif place is Place.SHEET and rng.random() < 0.25 and _on_a_bottle(table, sheet, size, finish):
        pass
    else:
        on = SKIN if table.roomy else CLOTH
        table.put(lambda _: sheet, size, finish, on, turn=turn, creases=creases, lean=0.7)


def _worn(table: Table, sheet: Sheet, size: float, creases: int) -> None:
    """On a band around the limb: the band first, then what is printed on it, in the same bend."""
    rng, limb = table.rng, table.bare.limb
    far = table.bare.ground.place is Place.LIMB
    at = float(table.unit * rng.choice([-1, 1]) * rng.uniform(26, 36) if far else -limb.radius * rng.uniform(0.7, 1.6))
    level = float(rng.normal(0, 0.04))
    bow, folds = float(rng.uniform(-0.14, 0.14)), Crease.some(rng, creases, strength=0.8)
    strip = Sheet(limb.radius * 3.6 / size, sheet.height, max(3.0, sheet.scale / 2), radius=0.0)
    table.wrap(strip, Around(limb, at, size, level, 0.0, bow), whole=sheet.codes[0][1])
    past = float(rng.normal(0, 0.15)) * limb.radius
    table.board.lay(sheet, Around(limb, at, size, level, past, bow, folds), Finish.PLASTIC, part=True)


def _on_a_bottle(table: Table, sheet: Sheet, size: float, finish: Finish) -> bool:
    """Around a bottle or a tube that lies there; whether there was room for one."""
    rng, unit = table.rng, table.unit
    # Most printers turn a code along the bottle, where the bend does not narrow its bars.
    ladder = rng.random() < 0.65
    around, along = (sheet.height, sheet.width) if ladder else (sheet.width, sheet.height)
    radius = max(around * size / rng.uniform(1.1, 1.9), along * size * 0.25)
    length = along * size * rng.uniform(1.3, 1.8)
    turn = float(rng.uniform(-np.pi, np.pi))
    place = table.find(2 * radius, length, turn, CLOTH)
    if place is None:
        return False
    tube = Limb(*place, -turn, radius / 1.03, 0.0)
    glass = Sheet(
        radius * 3.4 / unit, length / unit, 6.0, paper=((196, 214, 220), (170, 112, 60))[int(rng.integers(2))]
    )
    table.board.lay(glass, Around(tube, 0.0, unit, bow=0.0), Finish.PLASTIC)
    past = float(rng.normal(0, 0.1)) * radius
    table.board.lay(sheet, Around(tube, 0.0, size, np.pi / 2 if ladder else 0.0, past, 0.0), finish)
    return True


def _cut_by_the_frame(table: Table, sheet: Sheet, size: float) -> None:
    rows, columns = table.board.skin.shape
    rng = table.rng
    side = int(rng.integers(4))
    inset = float(rng.uniform(-0.1, 0.22)) * min(sheet.width, sheet.height) * size
    along = float(rng.uniform(0.25, 0.75))
    x = (inset, columns - inset, columns * along, columns * along)[side]
    y = (rows * along, rows * along, inset, rows - inset)[side]
    table.board.lay(sheet, Flat(x, y, table.some_turn(upright=0.4), size, bow=0.3), Finish.PAPER)
    reach = max(sheet.width, sheet.height) * size / table.unit / 2
    cy, cx = int(y / table.unit), int(x / table.unit)
    table.cells[max(0, int(cy - reach)) : int(cy + reach), max(0, int(cx - reach)) : int(cx + reach)] = TAKEN


def _damaged(rng: np.random.Generator, sheet: Sheet) -> None:
    """Torn, scribbled over, stained or worn through: a person still sees that it is a code."""
    rows = sheet.alpha.shape[0]
    left, top, width, height = (v * sheet.scale for v in sheet.codes[0][2])
    match int(rng.integers(3)):
        case 0:
            tear = [[left, top + 0.2 * height], [left + 0.4 * width, top + 0.5 * height], [left + 0.75 * width, rows]]
            corner = np.array([*tear, [0, rows], [0, top + 0.2 * height]])
            cv2.fillPoly(sheet.alpha, [corner.astype(np.int32)], (0,), cv2.LINE_AA)
        case 1:
            x = np.linspace(left, left + width, 60)
            y = top + height * (0.5 + 0.4 * np.sin(np.linspace(0, rng.uniform(14, 26), 60)))
            pen = max(2, round(0.09 * min(width, height)))
            points = [np.stack([x, y], axis=1).astype(np.int32)]
            cv2.polylines(sheet.pixels, points, False, PENS[0], pen, cv2.LINE_AA)
        case _:
            for _ in range(4):
                at = (int(left + rng.uniform(0.1, 0.9) * width), int(top + rng.uniform(0.1, 0.9) * height))
                axes = (int(rng.uniform(0.08, 0.16) * width) + 2, int(0.7 * height) + 2)
                cv2.ellipse(
                    sheet.pixels, at, axes, float(rng.uniform(-20, 20)), 0, 360, (236, 232, 226), -1, cv2.LINE_AA
                )
