"""A set as a folder: JPEG files, a PNG for each mask, and `annotations.json` of format `wardlens-annotations-1`.

The list is written last, whole or not at all: a folder without it is one whose drawing was interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.picture import Kind
from inference.scenes.sets.values import Drawn, Mark

FORMAT: Final = "wardlens-annotations-1"
_MASKS: Final = "masks"


class FolderNotEmpty(InferenceError):  # noqa: N818 - named for what is known
    """There is something in that folder already. Name a new or an empty one."""


def write_set(
    pictures: Iterable[Drawn], folder: Path, *, source: str, progress: Callable[[int, str], None] | None = None
) -> Path:
    """Writes `pictures` into `folder`, which is made if it is not there; gives the path of its list.

    `source` says of every picture where it comes from; `progress` is called with how many are done and the last one's
    name.

    Raises:
        FolderNotEmpty: something is in `folder` already.
        OSError: the system refused.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"There is something in {folder} already. Name a new or an empty folder.")
    (folder / _MASKS).mkdir(parents=True)
    rows = []
    for done, picture in enumerate(pictures, start=1):
        rows.append(_written(picture, folder, source))
        if progress is not None:
            progress(done, picture.name)
    text = json.dumps({"format": FORMAT, "images": rows}, indent=1, ensure_ascii=False) + "\n"
    listed, aside = folder / "annotations.json", folder / "annotations.part"
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, listed)  # noqa: PTH105 - whole or not there
    return listed


def _written(picture: Drawn, folder: Path, source: str) -> dict[str, Any]:
    height, width = picture.wound_mask.shape
    (folder / f"{picture.name}.jpg").write_bytes(picture.jpeg)
    row: dict[str, Any] = {
        "file": f"{picture.name}.jpg",
        "width": width,
        "height": height,
        "source": f"{source}: {picture.about}",
        "kinds": [str(kind) for kind in Kind],
        "regions": [],
    }
    if picture.skin_tone is not None:
        row["skin_tone"] = picture.skin_tone
    if picture.wound_mask.any():
        row["wound_mask"] = _mask(folder, f"{picture.name}.wound.png", picture.wound_mask)
    for place, mark in enumerate(picture.marks):
        name = _mask(folder, f"{picture.name}.{place:02}.png", mark.mask(height, width))
        row["regions"].append(_region(mark) | {"mask": name})
    return row


def _region(mark: Mark) -> dict[str, Any]:
    region: dict[str, Any] = {
        "kind": str(mark.kind),
        "polygon": [[round(x, 1), round(y, 1)] for x, y in mark.polygon],
        "legible": mark.legible,
        "text": mark.text,
    }
    if mark.format:
        region["format"] = mark.format
    if mark.height:
        region["text_height"] = round(mark.height, 1)
    if mark.whole:
        region["whole"] = True
    return region


def _mask(folder: Path, name: str, mask: NDArray[np.bool_]) -> str:
    done, png = cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
    assert done
    (folder / _MASKS / name).write_bytes(png.tobytes())
    return f"{_MASKS}/{name}"
