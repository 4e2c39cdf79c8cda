"""Promise 1, in types: raw pixels have no way out, and only a de-identifier makes what may be encoded."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference import Frame, Kind, LiveView, Outcome, Photo, Redaction
from inference.picture import _MINT, _Deidentified

PIXELS = np.zeros((4, 6, 3), dtype=np.uint8)
REDACTION = Redaction(6, 4, (), dict.fromkeys(Kind, Outcome.CLEAR), {}, {}, "test", Outcome.CLEAR)


@pytest.mark.parametrize("mint", [None, object(), True, "mint"])
def test_nobody_makes_a_photo_or_a_live_view_without_the_mint(mint: object) -> None:
    with pytest.raises(TypeError, match="made by a Deidentifier"):
        Photo(PIXELS, REDACTION, {}, mint=mint)
    with pytest.raises(TypeError, match="made by a Deidentifier"):
        LiveView(PIXELS, (), 0, {}, mint=mint)


def test_there_is_no_third_type_of_de_identified_picture() -> None:
    with pytest.raises(TypeError, match="no third"):
        type("Forged", (_Deidentified,), {})


@pytest.mark.parametrize(
    "made",
    [Frame(PIXELS, 0), Photo(PIXELS, REDACTION, {}, mint=_MINT), LiveView(PIXELS, (), 0, {}, mint=_MINT)],
    ids=["frame", "photo", "live view"],
)
def test_no_picture_is_pickled_copied_or_shown_in_a_log(made: Frame | Photo | LiveView) -> None:
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never leaves memory"):
            way(made)
    with pytest.raises(TypeError):
        json.dumps(made)
    with pytest.raises(TypeError):
        bytes(made)  # type: ignore[call-overload]
    assert "array" not in repr(made)


def test_a_frame_cannot_be_written_to_after_it_was_taken() -> None:
    frame = Frame(PIXELS.copy(), 0, {"gain": 2})
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1
    with pytest.raises(TypeError):
        frame.metadata["gain"] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 4), np.uint8), np.zeros((4, 6, 3), np.float32), PIXELS[:0]],
)
def test_what_is_no_rgb_picture_is_no_frame(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="H×W×3 uint8"):
        Frame(pixels, 0)


def test_the_type_checker_refuses_a_frame_where_a_photo_is_wanted(tmp_path: Path) -> None:
    snippet = tmp_path / "leak.py"
    snippet.write_text(
        "from inference import Frame, LiveView, Photo\n"
        "def encode(picture: Photo | LiveView) -> bytes:\n    return picture.pixels.tobytes()\n"
        "def fine(photo: Photo) -> bytes:\n    return encode(photo)\n"
        "def leak(frame: Frame) -> bytes:\n    return encode(frame)\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--config-file", str(root / "pyproject.toml")]
    command += ["--cache-dir", str(root / ".mypy_cache"), str(snippet)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    lines = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(lines) == 1, done.stdout + done.stderr
    assert "leak.py:7" in lines[0]
    assert 'incompatible type "Frame"; expected "Photo | LiveView"' in lines[0]
