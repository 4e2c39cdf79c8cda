"""Barcodes of every symbology that zxing-cpp writes and a hospital may meet, and what each is likely to say."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import zxingcpp

from inference.scenes.printing import INK, Sheet

LINEAR: Final = ("Code128", "Code39", "Code93", "EAN13", "EAN8", "ITF", "Codabar", "DataBar")
STACKED: Final = ("PDF417", "MicroPDF417")
MATRIX: Final = ("DataMatrix", "QRCode", "Aztec", "MicroQRCode", "RMQRCode")
SYMBOLOGIES: Final = ("Code128", "DataMatrix", "QRCode", "PDF417", "Code39", "Aztec", "EAN13", "MicroQRCode", "ITF",
                      "Codabar", "Code93", "MicroPDF417", "DataBar", "RMQRCode", "EAN8")  # fmt: skip
"""All of them, in the order in which a set comes by them."""

_QUIET: Final = {
    "QRCode": 4,
    "MicroQRCode": 2,
    "RMQRCode": 2,
    "Aztec": 1,
    "DataMatrix": 2,
    "PDF417": 2,
    "MicroPDF417": 2,
}


class Symbol(NamedTuple):
    """A barcode as modules, its quiet zone included."""

    format: str
    text: str
    modules: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    quiet: int

    @property
    def linear(self) -> bool:
        """Whether it is one row of bars."""
        return self.format in LINEAR


def symbol(rng: np.random.Generator, name: str, number: str) -> Symbol:
    """A barcode of that symbology that says `number` (4 to 12 digits), or what that symbology makes of it.

    Raises:
        ValueError: no such symbology among :data:`SYMBOLOGIES`.
    """
    if name not in SYMBOLOGIES:
        raise ValueError(f"no symbology is called {name!r}; there are {', '.join(SYMBOLOGIES)}")
    content = _content(rng, name, number)
    barcode = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, name))
    modules = np.array(barcode.to_image(scale=1, add_quiet_zones=False), np.uint8)
    (read,) = zxingcpp.read_barcodes(np.array(barcode.to_image(scale=4, add_quiet_zones=True), np.uint8))
    if name in LINEAR:
        modules = modules[:1]
    quiet = _QUIET.get(name, 10)
    edge = (0, 0) if name in LINEAR else (quiet, quiet)
    modules = np.pad(modules, (edge, (quiet, quiet)), constant_values=255)
    return Symbol(name, read.text, modules, quiet)


def _content(rng: np.random.Generator, name: str, number: str) -> str:
    retail = f"{int(rng.integers(10**11, 10**12))}"
    match name:
        case "EAN13":
            return retail + _check(retail)
        case "EAN8":
            return retail[:7] + _check(retail[:7])
        case "DataBar":
            return "0" + retail + _check("0" + retail)
        case "ITF":
            return number if len(number) % 2 == 0 else "0" + number
        case "Codabar":
            return f"A{number}B"
        case "MicroQRCode":
            return number[:5]
        case "Code39" | "Code93":
            return f"MRN{number}"
        case "PDF417":
            return f"{number}|EXAMPLE|{int(rng.integers(1931, 2006))}|WARD {int(rng.integers(1, 30))}"
        case "QRCode" if rng.random() < 0.5:
            return f"urn:mrn:{number}"
    return number


def _check(digits: str) -> str:
    """The check digit of GS1 (General Specifications, 7.9): weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def printed_on(
    sheet: Sheet, drawn: Symbol, x: float, y: float, *, module: float, height: float = 0.0
) -> tuple[float, float]:
    """Prints `drawn` with modules `module` units wide, a linear one `height` units high; gives its width and height."""
    rows, columns = drawn.modules.shape
    width, high = columns * module, height if drawn.linear else rows * module
    left, top = round(x * sheet.scale), round(y * sheet.scale)
    # Whole dots of the printer a module, as printers do it: bars of uneven width would not be read.
    wide, tall = round(width * sheet.scale), round(high * sheet.scale)
    at_x = np.minimum((np.arange(wide) * columns / wide).astype(int), columns - 1)
    at_y = np.minimum((np.arange(tall) * rows / tall).astype(int), rows - 1)
    tone = drawn.modules[np.ix_(at_y, at_x)][..., None].astype(np.float32) / 255
    part = sheet.pixels[top : top + tall, left : left + wide]
    tone = tone[: part.shape[0], : part.shape[1]]
    part[:] = (np.array(INK, np.float32) * (1 - tone) + np.float32(250) * tone).astype(np.uint8)
    inset = drawn.quiet * module
    edge = 0.0 if drawn.linear else inset
    sheet.codes.append((drawn.format, drawn.text, (x + inset, y + edge, width - 2 * inset, high - 2 * edge)))
    return width, high
