"""The whole way at the bedside with the clock on it: real services, a real broker, a real receiver, a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from firmware.demo.story import BADGE, CLINICIAN
from firmware.hospital import open_archive
from inference.scenes import SceneSpec, draw_scene
from tests.browser.panel.cards import held
from tests.browser.panel.hospital import camera_is, show
from tests.browser.panel.nurse import ANSWERED, ASKED, NO

pytestmark = pytest.mark.models

PATIENT = "00418273"
MOST_TAPS = 8
"""From the signed-in screen to the picture in the queue; the PIN's digits are counted beside it."""


@dataclass(slots=True)
class Watch:
    """A finger on a glass, and a clock that runs only while the finger waits for the machine."""

    page: Any
    taps: int = 0
    waited: dict[str, float] = field(default_factory=dict)

    def tap(self, selector: str) -> None:
        """One touch; what it waits for to be there first is the machine's time too, and is on its last wait."""
        self.page.click(selector)
        self.taps += 1

    def until(self, what: str, seen: Callable[..., Any], *of: Any, **how: Any) -> None:
        """The machine works until the person sees `what`."""
        began = time.monotonic()
        seen(*of, **how)
        self.waited[what] = time.monotonic() - began


def test_from_the_badge_to_the_hospitals_receipt_with_the_clock_on_it(demo_place, demo_ward, visiting):
    place, (services, paired) = demo_place, demo_ward
    visit = visiting(f"http://127.0.0.1:{place.settings.panel.port}")
    page, watch = visit.page, Watch(visit.page)
    page.wait_for_selector("body[data-ready]", timeout=60_000)

    services.wait_until(lambda: camera_is(place.settings.socket, "ready"), "The camera", 120)
    show(services, place, held("Code128", BADGE))
    watch.until("badge read", page.wait_for_selector, "#pin-form:visible", timeout=120_000)
    for digit in paired.pin:
        watch.tap(f"#pin-keys [data-key='{digit}']")
    watch.tap("#pin-keys .go")
    watch.until("signed in", page.wait_for_url, "**/shoot")
    assert CLINICIAN in page.inner_text("header")
    page.wait_for_selector("#shutter:enabled", timeout=120_000)  # after its start the device tests itself, once a day
    signing_in, watch.taps = watch.taps, 0

    show(services, place, held("DataMatrix", PATIENT))
    page.wait_for_selector("#shutter:enabled")
    watch.tap("[data-opens=patient-dialog]")
    watch.tap("#scan-wristband")
    watch.until("wristband read", visit.until, "(id) => document.getElementById('patient').value === id", PATIENT)
    watch.tap("#patient-dialog .go")
    watch.tap("[data-opens=site-dialog]")
    watch.tap("[data-spot='84607009'][data-spot-side=left]")
    named = "() => document.getElementById('site-value').textContent === 'Heel, left'"
    watch.until("place named", visit.until, named)

    show(services, place, draw_scene(SceneSpec(11), (1280, 960)).pixels)
    page.wait_for_selector("#shutter:enabled")
    watch.tap("#shutter")
    watch.until("shot", page.wait_for_selector, ASKED, timeout=60_000)
    while not page.is_visible("#accept"):
        before = page.get_attribute("#facts", "data-open")
        watch.tap(NO)
        watch.until("answered", visit.until, ANSWERED, before)
        page.wait_for_selector(ASKED)
    watch.tap("#accept")
    watch.until("in the queue", page.wait_for_url, "**/shoot")
    assert "is in the queue" in page.inner_text("#last")
    accepted = time.monotonic()
    page.click("a[href='/queue']")
    page.wait_for_url("**/queue")
    visit.until("() => document.querySelector('#entries').textContent.includes('Received')", seconds=60)
    receipt = time.monotonic() - accepted
    visit.shot("bedside-received")

    machine = sum(watch.waited.values()) - watch.waited["badge read"] - watch.waited["wristband read"]
    parts = ", ".join(f"{what} {seconds:.2f}" for what, seconds in watch.waited.items())
    visit.note(
        "bedside",
        f"{watch.taps} taps after {signing_in} for the PIN; machine {machine:.2f} s beside the scans; {parts}; "
        f"receipt {receipt:.2f} s after; load {Path('/proc/loadavg').read_text().split()[0]}",
    )
    assert watch.taps <= MOST_TAPS
    archive = open_archive(place.settings, new=False)
    (filed,) = archive.newest(9)
    archive.close()
    assert (filed.patient, filed.body_site, filed.laterality) == (PATIENT, "84607009", "left")
    services.check()
