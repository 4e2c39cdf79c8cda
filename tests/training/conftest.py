"""Learning, with PyTorch: these tests run under `make test-training`, which installs it, and are no tests elsewhere."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_learning*.py"]
