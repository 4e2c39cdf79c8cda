"""The root with the tools that an image is made with: the image itself has no compiler and no package manager.

What decides an image's bytes is in it, and comes from the same suite as what the image is made of, so that machines
with other tools make the same image. It also has Wardlens' requirements installed, where a device has them.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from firmware.image import debian
from firmware.image.debian import HERE, PROJECT

PACKAGES: Final = (
    "ca-certificates",
    "dosfstools",
    "gcc",  # picamera2's own requirements are built from source
    "gdisk",
    "grub-common",
    "grub-efi-amd64-bin",
    "libc6-dev",
    "libcap-dev",
    "mtools",
    "python3",
    "python3-dev",
    "python3-libcamera",
    "python3-venv",
    "rauc",
    "squashfs-tools",
)
REQUIREMENTS: Final = ("device.txt", "build.txt")
VENV: Final = "/opt/wardlens"


def workshop() -> Path:
    """The tools' root, made if there is none yet."""
    locked = "\n".join((PROJECT / "requirements" / one).read_text("utf-8") for one in REQUIREMENTS)
    made_of = "\n".join((*PACKAGES, VENV, inspect.getsource(debian), inspect.getsource(_make), locked))
    return debian.kept("image-workshop", made_of, _make)


def _make(root: Path) -> None:
    debian.bootstrap(root, PACKAGES, variant="minbase")
    (root / HERE.lstrip("/")).mkdir(parents=True)
    debian.make_venv(root, VENV, REQUIREMENTS)
