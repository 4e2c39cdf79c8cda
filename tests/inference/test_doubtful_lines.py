"""A line that the reader is not sure of is read again where letters are rare: on bare skin, and after the cover."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from inference import Deidentifier, DetectionFailed, Frame, Kind, Outcome, Region
from inference.bare_skin import SURE_LINE, SURE_ON_SKIN, BareSkin, bare_skin, doubtful_lines, unsure_lines
from inference.covering import coverage
from inference.detectors.lines import LineReader
from inference.detectors.skinmap import SkinMaps
from inference.geometry import box_polygon
from inference.guard import Guarded
from inference.scenes.sets import draw_picture

HERE, THERE = box_polygon((20, 40, 60, 60)), box_polygon((90, 40, 150, 60))
HALF = np.zeros((30, 40), np.bool_)
HALF[:, :20] = True
LEFT_HALF = BareSkin(HALF, 0.25)
"""The frame's left half, at a quarter of its size."""


def line(score: float, polygon=HERE) -> Region:
    return Region(Kind.TEXT, polygon, score, "reader")


class Guarding:
    """A guard that sees bare skin on the left, and no wound."""

    name, kinds, models = "skin", frozenset({Kind.TATTOO}), {"skin-model": "0" * 64}

    def prepare(self) -> None:
        """Nothing to warm."""

    def guarded(self, _image) -> Guarded:
        return Guarded([], [], LEFT_HALF)


class Reading:
    """A reader that finds lines firm, or not, or fails; it counts how often it was asked."""

    def __init__(self, *, firm: bool = True, fails: Exception | None = None) -> None:
        self.asked = 0
        self._firm, self._fails = firm, fails

    def firm(self, _image, _polygon) -> bool:
        self.asked += 1
        if self._fails is not None:
            raise self._fails
        return self._firm


@pytest.fixture
def reading_again(scripted) -> Iterator[Callable[..., Deidentifier]]:
    made: list[Deidentifier] = []

    def build(reader: Reading, *first: Region, second: tuple[Region, ...] = ()) -> Deidentifier:
        still = [scripted(kind, first if kind is Kind.TEXT else ()) for kind in Kind if kind is not Kind.TATTOO]
        again = [scripted(Kind.TEXT, second)]
        made.append(Deidentifier(still=still, live=[], second_look=again, guard=Guarding(), reader=reader, threads=2))
        return made[-1]

    yield build
    for engine in made:
        engine.close()


def test_a_doubtful_line_on_bare_skin_that_does_not_read_again_is_none(reading_again, frame: Frame) -> None:
    photo = reading_again(Reading(firm=False), line(0.6)).still(frame)
    assert photo.redaction.regions == ()
    assert photo.redaction.outcomes[Kind.TEXT] is Outcome.CLEAR
    assert np.array_equal(photo.pixels, frame.pixels)


def test_a_doubtful_line_on_bare_skin_that_reads_again_is_covered(reading_again, frame: Frame) -> None:
    redaction = reading_again(Reading(), line(0.6)).still(frame).redaction
    assert redaction.regions == (line(0.6),)
    assert redaction.outcomes[Kind.TEXT] is Outcome.FOUND


@pytest.mark.parametrize("sure", [line(SURE_ON_SKIN), line(0.6, THERE)], ids=["sure", "on no skin"])
def test_other_lines_are_believed_at_once(reading_again, frame: Frame, sure: Region) -> None:
    reader = Reading(firm=False)
    redaction = reading_again(reader, sure).still(frame).redaction
    assert reader.asked == 0
    assert redaction.regions == (sure,)
    assert redaction.outcomes[Kind.TEXT] is Outcome.FOUND


@pytest.mark.parametrize(("firm", "answer"), [(True, Outcome.FOUND), (False, Outcome.CLEAR)])
def test_what_a_second_look_doubts_is_found_only_if_it_reads_again(
    reading_again,
    frame: Frame,
    firm: bool,  # noqa: FBT001
    answer: Outcome,
) -> None:
    redaction = reading_again(Reading(firm=firm), second=(line(0.6, THERE),)).still(frame).redaction
    assert redaction.second_look is answer
    assert (redaction.outcomes[Kind.TEXT] is Outcome.UNSURE) is firm


def test_a_reader_that_fails_means_no_photo(reading_again, frame: Frame) -> None:
    with pytest.raises(DetectionFailed, match="reader"):
        reading_again(Reading(fails=RuntimeError("a kernel crashed")), line(0.6)).still(frame)


