"""A whole box: these tests start the image that `make test-appliance` makes, and are no tests elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

IMAGE = os.environ.get("WARDLENS_IMAGE", "")
collect_ignore_glob = [] if IMAGE else ["test_box_*.py"]
OUTPUT = Path(__file__).parents[2] / "test-output" / "appliance"


@pytest.fixture(scope="session")
def image() -> Path:
    """The disk image."""
    return Path(IMAGE)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory, models_folder: Path) -> Iterator[object]:
    """A hospital with real servers."""
    from tests.appliance.hospital import running_hospital  # noqa: PLC0415 - only where a box is tested

    with running_hospital(tmp_path_factory.mktemp("hospital"), models_folder) as running:
        yield running


@pytest.fixture(scope="session")
def box(image: Path, hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """One box with a TPM, on for the first time."""
    from tests.appliance.machine import Machine, powered  # noqa: PLC0415 - only where a box is tested

    machine = Machine.new(tmp_path_factory.mktemp("box") / "m", image, hospital.ports)
    with powered(machine):
        yield machine
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "console.txt").write_bytes((machine.folder / "console.txt").read_bytes())


@pytest.fixture
def note():
    """Keeps a figure beside the screenshots, and says it."""

    def kept(name: str, value: str) -> None:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / f"{name}.txt").write_text(f"{value}\n", "utf-8")
        sys.stderr.write(f"\n{name}: {value}\n")

    return kept
