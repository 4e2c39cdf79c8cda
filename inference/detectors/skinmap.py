"""Our own network's four maps of a picture: how sure it is of tattoo, wound, skin and print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas, fit
from inference.models import LoadedModel, Tensor
from inference.picture import Pixels

MODEL: Final = "wardlens-skin"
STRIDE: Final = 4
"""Canvas pixels for one of the maps."""

Map = NDArray[np.float32]
"""h×w float32, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class SkinMaps:
    """What the network says of a picture.

    Attributes:
        tattoo, wound, skin, printed: h×w float32, 0..1, of the part of the canvas that the picture took.
        scale: pixels of a map for each of the picture.
    """

    tattoo: Map
    wound: Map
    skin: Map
    printed: Map
    scale: float


def looked_at(model: LoadedModel, image: Pixels, canvas: Canvas) -> tuple[list[Tensor], float]:
    """What the model answers: its backbone's four face maps and our own, and the scale of the canvas.

    Raises:
        ModelMisbehaves: the model failed.
    """
    height, width = image.shape[:2]
    placed, scale = fit(image, canvas.for_picture(width, height))
    return model.run(np.asarray(cv2.dnn.blobFromImage(placed), dtype=np.float32)), scale


def decode(output: Tensor, *, scale: float, width: int, height: int) -> SkinMaps:
    """The maps of a picture of width×height that was placed on the canvas's top left corner at that scale.

    Raises:
        ValueError: not a 1×4×h×w tensor of probabilities.
    """
    if output.ndim != 4 or output.shape[:2] != (1, 4):
        raise ValueError(f"the skin model answers 1×4×h×w, got {output.shape}")
    maps = output[0]
    if not np.isfinite(maps).all() or maps.min() < -0.01 or maps.max() > 1.01:
        raise ValueError("the skin model answers with probabilities")
    rows = min(maps.shape[1], max(1, round(height * scale / STRIDE)))
    columns = min(maps.shape[2], max(1, round(width * scale / STRIDE)))
    tattoo, wound, skin, printed = maps[:, :rows, :columns]
    return SkinMaps(tattoo, wound, skin, printed, scale / STRIDE)
