"""The measures: one row of a table each, from the rows of pictures to a share. A new measure is one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from inference.evaluation.annotations import Tone
from inference.evaluation.intervals import Share, share_of
from inference.evaluation.rows import BARS, DAMAGED, HALF, MISSED, PictureRow, Seen, TruthRow, WoundRow
from inference.picture import Kind

Pairs = Iterable[tuple[float, float]]
"""(part, whole), one for each trial."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A share over the rows of a run.

    Attributes:
        name: as JSON has it.
        title: as the table has it.
        pairs: part and whole of each trial in one row.
        high_is_good: which of two bins of skin tones is the better one.
        counted: whether parts and wholes are things to count, rather than pixels.
    """

    name: str
    title: str
    pairs: Callable[[PictureRow], Pairs]
    high_is_good: bool
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure's share over all rows, and over those of each bin of skin tones that has any."""

    measure: Measure
    share: Share
    by_tone: dict[Tone, Share]

    @property
    def worst_and_best(self) -> tuple[Tone, Tone] | None:
        """The worst bin and the best; None where fewer than two have a share."""
        if len(self.by_tone) < 2:
            return None
        order = sorted(self.by_tone, key=lambda tone: self.by_tone[tone].value, reverse=not self.measure.high_is_good)
        return order[0], order[-1]

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON has it."""
        facts = {"title": self.measure.title, **self.share.to_json()}
        facts["by_tone"] = {tone: share.to_json() for tone, share in self.by_tone.items()}
        pair = self.worst_and_best
        if pair is not None:
            worst, best = (self.by_tone[tone].value for tone in pair)
            facts |= {"worst_tone": pair[0], "best_tone": pair[1], "worst_minus_best": round(worst - best, 8)}
        return facts


def figures(rows: Sequence[PictureRow]) -> tuple[Figure, ...]:
    """Every measure that these rows say anything about, in the table's order."""
    found: list[Figure] = []
    for measure in MEASURES:
        share = share_of(pair for row in rows for pair in measure.pairs(row))
        if share is not None:
            by_tone = {tone: share_of(p for r in rows if r.tone is tone for p in measure.pairs(r)) for tone in Tone}
            found.append(Figure(measure, share, {tone: part for tone, part in by_tone.items() if part is not None}))
    return tuple(found)


def _yes(answer: bool) -> tuple[float, float]:  # noqa: FBT001 - the answer is what it is about
    return float(answer), 1.0


def _truths(kind: Kind, said: Callable[[TruthRow], bool], row: PictureRow) -> Iterator[tuple[float, float]]:
    for truth in row.seen.truths if row.seen else ():
        if truth.kind is kind and truth.judged:
            yield _yes(said(truth))


def _not_judged(row: PictureRow) -> Iterator[tuple[float, float]]:
    for truth in row.seen.truths if row.seen else ():
        if not truth.judged:
            yield _yes(truth.share >= HALF)


def _pictures(said: Callable[[Seen], bool], row: PictureRow) -> Iterator[tuple[float, float]]:
    if row.seen:
        yield _yes(said(row.seen))


def _needless(row: PictureRow) -> Iterator[tuple[float, float]]:
    if row.seen and not row.seen.truths:
        yield _yes(bool(row.seen.asks))


def _frame(share: Callable[[Seen], float | None], row: PictureRow) -> Iterator[tuple[float, float]]:
    part = share(row.seen) if row.seen else None
    if part is not None:
        yield part, 1.0


def _wounds(said: Callable[[Seen, WoundRow], bool], row: PictureRow) -> Iterator[tuple[float, float]]:
    if row.seen and row.seen.wound:
        yield _yes(said(row.seen, row.seen.wound))


def _wound_pixels(hidden: Callable[[Seen, WoundRow], int], row: PictureRow) -> Iterator[tuple[float, float]]:
    if row.seen and row.seen.wound:
        yield hidden(row.seen, row.seen.wound), row.seen.wound.pixels


def _asks_about(kind: Kind, row: PictureRow) -> Iterator[tuple[float, float]]:
    if row.seen and kind not in row.seen.nobody_looked:
        yield _yes(kind in row.seen.asks)


def _wound_pixels_as(kind: Kind, row: PictureRow) -> Iterator[tuple[float, float]]:
    return _wound_pixels(lambda _seen, wound: wound.hidden_by[kind], row)


