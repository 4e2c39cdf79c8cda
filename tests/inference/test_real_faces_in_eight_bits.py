"""What eight bits cost on real pictures: no look that sees a face is held back, and no face of the live view is lost.

A part of each set; `WARDLENS_ALL_PICTURES=1` takes all of it, at every degradation (-s prints the table).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference import Kind, load_manifest
from inference.canvas import Canvas, fit_turned
from inference.covering import coverage
from inference.detectors import LIVE, SECOND_LOOK, STILL, centerface
from inference.detectors.faces import FIRST, MODEL, SIEVE, FaceDetector
from inference.evaluation import Folder
from inference.evaluation.annotations import AnnotatedPicture
from inference.evaluation.degradations import ALL, named
from inference.models import LoadedModel, load_models
from inference.picture import Pixels
from inference.policy import Thresholds

pytestmark = [pytest.mark.data, pytest.mark.models]

EVERYTHING = os.environ.get("WARDLENS_ALL_PICTURES") == "1"
LIMITS = Thresholds()
PREVIEW = 640, 480


@pytest.fixture(scope="module")
def models(models_folder: Path) -> dict[str, LoadedModel]:
    return load_models(load_manifest(), models_folder)


def _damaged(folder: Path, name: str, every: int) -> Iterator[AnnotatedPicture]:
    (degradation,) = named([name])
    pictures = islice(Folder(folder), 0, None, 1 if EVERYTHING else every)
    return (degradation.change(picture) for picture in pictures if degradation.applies(picture))


NAMES = [degradation.name for degradation in named([ALL])] if EVERYTHING else ["as-is", "dark", "hand"]


@pytest.mark.parametrize(
    ("kind", "name", "every"),
    [*(("faces", name, 5) for name in NAMES), ("wounds", "as-is", 30), ("tattoos", "as-is", 15), ("text", "as-is", 3)],
)
def test_the_sieve_holds_back_no_look_that_sees_a_face(
    models: dict[str, LoadedModel], data_folder: Path, kind: str, name: str, every: int
) -> None:
    whole = models[MODEL]
    quick = whole.quick
    assert quick is not None
    made = (factory(models, LIMITS) for factory in (*STILL, *SECOND_LOOK))
    looks = [detector for detector in made if isinstance(detector, FaceDetector)]
    seen, held, passed, count = [], [], 0, 0
    for picture in _damaged(data_folder / kind, name, every):
        for look in looks:
            placed, _ = fit_turned(picture.pixels, look._canvas, look._degrees)
            tensor = np.asarray(cv2.dnn.blobFromImage(placed), np.float32)
            surely, rounded = (centerface.surest(model.run(tensor)) for model in (whole, quick))
            (seen if surely >= FIRST else held).append(rounded)
            passed, count = passed + (rounded >= SIEVE), count + 1
    print(f"{kind} {name}: {count} looks, {passed} pass, {len(seen)} see a face, at {min(seen, default=1):.3f} or more")  # noqa: T201
    assert min(seen, default=1.0) >= SIEVE
    if kind == "wounds":
        assert np.mean(np.array(held) < SIEVE) > 0.5, "a sieve that holds nothing back is none"


@pytest.mark.parametrize("name", NAMES)
def test_the_live_view_covers_as_many_faces_in_eight_bits_as_in_floats(
    models: dict[str, LoadedModel], data_folder: Path, name: str
) -> None:
    ask = LIMITS.face.ask
    floats = FaceDetector(models[MODEL], Canvas(320, 256), degrees=0, threshold=ask, sure=ask)
    covered = np.zeros(2, np.int64)
    for picture in _damaged(data_folder / "faces", name, 2):
        preview, scale = _preview(picture.pixels)
        faces = [truth.polygon for truth in picture.truths if truth.kind is Kind.FACE]
        shapes = [coverage(*preview.shape[1::-1], [tuple((x * scale, y * scale) for x, y in face)]) for face in faces]
        for which, look in enumerate((floats, LIVE[0](models, LIMITS))):
            mask = coverage(*preview.shape[1::-1], [region.polygon for region in look.detect(preview)])
            covered[which] += sum(float(mask[shape].mean()) >= 0.5 for shape in shapes)
    print(f"faces {name}: {covered[0]} covered by half in floats, {covered[1]} in eight bits")  # noqa: T201
    assert covered[1] >= covered[0] > 0


def _preview(pixels: Pixels) -> tuple[Pixels, float]:
    """The picture as the camera's small stream would show it, and its scale."""
    height, width = pixels.shape[:2]
    scale = min(PREVIEW[0] / max(width, height), PREVIEW[1] / min(width, height), 1.0)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    return np.asarray(small, np.uint8), scale
