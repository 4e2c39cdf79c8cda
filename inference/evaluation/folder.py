"""A folder of annotated pictures: the only place of the evaluation that reads files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import DatasetWrong
from inference.evaluation.annotation_format import Entry, parse_annotations
from inference.evaluation.annotations import AnnotatedPicture, Bits, Truth

ANNOTATIONS: Final = "annotations.json"
_HALF: Final = 127


class Folder:
    """The pictures of one folder, each read when its turn comes.

    Attributes:
        name: the folder's.
        entries: what is annotated, after `limit`.
    """

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        """The folder's pictures, or `limit` of them, spread evenly over their order.

        Raises:
            DatasetWrong: there are no annotations, they make no sense, or a file that they name is not there.
        """
        self.name = path.resolve().name
        self._path = path
        entries = parse_annotations(_read_text(path))
        self.entries = _spread(entries, limit)
        for entry in self.entries:
            for file in (entry.file, entry.wound_mask, *(region.mask for region in entry.regions)):
                if file is not None:
                    self._locate(file)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[AnnotatedPicture]:
        return map(self._load, self.entries)

    def check(self) -> None:
        """Reads every picture and mask once, so that a broken one is found before the work and not in the middle.

        Raises:
            DatasetWrong: one cannot be read, or has another size than is annotated.
        """
        for _ in self:
            pass

    def _load(self, entry: Entry) -> AnnotatedPicture:
        size = (entry.width, entry.height)
        return AnnotatedPicture(
            name=str(entry.file),
            pixels=np.asarray(cv2.cvtColor(self._image(entry.file, size, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)),
            truths=tuple(
                Truth(region.kind, region.polygon, region.legible, self._bits(region.mask, size, needed=True))
                for region in entry.regions
            ),
            kinds=entry.kinds,
            wound=self._bits(entry.wound_mask, size),
            monk=entry.monk,
        )

    def _bits(self, file: PurePosixPath | None, size: tuple[int, int], *, needed: bool = False) -> Bits | None:
        if file is None:
            return None
        bits: Bits = self._image(file, size, cv2.IMREAD_GRAYSCALE) > _HALF
        if needed and not bits.any():
            raise DatasetWrong(f"{file} in {self._path} shows nothing; a mask is 255 where the identifier is.")
        return bits

    def _image(self, file: PurePosixPath, size: tuple[int, int], flags: int) -> NDArray[np.uint8]:
        try:
            image = cv2.imread(str(self._locate(file)), flags)
        except cv2.error:  # OpenCV's own limit of pixels
            image = None
        if image is None:
            raise DatasetWrong(f"{file} in {self._path} cannot be read as a picture; is it whole?")
        if (image.shape[1], image.shape[0]) != size:
            raise DatasetWrong(
                f"{file} in {self._path} is {image.shape[1]}×{image.shape[0]} pixels,"
                f" and its entry says {size[0]}×{size[1]}; correct the entry."
            )
        return np.asarray(image, dtype=np.uint8)

    def _locate(self, file: PurePosixPath) -> Path:
        path = self._path / file
        if not path.is_file():
            raise DatasetWrong(f"There is no {file} in {self._path}, and its {ANNOTATIONS} names it.")
        if not path.resolve().is_relative_to(self._path.resolve()):
            raise DatasetWrong(f"{file} leads out of {self._path}; put the picture itself there.")
        return path


def _read_text(path: Path) -> str:
    try:
        return (path / ANNOTATIONS).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetWrong(f"There is no {ANNOTATIONS} in {path}; docs/evaluation.md describes it.") from None
    except UnicodeDecodeError:
        raise DatasetWrong(f"{path / ANNOTATIONS} is not UTF-8 text.") from None


def _spread(entries: Sequence[Entry], limit: int | None) -> tuple[Entry, ...]:
    if limit is None or limit >= len(entries):
        return tuple(entries)
    return tuple(entries[place * len(entries) // limit] for place in range(limit))
