"""A Raspberry Pi's system: these tests run on what `make test-board` makes, and are no tests elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest

from inference.scenes import SceneSpec, draw_scene

BOARD = os.environ.get("WARDLENS_BOARD", "")
collect_ignore_glob = [] if BOARD else ["test_board_*.py"]


@pytest.fixture(scope="session")
def made() -> Path:
    """The folder with the image, its bundle, its list of materials, and its system taken apart."""
    return Path(BOARD)


@pytest.fixture(scope="session")
def root(made: Path) -> Path:
    """The system's root folder."""
    return made / "system"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that the system may write to, with what its camera sees."""
    folder = tmp_path / "out"
    (folder / "pictures").mkdir(parents=True)
    scene = draw_scene(SceneSpec(11), (640, 480)).pixels
    cv2.imwrite(str(folder / "pictures" / "0.jpg"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    folder.chmod(0o755)
    return folder