def test_a_film_is_read_again_where_it_is_looked_at_thoroughly(reading_again, frame: Frame) -> None:
    assert next(reading_again(Reading(firm=False), line(0.6)).sightings([(frame, True)])).regions == ()
    assert next(reading_again(Reading(), line(0.6)).sightings([(frame, True)])).regions == (line(0.6),)


def test_skin_is_bare_wounded_or_not_where_the_network_sees_no_print() -> None:
    tattoo, wound, skin, printed = np.zeros((4, 30, 40), np.float32)
    skin[:, :10], wound[:, 10:30], printed[:, 20:] = 0.9, 0.9, 0.5
    bare = bare_skin(SkinMaps(tattoo, wound, skin, printed, np.zeros((30, 40, 3), np.uint8), 0.25))
    assert np.array_equal(bare.mask, HALF)
    assert bare.holds(HERE)
    assert not bare.holds(THERE)
    assert not bare.holds(box_polygon((60, 40, 110, 60)))
    assert not bare.holds(box_polygon((-90, -90, -40, -60)))


def test_only_lines_are_in_doubt_and_none_where_nobody_can_say() -> None:
    code = Region(Kind.CODE, HERE, 0.6, "reader")
    assert doubtful_lines([line(0.8), line(0.9), line(0.6, THERE), code], LEFT_HALF) == {line(0.8)}
    assert doubtful_lines([line(0.6)], None) == frozenset()
    assert unsure_lines([line(0.6), line(SURE_LINE), code]) == {line(0.6)}


def test_of_many_lines_on_bare_skin_the_eight_likeliest_are_in_doubt() -> None:
    many = [line(0.5 + place / 100, box_polygon((20 + place, 40, 60, 60))) for place in range(12)]
    assert doubtful_lines(many, LEFT_HALF) == set(many[4:])


class CountsStrokes:
    """A recogniser whose letters are dark runs across the middle of the line, each another letter."""

    model = SimpleNamespace(name="reader", sha256="0" * 64)

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        dark = tensor[0, 0, tensor.shape[2] // 2] < -0.5
        starts = np.flatnonzero(dark[1:] & ~dark[:-1])
        steps = np.zeros((1, 2 * len(starts) + 1, len(starts) + 2), np.float32)
        steps[0, ::2, 0] = 1
        for place in range(len(starts)):
            steps[0, 2 * place + 1, place + 1] = 0.9
        return [steps]


@pytest.mark.parametrize(("strokes", "firm"), [((60, 90, 120), True), ((41, 90), False), ((90,), False)])
@pytest.mark.parametrize("turns", range(4))
def test_a_line_is_firm_if_it_reads_with_more_and_with_less_around_it(
    strokes: tuple[int, ...],
    firm: bool,  # noqa: FBT001
    turns: int,
) -> None:
    picture = np.full((100, 200, 3), 220, np.uint8)
    for x in strokes:
        picture[36:64, x : x + 4] = 20
    outline = np.array(box_polygon((40, 30, 140, 70)))
    for _ in range(turns):
        outline = np.stack([outline[:, 1], picture.shape[1] - outline[:, 0]], axis=1)
        picture = np.ascontiguousarray(np.rot90(picture))
    assert LineReader(CountsStrokes()).firm(picture, tuple(map(tuple, outline.tolist()))) is firm


@pytest.mark.models
@pytest.mark.parametrize(
    ("seed", "place"), [(123, 21), (123, 27), (123, 28), (154, 11)], ids=["small", "dark", "sutured", "red"]
)
def test_a_drawn_wound_that_reads_as_letters_stays_to_be_seen(engine: Deidentifier, seed: int, place: int) -> None:
    drawn = draw_picture("wounds", seed, place)
    redaction = engine.still(Frame(drawn.pixels, 0)).redaction
    written = [region.polygon for region in redaction.regions if region.kind is not Kind.TATTOO]
    covered = coverage(redaction.width, redaction.height, written)
    assert (covered & drawn.wound_mask).sum() <= 0.003 * drawn.wound_mask.sum()
    assert redaction.unanswered == (Kind.TATTOO,)


@pytest.mark.models
def test_marker_on_skin_is_covered(engine: Deidentifier) -> None:
    drawn = draw_picture("paper", 121, 31)
    redaction = engine.still(Frame(drawn.pixels, 0)).redaction
    covered = coverage(redaction.width, redaction.height, [r.polygon for r in redaction.regions])
    for mark in drawn.marks:
        if mark.kind is Kind.TEXT and mark.legible:
            assert (covered & mark.mask(*covered.shape)).sum() >= 0.9 * mark.bitmap.sum()
