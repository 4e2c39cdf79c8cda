"""Runs tests/camera where the camera's real software is: in a Debian trixie root with libcamera and picamera2.

The root is made once (about two minutes) and kept in the cache folder under the digest of all that it is made of. Each
run sees it read-only, with the project and the models beside it, in name spaces of its own and without a network. What
is given on the command line goes to pytest.
"""

from __future__ import annotations

import inspect
import os
import shlex
import subprocess
import sys
from pathlib import Path

from firmware.image import debian
from firmware.image.debian import HERE, PROJECT, CannotRun

REQUIREMENTS = PROJECT / "requirements" / "camera.txt"
PACKAGES = (
    "ca-certificates",
    "gcc",  # picamera2's own requirements are built from source
    "libcamera-ipa",
    "libcamera-tools",
    "libcap-dev",
    "libc6-dev",
    "python3",
    "python3-dev",
    "python3-libcamera",
    "python3-venv",
)
MODELS, VENV = "/srv/models", "/opt/venv"
CONFIGURATION = "/usr/share/libcamera/pipeline/virtual"


def main() -> int:
    """The tests' exit status; 1 with a sentence if they cannot be run here."""
    try:
        debian.check_host("test-camera")
        made_of = "\n".join((*PACKAGES, inspect.getsource(debian), inspect.getsource(_make), REQUIREMENTS.read_text()))
        return _test(debian.kept("camera-root", made_of, _make), sys.argv[1:])
    except CannotRun as cannot:
        sys.stderr.write(f"make test-camera cannot run: {cannot}\n")
        return 1


def _make(root: Path) -> None:
    debian.bootstrap(root, PACKAGES, variant="minbase")
    for folder in (HERE, MODELS, CONFIGURATION):
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    debian.make_venv(root, VENV, [REQUIREMENTS.name])
    (root / "etc/wardlens-camera-root").touch()


def _test(root: Path, arguments: list[str]) -> int:
    models = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share/wardlens/models")
    if not any(models.glob("*.onnx")):
        raise CannotRun(f"there are no models in {models}. Run: make setup")
    environment = {
        "PYTHONPATH": f"{HERE}:{HERE}/tests/camera/standins",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WARDLENS_MODELS": MODELS,
        "WARDLENS_REQUIRE_SERVERS": "1",  # a skip fails
        "LIBCAMERA_LOG_LEVELS": "*:FATAL",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
    }
    chosen = any((PROJECT / argument.partition("::")[0]).exists() for argument in arguments)
    which = arguments if chosen else ["tests/camera", *arguments]
    pytest = shlex.join([f"{VENV}/bin/python", "-m", "pytest", "-p", "no:cacheprovider", *which])
    script = f"mount -t tmpfs tmpfs {CONFIGURATION}; cd {HERE} && exec {pytest}"
    command = debian.inside(root, script, binds=[(PROJECT, HERE), (models, MODELS)], environment=environment)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
