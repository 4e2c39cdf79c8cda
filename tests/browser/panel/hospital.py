"""The whole hospital as a browser meets it: a demo's real processes, and what the ward device's camera is shown."""

from __future__ import annotations

import signal
from pathlib import Path

import cv2
import httpx

from firmware.demo.place import DemoPlace
from firmware.supervision import Supervisor
from inference.picture import Pixels


def camera_is(socket: Path, state: str) -> bool:
    """Whether the camera service says so of its camera."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://camera", timeout=30) as client:
        return bool(client.get("/health").json()["camera"]["state"] == state)


def show(services: Supervisor, place: DemoPlace, pixels: Pixels) -> None:
    """What the camera sees from now on: it looked away in between."""
    pictures, aside = place.folder / "pictures", place.folder / "aside"
    pictures.rename(aside)
    services.wait_until(lambda: not camera_is(place.settings.socket, "ready"), "The camera to look away")
    put(aside, pixels)
    aside.rename(pictures)
    services.wait_until(lambda: camera_is(place.settings.socket, "ready"), "The camera")


def put(folder: Path, pixels: Pixels) -> None:
    """The one picture in this folder, H×W×3 RGB."""
    assert cv2.imwrite(str(folder / "seen.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def end(services: Supervisor, *names: str, by: signal.Signals) -> None:
    """These processes end by this signal; the supervisor no longer asks after them."""
    for child in [child for child in services.children if child.name in names]:
        child.process.send_signal(by)
        child.process.wait(20)
        services.children.remove(child)
