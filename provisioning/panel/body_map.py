"""The body map: where on a drawn body each site lies, and on which side as the patient has it. Pure.

Every part is said once, by how far it lies from the body's middle, and drawn for both sides: so that left and right
come from one rule. Who faces the patient has the patient's right on their left; who stands behind, on their right.
Head, hands and feet are larger views of their own. Units are pixels of an 800×480 screen; every part is 48 of them or
more, high and wide, for a finger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from capture.encounter import Laterality

WIDTH: Final = 776
HEIGHT: Final = 400
SHARP: Final = 5.0
ROUND: Final = 12.0
"""How round the corners are where a part goes on in the next, and where it stands alone."""

Point = tuple[float, float]


class View(StrEnum):
    """What of the body is drawn at once."""

    BODY = "body"
    HEAD = "head"
    HANDS = "hands"
    FEET = "feet"


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing in a view.

    Attributes:
        name: what the screen calls it.
        middle: where the body's middle lies.
        faces: whether the patient faces who looks; otherwise they see the patient's back.
        away: how far the name of a side stands from the middle.
        name_at: where its own name stands, from the middle and from above.
        marks: what is drawn on it besides, so that one sees what it is.
    """

    name: str
    view: View
    middle: float
    faces: bool
    away: float
    name_at: Point
    marks: str = ""

    def viewers_left(self, side: Laterality) -> bool:
        """Whether this side of the patient lies on the left of who looks."""
        return (side is Laterality.RIGHT) is self.faces

    def across(self, side: Laterality | None, away: float) -> float:
        """Where something lies that is so far from the middle, on this side of the patient."""
        return self.middle + (-away if side is None or self.viewers_left(side) else away)


@dataclass(frozen=True, slots=True)
class Spot:
    """One part that can be touched.

    Attributes:
        code: the body site, SNOMED CT.
        side: which side of the patient; None in the middle.
        corners: of its outline.
        leads_to: the larger view that a touch opens instead of choosing.
        written: whether its name is written on it, because its outline does not say it.
    """

    figure: Figure
    code: str
    side: Laterality | None
    corners: tuple[Point, ...]
    leads_to: View | None = None
    written: bool = False

    @property
    def path(self) -> str:
        """Its outline with round corners, as an SVG path."""
        return rounded(self.corners, ROUND if self.written else _ROUNDER.get(self.code, SHARP))

    @property
    def middle(self) -> Point:
        """Where its name is written."""
        (left, top), (right, _), (_, bottom), _ = self.corners
        return (left + right) / 2, (top + bottom) / 2


FRONT: Final = Figure("front", View.BODY, 194, faces=True, away=100, name_at=(116, 396))
BACK: Final = Figure("back", View.BODY, 582, faces=False, away=100, name_at=(116, 396))
FACE: Final = Figure("front", View.HEAD, 194, faces=True, away=130, name_at=(116, 396), marks="face")
NAPE: Final = Figure("back", View.HEAD, 582, faces=False, away=130, name_at=(0, 396))
PALMS: Final = Figure("palms", View.HANDS, 194, faces=True, away=98, name_at=(0, 324), marks="fingers")
KNUCKLES: Final = Figure("backs", View.HANDS, 582, faces=True, away=98, name_at=(0, 324), marks="fingers")
INSTEPS: Final = Figure("insteps", View.FEET, 194, faces=True, away=90, name_at=(0, 350), marks="toes")
SOLES: Final = Figure("soles", View.FEET, 582, faces=True, away=90, name_at=(0, 350), marks="soles")
FIGURES: Final = (FRONT, BACK, FACE, NAPE, PALMS, KNUCKLES, INSTEPS, SOLES)
"""A patient who lies or sits before one shows palms, backs of hands, insteps and soles alike: facing."""