def _of_kind(kind: Kind) -> Iterator[Measure]:
    plural = {Kind.FACE: "faces", Kind.TATTOO: "tattoos", Kind.TEXT: "legible words", Kind.CODE: "codes"}[kind]
    bar = BARS[kind]
    yield Measure(
        f"{kind}.covered", f"{plural} covered ≥ {bar:.0%}", partial(_truths, kind, lambda t: t.share >= bar), True
    )
    yield Measure(
        f"{kind}.half", f"{plural} covered ≥ {HALF:.0%}", partial(_truths, kind, lambda t: t.share >= HALF), True
    )
    yield Measure(
        f"{kind}.missed", f"{plural} missed (< {MISSED:.0%})", partial(_truths, kind, lambda t: t.share < MISSED), False
    )


def _of_codes() -> Iterator[Measure]:
    yield Measure(
        "code.readable_before", "codes readable before", partial(_truths, Kind.CODE, lambda t: t.readable_before), True
    )
    yield Measure("code.readable", "codes still readable", partial(_truths, Kind.CODE, lambda t: t.readable), False)
    yield Measure(
        "readable_elsewhere",
        "pictures with another readable code",
        partial(_pictures, lambda seen: seen.readable_elsewhere),
        False,
    )


def _of_the_frame() -> Iterator[Measure]:
    of_outside, of_false = partial(_frame, lambda seen: seen.outside), partial(_frame, lambda seen: seen.false)
    yield Measure("outside", "frame covered outside truths", of_outside, False, counted=False)
    yield Measure("false", "the same, by annotated kinds", of_false, False, counted=False)


def _of_wounds() -> Iterator[Measure]:
    unasked = partial(_wound_pixels, lambda seen, wound: 0 if seen.asks else wound.hidden)
    asked = partial(_wound_pixels, lambda seen, wound: wound.hidden if seen.asks else 0)
    damaged = partial(_wounds, lambda seen, wound: wound.share > DAMAGED and not seen.asks)
    unseen = partial(_wound_pixels, lambda seen, wound: 0 if seen.hiding else wound.hidden)
    hurt = partial(_wounds, lambda seen, wound: wound.share > DAMAGED and not seen.hiding)
    yield Measure("wound.hidden_unasked", "wound pixels covered, nobody asked", unasked, False, counted=False)
    yield Measure("wound.hidden_asked", "wound pixels covered, a person asked", asked, False, counted=False)
    for kind in Kind:
        part = partial(_wound_pixels_as, kind)
        yield Measure(f"wound.hidden_by_{kind}", f"wound pixels covered as {kind}", part, False, counted=False)
    yield Measure("wound.damaged_unasked", f"wounds > {DAMAGED:.0%} covered, nobody asked", damaged, False)
    yield Measure("wound.hidden_unseen", "wound pixels covered, not asked about them", unseen, False, counted=False)
    yield Measure("wound.damaged_unseen", f"wounds > {DAMAGED:.0%} covered, not asked about them", hurt, False)


def _of_questions() -> Iterator[Measure]:
    yield Measure("asks", "pictures that ask", partial(_pictures, lambda seen: bool(seen.asks)), False)
    for kind in Kind:
        yield Measure(f"asks.{kind}", f"pictures that ask about {kind}", partial(_asks_about, kind), False)
    of_wounds = partial(_pictures, lambda seen: bool(seen.hiding))
    yield Measure("asks.wound", "pictures that ask whether the wound is hidden", of_wounds, False)
    yield Measure("asks.needless", "pictures without a truth that ask", _needless, False)
    with_unlooked = partial(_pictures, lambda seen: bool(seen.asks | seen.nobody_looked))
    yield Measure("asks.with_unlooked", "pictures that ask, also where nobody looked", with_unlooked, False)
    second = partial(_pictures, lambda seen: seen.second_look_found)
    yield Measure("second_look_found", "pictures where only the second look saw", second, False)


MEASURES: Final[tuple[Measure, ...]] = (
    *(measure for kind in Kind for measure in _of_kind(kind)),
    Measure("text.not_judged.half", f"other words covered ≥ {HALF:.0%}", _not_judged, True),
    *_of_codes(),
    *_of_the_frame(),
    *_of_wounds(),
    *_of_questions(),
    Measure("failed", "pictures that failed", lambda row: [_yes(row.seen is None)], False),
)
"""Every measure, in the order of reports."""
