"""The evaluation itself: every picture, under every degradation, through the de-identifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from inference.deidentifier import Deidentifier
from inference.errors import DetectionFailed
from inference.evaluation.annotations import AnnotatedPicture, Dataset, Tone, ToneSource
from inference.evaluation.degradations import AS_IS, Degradation
from inference.evaluation.measuring import measured
from inference.evaluation.report import Report, Run
from inference.evaluation.rows import PictureRow
from inference.evaluation.tones import tone_of
from inference.picture import Frame, Photo

Progress = Callable[[int, str], None]
"""How many of pictures × degradations are done, and the picture under way."""


class Witness(Protocol):
    """Sees each picture beside what was made of it; the evaluation itself keeps no pixel."""

    def __call__(self, dataset: str, degradation: str, row: PictureRow, shown: AnnotatedPicture, photo: Photo) -> None:
        """One picture, as it was looked at, was measured."""


def evaluate(
    deidentifier: Deidentifier,
    dataset: Dataset,
    degradations: Sequence[Degradation] = (AS_IS,),
    *,
    witness: Witness | None = None,
    progress: Progress | None = None,
) -> Report:
    """What the de-identifier finds, misses and damages in the dataset, under each degradation.

    A picture on which it fails is a row that says so: nothing came out, so nothing leaked and nothing was measured.

    Raises:
        DatasetWrong: a picture of the dataset cannot be read.
    """
    rows: dict[str, list[PictureRow]] = {degradation.name: [] for degradation in degradations}
    done = 0
    for picture in dataset:
        tone = tone_of(picture)
        for degradation in degradations:
            if progress is not None:
                progress(done, picture.name)
            if degradation.applies(picture):
                shown = degradation.change(picture)
                row, photo = _looked_at(deidentifier, shown, tone)
                rows[degradation.name].append(row)
                if witness is not None and photo is not None:
                    witness(dataset.name, degradation.name, row, shown, photo)
            done += 1
    if progress is not None:
        progress(done, "")
    return Report(dataset.name, tuple(Run(name, tuple(found)) for name, found in rows.items()), deidentifier.facts)


def _looked_at(
    deidentifier: Deidentifier, shown: AnnotatedPicture, tone: tuple[Tone, ToneSource] | None
) -> tuple[PictureRow, Photo | None]:
    bin_, source = tone or (None, None)
    try:
        photo = deidentifier.still(Frame(shown.pixels, 0))
    except DetectionFailed as error:
        return PictureRow(shown.name, shown.width, shown.height, bin_, source, failure=str(error)), None
    return PictureRow(shown.name, shown.width, shown.height, bin_, source, seen=measured(shown, photo)), photo