_Span = tuple[float, float]
_MIDDLE: Final[dict[Figure, tuple[tuple[str, _Span, float, float], ...]]] = {
    # code, (half its width above, and below), top, bottom
    FRONT: (
        ("70762009", (26, 26), 0, 50),
        ("244107007", (25, 25), 52, 100),
        ("75093004", (25, 25), 101, 150),
        ("60944009", (25, 25), 151, 200),
    ),
    BACK: (
        ("70762009", (26, 26), 0, 50),
        ("244111001", (25, 25), 52, 100),
        ("113182001", (25, 25), 101, 150),
        ("54735007", (25, 25), 151, 200),
    ),
    FACE: (
        ("43067004", (54, 88), 0, 54),
        ("68698007", (89, 92), 56, 110),
        ("113179006", (26, 34), 112, 226),
        ("88089004", (76, 66), 228, 280),
        ("23747009", (66, 44), 282, 332),
        ("43081002", (56, 70), 334, 399),
    ),
    NAPE: (
        ("43067004", (54, 88), 0, 54),
        ("79951008", (89, 84), 56, 250),
        ("4658004", (66, 76), 252, 330),
    ),
    PALMS: (),
    KNUCKLES: (),
    INSTEPS: (),
    SOLES: (),
}
_PAIRS: Final[dict[Figure, tuple[tuple[str, _Span, _Span, float, float], ...]]] = {
    # code, (nearest to the middle, farthest) above, the same below, top, bottom
    FRONT: (
        ("244106003", (26, 77), (26, 74), 52, 100),
        ("45981001", (78, 128), (86, 138), 52, 100),
        ("75093004", (26, 74), (26, 76), 101, 150),
        ("17957002", (87, 139), (100, 152), 101, 150),
        ("39687006", (26, 76), (26, 76), 151, 200),
        ("29836001", (77, 96), (77, 132), 151, 200),
        ("70559009", (132, 182), (138, 188), 151, 200),
        ("61248009", (3, 126), (4, 78), 201, 250),
        ("33712006", (140, 190), (140, 190), 201, 254),
        ("181553006", (4, 74), (6, 66), 251, 300),
        ("25763004", (7, 66), (8, 60), 301, 350),
        ("60496002", (8, 60), (8, 74), 351, 400),
    ),
    BACK: (
        ("244111001", (26, 77), (26, 74), 52, 100),
        ("72939005", (78, 128), (86, 138), 52, 100),
        ("113182001", (26, 74), (26, 76), 101, 150),
        ("181536004", (87, 139), (100, 152), 101, 150),
        ("22180002", (26, 76), (26, 76), 151, 200),
        ("29836001", (77, 96), (77, 132), 151, 200),
        ("41550009", (132, 182), (138, 188), 151, 200),
        ("4578000", (3, 126), (4, 78), 201, 250),
        ("33712006", (140, 190), (140, 190), 201, 254),
        ("84507004", (4, 74), (6, 66), 251, 300),
        ("47224004", (7, 66), (8, 60), 301, 350),
        ("84607009", (8, 60), (8, 66), 351, 400),
    ),
    FACE: (
        ("362916000", (28, 92), (30, 92), 112, 166),
        ("36141000", (36, 92), (36, 82), 168, 226),
        ("1902009", (94, 146), (94, 142), 112, 180),
    ),
    NAPE: (
        ("1902009", (94, 148), (92, 142), 112, 172),
        ("24483006", (91, 142), (88, 138), 174, 230),
    ),
    PALMS: (
        ("24527008", (72, 124), (68, 128), 34, 86),
        ("70887009", (58, 139), (48, 139), 88, 186),
        ("244169007", (48, 148), (56, 140), 188, 290),
        ("244169007", (142, 192), (143, 193), 92, 176),
        ("33712006", (42, 154), (42, 154), 340, 392),
    ),
    KNUCKLES: (
        ("52876008", (72, 124), (68, 128), 34, 86),
        ("281642007", (57, 138), (56, 148), 88, 186),
        ("244169007", (48, 148), (56, 140), 188, 290),
        ("244169007", (3, 54), (2, 52), 92, 176),
        ("33712006", (42, 154), (42, 154), 340, 392),
    ),
    INSTEPS: (
        ("181563003", (36, 89), (34, 89), 34, 98),
        ("181564009", (90, 143), (90, 146), 34, 98),
        ("60496002", (32, 148), (24, 160), 100, 222),
        ("770822006", (22, 78), (24, 78), 224, 290),
        ("52034004", (80, 162), (80, 150), 224, 280),
    ),
    SOLES: (
        ("52034004", (30, 152), (22, 164), 34, 92),
        ("52953006", (22, 91), (34, 91), 94, 222),
        ("35739000", (93, 164), (93, 152), 94, 222),
        ("699919007", (15, 66), (20, 66), 224, 284),
        ("84607009", (68, 118), (68, 118), 224, 306),
        ("699909001", (120, 171), (120, 166), 224, 284),
    ),
}
_LARGER: Final = {"70762009": View.HEAD, "33712006": View.HANDS, "60496002": View.FEET}
"""What of the whole body opens a view of its own."""
_WHOLE: Final = (("73897004", 250.0), ("70762009", 320.0))
"""Face and head: larger than all that their view shows, so they stand beside it."""
_ROUNDER: Final = {
    "70762009": 24.0,
    "33712006": 18.0,
    "60496002": 18.0,
    "84607009": 20.0,
    "43067004": 30.0,
    "23747009": 26.0,
    "1902009": 22.0,
    "244169007": 22.0,
    "770822006": 24.0,
    "52034004": 22.0,
    "29836001": 14.0,
    "61248009": 9.0,
    "4578000": 9.0,
    "45981001": 16.0,
    "72939005": 16.0,
    "699919007": 22.0,
    "699909001": 22.0,
}
"""Where a body ends it is rounder than where one part of it goes on in the next."""


