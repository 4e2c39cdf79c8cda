"""Whoever builds the same commit from the same packages gets the same bytes, and can so see what a device runs."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.appliance.building import build


def digest(path: Path) -> str:
    """SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def again(image: Path) -> Path:
    """The folder of another build, which trusts the same updates."""
    folder = image.parent / "again"
    shutil.rmtree(folder, ignore_errors=True)
    assert build("--keyring", str(image.parent / "development.cert.pem"), out=folder) == 0
    return folder


def test_two_builds_of_one_commit_are_the_same_bytes(image: Path, again: Path, note) -> None:
    made = {ending: image.with_suffix(ending) for ending in (".squashfs", ".img", ".cdx.json")}
    first = {ending: digest(path) for ending, path in made.items()}
    assert first == {ending: digest(again / path.name) for ending, path in made.items()}
    note("built again", f"the same system, {first['.squashfs']}")
    shutil.rmtree(again)
