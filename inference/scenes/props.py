"""The things that lie around a patient, each drawn flat on a :class:`~inference.scenes.printing.Sheet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from inference.scenes.printing import INK, Colour, Sheet
from inference.scenes.values import Person, Prop

HOSPITAL = "EXAMPLE HOSPITAL"
_ACCENTS: tuple[Colour, ...] = ((22, 86, 130), (14, 110, 104), (120, 44, 84), (58, 66, 140))


def wristband(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A patient's band, 46 × 12 units at its printed part, longer at both ends."""
    del rng
    sheet = Sheet(88, 12.4, scale, paper=(246, 247, 250), radius=0.0)
    sheet.rule(0, 0.5, 88, 0.5, colour=(205, 214, 226))
    sheet.rule(0, 11.9, 88, 11.9, colour=(205, 214, 226))
    sheet.code((21.5, 1.9, 8.6, 8.6), "DataMatrix", person.number)
    sheet.text(31.6, 4.6, person.name, 2.5, weight=700, room=35)
    sheet.text(31.6, 7.9, f"DOB {person.born}", 2.2)
    sheet.text(31.6, 11.0, f"MRN {person.number}", 2.2)
    return sheet


def badge(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A clinician's badge with a drawn silhouette in the place of a portrait."""
    accent = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    sheet = Sheet(30, 45, scale, paper=(252, 252, 250), radius=1.8)
    sheet.area((0, 0, 30, 10.4), accent, 1.8)
    sheet.area((0, 6, 30, 4.4), accent)
    sheet.hole((11.5, 1.0, 7, 1.5), 0.75)
    for row, word in enumerate(HOSPITAL.split()):
        sheet.text(3.2, 6.0 + 3.1 * row, word, 2.2, colour=(250, 250, 250), weight=600, identifying=False)
    sheet.area((9.5, 12, 11, 11.4), (214, 222, 228), 0.8)
    k = sheet.scale
    head, body = (round(15 * k), round(15.9 * k)), (round(15 * k), round(23.4 * k))
    cv2.ellipse(sheet.pixels, body, (round(4.3 * k), round(4.2 * k)), 0, 180, 360, accent, -1, cv2.LINE_AA)
    cv2.circle(sheet.pixels, head, round(2.4 * k), accent, -1, cv2.LINE_AA)
    given, _, family = person.clinician.rpartition(" ")
    sheet.text(3, 27.4, given or family, 2.4, weight=700, room=24)
    if given:
        sheet.text(3, 30.8, family, 2.4, weight=700, room=24)
    sheet.text(3, 34.2, "WOUND CARE", 2.2, colour=(80, 88, 96), identifying=False)
    sheet.code((2.0, 35.8, 26, 7.4), "Code128", f"{int(rng.integers(100000, 999999))}")
    return sheet


def label(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A specimen label with a Code 128."""
    sheet = Sheet(42, 27, scale, paper=(252, 250, 243), radius=1.0)
    sheet.text(2, 4.6, person.name, 2.5, weight=700, room=38)
    sheet.text(2, 8.4, person.born, 2.2)
    kind = ("SWAB", "TISSUE", "FLUID")[int(rng.integers(3))]
    sheet.text(28, 8.4, kind, 2.2, weight=700, identifying=False)
    sheet.code((1, 9.8, 40, 11.4), "Code128", person.number)
    sheet.text(2, 25.0, f"MRN {person.number}", 2.2, weight=600)
    return sheet


def screen(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A monitor's screen with the patient's name over three curves."""
    sheet = Sheet(52, 34, scale, paper=(38, 41, 46), radius=2.2)
    sheet.area((2, 2, 48, 30), (8, 14, 24), 0.6)
    sheet.area((2, 2, 48, 5.6), (24, 48, 78), 0.4)
    sheet.text(3.4, 6.0, person.name, 2.3, colour=(236, 242, 250), weight=600, room=31)
    sheet.text(39.5, 6.0, "BED 7", 2.2, colour=(160, 200, 240), identifying=False)
    k = sheet.scale
    rate = int(rng.integers(58, 104))
    for row, (value, colour, name) in enumerate(
        ((f"{rate}", (86, 226, 120), "HR"), (f"{int(rng.integers(92, 100))}", (90, 200, 250), "SPO2"))
    ):
        top = 9.0 + row * 8.4
        phase = np.linspace(0, 5 + row, round(33 * k)) % 1.0
        beat = np.exp(-(((phase - 0.4) / 0.022) ** 2)) - 0.25 * np.exp(-(((phase - 0.46) / 0.03) ** 2))
        wave = beat + 0.18 * np.exp(-(((phase - 0.7) / 0.07) ** 2)) if row == 0 else np.sin(phase * np.pi) ** 3
        points = np.stack([3 * k + np.arange(wave.size), (top + 6.2) * k - wave * 4.6 * k], axis=1)
        cv2.polylines(sheet.pixels, [points.astype(np.int32)], False, colour, max(1, round(0.28 * k)), cv2.LINE_AA)
        sheet.text(38.5, top + 2.0, name, 2.0, colour=colour, identifying=False)
        sheet.text(38.5, top + 7.2, value, 4.2, colour=colour, weight=600, identifying=False)
    sheet.text(3.4, 30.2, f"ID {person.number}", 2.2, colour=(190, 204, 220))
    sheet.text(28.8, 30.2, person.born, 2.2, colour=(190, 204, 220))
    return sheet


def qr(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A small sticker with a QR code."""
    del rng
    sheet = Sheet(18, 21.4, scale, paper=(250, 250, 250), radius=0.9)
    sheet.code((0.6, 0.4, 16.8, 16.8), "QRCode", f"urn:mrn:{person.number}")
    sheet.text(1.0, 20.2, person.number, 2.2, weight=600, room=16.4)
    return sheet


def ruler(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A paper scale, two grey fields for the white balance, digits that identify nobody."""
    del person, rng
    sheet = Sheet(44, 7.4, scale, paper=(248, 248, 244), radius=0.3)
    for tick in range(41):
        x = 2 + tick
        sheet.rule(x, 0, x, 2.6 if tick % 10 == 0 else 1.9 if tick % 5 == 0 else 1.2, colour=INK, thick=0.16)
    for mark in range(4):
        sheet.text(2.4 + mark * 10, 5.4, f"{mark}", 2.2, weight=600, identifying=False)
    sheet.text(38.6, 5.4, "cm", 2.2, identifying=False)
    sheet.area((15, 4.0, 5, 2.4), (128, 128, 128))
    sheet.area((25, 4.0, 5, 2.4), (60, 60, 60))
    return sheet


def gauze(person: Person, rng: np.random.Generator, scale: float) -> Sheet:
    """A folded compress of open weave."""
    del person
    sheet = Sheet(26, 24, scale, paper=(240, 240, 236), radius=0.5)
    rows, columns = sheet.alpha.shape
    thread = max(3.0, 0.95 * scale)
    across = np.sin(np.arange(columns, dtype=np.float32) * (2 * np.pi / thread))
    down = np.sin(np.arange(rows, dtype=np.float32) * (2 * np.pi / thread))
    weave = 34.0 * np.maximum(np.abs(across)[None, :], np.abs(down)[:, None]) - 40.0
    folds = np.zeros((rows, columns), np.float32)
    for at in (0.36, 0.7):
        folds -= 26.0 * np.exp(-((((np.arange(rows) / rows) - at) / 0.018) ** 2))[:, None].astype(np.float32)
    grain = rng.normal(0, 4, (rows, columns)).astype(np.float32)
    sheet.pixels = np.clip(sheet.pixels + (weave + folds + grain)[..., None], 0, 255).astype(np.uint8)
    return sheet


SHEETS: Mapping[Prop, Callable[[Person, np.random.Generator, float], Sheet]] = MappingProxyType(
    {
        Prop.WRISTBAND: wristband,
        Prop.BADGE: badge,
        Prop.LABEL: label,
        Prop.SCREEN: screen,
        Prop.QR: qr,
        Prop.RULER: ruler,
        Prop.GAUZE: gauze,
    }
)
