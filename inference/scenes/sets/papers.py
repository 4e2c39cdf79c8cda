"""Printed things that name a patient, flat: bands, medicine labels, forms, notices, name boards, monitors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inference.scenes.chance import some_person
from inference.scenes.printing import Colour, Sheet
from inference.scenes.sets.symbols import printed_on, symbol
from inference.scenes.values import Person

HOSPITAL: Final = "EXAMPLE HOSPITAL"
_DRUGS: Final = ("HEPARIN 5000 IU", "MORPHINE 10 mg", "NaCl 0.9 % 500 ml", "CEFAZOLIN 2 g", "INSULIN 100 IU/ml")
_WARNS: Final = ("ALLERGY PENICILLIN", "FALL RISK", "DNR NO", "ALLERGY LATEX", "ISOLATION MRSA")
_NOTICES: Final = (
    ("HAND HYGIENE", "Before and after", "each patient"),
    ("VISITING HOURS", "14:00 - 18:00", "Ward 7 West"),
    ("NIL BY MOUTH", "from 22:00", "Ask the nurse"),
    ("TURN PATIENT", "every 2 hours", "next: 16:30"),
    ("CONSULTANT", "Dr SAMPLE", "Tel 4711"),
)
STOCK: Final[tuple[Colour, ...]] = ((250, 250, 247), (252, 246, 214), (226, 240, 250), (232, 246, 228), (250, 228, 226))


@dataclass(frozen=True, slots=True)
class Given:
    """What a printed thing is made from: chance, whose it is, and the printer's dots to a unit."""

    rng: np.random.Generator
    person: Person
    scale: float

    @classmethod
    def some(cls, rng: np.random.Generator, scale: float) -> Given:
        """Somebody's."""
        return cls(rng, some_person(rng), scale)

    def paper(self) -> Colour:
        """White more often than not."""
        return STOCK[int(self.rng.integers(len(STOCK)))] if self.rng.random() < 0.4 else STOCK[0]


def _date(born: str, rng: np.random.Generator) -> str:
    year, month, day = born.split("-")
    return (born, f"{day}.{month}.{year}", f"{day}/{month}/{year}")[int(rng.integers(3))]


def band(given: Given) -> Sheet:
    """A patient's wristband: a matrix or a linear code, name, date of birth, number; sometimes a warning."""
    rng, person = given.rng, given.person
    sheet = Sheet(92, 12.4, given.scale, paper=given.paper(), radius=0.0)
    for edge in (0.4, 12.0):
        sheet.rule(0, edge, 92, edge, colour=(198, 208, 222))
    left = 24.0 + float(rng.uniform(-5, 3))
    if rng.random() < 0.7:
        name = ("DataMatrix", "QRCode", "Aztec")[int(rng.integers(3))]
        drawn = symbol(rng, name, person.number)
        module = 8.8 / drawn.modules.shape[0]
        wide, _ = printed_on(sheet, drawn, left, 1.8, module=module)
    else:
        drawn = symbol(rng, "Code128", person.number)
        wide, _ = printed_on(sheet, drawn, left - 8, 2.0, module=0.24, height=8.4)
        wide -= 8
    x = left + wide + 1.0
    sheet.text(x, 4.5, person.name, 2.5, weight=700, room=30)
    sheet.text(x, 7.9, f"DOB {_date(person.born, rng)}", 2.2, weight=500, room=30)
    sheet.text(x, 11.1, f"MRN {person.number}", 2.2, weight=500, room=30)
    if rng.random() < 0.4:
        sheet.area((x + 31, 1.2, 18, 9.8), (206, 52, 48))
        for row, word in enumerate(_WARNS[int(rng.integers(len(_WARNS)))].split()[:2]):
            sheet.text(x + 32, 5.2 + 4 * row, word, 2.2, colour=(252, 248, 246), weight=700, room=16)
    return sheet


def medicine(given: Given) -> Sheet:
    """A label for a syringe, a drip or a specimen."""
    rng, person = given.rng, given.person
    sheet = Sheet(44, 28, given.scale, paper=given.paper(), radius=0.8)
    strip = ((58, 120, 186), (206, 120, 40), (70, 140, 90), (150, 60, 120))[int(rng.integers(4))]
    sheet.area((0, 0, 44, 5.4), strip, 0.8)
    sheet.text(1.6, 4.0, _DRUGS[int(rng.integers(len(_DRUGS)))], 2.5, colour=(252, 252, 252), weight=700, room=40)
    sheet.text(1.6, 9.2, person.name, 2.5, weight=700, room=40)
    sheet.text(1.6, 12.8, _date(person.born, rng), 2.0)
    sheet.text(26, 12.8, f"BED {int(rng.integers(1, 40))}", 2.0)
    if rng.random() < 0.6:
        printed_on(sheet, symbol(rng, "Code128", person.number), 0.6, 14.4, module=0.42, height=8.0)
    else:
        drawn = symbol(rng, "DataMatrix", person.number)
        printed_on(sheet, drawn, 1.2, 14.0, module=9 / drawn.modules.shape[0])
        sheet.text(13.5, 17.4, f"MRN {person.number}", 2.0)
        sheet.text(13.5, 21.0, "by " + person.clinician.title(), 2.0, room=28)
    sheet.text(1.6, 26.4, f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}  {HOSPITAL}", 1.9, room=40)
    return sheet


