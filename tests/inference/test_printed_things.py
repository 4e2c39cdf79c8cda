"""A printed thing is covered whole where a line or a code was read on it, and left where none was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference import Deidentifier, Frame, Kind, Region
from inference.covering import coverage
from inference.detectors.skinmap import MODEL, SkinMaps
from inference.geometry import area, box_polygon
from inference.guard import Guarded
from inference.picture import Polygon
from inference.printed_things import lettered_things, printed_things

WIDTH, HEIGHT = 1000, 600
BAND = box_polygon((400, 260, 640, 330))
LINE = box_polygon((420, 280, 580, 306))


def read(polygon: Polygon = LINE, kind: Kind = Kind.TEXT, score: float = 0.9, model: str = "reader") -> Region:
    return Region(kind, polygon, score, model)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.CODE])
def test_a_band_is_taken_whole_from_one_line_or_code_on_it(kind: Kind) -> None:
    assert lettered_things([read(kind=kind)], [BAND], WIDTH, HEIGHT) == (read(BAND, kind),)


def test_a_thing_is_as_sure_as_the_surest_line_on_it() -> None:
    lines = [read(score=0.6), read(box_polygon((420, 310, 500, 326)), score=0.8)]
    (taken,) = lettered_things(lines, [BAND], WIDTH, HEIGHT)
    assert taken.score == 0.8


@pytest.mark.parametrize(
    ("regions", "thing"),
    [
        ([], BAND),
        ([read(kind=Kind.FACE)], BAND),
        ([read(model=MODEL)], BAND),
        ([read(box_polygon((100, 100, 200, 130)))], BAND),
        ([read(box_polygon((340, 280, 480, 306)))], BAND),
        ([read(box_polygon((420, 280, 460, 300)))], BAND),
        ([read()], box_polygon((300, 150, 760, 450))),
    ],
    ids=["nothing", "a face", "print alone", "elsewhere", "half beside", "a word on a sheet", "too large"],
)
def test_nothing_else_is_taken(regions: Sequence[Region], thing: Polygon) -> None:
    assert lettered_things(regions, [thing], WIDTH, HEIGHT) == ()


def maps(printed: np.ndarray) -> SkinMaps:
    none = np.zeros_like(printed)
    return SkinMaps(none, none, none, printed, np.zeros((*printed.shape, 3), np.uint8), 0.1)


def test_what_looks_printed_is_outlined_with_little_around_it() -> None:
    printed = np.zeros((60, 100), np.float32)
    printed[26:33, 40:64] = 0.95
    (thing,) = printed_things(maps(printed))
    inside, band = coverage(WIDTH, HEIGHT, [thing]), coverage(WIDTH, HEIGHT, [BAND])
    assert (inside & band).sum() >= 0.99 * band.sum()
    assert inside.sum() <= 1.4 * area(BAND)


def test_a_faint_thing_and_a_net_of_lines_are_none() -> None:
    faint, net = np.zeros((60, 100), np.float32), np.zeros((60, 100), np.float32)
    faint[26:33, 40:64] = 0.8
    net[10:50, 20], net[10, 20:60] = 0.95, 0.95
    assert printed_things(maps(faint)) == []
    assert printed_things(maps(net)) == []


class SeesPrint:
    """A guard that sees one printed thing, and nothing else."""

    name, kinds, models = "skin", frozenset({Kind.TATTOO}), {"skin-model": "0" * 64}

    def prepare(self) -> None:
        """Nothing to warm."""

    def guarded(self, _image) -> Guarded:
        return Guarded([], [], things=[box_polygon((15, 35, 65, 62))])


def test_the_engine_covers_the_thing_a_line_was_read_on(scripted, frame: Frame) -> None:
    line = read(box_polygon((20, 40, 60, 60)))
    still = [scripted(Kind.TEXT, [line]), scripted(Kind.FACE), scripted(Kind.CODE)]
    engine = Deidentifier(still=still, live=[], second_look=[], guard=SeesPrint(), threads=2)
    assert engine.still(frame).redaction.regions == (line, read(box_polygon((15, 35, 65, 62))))
    assert len(next(engine.sightings([(frame, True)])).regions) == 2
    engine.close()
