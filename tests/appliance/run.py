"""Makes the image of a box with a virtual camera, and runs tests/appliance on it. What is given goes to pytest.

Needs Linux, root, and what the packages below bring; `make test-appliance` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.appliance.building import OUT, PROJECT, build

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "swtpm": "swtpm",
    "swtpm_setup": "swtpm-tools",
    "nc": "netcat-openbsd",
    "mosquitto": "mosquitto",
    "mmdebstrap": "mmdebstrap",
}
FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")


def main() -> int:
    """The tests' exit status; 1 with a sentence if they cannot be run here."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [package for program, package in NEEDED.items() if shutil.which(program, path=path) is None]
    missing += [] if FIRMWARE.exists() else ["ovmf"]
    if missing:
        sys.stderr.write(f"make test-appliance cannot run: sudo apt install {' '.join(missing)}\n")
        return 1
    if status := build():
        return status
    (image,) = OUT.glob("*.img")
    tests = [sys.executable, "-m", "pytest", "-x", "-s", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    environment = {**os.environ, "PATH": path, "WARDLENS_IMAGE": str(image), "WARDLENS_REQUIRE_SERVERS": "1"}
    return subprocess.run([*tests, *sys.argv[1:]], cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