def form(given: Given) -> Sheet:
    """A chart with ruled lines, printed captions and a patient's sticker in its corner."""
    rng, person = given.rng, given.person
    sheet = Sheet(60, 78, given.scale, paper=(250, 250, 246), radius=0.2)
    sheet.text(3, 7, "WOUND CHART", 3.2, weight=700, room=25)
    sheet.text(3, 11.5, HOSPITAL.title(), 1.9, colour=(90, 96, 104))
    sheet.rule(32, 2, 57, 2, colour=(120, 120, 120))
    sheet.text(33, 5.6, person.name, 2.0, weight=700, room=24)
    sheet.text(33, 8.8, _date(person.born, rng), 1.9)
    sheet.text(33, 12.0, person.number, 1.9)
    for row, caption in enumerate(("Date", "Site", "Length", "Width", "Depth", "Dressing", "Signature")):
        y = 21 + row * 8
        sheet.text(3, y, caption, 2.0, colour=(60, 64, 70))
        sheet.rule(3, y + 2.2, 57, y + 2.2, colour=(170, 174, 180), thick=0.16)
        sheet.rule(22, y - 5.8, 22, y + 2.2, colour=(170, 174, 180), thick=0.16)
    return sheet


def notice(given: Given) -> Sheet:
    """A notice on a wall."""
    rng = given.rng
    head, *rest = _NOTICES[int(rng.integers(len(_NOTICES)))]
    wide = bool(rng.random() < 0.5)
    sheet = Sheet(*((40, 28) if wide else (29, 38)), given.scale, paper=given.paper(), radius=0.1)
    accent = ((30, 96, 150), (176, 40, 44), (40, 116, 80))[int(rng.integers(3))]
    sheet.area((0, 0, sheet.width, 8), accent)
    sheet.text(2, 5.8, head, 3.2, colour=(252, 252, 252), weight=700, room=sheet.width - 4)
    for row, text in enumerate(rest):
        sheet.text(2, 14.4 + 5.4 * row, text, 2.5, room=sheet.width - 4)
    if rng.random() < 0.5:
        sheet.text(2, sheet.height - 2.2, given.person.clinician.title(), 1.9, colour=(90, 90, 96), room=24)
    return sheet


def board(given: Given) -> Sheet:
    """A name board over a bed."""
    rng, person = given.rng, given.person
    sheet = Sheet(46, 22, given.scale, paper=(248, 250, 250), radius=0.8)
    sheet.rule(0.6, 0.6, 45.4, 0.6, colour=(80, 110, 140), thick=0.8)
    sheet.area((1.5, 3, 9, 9), (34, 92, 140), 0.8)
    sheet.text(2.6, 10, f"{int(rng.integers(1, 10))}", 5.0, colour=(252, 252, 252), weight=700)
    sheet.text(13, 7, person.name.title(), 3.2, weight=600, room=31)
    sheet.text(13, 12, f"Dr {person.clinician.split()[-1].title()}", 2.4, room=31)
    sheet.text(2, 19, f"adm. {int(rng.integers(1, 29)):02d}.{int(rng.integers(1, 13)):02d}.", 2.4)
    sheet.text(22, 19, _WARNS[int(rng.integers(len(_WARNS)))], 2.2, colour=(180, 40, 40), weight=700, room=22)
    return sheet


def monitor(given: Given, *, words: bool = True) -> Sheet:
    """A monitor: curves, and unless `words` is false large numbers and the patient's name in a corner."""
    rng, person, k = given.rng, given.person, given.scale
    sheet = Sheet(56, 38, given.scale, paper=(46, 48, 52), radius=1.8)
    sheet.area((2, 2, 52, 34), (6, 8, 12), 0.4)
    if words:
        sheet.text(3, 5.4, person.name, 2.0, colour=(230, 236, 244), weight=600, room=26)
        sheet.text(33, 5.4, f"BED {int(rng.integers(1, 40))}", 1.9, colour=(150, 190, 230))
        sheet.text(
            43, 5.4, f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}", 1.9, colour=(150, 190, 230)
        )
    rows = (
        ("HR", f"{int(rng.integers(52, 118))}", (80, 224, 110)),
        ("SpO2", f"{int(rng.integers(90, 100))}", (90, 200, 250)),
        ("NIBP", f"{int(rng.integers(96, 160))}/{int(rng.integers(54, 95))}", (240, 240, 240)),
    )
    for row, (name, value, colour) in enumerate(rows):
        top = 8.0 + row * 9.4
        phase = np.linspace(0, 6 + row, round(34 * k)) % 1.0
        beat = np.exp(-(((phase - 0.4) / 0.022) ** 2)) + 0.18 * np.exp(-(((phase - 0.7) / 0.07) ** 2))
        wave = (beat, np.sin(phase * np.pi) ** 3, 0.5 + 0.4 * np.sin(phase * 2 * np.pi))[row]
        points = np.stack([3 * k + np.arange(wave.size), (top + 6.6) * k - wave * 5 * k], axis=1).astype(np.int32)
        cv2.polylines(sheet.pixels, [points], False, colour, max(1, round(0.26 * k)), cv2.LINE_AA)
        if words:
            sheet.text(39, top + 1.9, name, 1.8, colour=colour)
            sheet.text(39, top + 7.4, value, 4.4, colour=colour, weight=600, room=14)
    return sheet
