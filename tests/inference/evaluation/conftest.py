"""What the evaluation's tests share: engines that see what they are told, and small folders of annotated pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference import Deidentifier, Kind, Region
from inference.picture import Pixels

LOOKED_FOR = (Kind.FACE, Kind.TEXT, Kind.CODE)


@pytest.fixture
def engine_that_sees(scripted) -> Iterator[Callable[..., Deidentifier]]:
    """Makes an engine whose detectors (all kinds but tattoos) see the same regions in every picture."""
    made: list[Deidentifier] = []

    def build(*regions: Region, kinds: tuple[Kind, ...] = LOOKED_FOR, then: tuple[Region, ...] = ()) -> Deidentifier:
        still = [scripted(kind, [r for r in regions if r.kind is kind]) for kind in kinds]
        second = [scripted(kind, [r for r in then if r.kind is kind]) for kind in kinds]
        made.append(Deidentifier(still=still, live=[], second_look=second, threads=2))
        return made[-1]

    yield build
    for engine in made:
        engine.close()


@pytest.fixture
def noise() -> Pixels:
    """A picture of 160×120 pixels in which no pixel is the fill."""
    return np.random.default_rng(7).integers(60, 255, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def write_folder(tmp_path: Path, noise: Pixels) -> Callable[..., Path]:
    """Writes a folder of annotated pictures: one of noise, or those that the test names, and gives its path."""

    def write(annotations: Any = None, **files: Pixels) -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        for name, pixels in {"noise.png": noise, **files}.items():
            assert cv2.imwrite(str(folder / name), pixels)
        if annotations is None:
            annotations = [{"file": "noise.png", "width": 160, "height": 120, "regions": []}]
        if isinstance(annotations, list):
            annotations = {"format": "wardlens-annotations-1", "images": annotations}
        text = annotations if isinstance(annotations, str) else json.dumps(annotations)
        (folder / "annotations.json").write_text(text, "utf-8")
        return folder

    return write
