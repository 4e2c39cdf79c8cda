"""What the demo photographs: the user's folder, or a public-domain portrait and ward scenes that Wardlens draws."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from capture.pictures import PICTURE_SUFFIXES
from firmware.errors import RequestWrong

SAMPLES: Final = 20
PORTRAIT: Final = "00-portrait.png"
"""The astronaut Eileen Collins, by NASA, in the public domain; scikit-image's wheel carries it."""
PORTRAIT_SHA256: Final = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


def samples_folder(models: Path) -> Path:
    """Where the sample pictures are kept, once made."""
    return models / "samples"


def fetch_portrait(folder: Path) -> Path:
    """The portrait in `folder`; fetched by the package client where it is not there yet.

    Raises:
        FetchFailed: the package could not be had, or holds another file.
    """
    from inference import PackageFile, fetch_package_file

    at = folder / PORTRAIT
    if not at.is_file():
        package = PackageFile("pypi", "scikit-image", "0.26.0", "skimage/data/astronaut.png")
        fetch_package_file(package, PORTRAIT_SHA256, at)
    return at


def sample_pictures(folder: Path, count: int = SAMPLES) -> Iterator[Path]:
    """`count` sample pictures in `folder`: the portrait if it was fetched, then scenes, drawn where they are not there.

    Give it a folder of its own: its pictures are known by their names.
    """
    import cv2

    from inference.scenes import demo_row

    folder.mkdir(parents=True, exist_ok=True)
    portrait = folder / PORTRAIT
    if portrait.is_file() and count:
        count -= 1
        yield portrait
    missing = [place for place in range(1, count + 1) if not _scene(folder, place).is_file()]
    for place, (_, scene) in enumerate(demo_row(max(missing, default=0)), start=1):
        if place in missing:
            # A drawing, not a Frame: no camera made these pixels and nobody is in them.
            aside = _scene(folder, place).with_suffix(".part.jpg")
            cv2.imwrite(str(aside), cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
            os.replace(aside, _scene(folder, place))  # noqa: PTH105 - whole or not there
    yield from (_scene(folder, place) for place in range(1, count + 1))


def _scene(folder: Path, place: int) -> Path:
    return folder / f"{place:02}-scene.jpg"


def pictures_in(folder: Path, count: int | None) -> list[Path]:
    """The first `count` pictures of the user's folder, by name.

    Raises:
        RequestWrong: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise RequestWrong(f"There is no folder {folder}. Name one with pictures in it.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    if not found:
        raise RequestWrong(f"There is no picture in {folder}. Wardlens reads JPEG, PNG, WebP, TIFF and BMP.")
    return found[:count]
