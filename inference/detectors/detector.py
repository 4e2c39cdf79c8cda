"""What a detector is. A new one is one file beside this, and one line in the table of `detectors/__init__.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from inference.picture import Kind, Pixels, Region


class Detector(Protocol):
    """Pixels in, regions out."""

    @property
    def name(self) -> str:
        """What it is called in timings and in an error's sentence."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it looks for."""

    @property
    def models(self) -> Mapping[str, str]:
        """Manifest name → SHA-256 of each model it uses."""

    def detect(self, image: Pixels) -> list[Region]:
        """Where in this upright H×W×3 uint8 RGB picture identifiers are, with the margins that cover them whole.

        Anything it raises means that nobody looked, and that the picture must not be kept.
        """
