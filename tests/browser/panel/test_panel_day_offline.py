"""A day without the network on the ward: every picture waits in sight, and the hospital gets each of them once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from capture.service import CameraClient
from capture.vault import State
from firmware.demo.place import DemoPlace
from firmware.demo.story import BADGE, CLINICIAN
from firmware.device import open_vault, panel_recorder, uplink_view
from firmware.hospital import open_archive
from firmware.supervision import Supervisor
from inference.scenes import SceneSpec, draw_scene
from tests.browser.panel.cards import held
from tests.browser.panel.conftest import Clock
from tests.browser.panel.hospital import camera_is, end, show
from tests.browser.panel.nurse import answer_all, set_encounter

pytestmark = pytest.mark.models

MORNING, AFTERNOON = ("40213", "40214", "40215"), ("40216", "40217")
BETWEEN = timedelta(hours=2)
ALL = "([state, count]) => document.querySelectorAll(`#entries .row.is-${state}`).length === count"
AGAIN_SECONDS = 240.0
"""The longest that a device which tried in vain for a minute or two waits before it tries again, and some."""


@contextmanager
def panel_of_the_day(place: DemoPlace, panel_over: Callable[..., Any], clock: Clock) -> Iterator[str]:
    """The device's panel as its own process makes it, but by this clock."""
    settings = place.settings
    with (
        open_vault(settings) as vault,
        panel_over(
            CameraClient(settings.socket),
            vault,
            settings.state,
            uplink=partial(uplink_view, settings),
            record=panel_recorder(settings),
            clock=clock,
            wall=lambda: datetime.now(UTC) + timedelta(seconds=clock.ahead),
        ) as url,
    ):
        yield url


def start(services: Supervisor, place: DemoPlace, name: str, *command: str) -> None:
    services.start(name, [sys.executable, "-m", "firmware", *command, "--config", str(place.file)])


def photograph(visit: Any, patient: str) -> None:
    page = visit.page
    page.wait_for_selector("#shutter:enabled", timeout=120_000)
    set_encounter(visit, patient)
    page.click("#shutter")
    page.wait_for_url("**/review", timeout=60_000)
    answer_all(visit)
    page.click("#accept")
    page.wait_for_url("**/shoot")
    assert "is in the queue" in page.inner_text("#last")


def queue_says(visit: Any, state: str, count: int, seconds: float = 15.0) -> None:
    visit.page.click("a[href='/queue']")
    visit.page.wait_for_url("**/queue")
    visit.until(ALL, [state, count], seconds=seconds)


def test_a_day_without_the_network_is_received_once_when_it_comes_back(demo_place, demo_ward, panel_over, visiting):
    place, (services, paired), clock = demo_place, demo_ward, Clock()
    end(services, "panel", "broker", "enrolment", by=signal.SIGTERM)
    archive = open_archive(place.settings, new=False)
    services.wait_until(lambda: camera_is(place.settings.socket, "ready"), "The camera", 120)

    with panel_of_the_day(place, panel_over, clock) as url:
        visit = visiting(url)
        page = visit.page
        show(services, place, held("Code128", BADGE))
        page.wait_for_selector("#pin-form:visible", timeout=120_000)
        for digit in paired.pin:
            page.click(f"#pin-keys [data-key='{digit}']")
        page.click("#pin-keys .go")
        page.wait_for_url("**/shoot")
        assert CLINICIAN in page.inner_text("header")
        show(services, place, draw_scene(SceneSpec(11), (1280, 960)).pixels)
        for number, patient in enumerate(MORNING, 1):
            photograph(visit, patient)
            queue_says(visit, "waiting", number)
            clock.ahead += BETWEEN.total_seconds()
            page.wait_for_selector("#badge:visible")  # the session has locked, and nothing of the patient is left
            assert patient not in page.content()
            visit.sign_in(BADGE, paired.pin)
        page.wait_for_selector("#trouble:visible", timeout=60_000)
        assert "The hospital cannot be reached. Pictures are safe here" in page.inner_text("#trouble")
        visit.shot("offline-shoot")
        queue_says(visit, "waiting", len(MORNING))
        visit.shot("offline-waiting")
        end(services, "camera", "sync", by=signal.SIGKILL)  # the power goes

    start(services, place, "sync-again", "sync", "run")
    start(services, place, "camera-again", "camera", "run")
    with panel_of_the_day(place, panel_over, clock) as url:
        visit = visiting(url)
        visit.sign_in(BADGE, paired.pin)
        queue_says(visit, "waiting", len(MORNING))  # what was taken before the power went
        visit.page.click("a[href='/shoot']")
        for patient in AFTERNOON:
            photograph(visit, patient)
        taken = len(MORNING) + len(AFTERNOON)
        queue_says(visit, "waiting", taken)
        assert archive.newest(1) == ()
        start(services, place, "broker-again", "broker", "run", str(place.broker))
        start(services, place, "enrolment-again", "site", "serve")
        queue_says(visit, "received", taken, AGAIN_SECONDS)
        visit.page.wait_for_selector("#trouble", state="hidden")
        visit.shot("offline-received")

    with open_vault(place.settings) as vault:
        entries = vault.entries()
    assert {entry.state for entry in entries} <= {State.RECEIPTED, State.ERASED}
    filed = archive.newest(2 * taken)
    archive.close()
    assert sorted(one.patient for one in filed) == [*MORNING, *AFTERNOON]
    assert {one.capture: one.digest for one in filed} == {entry.capture: entry.digest for entry in entries}
    services.check()
