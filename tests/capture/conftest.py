"""Room in memory for the tests of what is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one, for tests that open hundreds of files, each with its fsyncs."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path_factory.mktemp("on-disk")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="wardlens-test-") as folder:
        yield Path(folder)
