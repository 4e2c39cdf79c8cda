"""Promise 7 in the engine: whatever covers a wound becomes a question, and nothing is uncovered for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from inference import (
    Action,
    Decision,
    Deidentifier,
    DetectionFailed,
    Frame,
    Kind,
    Outcome,
    Redaction,
    Region,
    Shown,
)
from inference.canvas import Canvas
from inference.covering import FILL
from inference.detectors.skin import SkinDetector
from inference.geometry import bounds, box_polygon
from inference.guard import TOLERATED, Guarded, WoundGuard, on_a_wound
from inference.picture import BY_PERSON
from inference.policy import Thresholds

WOUND = box_polygon((60, 40, 100, 80))
LABEL = box_polygon((80, 50, 140, 70))
ASIDE = box_polygon((110, 90, 150, 110))


class SeesWounds:
    """A guard that sees what the test says, in one pass."""

    name = "wound"

    def __init__(self, *wounds, tattoos: Sequence[Region] = (), fails: Exception | None = None) -> None:
        self.models = {"guard-model": "0" * 64}
        self.kinds = frozenset({Kind.TATTOO})
        self.passes = 0
        self._seen, self._fails = Guarded(list(tattoos), list(wounds)), fails

    def prepare(self) -> None:
        """Nothing to warm."""

    def guarded(self, image):
        assert not image.flags.writeable
        self.passes += 1
        if self._fails is not None:
            raise self._fails
        return self._seen


def text(polygon) -> Region:
    return Region(Kind.TEXT, polygon, 0.9, "m")


@pytest.fixture
def guarded(scripted):
    made = []

    def build(guard, *regions: Region) -> Deidentifier:
        seen = {kind: [region for region in regions if region.kind is kind] for kind in Kind}
        still = [scripted(kind, seen[kind]) for kind in Kind if guard is None or kind not in guard.kinds]
        made.append(Deidentifier(still=still, live=[], second_look=[], guard=guard, threads=2))
        return made[-1]

    yield build
    for engine in made:
        engine.close()


def test_a_region_on_a_wound_stays_covered_and_asks_a_person(guarded, frame: Frame) -> None:
    photo = guarded(SeesWounds(WOUND), text(LABEL)).still(frame)
    assert photo.redaction.outcomes[Kind.TEXT] is Outcome.UNSURE
    assert photo.redaction.unanswered == (Kind.TEXT,)
    assert (photo.pixels[52:68, 82:138] == FILL).all()


def decided(action: Action, **more: object) -> Decision:
    return Decision(action, Kind.TEXT, "4711", 1_790_000_000_000, **more)


def test_what_covers_a_wound_is_left_by_a_person_who_says_so_or_uncovered(guarded, frame: Frame) -> None:
    engine = guarded(SeesWounds(WOUND), text(LABEL), text(ASIDE))
    redaction = engine.still(frame).redaction
    assert redaction.hiding == (Kind.TEXT,)
    confirmed = engine.revise(frame, redaction, [decided(Action.CONFIRM)]).redaction
    assert (confirmed.unanswered, confirmed.hiding) == ((), (Kind.TEXT,)), (
        "that none is missed says nothing of the wound"
    )
    left = engine.revise(frame, redaction, [decided(Action.LEAVE)])
    assert (left.redaction.unanswered, left.redaction.hiding) == ((Kind.TEXT,), ())
    assert (left.pixels[52:68, 82:138] == FILL).all()
    removed = engine.revise(frame, redaction, [decided(Action.REMOVE, index=0, reason="It is the wound")])
    assert removed.redaction.hiding == (Kind.TEXT,), "another one is still covered"
    assert not (removed.pixels[52:68, 82:138] == FILL).all()
    again = engine.revise(frame, removed.redaction, [decided(Action.REMOVE, index=0, reason="It is the wound")])
    assert again.redaction.hiding == ()


def test_what_only_the_second_look_covers_of_a_wound_is_asked_about_too(scripted, frame: Frame) -> None:
    engine = Deidentifier(
        still=[], live=[], second_look=[scripted(Kind.CODE, [Region(Kind.CODE, LABEL, 0.9, "m")])],
        guard=SeesWounds(WOUND), threads=2,
    )  # fmt: skip
    assert engine.still(frame).redaction.hiding == (Kind.CODE,)
    engine.close()


def test_a_wound_on_a_face_that_is_shown_is_not_hidden() -> None:
    face = Region(Kind.FACE, LABEL, 0.9, "m")
    shown = Decision(Action.SHOW, Kind.FACE, "4711", 1, polygon=LABEL, reason="It is the wound")
    assert record(face).hiding == (Kind.FACE,)
    assert replace(record(face), decisions=(shown,), shown=(Shown(LABEL, ()),)).hiding == ()


def test_what_is_in_doubt_may_hide_a_wound_that_nobody_saw(guarded, frame: Frame) -> None:
    doubtful, sure = (Region(Kind.FACE, LABEL, score, "m") for score in (0.5, 0.9))
    assert guarded(SeesWounds(), doubtful).still(frame).redaction.hiding == (Kind.FACE,)
    assert guarded(SeesWounds(), sure).still(frame).redaction.hiding == ()


def test_what_a_person_drew_hides_nothing_unknown_to_them() -> None:
    assert record(Region(Kind.TATTOO, LABEL, 1.0, BY_PERSON)).hiding == ()


def record(region: Region) -> Redaction:
    """Of a picture with this region, and every kind unsure."""
    return Redaction(
        width=160, height=120, regions=(region,), outcomes=dict.fromkeys(Kind, Outcome.UNSURE), models={},
        thresholds={}, policy="p", second_look=Outcome.CLEAR,
    )  # fmt: skip


def test_a_region_beside_a_wound_asks_nobody(guarded, frame: Frame) -> None:
    redaction = guarded(SeesWounds(WOUND), text(ASIDE)).still(frame).redaction
    assert redaction.outcomes[Kind.TEXT] is Outcome.FOUND
    assert redaction.unanswered == ()


def test_a_wound_without_a_region_asks_nobody_and_keeps_every_pixel(guarded, frame: Frame) -> None:
    photo = guarded(SeesWounds(WOUND)).still(frame)
    assert photo.redaction.unanswered == ()
    assert np.array_equal(photo.pixels, frame.pixels)


def test_the_record_names_the_guards_model(guarded, frame: Frame) -> None:
    assert guarded(SeesWounds()).still(frame).redaction.models["guard-model"] == "0" * 64


def test_a_guard_that_fails_means_no_photo(guarded, frame: Frame) -> None:
    with pytest.raises(DetectionFailed, match="wound"):
        guarded(SeesWounds(fails=RuntimeError("a kernel crashed"))).still(frame)


def test_one_pass_of_the_guard_answers_for_tattoos_and_for_wounds(guarded, frame: Frame) -> None:
    tattoo = Region(Kind.TATTOO, LABEL, 1.0, "guard-model")
    guard = SeesWounds(WOUND, tattoos=[tattoo])
    redaction = guarded(guard).still(frame).redaction
    assert guard.passes == 1
    assert redaction.regions == (tattoo,)
    assert redaction.unanswered == (Kind.TATTOO,)


def test_a_film_is_guarded_when_it_is_looked_at_thoroughly(guarded, frame: Frame) -> None:
    engine = guarded(SeesWounds(WOUND), text(LABEL))
    assert next(engine.sightings([(frame, True)])).on_wounds == {Kind.TEXT}
    assert next(engine.sightings([(frame, False)])).on_wounds == frozenset()
    assert next(guarded(SeesWounds(), text(LABEL)).sightings([(frame, True)])).on_wounds == frozenset()
    with pytest.raises(DetectionFailed, match="wound"):
        next(guarded(SeesWounds(fails=RuntimeError("a kernel crashed"))).sightings([(frame, True)]))


def test_a_guard_that_is_there_changes_what_a_films_sightings_are_of(guarded) -> None:
    assert guarded(SeesWounds()).film_look != guarded(None).film_look


class OneWound:
    """The network's session: sure of a wound in a corner of its maps, and of nothing else; counts its runs."""

    model = SimpleNamespace(name="skin-model", sha256="0" * 64)

    def __init__(self) -> None:
        self.runs = 0

    def run(self, tensor):
        self.runs += 1
        maps = np.zeros((1, 4, tensor.shape[2] // 4, tensor.shape[3] // 4), np.float32)
        maps[0, 1, 10:20, 30:50] = 0.9
        return [maps]


def test_our_own_guard_runs_the_network_once_and_says_where_the_wound_is() -> None:
    network = OneWound()
    guard = WoundGuard(SkinDetector(network, [Canvas(320, 256)], Thresholds()))
    seen = guard.guarded(np.zeros((256, 320, 3), np.uint8))
    assert network.runs == 1
    assert seen.regions == []
    (wound,) = seen.wounds
    assert np.allclose(bounds(wound), (30 * 4, 10 * 4, 50 * 4, 20 * 4), atol=4)


def test_only_the_kind_that_lies_on_the_wound_asks() -> None:
    regions = [text(LABEL), Region(Kind.FACE, ASIDE, 0.9, "m")]
    assert on_a_wound(regions, [WOUND], 160, 120) == {Kind.TEXT}


def test_the_edge_of_a_label_that_touches_a_wound_is_tolerated() -> None:
    wide = box_polygon((0, 0, 400, 400))
    grazing, lying = box_polygon((396, 0, 500, 400)), box_polygon((384, 0, 500, 400))
    assert 5 / 400 < TOLERATED < 15 / 400
    assert on_a_wound([text(grazing)], [wide], 512, 512) == frozenset()
    assert on_a_wound([text(lying)], [wide], 512, 512) == {Kind.TEXT}


@pytest.mark.parametrize("size", [(160, 120), (4000, 3000), (9, 9)])
def test_a_wound_is_judged_alike_in_a_picture_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    wound = box_polygon((0.2 * width, 0.2 * height, 0.6 * width, 0.6 * height))
    half = box_polygon((0.2 * width, 0.2 * height, 0.4 * width, 0.6 * height))
    assert on_a_wound([text(half)], [wound], width, height) == {Kind.TEXT}
    assert on_a_wound([], [wound], width, height) == frozenset()


def test_a_wound_outside_the_picture_asks_nobody() -> None:
    assert on_a_wound([text(LABEL)], [box_polygon((500, 500, 600, 600))], 160, 120) == frozenset()
