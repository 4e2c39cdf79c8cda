"""A badge and a wristband held to the device's camera, in a real browser over the real camera service."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp

from tests.browser.panel.cards import held

READ = "(id) => document.getElementById(id).value"


@pytest.mark.models
def test_a_badge_held_to_the_camera_asks_for_its_pin(ward_over, visiting):
    with ward_over(held("Code128", "4711")) as ward:
        visit = visiting(ward.url)
        visit.until("() => !document.getElementById('pin-form').hidden", seconds=40)
        assert visit.page.evaluate(READ, "badge") == "4711"
        visit.shot("scan-badge")
        for digit in "1234":
            visit.page.click(f"#pin-keys [data-key='{digit}']")
        visit.page.click("#pin-keys .go")
        visit.page.wait_for_url("**/shoot")


@pytest.mark.models
def test_a_wristband_held_to_the_camera_says_whose_picture_it_is_and_is_covered_in_it(ward_over, visiting):
    with ward_over(held("DataMatrix", "00418273")) as ward:
        visit = visiting(ward.url)
        page = visit.page
        visit.sign_in()
        page.wait_for_selector("#shutter:enabled", timeout=40_000)
        page.click("[data-opens=patient-dialog]")
        page.click("#scan-wristband")
        visit.until("(id) => document.getElementById(id).value === '00418273'", "patient", seconds=40)
        visit.shot("scan-wristband")
        page.click("#patient-dialog .go")
        visit.until("() => document.getElementById('patient-value').textContent === '00418273'")
        page.click("#shutter")
        visit.arrive("review")
        picture = page.request.get(f"{ward.url}/review/picture.jpg")
        assert picture.ok, picture.status
        seen = cv2.imdecode(np.frombuffer(picture.body(), np.uint8), cv2.IMREAD_COLOR)
        assert zxingcpp.read_barcodes(seen) == []
        assert visit.complaints == []
