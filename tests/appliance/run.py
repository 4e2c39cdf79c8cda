"""Makes the image of a box with a virtual camera, and runs tests/appliance on it. What is given goes to pytest.

Needs Linux, root, and what the packages below bring; `make test-appliance` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from inference.scenes import SceneSpec, draw_scene

PROJECT = Path(__file__).resolve().parents[2]
OUT = PROJECT / "build" / "test-image"
SIZE = (1280, 960)
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
    with tempfile.TemporaryDirectory() as seen:
        scene = draw_scene(SceneSpec(11), SIZE).pixels
        folder = Path(seen) / "usr/share/wardlens-virtual"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "0.jpg"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
        layers = ["--layer", str(Path(__file__).parent / "layer"), "--layer", seen]
        made = subprocess.run(
            [sys.executable, "-m", "firmware.image", "--out", str(OUT), *layers], cwd=PROJECT, check=False
        )
    if made.returncode:
        return made.returncode
    (image,) = OUT.glob("*.img")
    tests = [sys.executable, "-m", "pytest", "-x", "-s", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    environment = {**os.environ, "PATH": path, "WARDLENS_IMAGE": str(image), "WARDLENS_REQUIRE_SERVERS": "1"}
    return subprocess.run([*tests, *sys.argv[1:]], cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
