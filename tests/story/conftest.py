"""What the stories share: a demo's place with pictures whose every identifier is known."""

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from firmware.demo.place import DemoPlace, make_place
from inference.scenes import Person, Prop, SceneSpec, draw_scene


@dataclass(frozen=True)
class Canaries:
    """Words that must never be found outside the pictures' way, and where they were put."""

    patient: str
    name: str
    number: str

    @property
    def words(self) -> tuple[bytes, ...]:
        return tuple(word.encode() for word in (self.patient, self.name, self.number))


@pytest.fixture
def canaries() -> Canaries:
    mark = secrets.token_hex(4).upper()
    return Canaries(f"CANARY-PATIENT-{mark}", f"CANARIA {mark}", f"7{secrets.randbelow(10**9):09}")


@pytest.fixture
def pictures(tmp_path: Path, canaries: Canaries) -> Path:
    """Three drawn pictures; their wristbands and labels carry the canaries."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    person = Person(name=canaries.name, born="1950-01-02", number=canaries.number)
    for place in range(3):
        scene = draw_scene(SceneSpec(seed=place, props=(Prop.WRISTBAND, Prop.LABEL), person=person), (1600, 1200))
        picture = cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{place}.png"), np.ascontiguousarray(picture))
    return folder


@pytest.fixture
def place(temporary: Path, pictures: Path, models_folder: Path) -> DemoPlace:
    return make_place(temporary, pictures, models=models_folder, mqtt="auto")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short name: a unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="wl-", dir="/tmp") as folder:
        yield Path(folder)
