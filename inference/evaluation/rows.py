"""What was measured on one picture: the rows under every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from inference.evaluation.annotations import Tone, ToneSource
from inference.picture import Kind

BARS: Final[Mapping[Kind, float]] = MappingProxyType(
    {Kind.FACE: 0.98, Kind.TATTOO: 0.8, Kind.TEXT: 0.9, Kind.CODE: 0.9}
)
"""From which share covered on an identifier of each kind counts as covered."""
HALF: Final = 0.5
MISSED: Final = 0.1
"""Below this share covered, an identifier counts as missed."""
LEGIBLE_HEIGHT: Final = 10.0
"""Pixels from which on legible text is asked to be covered."""
DAMAGED: Final = 0.05
"""From more than this share covered on, a wound counts as damaged."""


@dataclass(frozen=True, slots=True)
class TruthRow:
    """What became of one identifier.

    Attributes:
        kind: what it is.
        share: how much of it is covered, by regions of whatever kind: 0 to 1.
        height: how high it is in pixels, as its reader sees it.
        legible: as annotated.
        readable_before, readable: of a code, whether it could be read before and can be read after covering.
    """

    kind: Kind
    share: float
    height: float
    legible: bool = True
    readable_before: bool = False
    readable: bool = False

    @property
    def judged(self) -> bool:
        """Whether it is held to its bar: everything is, but text that is illegible or under 10 pixels high."""
        return self.kind is not Kind.TEXT or (self.legible and self.height >= LEGIBLE_HEIGHT)


@dataclass(frozen=True, slots=True)
class WoundRow:
    """How many pixels the wound has, how many of them are covered, and how many by each kind of region."""

    pixels: int
    hidden: int
    hidden_by: Mapping[Kind, int]

    def __post_init__(self) -> None:
        if not 0 <= self.hidden <= self.pixels or self.pixels < 1:
            raise ValueError("a wound has pixels, and not more of them are covered than there are")
        object.__setattr__(self, "hidden_by", MappingProxyType(dict(self.hidden_by)))

    @property
    def share(self) -> float:
        """How much of it is covered: 0 to 1."""
        return self.hidden / self.pixels


@dataclass(frozen=True, slots=True)
class Seen:
    """What the de-identifier made of one picture.

    Attributes:
        truths: what became of each identifier, in the order of the annotations.
        asks: kinds that somebody looked for and that a person is asked about.
        nobody_looked: kinds that no detector looks for; they ask about every picture.
        hiding: kinds of which a person is asked whether what is covered hides a wound.
        second_look_found: whether only the second look found something.
        covered: share of the frame that is covered.
        outside: share of the frame that is covered and belongs to no truth, grown a little.
        false: the same, by regions of the kinds that the picture is annotated for; None where there are none.
        readable_elsewhere: whether a code can be read where none is annotated.
        wound: what became of the wound, where one is annotated and in sight.
        milliseconds: what the de-identifier took.
    """

    truths: tuple[TruthRow, ...]
    asks: frozenset[Kind]
    nobody_looked: frozenset[Kind]
    hiding: frozenset[Kind]
    second_look_found: bool
    covered: float
    outside: float
    false: float | None
    readable_elsewhere: bool
    wound: WoundRow | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture under one degradation.

    Attributes:
        file: its name in the dataset.
        width, height: as it was looked at, in pixels.
        tone: its bin of skin tones; None where nothing is known.
        tone_source: how the bin is known.
        seen: what was measured, or None where the de-identifier failed and so nothing came out.
        failure: the sentence with which it failed.
    """

    file: str
    width: int
    height: int
    tone: Tone | None = None
    tone_source: ToneSource | None = None
    seen: Seen | None = None
    failure: str = ""

    def __post_init__(self) -> None:
        if (self.seen is None) != bool(self.failure):
            raise ValueError("a picture was either measured or failed")

    def to_json(self) -> dict[str, Any]:
        """The row as JSON has it."""
        row: dict[str, Any] = {
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "tone": self.tone,
            "tone_source": self.tone_source,
        }
        if self.seen is None:
            return row | {"failed": self.failure}
        return row | _seen_json(self.seen)


def _seen_json(seen: Seen) -> dict[str, Any]:
    return {
        "truths": [_truth_json(truth) for truth in seen.truths],
        "asks": _in_order(seen.asks),
        "nobody_looked": _in_order(seen.nobody_looked),
        "hiding": _in_order(seen.hiding),
        "second_look_found": seen.second_look_found,
        "covered": _short(seen.covered),
        "outside": _short(seen.outside),
        "false": None if seen.false is None else _short(seen.false),
        "readable_elsewhere": seen.readable_elsewhere,
        "wound": seen.wound
        and {"pixels": seen.wound.pixels, "hidden": seen.wound.hidden, "hidden_by": dict(seen.wound.hidden_by)},
        "milliseconds": round(seen.milliseconds, 1),
    }


def _truth_json(truth: TruthRow) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": truth.kind, "share": _short(truth.share), "height": round(truth.height, 1)}
    if truth.kind is Kind.TEXT:
        row |= {"legible": truth.legible, "judged": truth.judged}
    if truth.kind is Kind.CODE:
        row |= {"readable_before": truth.readable_before, "readable": truth.readable}
    return row


def _in_order(kinds: frozenset[Kind]) -> list[Kind]:
    return [kind for kind in Kind if kind in kinds]


def _short(share: float) -> float:
    return round(share, 6)
