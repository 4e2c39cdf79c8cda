"""Makes the system of a box with a virtual camera: the product's, with this folder's layer and a picture over it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2

from inference.scenes import SceneSpec, draw_scene

PROJECT = Path(__file__).resolve().parents[2]
OUT = PROJECT / "build" / "test-image"
SIZE = (1280, 960)


def build(*words: str, out: Path = OUT) -> int:
    """The exit status of `make image` with `words`; what is made lies in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    layers = [str(layer) for layer in (Path(__file__).parent / "layer", _seen(out))]
    command = [sys.executable, "-m", "firmware.image", "--out", str(out)]
    command += [word for layer in layers for word in ("--layer", layer)]
    return subprocess.run([*command, *words], cwd=PROJECT, check=False).returncode


def _seen(out: Path) -> Path:
    """What the virtual camera sees."""
    folder = out / "seen"
    picture = folder / "usr/share/wardlens-virtual/0.jpg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    scene = draw_scene(SceneSpec(11), SIZE).pixels
    cv2.imwrite(str(picture), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    return folder
