"""What is asked of a camera beside pictures: focus, exposure, white balance; and which of it the camera has. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any, Final

MOST_KEPT: Final = 64
CONTINUOUS: Final = 2
"""libcamera.controls.AfModeEnum.Continuous."""
SCANNING: Final = 1
"""libcamera.controls.AfStateEnum.Scanning."""
FRAME_TIMES_US: Final = (33_333, 200_000)
"""30 to 5 frames a second: in a dark room a frame may take longer, so that it is not darker."""

FROM_THE_START: Final[Mapping[str, Any]] = {"FrameDurationLimits": FRAME_TIMES_US, "AfMode": CONTINUOUS}
"""Autofocus is off by default (picamera2 #751)."""


class AskedControls:
    """Lets through what the camera has, and keeps a record of what was asked.

    Args:
        offered: names of the controls that the camera has.

    Attributes:
        asked: the newest :data:`MOST_KEPT` asks, each with the controls that were let through.
        lacking: names that were asked for in vain.
    """

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = frozenset(offered)
        self.asked: deque[Mapping[str, Any]] = deque(maxlen=MOST_KEPT)
        self.lacking: frozenset[str] = frozenset()

    def granted(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Those of `wanted` that the camera has."""
        granted = {name: value for name, value in wanted.items() if name in self._offered}
        self.lacking |= wanted.keys() - self._offered
        if granted:
            self.asked.append(granted)
        return granted

    def has(self, name: str) -> bool:
        """Whether the camera has this control."""
        return name in self._offered
