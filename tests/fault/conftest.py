"""What the fault tests share: how long they run, by which seed, and a ward."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")


def _loaded(name: str) -> ModuleType:
    """A file beside this one: tests are no packages."""
    spec = importlib.util.spec_from_file_location(f"wardlens_tests_fault_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


@pytest.fixture(scope="session")
def bench() -> ModuleType:
    """tests/fault/ward.py."""
    return _loaded("ward")


@pytest.fixture(scope="session")
def injection(program: Callable[[str], Path]) -> ModuleType:
    """tests/fault/injection.py, where there is an strace."""
    program("strace")
    return _loaded("injection")


@pytest.fixture(scope="session")
def power() -> ModuleType:
    """tests/fault/power.py."""
    return _loaded("power")


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether this is `make fault`, which takes its time."""
    return os.environ.get("WARDLENS_FAULTS") == "long"


@pytest.fixture(scope="session")
def seed() -> str:
    """From which chance follows: say it again with WARDLENS_FAULTS_SEED."""
    return os.environ.get("WARDLENS_FAULTS_SEED", "20261")


@pytest.fixture(scope="session")
def ward_with(bench: ModuleType, program: Callable[[str], Path]) -> Iterator[Callable[..., Any]]:
    """Makes wards at work, in folders with short names: a unix socket's path has at most 107 bytes."""
    program("mosquitto")
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with ExitStack() as running:

        def make(**how: Any) -> Any:
            folder = running.enter_context(tempfile.TemporaryDirectory(dir=where, prefix="wl-"))
            return running.enter_context(bench.ward_in(Path(folder), **how))

        yield make


@pytest.fixture(scope="session")
def ward(ward_with: Callable[..., Any]) -> Any:
    """A ward as it is by itself; every test leaves it at rest."""
    return ward_with()


@pytest.fixture(scope="session")
def large_ward(
    ward_with: Callable[..., Any], new_database: Callable[[], str], bucket: tuple[str, dict[str, str]]
) -> Any:
    """A ward whose hospital keeps its archive in PostgreSQL and a bucket."""
    return ward_with(database=new_database(), bucket=bucket)


@pytest.fixture(scope="session", params=["small", "large"])
def any_ward(request: pytest.FixtureRequest) -> Any:
    """Each kind of hospital in turn."""
    return request.getfixturevalue("ward" if request.param == "small" else "large_ward")
