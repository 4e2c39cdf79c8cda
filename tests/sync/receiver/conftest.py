"""What the receiver's tests share: an archive on each database, and a ward that can say anything."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _loaded(path: Path) -> ModuleType:
    """The helpers beside this file. Tests are no packages, and the processes they kill load the same file."""
    name = f"wardlens_tests_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def hospital() -> ModuleType:
    """tests/sync/receiver/hospital.py."""
    return _loaded(Path(__file__).parent / "hospital.py")


@pytest.fixture
def ward(hospital: ModuleType) -> Any:
    """A site with its devices."""
    return hospital.Ward()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn: its URL, or nothing for SQLite in the archive's own folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


@pytest.fixture
def make_archive(hospital: ModuleType, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens archives in the test's folder, and closes them."""
    opened: list[Any] = []

    def make(**changes: Any) -> Any:
        opened.append(hospital.open_archive(tmp_path / "archive", **changes))
        return opened[-1]

    yield make
    for archive in opened:
        archive.close()


@pytest.fixture
def archive(make_archive: Callable[..., Any], database: str) -> Any:
    """An empty archive, on each database in turn."""
    return make_archive(database=database)


@pytest.fixture
def small_archive(make_archive: Callable[..., Any]) -> Any:
    """An empty archive on SQLite, for what does not depend on the database."""
    return make_archive()
