"""A box out of its carton, paired by sight: real services, a real browser, and IT at a real command line."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from firmware.demo.place import DemoPlace, answers, make_place
from firmware.supervision import Supervisor
from inference.picture import Pixels
from provisioning.devices import DeviceState
from provisioning.site import Site

pytestmark = pytest.mark.models

MOST_SECONDS = 60
MOST_STEPS = 5
WARD = "Ward 4 East, cart B"


def seen_on_a_screen(png: Path) -> Pixels:
    """The code on a dark screen, as a hand-held camera sees it: askew, soft, noisy."""
    code = cv2.imread(str(png))
    assert code is not None
    high, wide = code.shape[:2]
    corners = np.float32([[0, 0], [wide, 0], [wide, high], [0, high]])
    seen = np.float32([[330, 170], [930, 210], [900, 800], [300, 760]])
    ground = np.full((960, 1280, 3), 38, np.uint8)
    bent = cv2.warpPerspective(code, cv2.getPerspectiveTransform(corners, seen), (1280, 960), dst=ground.copy(),
                               borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    soft = cv2.GaussianBlur(bent, (0, 0), 1.2).astype(np.float32) * 0.85
    noise = np.random.default_rng(5).normal(0, 5, soft.shape)
    return np.clip(soft + noise, 0, 255).astype(np.uint8)


def show(folder: Path, pixels: Pixels) -> None:
    """Puts a picture before the camera, whole or not at all."""
    assert cv2.imwrite(str(folder.parent / "next.png"), pixels)
    (folder.parent / "next.png").rename(folder / "seen.png")


@pytest.fixture
def place(models_folder: Path, tmp_path: Path) -> DemoPlace:
    (tmp_path / "pictures").mkdir()
    return make_place(tmp_path, tmp_path / "pictures", models=models_folder, mqtt="auto")


@pytest.fixture
def hospital(place: DemoPlace) -> Site:
    return Site.create(place.site, "st-elsewhere", "St. Elsewhere Hospital", hosts=["127.0.0.1"])


@pytest.fixture
def services(place: DemoPlace, hospital: Site) -> Iterator[Supervisor]:
    """The hospital's enrolment server, and the three services of a box that nobody has paired."""
    with Supervisor(place.logs) as services:
        for words in (["site", "serve"], ["camera", "run"], ["sync", "run"], ["panel", "run"]):
            services.start("-".join(words), [sys.executable, "-m", "firmware", *words, "--config", str(place.file)])
        for port in (place.settings.enrolment.port, place.settings.panel.port):
            services.wait_until(lambda port=port: answers(port), "A service")
        services.wait_until(place.settings.socket.exists, "The camera service")
        yield services


def invited(place: DemoPlace, png: Path) -> subprocess.Popen[str]:
    """IT's terminal, which stays until IT has answered."""
    words = ["site", "invite", "--confirm", "--name", WARD, "--png", str(png), "--config", str(place.file)]
    command = [sys.executable, "-m", "firmware", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(terminal: subprocess.Popen[str]) -> str:
    """The six digits that IT is asked about."""
    assert terminal.stdout is not None
    said = ""
    while not (found := re.search(r"screen show (\d{3}) (\d{3})\?", said)):
        letter = terminal.stdout.read(1)
        assert letter, said
        said += letter
    return found[1] + found[2]


def test_a_box_is_paired_by_sight_within_a_minute_and_five_steps(place, services, hospital, visiting, tmp_path):
    visit = visiting(f"http://127.0.0.1:{place.settings.panel.port}")
    page = visit.page
    page.wait_for_selector("main[data-step=not-started]")
    png, began, steps = tmp_path / "invitation.png", time.monotonic(), []

    with invited(place, png) as terminal:
        steps.append("IT runs wardlens site invite")
        services.wait_until(png.exists, "The invitation")
        show(tmp_path / "pictures", seen_on_a_screen(png))
        steps.append("the box is held to IT's screen")
        visit.until("() => document.getElementById('digits').textContent !== ''", seconds=MOST_SECONDS)
        on_the_device = page.inner_text("#digits").replace(" ", "")
        steps.append("both read the six digits")
        assert asked(terminal) == on_the_device
        visit.shot("pairing-digits")
        terminal.communicate("y\n", timeout=30)
        steps.append("IT says yes")
        assert terminal.returncode == 0
    page.wait_for_selector("main[data-step=paired]", timeout=MOST_SECONDS * 1000)
    paired = time.monotonic() - began
    said = "(fact) => document.querySelector(`[data-fact='${fact}']`).textContent"
    visit.until(f"(name) => ({said})('name') === name", WARD, seconds=MOST_SECONDS)
    named = time.monotonic() - began
    visit.until(f"() => ({said})('self-test') === 'Passed'", seconds=MOST_SECONDS)
    tested = time.monotonic() - began
    visit.note("pairing", f"paired {paired:.1f} s, named {named:.1f} s, tested {tested:.1f} s, {len(steps)} steps")
    assert page.evaluate(said, "hospital") == "St. Elsewhere Hospital"
    visit.shot("pairing-done")
    assert len(steps) <= MOST_STEPS
    assert tested < MOST_SECONDS
    (device,) = hospital.devices()
    assert device.state is DeviceState.ACTIVE
    page.click("a[href='/']")
    page.wait_for_selector("#badge:visible")
    assert not visit.page.request.get(f"{visit.url}/pairing", max_redirects=0).ok, "the page is for one pairing"


def test_it_refuses_a_box_whose_screen_shows_other_digits(place, services, hospital, visiting, tmp_path):
    visit = visiting(f"http://127.0.0.1:{place.settings.panel.port}")
    png = tmp_path / "invitation.png"
    with invited(place, png) as terminal:
        services.wait_until(png.exists, "The invitation")
        show(tmp_path / "pictures", seen_on_a_screen(png))
        asked(terminal)
        terminal.communicate("n\n", timeout=30)
        assert terminal.returncode == 1
    visit.until("() => document.getElementById('failed').textContent.includes('IT refused')", seconds=MOST_SECONDS)
    visit.shot("pairing-refused")
    # The code still lies before the camera; nothing goes on by itself, and by a touch it says why not.
    visit.page.click("#again")
    visit.until("() => document.getElementById('failed').textContent.includes('used already')", seconds=MOST_SECONDS)
    assert [device.state for device in hospital.devices()] == [DeviceState.REFUSED]
