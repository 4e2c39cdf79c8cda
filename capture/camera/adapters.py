"""The cameras that there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from capture.camera.picamera import PiCamera
from capture.camera.port import Camera, CameraSettings
from capture.camera.replay import ReplayCamera
from capture.camera.v4l2 import V4l2Camera

ADAPTERS: Final[Mapping[str, Callable[[CameraSettings], Camera]]] = MappingProxyType(
    {
        "picamera": PiCamera,
        "replay": ReplayCamera,
        "v4l2": V4l2Camera,
    }
)


def open_camera(settings: CameraSettings) -> Camera:
    """The camera that `settings` name, not yet opened.

    Raises:
        ValueError: no such adapter.
    """
    try:
        adapter = ADAPTERS[settings.adapter]
    except KeyError:
        known = ", ".join(sorted(ADAPTERS))
        raise ValueError(f"there is no camera adapter {settings.adapter!r}; there are {known}") from None
    return adapter(settings)
