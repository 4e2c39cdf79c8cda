"""What a completed request of picamera2 holds: pixels as RGB, when their light was taken, what the sensor said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, cast

import cv2
import numpy as np

from capture.errors import CameraMissing
from inference.picture import Pixels

_SAID: Final = ("ExposureTime", "AnalogueGain", "Lux", "LensPosition", "ColourTemperature")
_NS_PER_US: Final = 1000


_LUMA_TO_STUDIO: Final = np.round(16 + np.arange(256) * (219 / 255)).astype(np.uint8)
_CHROMA_TO_STUDIO: Final = np.round(128 + (np.arange(256) - 128) * (224 / 255)).astype(np.uint8)


def rgb(request: Any, stream: str, *, full_range: bool = False) -> Pixels:
    """A stream's picture, H×W×3 uint8 RGB; picamera2 names its formats by the order in memory read backwards.

    Args:
        request: completed, not released.
        stream: main or lores.
        full_range: whether YUV goes from 0 to 255, as in JPEG; else it is BT.601 in studio range, 16 to 235.

    Raises:
        CameraMissing: the pipeline delivers a format that is not known here.
    """
    config: Mapping[str, Any] = request.config[stream]
    layout, (width, height) = str(config["format"]), config["size"]
    if layout == "BGR888":
        return cast("Pixels", request.make_array(stream))
    if layout == "RGB888":
        return cast("Pixels", cv2.cvtColor(request.make_array(stream), cv2.COLOR_BGR2RGB))
    if layout in ("YUV420", "NV12"):
        planes = np.asarray(request.make_buffer(stream))[: config["stride"] * height * 3 // 2]
        planes = planes.reshape(height * 3 // 2, config["stride"])
        if full_range:  # OpenCV reads studio range only
            cv2.LUT(planes[:height], _LUMA_TO_STUDIO, planes[:height])
            cv2.LUT(planes[height:], _CHROMA_TO_STUDIO, planes[height:])
        how = cv2.COLOR_YUV2RGB_I420 if layout == "YUV420" else cv2.COLOR_YUV2RGB_NV12
        picture = cv2.cvtColor(planes, how)
        return np.ascontiguousarray(picture[:, :width]).astype(np.uint8, copy=False)
    raise CameraMissing(f"This camera delivers {layout}, which is not supported. Use another camera; tell IT.")


def said(metadata: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What the sensor said that is worth keeping with a picture."""
    return {name: metadata[name] for name in _SAID if isinstance(metadata.get(name), int | float)}


def light_ns(metadata: Mapping[str, Any], oldest_s: float, now_ns: int | None = None) -> int:
    """When exposure began, on the monotonic clock, as the sensor says; now, if it says nothing believable.

    libcamera counts from boot, as the monotonic clock does on a device that is never suspended.

    Args:
        metadata: of the request.
        oldest_s: an older frame than this is not believed.
        now_ns: the monotonic clock.
    """
    now = time.monotonic_ns() if now_ns is None else now_ns
    stamp = metadata.get("SensorTimestamp")
    if not isinstance(stamp, int):
        return now
    began = stamp - _NS_PER_US * int(metadata.get("ExposureTime", 0))
    return began if 0 <= now - began <= oldest_s * 1e9 else now
