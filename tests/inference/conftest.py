"""What the room's tests share: detectors that do as they are told, and the engine with its models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from inference import Deidentifier, Frame, Kind, Region
from inference.picture import Pixels


class Scripted:
    """A detector of one kind that answers with what the test gave it: regions, or whatever a broken one would do."""

    def __init__(self, kind: Kind, answer: object = (), *, does: Callable[[Pixels], object] | None = None) -> None:
        self.name = str(kind)
        self.kinds = frozenset({kind})
        self.models: Mapping[str, str] = {f"{kind}-model": "0" * 64}
        self.looked = 0
        self._does = does or (lambda _image: list(answer))  # type: ignore[call-overload]

    def detect(self, image: Pixels) -> list[Region]:
        self.looked += 1
        return self._does(image)  # type: ignore[return-value]


@pytest.fixture
def scripted() -> type[Scripted]:
    """Makes a detector of one kind that answers with what it is given, nothing by default."""
    return Scripted


@pytest.fixture
def frame() -> Frame:
    """A frame in which no pixel is the fill."""
    return Frame(np.random.default_rng(7).integers(60, 255, (120, 160, 3), dtype=np.uint8), 1_000_000_000)


@pytest.fixture(scope="session")
def engine(models_folder: Path) -> Iterator[Deidentifier]:
    """The de-identifier with the real models."""
    loaded = Deidentifier.load(models_folder)
    yield loaded
    loaded.close()
