"""A badge and a wristband held to the device's camera, in a real browser over the real camera service."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp

from inference.picture import Pixels

READ = "(id) => document.getElementById(id).value"


def held(symbology: str, text: str) -> Pixels:
    """A card with this code, held before skin."""
    noise = np.random.default_rng(3).normal(0, 4, (600, 800, 1))
    scene = np.clip(np.array((205.0, 160, 135)) + noise, 0, 255).astype(np.uint8)
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(symbology))
    drawn = np.asarray(made.to_image(scale=3), np.uint8)[:160]
    card = cv2.copyMakeBorder(drawn, 40, 40, 60, 60, cv2.BORDER_CONSTANT, value=(255,))[..., None]
    top, left = (600 - card.shape[0]) // 2, (800 - card.shape[1]) // 2
    scene[top : top + card.shape[0], left : left + card.shape[1]] = card
    return scene


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
        page.wait_for_url("**/review", timeout=30_000)
        page.wait_for_selector("body[data-ready]")
        picture = page.request.get(f"{ward.url}/review/picture.jpg")
        assert picture.ok, picture.status
        seen = cv2.imdecode(np.frombuffer(picture.body(), np.uint8), cv2.IMREAD_COLOR)
        assert zxingcpp.read_barcodes(seen) == []
        assert visit.complaints == []