def spots(view: View) -> tuple[Spot, ...]:
    """What can be touched in a view: figure by figure, from head to toe, the patient's right first."""
    drawn = [spot for figure in FIGURES if figure.view is view for spot in _of(figure)]
    return (*drawn, *(_beside(code, top) for code, top in _WHOLE if view is View.HEAD))


def _beside(code: str, top: float) -> Spot:
    middle = (FACE.middle + NAPE.middle) / 2
    left, right, bottom = middle - 56, middle + 56, top + 52
    return Spot(FACE, code, None, ((left, top), (right, top), (right, bottom), (left, bottom)), written=True)


def _of(figure: Figure) -> Iterator[Spot]:
    parts: list[tuple[float, int, Spot]] = []
    for code, (above, below), top, bottom in _MIDDLE[figure]:
        corners = ((-above, top), (above, top), (below, bottom), (-below, bottom))
        placed = tuple((figure.middle + x, y) for x, y in corners)
        parts.append((top, 1, Spot(figure, code, None, placed, _leads(figure, code))))
    for code, (near, far), (near_below, far_below), top, bottom in _PAIRS[figure]:
        corners = ((near, top), (far, top), (far_below, bottom), (near_below, bottom))
        for order, side in ((0, Laterality.RIGHT), (2, Laterality.LEFT)):
            placed = tuple((figure.across(side, x), y) for x, y in corners)
            whole = figure.view is View.HANDS and code in _LARGER
            parts.append((top, order, Spot(figure, code, side, placed, _leads(figure, code), written=whole)))
    yield from (spot for _top, _order, spot in sorted(parts, key=lambda part: part[:2]))


def _leads(figure: Figure, code: str) -> View | None:
    return _LARGER.get(code) if figure.view is View.BODY else None


def rounded(corners: tuple[Point, ...], radius: float) -> str:
    """A closed SVG path through these corners, each rounded by up to `radius`, and by half of its shorter edge."""
    parts = []
    for before, corner, after in zip((corners[-1], *corners), corners, (*corners[1:], corners[0]), strict=False):
        into, out = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"{_said(into)}Q{_said(corner)} {_said(out)}")
    return "M" + "L".join(parts) + "Z"


def _towards(corner: Point, other: Point, radius: float) -> Point:
    away = ((other[0] - corner[0]) ** 2 + (other[1] - corner[1]) ** 2) ** 0.5
    share = min(radius, away / 2) / away
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _said(point: Point) -> str:
    return f"{point[0]:.4g} {point[1]:.4g}"
