"""What `wardlens doctor --camera` tries on a camera, step by step: what only a board with a real camera can show.

Looking is apart from judging: :func:`look` works the camera and gives what it saw; each function of :data:`CHECKS`
judges that and does nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import cv2
import numpy as np

from capture.camera import Camera, CameraSettings
from capture.camera.asked import AskedControls
from capture.camera.port import fit_preview
from capture.errors import CaptureError
from firmware.checks import Finding, State
from firmware.device import make_camera
from firmware.settings import Settings

FEWEST_FRAMES_A_SECOND: Final = 15.0
OLDEST_S: Final = 0.2
SLOWEST_STILL_S: Final = 2.0
MOST_APART: Final = 12.0
"""Mean difference, of 255, that a hand's movement makes between a still and the preview beside it."""
GAINS_WITHIN: Final = 0.02
_FOCUSED: Final = 2  # libcamera.controls.AfStateEnum.Focused
_WATCHED_S: Final = 5.0
_OPENINGS: Final = 3

NEEDS_A_BOARD: Final = "This camera has none, so it could not be tried: it needs a board with its own camera."


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a camera.

    Attributes:
        name: of the adapter.
        asked_size: still size that the settings ask for; (0, 0) for a camera that has its own.
        opening_s: seconds of each opening.
        seconds: how long the viewfinder was watched.
        ages_s: how old each preview was when it was handed over.
        preview, still: their sizes, width × height.
        still_s: seconds from the shutter to the still.
        apart: mean difference between the still, shrunk, and the preview after it, 0 to 255.
        said: what the sensor said of each frame that was watched.
        controls: what was asked of it; None for a camera that is asked for nothing.
    """

    name: str
    asked_size: tuple[int, int]
    opening_s: tuple[float, ...]
    seconds: float
    ages_s: tuple[float, ...]
    preview: tuple[int, int]
    still: tuple[int, int]
    still_s: float
    apart: float
    said: tuple[Mapping[str, Any], ...] = field(repr=False)
    controls: AskedControls | None


def examine_camera(settings: Settings, seconds: float = _WATCHED_S) -> list[Finding]:
    """Everything about the camera that the settings name; it must not be in use."""
    if settings.socket.exists():
        said = "The camera service has the camera. Stop it first: sudo systemctl stop wardlens-camera"
        return [Finding("camera", State.FAILED, said)]
    try:
        seen = look(make_camera(settings), CameraSettings("v4l2").still_size, seconds)
    except CaptureError as failed:
        return [Finding("camera", State.FAILED, failed.sentence)]
    return [Finding(part, *check(seen)) for part, check in CHECKS.items()]


def look(camera: Camera, asked_size: tuple[int, int], seconds: float) -> Seen:
    """Open it three times, watch its viewfinder for `seconds`, take a still.

    Raises:
        CaptureError: it does not work.
    """
    openings = []
    for _ in range(_OPENINGS):
        camera.close()
        begun = time.monotonic()
        camera.open()
        camera.preview()
        openings.append(time.monotonic() - begun)
    try:
        ages, said, begun = [], [], time.monotonic()
        while time.monotonic() - begun < seconds:
            frame = camera.preview()
            ages.append((time.monotonic_ns() - frame.monotonic_ns) / 1e9)
            said.append(dict(getattr(camera, "metadata", {})))
        watched, pressed = time.monotonic() - begun, time.monotonic()
        still = camera.still()
        still_s, beside = time.monotonic() - pressed, camera.preview()
    finally:
        camera.close()
    shrunk = cv2.resize(fit_preview(still.pixels), (beside.width, beside.height), interpolation=cv2.INTER_AREA)
    controls = getattr(camera, "controls", None)
    return Seen(
        name=camera.name,
        asked_size=(0, 0) if camera.name == "replay" else asked_size,
        opening_s=tuple(openings),
        seconds=watched,
        ages_s=tuple(ages),
        preview=(beside.width, beside.height),
        still=(still.width, still.height),
        still_s=still_s,
        apart=float(np.abs(shrunk.astype(np.int16) - beside.pixels).mean()),
        said=tuple(said),
        controls=controls,
    )


def opens(seen: Seen) -> tuple[State, str]:
    """It opens, again and again."""
    return State.OK, f"It opens ({seen.name}), {_OPENINGS} times, within {max(seen.opening_s):.1f} s."


def delivers(seen: Seen) -> tuple[State, str]:
    """The viewfinder is quick, and of now."""
    rate, age = len(seen.ages_s) / seen.seconds, median(seen.ages_s)
    fit = rate >= FEWEST_FRAMES_A_SECOND and age <= OLDEST_S
    told = f"{seen.preview[0]}×{seen.preview[1]} at {rate:.1f} frames a second, each {age * 1000:.0f} ms old."
    wanted = f" At least {FEWEST_FRAMES_A_SECOND:.0f} and at most {OLDEST_S * 1000:.0f} ms are wanted; give it light."
    return (State.OK, told) if fit else (State.WARNING, told + wanted)


def takes_stills(seen: Seen) -> tuple[State, str]:
    """The still is as large as was asked for, and soon there."""
    told = f"{seen.still[0]}×{seen.still[1]} after {seen.still_s * 1000:.0f} ms."
    if seen.asked_size not in {(0, 0), seen.still}:
        return State.WARNING, f"{told} {seen.asked_size[0]}×{seen.asked_size[1]} was asked for."
    return (State.OK, told) if seen.still_s <= SLOWEST_STILL_S else (State.WARNING, f"{told} That is slow.")


def agrees(seen: Seen) -> tuple[State, str]:
    """Still and viewfinder show the same colours: no channel is swapped, no range is mistaken."""
    told = f"Still and viewfinder differ by {seen.apart:.1f} of 255."
    if seen.apart <= MOST_APART:
        return State.OK, told
    return State.FAILED, f"{told} Hold it still and try again; if this stays, its colours are read wrongly: call IT."


def focuses(seen: Seen) -> tuple[State, str]:
    """Autofocus finds something."""
    if not _has(seen, "AfMode"):
        return State.WARNING, f"Autofocus: {NEEDS_A_BOARD}"
    found = [said.get("LensPosition") for said in seen.said if said.get("AfState") == _FOCUSED]
    if found:
        return State.OK, f"It focuses, at last at {found[-1]} dioptres."
    return State.FAILED, "It never said that it was in focus. Hold something with an edge 20 cm away and try again."


def exposes(seen: Seen) -> tuple[State, str]:
    """Exposure follows the light, and says how."""
    times = [said["ExposureTime"] for said in seen.said if "ExposureTime" in said]
    if not times:
        return State.WARNING, f"Exposure: {NEEDS_A_BOARD}"
    last = seen.said[-1]
    gain, lux = last.get("AnalogueGain"), last.get("Lux")
    return State.OK, f"Exposure {times[-1] / 1000:.1f} ms, gain {gain}, {lux} lux; cover it by hand to see them follow."


def keeps_colours(seen: Seen) -> tuple[State, str]:
    """White balance was locked, and then stood still."""
    if not _has(seen, "AwbEnable"):
        return State.WARNING, f"White balance: {NEEDS_A_BOARD}"
    assert seen.controls is not None
    if not any(asked.get("AwbEnable") is False for asked in seen.controls.asked):
        return State.FAILED, "The white balance never stood still, so it was not locked. Hold it still and try again."
    red, blue = zip(*(said["ColourGains"] for said in seen.said[len(seen.said) // 2 :]), strict=True)
    spread = max((max(gains) - min(gains)) / max(gains) for gains in (red, blue))
    told = f"White balance is locked; its gains then moved by {spread:.1%}."
    return (State.OK, told) if spread <= GAINS_WITHIN else (State.FAILED, f"{told} They must stand still; call IT.")


def _has(seen: Seen, control: str) -> bool:
    return seen.controls is not None and seen.controls.has(control)


CHECKS: Final[Mapping[str, Callable[[Seen], tuple[State, str]]]] = {
    "opening": opens,
    "viewfinder": delivers,
    "still": takes_stills,
    "colours": agrees,
    "focus": focuses,
    "exposure": exposes,
    "balance": keeps_colours,
}
