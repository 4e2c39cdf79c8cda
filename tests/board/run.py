"""Makes the image for a Raspberry Pi, takes its system apart, and runs tests/board on it. What is given goes to pytest.

Needs Linux, root, mmdebstrap, and QEMU as the kernel's way to run arm64 programs; it says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from firmware.image import debian
from firmware.image.debian import CannotRun, own_architecture
from firmware.image.workshop import workshop

PROJECT = Path(__file__).resolve().parents[2]
OUT = PROJECT / "build" / "test-board"


def main() -> int:
    """The tests' exit status; 1 with a sentence if they cannot be run here."""
    OUT.mkdir(parents=True, exist_ok=True)
    make = [sys.executable, "-m", "firmware.image", "--architecture", "arm64", "--out", str(OUT)]
    for kind in ([], ["--bundle"]):
        if status := subprocess.run([*make, *kind], cwd=PROJECT, check=False).returncode:
            return status
    (system,) = OUT.glob("*.squashfs")
    shutil.rmtree(OUT / "system", ignore_errors=True)
    apart = f"unsquashfs -quiet -no-progress -dest /out/system /out/{system.name}"
    try:
        debian.run(*debian.inside(workshop(own_architecture()), apart, folder=OUT))
    except CannotRun as cannot:
        sys.stderr.write(f"make test-board cannot run: {cannot}\n")
        return 1
    tests = [sys.executable, "-m", "pytest", "-x", "-s", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    environment = {**os.environ, "WARDLENS_BOARD": str(OUT), "WARDLENS_REQUIRE_SERVERS": "1"}
    return subprocess.run([*tests, *sys.argv[1:]], cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
