"""The roots with the tools that an image is made with: the image itself has no compiler and no package manager.

What decides an image's bytes is in them, and comes from the same suite as what the image is made of, so that machines
with other tools make the same image. Each also has Wardlens' requirements installed, where a device of its architecture
has them; disks are made in the one of this machine's own, whatever machine they are for.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from firmware.image import debian
from firmware.image.boards import BOARDS
from firmware.image.debian import HERE, PROJECT, own_architecture

BUILD: Final = (
    "ca-certificates",
    "gcc",  # picamera2's own requirements are built from source
    "libc6-dev",
    "libcap-dev",
    "python3",
    "python3-dev",
    "python3-libcamera",
    "python3-venv",
)
TOOLS: Final = ("dosfstools", "gdisk", "mtools", "rauc", "squashfs-tools")
REQUIREMENTS: Final = ("device.txt", "build.txt")
VENV: Final = "/opt/wardlens"


def workshop(architecture: str) -> Path:
    """The root of that architecture, made if there is none yet.

    Raises:
        CannotRun: it cannot be made.
    """
    own = architecture == own_architecture()
    packages = (*BUILD, *TOOLS, *BOARDS[architecture].tools) if own else BUILD
    locked = "\n".join((PROJECT / "requirements" / one).read_text("utf-8") for one in REQUIREMENTS)
    made_of = "\n".join((architecture, *packages, VENV, inspect.getsource(debian), locked))

    def make(root: Path) -> None:
        debian.bootstrap(root, packages, variant="minbase", architecture=architecture)
        (root / HERE.lstrip("/")).mkdir(parents=True)
        if own:
            debian.make_venv(root, VENV, REQUIREMENTS)
        else:
            debian.make_foreign_venv(root, VENV, REQUIREMENTS, architecture, workshop(own_architecture()))

    return debian.kept(f"image-workshop-{architecture}", made_of, make)
