"""Paper, plastic and glass with letters and barcodes on them, drawn flat; :mod:`placing` lays them into a scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import zxingcpp

from inference.picture import Pixels

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
"""x, y, width, height in units of the sheet."""

INK: Colour = (24, 26, 30)
CAPITAL = 0.7
"""Height of a capital over the font's size, in the face that OpenCV 5 carries (Rubik)."""
_DEEP = frozenset("gjpqy,;/()|")
"""Letters that reach below the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on a sheet: its words with their boxes."""

    words: tuple[tuple[str, Box], ...]
    capital: float
    identifying: bool


@dataclass(slots=True)
class Sheet:
    """A flat thing under the printer's head: `units` wide and high, `scale` pixels a unit."""

    width: float
    height: float
    scale: float
    paper: Colour = (250, 250, 247)
    radius: float = 0.8
    pixels: Pixels = field(init=False)
    alpha: Pixels = field(init=False)
    lines: list[Line] = field(init=False, default_factory=list)
    codes: list[tuple[str, str, Box]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        columns, rows = round(self.width * self.scale), round(self.height * self.scale)
        self.pixels = np.empty((rows, columns, 3), np.uint8)
        self.pixels[:] = self.paper
        self.alpha = np.zeros((rows, columns), np.uint8)
        self._rounded(self.alpha, (0, 0, self.width, self.height), 255, self.radius)

    def _at(self, *values: float) -> tuple[int, ...]:
        return tuple(round(value * self.scale) for value in values)

    def _rounded(self, target: Pixels, box: Box, colour: Colour | int, radius: float) -> None:
        left, top, width, height = box
        x0, y0, x1, y1 = self._at(left, top, left + width, top + height)
        r = min(round(radius * self.scale), (x1 - x0) // 2, (y1 - y0) // 2)
        paint = (float(colour),) if isinstance(colour, int) else tuple(float(c) for c in colour)
        cv2.rectangle(target, (x0 + r, y0), (x1 - 1 - r, y1 - 1), paint, -1)
        cv2.rectangle(target, (x0, y0 + r), (x1 - 1, y1 - 1 - r), paint, -1)
        for x, y in ((x0 + r, y0 + r), (x1 - 1 - r, y0 + r), (x0 + r, y1 - 1 - r), (x1 - 1 - r, y1 - 1 - r)):
            cv2.circle(target, (x, y), r, paint, -1, cv2.LINE_AA)

    def area(self, box: Box, colour: Colour, radius: float = 0.0) -> None:
        """A filled rectangle."""
        self._rounded(self.pixels, box, colour, radius)

    def hole(self, box: Box, radius: float) -> None:
        """A punched slot: the ground shows through."""
        self._rounded(self.alpha, box, 0, radius)

    def rule(self, x0: float, y0: float, x1: float, y1: float, *, colour: Colour, thick: float = 0.2) -> None:
        """A straight line."""
        width = max(1, round(thick * self.scale))
        (a, b), (c, d) = self._at(x0, y0), self._at(x1, y1)
        cv2.line(self.pixels, (a, b), (c, d), colour, width, cv2.LINE_AA)

    def text(
        self,
        x: float,
        baseline: float,
        text: str,
        capital: float,
        *,
        colour: Colour = INK,
        weight: int = 500,
        room: float | None = None,
        identifying: bool = True,
    ) -> None:
        """A line of text with capitals `capital` units high, made narrower only where `room` forces it."""
        face = cv2.FontFace("sans")
        size = max(6, round(capital / CAPITAL * self.scale))

        def reach(part: str, points: int) -> float:
            return float(cv2.getTextSize((0, 0), part, (0, 0), face, points, weight)[2])

        if room is not None:
            while size > 6 and reach(text, size) > room * self.scale:
                size -= 1
        left, base = self._at(x, baseline)
        cv2.putText(self.pixels, text, (left, base), colour, face, size, weight)
        tall = CAPITAL * size / self.scale
        words: list[tuple[str, Box]] = []
        position = 0
        for word in text.split():
            start = text.index(word, position)
            position = start + len(word)
            begin = reach(text[:start] + "|", size) - reach("|", size) if start else 0.0
            wide = reach(text[: start + len(word)], size) - begin
            deep = 1.42 if _DEEP & set(word) else 1.2
            words.append((word, (x + begin / self.scale, baseline - tall * 1.08, wide / self.scale, tall * deep)))
        self.lines.append(Line(tuple(words), tall, identifying))

    def code(self, box: Box, code_format: str, text: str) -> None:
        """A barcode that fills `box`, its quiet zone included; matrix codes keep square modules."""
        barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, code_format))
        symbol = np.array(barcode.to_image(scale=1, add_quiet_zones=False), np.uint8)
        linear = code_format.startswith("Code")
        if linear:
            symbol, quiet = symbol[:1], (0, 10)
        else:
            quiet = (4, 4) if code_format == "QRCode" else (1, 1)
        symbol = np.pad(symbol, ((quiet[0], quiet[0]), (quiet[1], quiet[1])), constant_values=255)
        left, top, width, height = box
        x, y, wide, high = self._at(left, top, width, height)
        drawn = cv2.resize(symbol, (wide, high), interpolation=cv2.INTER_NEAREST)
        ink = np.array(INK, np.float32)
        tone = drawn[..., None].astype(np.float32) / 255
        self.pixels[y : y + high, x : x + wide] = (ink * (1 - tone) + np.float32(250) * tone).astype(np.uint8)
        inset_x, inset_y = width * quiet[1] / symbol.shape[1], height * quiet[0] / symbol.shape[0]
        self.codes.append(
            (code_format, text, (left + inset_x, top + inset_y, width - 2 * inset_x, height - 2 * inset_y))
        )
