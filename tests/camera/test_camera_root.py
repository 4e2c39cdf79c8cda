"""Where the camera's tests cannot run, one sentence says why and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent / "root.py"
AS_NOBODY = """
import importlib.util, os, sys
found = importlib.util.spec_from_file_location("root", sys.argv.pop())
root = importlib.util.module_from_spec(found)
found.loader.exec_module(root)
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(root.main())
"""


def run(*command, **environment):
    return subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_without_root_it_says_to_use_sudo():
    done = run("-c", AS_NOBODY, str(ROOT))
    assert done.returncode == 1
    assert "sudo make test-camera" in done.stderr


def test_without_its_tools_it_says_which_package_to_install(tmp_path):
    done = run(ROOT, PATH=str(tmp_path))
    assert done.returncode == 1
    assert "sudo" in done.stderr
    if os.geteuid() == 0:
        assert "sudo apt install mmdebstrap" in done.stderr
