"""What the panel shows when something is missing or wrong: one clear sentence, and no button that could not work."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from capture.errors import VaultUnwritable
from provisioning.enrolment import serving_enrolment
from provisioning.panel import UplinkView
from provisioning.panel.lockout import FREE_TRIES
from provisioning.panel.simulated import READY, SimulatedCamera

RATE = """(seconds) => new Promise((resolve) => {
  const canvas = document.getElementById("live");
  const began = performance.now(), before = Number(canvas.dataset.frames);
  setTimeout(() => {
    resolve((Number(canvas.dataset.frames) - before) / ((performance.now() - began) / 1000));
  }, seconds * 1000);
})"""


class NoQueue:
    def entries(self):
        return ()

    def free_bytes(self):
        return 1_000_000_000


@pytest.fixture
def camera() -> SimulatedCamera:
    picture = np.full((480, 640, 3), 127, np.uint8)
    return SimulatedCamera(jpeg=cv2.imencode(".jpg", picture)[1].tobytes())


@pytest.fixture
def uplink() -> list[UplinkView | None]:
    return [None]


@pytest.fixture
def url(panel_over, camera, uplink, state):
    with panel_over(camera, NoQueue(), state, uplink=lambda: uplink[0]) as url:
        yield url


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"camera": {"state": "missing", "sentence": ""}}, "There is no camera. Plug it in"),
        ({"camera": {"state": "stalled", "sentence": ""}}, "stopped delivering pictures"),
        ({"engine": {"state": "failed", "sentence": ""}}, "no picture can be taken. Call IT."),
        ({"vault": {"writable": False, "sentence": ""}}, "no room for another picture"),
    ],
)
def test_broken_part_is_said_and_the_shutter_is_off(url, camera, visiting, said, sentence):
    camera.said = READY | said
    visit = visiting(url)
    visit.sign_in()
    visit.page.wait_for_selector("#trouble.blocks:visible")
    assert sentence in visit.page.inner_text("#trouble")
    assert visit.page.is_disabled("#shutter")
    visit.shot(f"12-{next(iter(said))}-{next(iter(said.values())).get('state', 'full')}")
    camera.said = READY
    visit.page.wait_for_selector("#trouble", state="hidden")


def test_page_shows_at_least_fifteen_frames_a_second_of_a_camera_that_gives_thirty(url, visiting):
    visit = visiting(url)
    visit.sign_in()
    visit.page.wait_for_selector("#shutter:enabled")
    rate = visit.page.evaluate(RATE, 4)
    visit.note("thirty-given", f"{rate:.1f} frames a second, load {os.getloadavg()[0]:.1f}")
    assert rate >= 15 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1), f"{rate:.1f} frames a second"


def test_camera_service_that_is_gone_is_said(url, camera, visiting):
    visit = visiting(url)
    visit.sign_in()
    camera.away = True
    visit.page.wait_for_selector("#trouble.blocks:visible")
    assert "The camera service does not answer" in visit.page.inner_text("#trouble")


def test_a_live_view_that_stands_still_is_not_shown_as_if_it_were_now(url, camera, visiting):
    visit = visiting(url)
    visit.sign_in()
    visit.page.wait_for_selector("#shutter:enabled")
    camera.frozen = True
    visit.page.wait_for_selector("#shutter:disabled", timeout=6_000)
    drawn = "() => document.getElementById('live').getContext('2d').getImageData(9, 9, 1, 1).data.slice(0, 3).join()"
    assert visit.page.evaluate(drawn) == "22,19,15"
    camera.frozen = False
    visit.page.wait_for_selector("#shutter:enabled")


def test_hospital_out_of_reach_is_said_on_every_page_that_takes_or_lists_pictures(url, uplink, visiting):
    uplink[0] = UplinkView(
        connected=False, sentence="The hospital cannot be reached. Pictures are safe here and sent later."
    )
    visit = visiting(url)
    visit.sign_in()
    for path in ("shoot", "queue"):
        visit.page.goto(f"{url}/{path}")
        visit.page.wait_for_selector("#trouble:visible")
        assert "The hospital cannot be reached" in visit.page.inner_text("#trouble")
    visit.shot("13-hospital-away")


def test_wrong_pins_lead_to_a_count_down(url, visiting):
    visit = visiting(url)
    page = visit.page
    page.wait_for_selector("body[data-ready]")
    page.keyboard.type("4711\n")
    for _ in range(FREE_TRIES):
        page.fill("#pin", "9999")
        with page.expect_response("**/sign-in"):
            page.keyboard.press("Enter")
        page.wait_for_selector("#pin-keys:not([aria-busy])")
    visit.until("() => document.getElementById('notice').textContent.includes('Wait')")
    assert page.is_disabled("#pin-keys [data-key='1']")
    visit.shot("14-too-many-tries")
    visit.until("() => document.getElementById('notice').textContent === 'Now try again.'")
    assert page.is_enabled("#pin-keys [data-key='1']")


def test_a_badge_that_has_to_wait_keeps_nobody_else_waiting(url, visiting, site):
    visit = visiting(url)
    page = visit.page
    page.wait_for_selector("body[data-ready]")
    page.keyboard.type("4711\n")
    for _ in range(FREE_TRIES + 1):
        page.fill("#pin", "9999")
        with page.expect_response("**/sign-in"):
            page.keyboard.press("Enter")
        page.wait_for_selector("#pin-keys:not([aria-busy])")
    page.wait_for_selector("#pin-keys [data-key='1']:disabled")
    page.click("#other-badge")
    assert page.inner_text("#notice") == ""
    page.keyboard.type("4700\n")
    page.wait_for_timeout(600)  # longer than a tick of the count-down
    assert page.is_enabled("#pin-keys [data-key='1']")
    for digit in "1234":
        page.click(f"#pin-keys [data-key='{digit}']")
    page.click("#pin-keys .go")
    page.wait_for_url("**/shoot")


def test_badge_with_letters_can_be_typed_on_the_screen(url, visiting):
    visit = visiting(url)
    visit.page.wait_for_selector("body[data-ready]")
    visit.page.click("#badge-keys [data-layer=letters]")
    for key in "AB-":
        visit.page.click(f"#badge-keys [data-key='{key}']")
    visit.shot("15-letters")
    visit.page.click("#badge-keys .letters [data-erase]")
    assert visit.page.input_value("#badge") == "AB"


def test_new_device_is_paired_on_its_screen(panel_over, camera, site, tmp_path, visiting):
    state = tmp_path / "new"
    with serving_enrolment(site) as enrolment, panel_over(camera, NoQueue(), state) as url:
        visit = visiting(url)
        page = visit.page
        visit.shot("16-unpaired")
        page.wait_for_selector("body[data-ready]")
        page.click("#by-line")
        page.fill("#line", "not an invitation")
        page.click("#line-form .go")
        page.wait_for_selector("#failed:not(.empty)")
        visit.shot("17-not-an-invitation")
        page.click("#by-line")
        page.fill("#line", site.invite(f"127.0.0.1:{enrolment.port}").line)
        page.click("#line-form .go")
        page.wait_for_selector("#digits:not(:empty):visible", timeout=20_000)
        digits = page.inner_text("#digits").replace(" ", "")
        visit.shot("18-digits")
        (waiting,) = site.pending()
        assert waiting.digits == digits
        site.approve(waiting.id, digits)
        page.wait_for_selector("a.go:visible", timeout=20_000)
        visit.shot("19-paired")
        page.click("a.go")
        visit.sign_in()
        assert visit.complaints == []


def test_page_without_its_panel_takes_no_pictures(panel_over, camera, state, visiting):
    with panel_over(camera, NoQueue(), state) as url:
        visit = visiting(url)
        visit.sign_in()
        visit.page.wait_for_selector("#shutter:enabled")
    visit.page.wait_for_selector("#shutter:disabled", timeout=10_000)
    assert "The panel does not answer" in visit.page.inner_text("#trouble.blocks")


def test_a_vault_that_cannot_be_read_is_said_before_a_picture_is_taken(panel_over, camera, state, visiting):
    class Unreadable(NoQueue):
        def entries(self):
            raise VaultUnwritable

    with panel_over(camera, Unreadable(), state) as url:
        visit = visiting(url)
        visit.sign_in()
        visit.page.wait_for_selector("#trouble.blocks:visible")
        assert VaultUnwritable().sentence in visit.page.inner_text("#trouble")
        assert visit.page.is_disabled("#shutter")
