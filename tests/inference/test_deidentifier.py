"""Stills: covered, looked at again, recorded, and revised by a person."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from inference import (
    Action,
    Decision,
    DecisionRefused,
    Deidentifier,
    DetectionFailed,
    FilmCover,
    Frame,
    Kind,
    Outcome,
    Photo,
    Pixels,
    Polygon,
    Region,
    Sighting,
)
from inference.covering import FILL
from inference.geometry import box_polygon
from inference.policy import Pair, Thresholds

BADGE = box_polygon((100, 60, 140, 90))
HEAD = box_polygon((20, 20, 60, 60))


def _is_filled(photo: Photo, polygon: Polygon) -> bool:
    (x0, y0), (x1, y1) = polygon[0], polygon[2]
    return bool(np.all(photo.pixels[int(y0) : int(y1), int(x0) : int(x1)] == FILL))


@pytest.fixture
def engine_that_sees(scripted):
    made = []

    def build(*regions: Region, then: tuple[Region, ...] = ()):
        still = [scripted(k, [r for r in regions if r.kind is k]) for k in (Kind.FACE, Kind.TEXT, Kind.CODE)]
        second = [scripted(k, [r for r in then if r.kind is k]) for k in (Kind.FACE, Kind.TEXT, Kind.CODE)]
        made.append(Deidentifier(still=still, live=[], second_look=second, threads=2))
        return made[-1]

    yield build
    for engine in made:
        engine.close()


def test_what_was_found_is_filled_and_all_else_is_kept(engine_that_sees, frame: Frame) -> None:
    photo = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m")).still(frame)
    assert _is_filled(photo, HEAD)
    assert np.array_equal(photo.pixels[:19], frame.pixels[:19])
    assert np.array_equal(photo.pixels[:, 62:], frame.pixels[:, 62:])
    assert not np.all(frame.pixels[20:60, 20:60] == FILL)


def test_the_record_says_what_every_kind_was_answered_and_by_whom(engine_that_sees, frame: Frame) -> None:
    redaction = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m")).still(frame).redaction
    assert dict(redaction.outcomes) == {
        Kind.FACE: Outcome.FOUND, Kind.TATTOO: Outcome.UNSURE, Kind.TEXT: Outcome.CLEAR, Kind.CODE: Outcome.CLEAR
    }  # fmt: skip
    assert (redaction.width, redaction.height) == (160, 120)
    assert redaction.models == {f"{kind}-model": "0" * 64 for kind in ("face", "text", "code")}
    assert redaction.second_look is Outcome.CLEAR
    assert redaction.policy
    assert {"face.ask", "face.cover", "text.ask", "code.cover"} <= set(redaction.thresholds)


def test_what_only_the_second_look_sees_is_covered_and_asks_a_person(engine_that_sees, frame: Frame) -> None:
    badge = Region(Kind.TEXT, BADGE, 0.95, "m")
    photo = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m"), then=(badge,)).still(frame)
    assert _is_filled(photo, HEAD)
    assert _is_filled(photo, BADGE)
    assert photo.redaction.second_look is Outcome.FOUND
    assert photo.redaction.outcomes[Kind.TEXT] is Outcome.UNSURE
    assert badge in photo.redaction.regions


def test_a_second_look_at_the_fill_itself_asks_nobody(engine_that_sees, frame: Frame) -> None:
    face = Region(Kind.FACE, HEAD, 0.9, "m")
    redaction = engine_that_sees(face, then=(face,)).still(frame).redaction
    assert redaction.second_look is Outcome.CLEAR
    assert redaction.outcomes[Kind.FACE] is Outcome.FOUND


def test_the_timings_name_every_stage(engine_that_sees, frame: Frame) -> None:
    took = engine_that_sees().still(frame).milliseconds
    assert {"face", "text", "code", "look", "cover", "second-look", "total"} == set(took)
    assert took["total"] >= took["look"] >= 0


def _decision(action: Action, kind: Kind, **more: object) -> Decision:
    return Decision(action, kind, "badge-7", 1_700_000_000_000, **more)  # type: ignore[arg-type]


def test_a_person_may_uncover_with_a_reason_and_the_record_keeps_it(engine_that_sees, frame: Frame) -> None:
    engine = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m"), Region(Kind.TEXT, BADGE, 0.9, "m"))
    first = engine.still(frame).redaction
    place = next(i for i, r in enumerate(first.regions) if r.kind is Kind.FACE)
    removal = _decision(Action.REMOVE, Kind.FACE, index=place, reason="it is the wound")
    photo = engine.revise(frame, first, [removal])
    assert np.array_equal(photo.pixels[20:60, 20:60], frame.pixels[20:60, 20:60])
    assert _is_filled(photo, BADGE)
    assert photo.redaction.decisions == (removal,)


def test_a_person_may_cover_more_and_a_later_revision_keeps_it(engine_that_sees, frame: Frame) -> None:
    engine = engine_that_sees()
    photo = engine.revise(frame, engine.still(frame).redaction, [_decision(Action.ADD, Kind.TATTOO, polygon=HEAD)])
    assert _is_filled(photo, HEAD)
    assert photo.redaction.regions[-1].model == "person"
    again = engine.revise(frame, photo.redaction, [_decision(Action.ADD, Kind.TEXT, polygon=BADGE)])
    assert _is_filled(again, HEAD)
    assert _is_filled(again, BADGE)
    assert len(again.redaction.decisions) == 2


def test_a_confirmation_answers_the_question_and_changes_no_pixel(engine_that_sees, frame: Frame) -> None:
    engine = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m"))
    first = engine.still(frame)
    photo = engine.revise(frame, first.redaction, [_decision(Action.CONFIRM, Kind.TATTOO)])
    assert first.redaction.unanswered == (Kind.TATTOO,)
    assert photo.redaction.unanswered == ()
    assert np.array_equal(photo.pixels, first.pixels)


@pytest.mark.parametrize(("index", "kind"), [(1, Kind.FACE), (-1, Kind.FACE), (0, Kind.TEXT)])
def test_a_decision_about_another_region_is_refused(engine_that_sees, frame: Frame, index: int, kind: Kind) -> None:
    engine = engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m"))
    with pytest.raises(DecisionRefused, match="not in this picture's record"):
        engine.revise(frame, engine.still(frame).redaction, [_decision(Action.REMOVE, kind, index=index, reason="no")])


def test_a_record_of_another_picture_is_refused(engine_that_sees, frame: Frame) -> None:
    engine = engine_that_sees()
    other = Frame(frame.pixels[:60], 0)
    with pytest.raises(DecisionRefused, match="another size"):
        engine.revise(other, engine.still(frame).redaction, [])


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_a_tiny_or_thin_picture_comes_out_at_its_own_size(engine_that_sees, shape: tuple[int, int]) -> None:
    tiny = Frame(np.zeros((*shape, 3), dtype=np.uint8), 0)
    assert engine_that_sees(Region(Kind.FACE, HEAD, 0.9, "m")).still(tiny).pixels.shape[:2] == shape


@pytest.fixture
def film_engine(scripted):
    """A live view's detector of faces that finds one, and a still's detector of texts that finds one."""
    face = scripted(Kind.FACE, [Region(Kind.FACE, box_polygon((20, 20, 60, 60)), 0.9, "m")])
    text = scripted(Kind.TEXT, [Region(Kind.TEXT, box_polygon((80, 20, 120, 40)), 0.9, "m")])
    engine = Deidentifier(still=[text], live=[face], second_look=[], threads=1)
    yield engine, face, text
    engine.close()


def test_a_frame_of_a_film_is_looked_at_by_the_live_views_detectors_and_thoroughly_by_a_stills_too(
    film_engine, frame: Frame
) -> None:
    engine, _, _ = film_engine
    assert [region.kind for region in next(engine.sightings([(frame, False)])).regions] == [Kind.FACE]
    seen = next(engine.sightings([(frame, True)]))
    assert {region.kind for region in seen.regions} == {Kind.FACE, Kind.TEXT}
    assert seen.at_ns == frame.monotonic_ns


def test_what_is_seen_in_one_frame_of_a_film_is_not_held_in_the_next(film_engine, frame: Frame) -> None:
    engine, face, _ = film_engine
    next(engine.sightings([(frame, False)]))
    face._does = lambda _image: []
    assert next(engine.sightings([(frame, False)])) == Sighting(frame.monotonic_ns, ())


def test_a_film_frame_is_covered_with_its_own_cover_and_no_other(film_engine, frame: Frame) -> None:
    engine, _, _ = film_engine
    regions = next(engine.sightings([(frame, False)])).regions
    view = engine.filmed(frame, FilmCover(frame.monotonic_ns, regions))
    assert (view.pixels[21:59, 21:59] == FILL).all()
    assert (view.pixels[:, 70:] == frame.pixels[:, 70:]).all()
    with pytest.raises(ValueError, match="another frame"):
        engine.filmed(frame, FilmCover(frame.monotonic_ns + 1, regions))


def frames_of_a_film(count: int, drawn: list[int] | None = None) -> Iterator[tuple[Frame, bool]]:
    """Frames, each as bright as its number and at that moment; notes in `drawn` which were asked for."""
    for number in range(count):
        if drawn is not None:
            drawn.append(number)
        yield Frame(np.full((64, 64, 3), number, np.uint8), number), False


def test_a_films_frames_are_looked_at_beside_each_other_and_told_in_their_order(scripted) -> None:
    both = threading.Barrier(2, timeout=20)
    last_first = [threading.Event() for _ in range(6)]

    def look(image: Pixels) -> list[Region]:
        number = int(image[0, 0, 0])
        both.wait()  # never comes back unless two look at once
        if number % 2 == 0:
            assert last_first[number + 1].wait(20)
        last_first[number].set()
        return [Region(Kind.FACE, box_polygon((0, 0, 10 + number, 10)), 0.9, "m")]

    engine = Deidentifier(still=[], live=[scripted(Kind.FACE, does=look)], second_look=[], threads=2)
    seen = list(engine.sightings(frames_of_a_film(6)))
    engine.close()
    assert [one.at_ns for one in seen] == list(range(6))
    assert [one.regions[0].polygon[1][0] for one in seen] == [10.0 + number for number in range(6)]


def test_no_more_of_a_film_is_read_ahead_than_is_being_looked_at(scripted) -> None:
    drawn: list[int] = []
    engine = Deidentifier(still=[], live=[scripted(Kind.FACE)], second_look=[], threads=2)
    seen = engine.sightings(frames_of_a_film(20, drawn))
    for number in range(10):
        assert next(seen).at_ns == number
        assert len(drawn) <= number + 3
    seen.close()
    engine.close()


def test_a_detector_that_fails_on_a_film_keeps_nothing(scripted, frame: Frame) -> None:
    engine = Deidentifier(still=[], live=[scripted(Kind.FACE, [None])], second_look=[], threads=1)
    with pytest.raises(DetectionFailed, match="face"):
        next(engine.sightings([(frame, False)]))
    engine.close()


def test_what_decides_a_films_sightings_tells_engines_apart(film_engine, scripted) -> None:
    engine, face, text = film_engine
    others = [
        Deidentifier(still=[], live=[face], second_look=[], threads=1),
        Deidentifier(still=[text], live=[face, text], second_look=[], threads=1),
        Deidentifier(still=[text], live=[face], second_look=[], threads=1, thresholds=Thresholds(face=Pair(0.1, 0.2))),
    ]
    looks = [engine.film_look, *(other.film_look for other in others)]
    assert all(one != two for place, one in enumerate(looks) for two in looks[:place])
    for other in others:
        other.close()
