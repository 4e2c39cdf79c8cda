"""Tests are no packages: the table of parsers and what mutates stand beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
