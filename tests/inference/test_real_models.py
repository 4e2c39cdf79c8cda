"""The whole engine with its real models: a portrait at every turn, text, a code, and nothing where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from inference import (
    Action,
    Decision,
    DecisionRefused,
    Deidentifier,
    Frame,
    Kind,
    ModelMisbehaves,
    Outcome,
    Polygon,
    load_manifest,
)
from inference.canvas import Canvas
from inference.covering import FILL, coverage
from inference.geometry import box_polygon
from inference.models import load_models
from inference.picture import Pixels

pytestmark = pytest.mark.models

FACE = (180, 70, 265, 175)
"""Eileen Collins's face in the portrait, looked at by eye: left, top, right, bottom."""


def _skin(width: int = 960, height: int = 720) -> Pixels:
    noise = np.random.default_rng(5).normal(0, 3, (height, width, 1))
    return np.clip(np.array([205.0, 160, 135]) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("turns", range(4))
def test_a_face_is_covered_whichever_way_up_the_patient_lies(
    engine: Deidentifier, astronaut: Pixels, turns: int
) -> None:
    photo = engine.still(Frame(np.rot90(astronaut, turns), 0))
    assert photo.redaction.outcomes[Kind.FACE] is Outcome.FOUND
    upright = np.rot90(photo.pixels, -turns)
    left, top, right, bottom = FACE
    assert np.all(upright[top:bottom, left:right] == FILL)


def test_a_small_face_in_a_twelve_megapixel_still_is_covered(engine: Deidentifier, astronaut: Pixels) -> None:
    """A fiftieth of the picture across: the model may be unsure, but it is covered, and never called clear."""
    wide = np.tile(_skin(500, 375), (8, 8, 1))
    wide[1200:1712, 1800:2312] = astronaut
    photo = engine.still(Frame(wide, 0))
    assert photo.redaction.outcomes[Kind.FACE] is not Outcome.CLEAR
    left, top, right, bottom = FACE
    assert np.all(photo.pixels[1200 + top : 1200 + bottom, 1800 + left : 1800 + right] == FILL)


def test_the_live_view_covers_the_face_from_the_first_frame_on(engine: Deidentifier, astronaut: Pixels) -> None:
    left, top, right, bottom = FACE
    for count in range(4):
        view = engine.live(Frame(astronaut, 10_000_000_000 + count * 40_000_000))
        assert np.all(view.pixels[top:bottom, left:right] == FILL)


@pytest.mark.parametrize("turns", range(4))
def test_a_label_is_covered_whichever_way_up_it_is(engine: Deidentifier, turns: int) -> None:
    scene = _skin()
    cv2.rectangle(scene, (280, 300), (700, 380), (245, 245, 245), -1)
    cv2.putText(scene, "MILLER ANNA 1957", (300, 355), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3)
    ink = np.rot90(scene.max(axis=2) < 90, turns)
    photo = engine.still(Frame(np.rot90(scene, turns), 0))
    mask = coverage(photo.width, photo.height, [r.polygon for r in photo.redaction.regions if r.kind is Kind.TEXT])
    assert photo.redaction.outcomes[Kind.TEXT] is not Outcome.CLEAR
    assert (mask & ink).sum() >= 0.97 * ink.sum()


def test_a_code_on_skin_is_covered_and_unreadable(engine: Deidentifier) -> None:
    scene = _skin()
    code = np.array(zxingcpp.create_barcode("WL 4711", zxingcpp.DataMatrix).to_image(scale=5), dtype=np.uint8)
    scene[300 : 300 + code.shape[0], 400 : 400 + code.shape[1]] = code[..., None]
    photo = engine.still(Frame(scene, 0))
    assert photo.redaction.outcomes[Kind.CODE] is Outcome.FOUND
    assert zxingcpp.read_barcodes(np.ascontiguousarray(photo.pixels)) == []


def test_plain_skin_is_kept_as_it_is_and_only_the_tattoo_question_is_asked(engine: Deidentifier) -> None:
    frame = Frame(_skin(), 0)
    photo = engine.still(frame)
    assert np.array_equal(photo.pixels, frame.pixels)
    assert photo.redaction.unanswered == (Kind.TATTOO,)
    assert photo.redaction.second_look is Outcome.CLEAR


@pytest.mark.parametrize("shape", [(1, 1), (1, 800), (800, 1), (40, 3000)])
def test_any_shape_of_picture_is_looked_at_without_an_error(engine: Deidentifier, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert engine.still(Frame(noise, 0)).pixels.shape[:2] == shape
    assert engine.live(Frame(noise, 0)).pixels.shape[:2] == shape


def test_the_facts_name_every_model_with_its_digest(engine: Deidentifier) -> None:
    assert {"centerface", "ppocr-v6-tiny-det"} <= set(engine.facts)
    assert all(len(digest) == 64 for digest in engine.facts.values())


FOREHEAD: Polygon = ((190, 62), (245, 62), (245, 82), (190, 82))
CHEEK: Polygon = ((184, 120), (202, 120), (202, 140), (184, 140))
EYES, LIPS = ((204, 102), (248, 104)), ((204, 142), (241, 145))
"""Of Eileen Collins, looked at by eye."""


@pytest.mark.parametrize("turns", range(4))
def test_a_wound_on_a_real_face_is_seen_and_no_face_is_found_any_more(
    engine: Deidentifier, astronaut: Pixels, turns: int
) -> None:
    def there(point: tuple[float, float]) -> tuple[float, float]:
        for _ in range(turns):
            point = (point[1], 512 - point[0])
        return point

    frame = Frame(np.rot90(astronaut, turns), 0)
    photo = engine.still(frame)
    marks = [tuple(map(there, mark)) for mark in (FOREHEAD, CHEEK)]
    patches = [  # of the suit, and taken for tattoos
        Decision(Action.REMOVE, region.kind, "n-1", 1, index=index, reason="A suit's patches")
        for index, region in enumerate(photo.redaction.regions)
        if region.kind is Kind.TATTOO
    ]
    marked = [Decision(Action.SHOW, Kind.FACE, "n-1", 1, polygon=mark, reason="To judge the wound") for mark in marks]
    shown = engine.revise(frame, photo.redaction, [*patches, *marked])
    upright = np.rot90(shown.pixels, -turns)
    assert np.array_equal(upright[64:78, 195:240], astronaut[64:78, 195:240]), "the wound is seen"
    for x, y in (*EYES, *LIPS):
        assert np.all(upright[y - 5 : y + 5, x - 5 : x + 5] == FILL), "eyes and mouth are not"
    assert shown.redaction.recognisable
    assert not shown.redaction.shows_features
    faces = [region for region in engine.still(Frame(shown.pixels, 0)).redaction.regions if region.kind is Kind.FACE]
    assert faces == [], "what is seen is no face to any detector"


@pytest.mark.parametrize("whole", [True, False])
def test_a_real_face_is_not_uncovered_whole(engine: Deidentifier, astronaut: Pixels, whole: bool) -> None:  # noqa: FBT001
    frame = Frame(astronaut, 0)
    redaction = engine.still(frame).redaction
    left, top, right, bottom = FACE
    mark = Decision(Action.SHOW, Kind.FACE, "n-1", 1, polygon=box_polygon((left, top, right, bottom)), reason="wound")
    remove = Decision(Action.REMOVE, Kind.FACE, "n-1", 1, index=0, reason="It is the wound")
    with pytest.raises(DecisionRefused, match="Mark the wound"):
        engine.revise(frame, redaction, [remove if whole else mark])


def test_a_face_cut_by_the_edge_of_the_picture_stays_whole(engine: Deidentifier, astronaut: Pixels) -> None:
    frame = Frame(np.ascontiguousarray(astronaut[:, 215:]), 0)
    redaction = engine.still(frame).redaction
    assert redaction.outcomes[Kind.FACE] is not Outcome.CLEAR
    mark = Decision(Action.SHOW, Kind.FACE, "n-1", 1, polygon=box_polygon((5, 62, 30, 80)), reason="wound")
    with pytest.raises(DecisionRefused, match="certain"):
        engine.revise(frame, redaction, [mark])


def test_a_model_that_answers_in_another_shape_than_before_is_not_believed(models_folder: Path) -> None:
    model = load_models(load_manifest(), models_folder)["centerface"]
    canvas = Canvas(64, 64)
    picture = np.zeros((1, 3, canvas.height, canvas.width), dtype=np.float32)
    model.run(picture)
    real = model._session

    class Smaller:
        def get_inputs(self) -> object:
            return real.get_inputs()

        def run(self, names: object, feed: object) -> object:
            return [output[:, :, ::2, ::2] for output in real.run(names, feed)]

    with pytest.raises(ModelMisbehaves, match="another shape"):
        replace(model, _session=Smaller()).run(picture)


def test_a_canvas_is_prepared_once_for_all_who_share_the_model(models_folder: Path) -> None:
    model = load_models(load_manifest(), models_folder)["wardlens-skin"]
    real, asked = model._session, []

    class Counted:
        def get_inputs(self) -> object:
            return real.get_inputs()

        def run(self, names: object, feed: dict[str, Pixels]) -> object:
            asked.extend(tensor.shape for tensor in feed.values())
            return real.run(names, feed)

    counted = replace(model, _session=Counted())
    for canvas in (Canvas(128, 64), Canvas(128, 64), Canvas(64, 128), Canvas(128, 64)):
        counted.prepare(canvas)
    assert asked == [(1, 3, 64, 128), (1, 3, 128, 64)]
