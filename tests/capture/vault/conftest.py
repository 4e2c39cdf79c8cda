"""The vault's tests write in memory: a power cut is played there, and an fsync need not cost what it does."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(memory_path: Path) -> Path:
    """Where a test may write."""
    return memory_path
