"""The encounter in a real browser: the body map, wound series, three taps for the next picture, consent and note."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from provisioning.panel import PanelSettings
from provisioning.panel.body_map import View
from provisioning.panel.simulated import SimulatedCamera

SPOTS = """() => [...document.querySelectorAll("#site-dialog .view:not([hidden]) .spot")].map((spot) => {
  const box = spot.getBoundingClientRect();
  const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    name: spot.getAttribute("aria-label"), code: spot.dataset.spot, side: spot.dataset.spotSide,
    x: box.left + box.width / 2, y: box.top + box.height / 2, width: box.width, height: box.height,
    touched: spot.contains(at),
  };
})"""
VALUE = "([id, text]) => document.getElementById(id).textContent === text"


class NoQueue:
    def entries(self) -> tuple[Any, ...]:
        return ()

    def free_bytes(self) -> int:
        return 1_000_000_000


@pytest.fixture
def camera() -> SimulatedCamera:
    picture = np.full((480, 640, 3), (90, 120, 190), np.uint8)
    return SimulatedCamera(jpeg=cv2.imencode(".jpg", picture)[1].tobytes(), unanswered=())


@pytest.fixture
def url(panel_over, camera, state) -> Iterator[str]:
    with panel_over(camera, NoQueue(), state) as url:
        yield url


@dataclass
class Hand:
    """A finger that counts its taps."""

    page: Page
    taps: list[str] = field(default_factory=list)

    def tap(self, what: str) -> None:
        self.page.tap(what)
        self.taps.append(what)


def begin(visit, patient: str = "40213") -> Page:
    page = visit.page
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    name_patient(visit, patient)
    return page


def name_patient(visit, patient: str) -> None:
    page = visit.page
    page.click("[data-opens=patient-dialog]")
    page.fill("#patient", patient)
    page.click("#patient-dialog .keypad > .go")
    visit.until(VALUE, ["patient-value", patient])


def accept(visit) -> None:
    page = visit.page
    visit.arrive("review")
    page.tap("#accept")
    page.wait_for_url("**/shoot")
    page.wait_for_selector("#shutter:enabled")


def test_every_part_of_the_body_map_takes_a_finger_and_is_not_covered_by_another(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    for view in View:
        page.click(f"[data-shows={view}]")
        spots = page.evaluate(SPOTS)
        assert len(spots) > 10
        assert [one for one in spots if one["width"] < 48 or one["height"] < 48] == []
        assert [one["name"] for one in spots if not one["touched"]] == []
        visit.shot(f"encounter-map-{view}")


def test_the_patients_right_lies_on_the_left_of_who_faces_them_and_on_the_right_of_who_stands_behind(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    spots = {(one["code"], one["side"]): one for one in page.evaluate(SPOTS)}
    knee, hollow = "181553006", "84507004"
    assert spots[knee, "right"]["x"] < spots[knee, "left"]["x"]
    assert spots[hollow, "left"]["x"] < spots[hollow, "right"]["x"]
    page.mouse.click(spots["84607009", "left"]["x"], spots["84607009", "left"]["y"])
    visit.until(VALUE, ["site-value", "Heel, left"])
    assert page.inner_text("#since-value") == "today"
    page.click("[data-opens=site-dialog]")
    pressed = page.eval_on_selector_all(".spot[aria-pressed=true]", "(all) => all.map((e) => e.ariaLabel)")
    assert set(pressed) == {"Heel, left"}


def test_a_site_is_chosen_by_the_keyboard_alone_in_a_larger_view_and_on_both_sides(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.focus("[data-opens=site-dialog]")
    page.keyboard.press("Enter")
    page.focus("#both-sides")
    page.keyboard.press("Space")
    page.focus(".spot[aria-label^='Foot, left']")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-view=feet]:visible")
    assert page.evaluate("document.activeElement.dataset.shows") == "feet"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel") == "Medial aspect of ankle, left":
            break
    page.keyboard.press("Space")
    visit.until(VALUE, ["site-value", "Medial aspect of ankle, both sides"])


def test_the_list_stands_in_for_the_map_and_asks_which_side(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    page.click("[data-shows=list]")
    page.click("[data-site='84607009']")
    page.wait_for_selector("#side-dialog[open]")
    page.click("[data-side=right]")
    visit.until(VALUE, ["site-value", "Heel, right"])
    page.click("[data-opens=site-dialog]")
    page.click("[data-shows=list]")
    page.click("[data-site='54735007']")
    visit.until(VALUE, ["site-value", "Sacrum"])
    assert not page.is_visible("#side-dialog")


def test_three_taps_are_enough_for_the_next_picture_of_the_same_wound(url, camera, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    page.click("[data-spot='84607009'][data-spot-side=left]")
    visit.until(VALUE, ["site-value", "Heel, left"])
    page.click("[data-opens=since-dialog]")
    day = datetime.now().astimezone().date() - timedelta(days=1)
    if day.month != datetime.now().astimezone().month:
        page.click("#month-before")
    page.click(f"[data-day='{day}']")
    visit.shot("encounter-since")
    page.locator("#since-dialog .go").click()
    page.click("[data-opens=consent-dialog]")
    page.check("#consent-teaching")
    page.locator("#consent-dialog .dialog-head button").click()
    page.click("#shutter")
    accept(visit)
    page.click("#lock")
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    assert not page.is_visible("#again"), "nobody is offered a wound before they say whose"
    name_patient(visit, "40213")
    page.wait_for_selector("#again button")
    camera.advice = "too_dark"
    page.wait_for_selector("#guide:visible")
    boxes = [page.locator(name).bounding_box() for name in ("#seen", "#guide", "#again")]
    assert all(above["y"] + above["height"] <= below["y"] for above, below in itertools.pairwise(boxes)), boxes
    visit.shot("encounter-again")
    camera.advice = "good"

    hand = Hand(page)
    hand.tap("#again button")
    visit.until(VALUE, ["site-value", "Heel, left"])
    hand.tap("#shutter")
    visit.arrive("review")
    hand.tap("#accept")
    page.wait_for_url("**/shoot")
    assert len(hand.taps) == 3
    first, second = camera.accepted
    assert first["series"] == second["series"] == f"84607009.left.{day}.1"
    assert second["laterality"] == "left"
    assert second["consent"] == first["consent"]
    assert second["consent"]["teaching"] is True
    page.wait_for_selector("#shutter:enabled")
    again = Hand(page)
    again.tap("#shutter")
    visit.arrive("review")
    again.tap("#accept")
    page.wait_for_url("**/shoot")
    assert [one["series"] for one in camera.accepted] == [first["series"]] * 3, "two taps for one more of it"
    page.wait_for_selector("#last", state="detached")
    page.click("[data-opens=since-dialog]")
    assert page.get_attribute("#here button", "aria-pressed") == "true"
    page.click("[data-number='2']")
    visit.until("() => document.querySelector('#here button').ariaPressed === 'false'")
    visit.shot("encounter-since-known")
    page.click("#here button")
    visit.until("() => document.querySelector('#here button').ariaPressed === 'true'")
    page.locator("#since-dialog .go").click()
    assert visit.complaints == []


@pytest.mark.models
def test_one_more_picture_of_a_wound_takes_three_taps_with_the_real_models_question(ward, visiting):
    """They cannot say that there is no tattoo, so one tap answers that: shutter, No, accept."""
    visit = visiting(ward.url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    page.click("[data-spot='84607009'][data-spot-side=left]")
    visit.until(VALUE, ["site-value", "Heel, left"])
    counts = []
    for _ in range(2):
        hand = Hand(page)
        hand.tap("#shutter:enabled")
        visit.arrive("review")
        while not page.is_visible("#accept"):
            before = page.get_attribute("#facts", "data-open")
            hand.tap(".answer[data-confirm]")
            visit.until("(before) => document.getElementById('facts').dataset.open !== before", before)
        hand.tap("#accept")
        page.wait_for_url("**/shoot")
        page.wait_for_selector("#shutter:enabled", timeout=30_000)
        counts.append(len(hand.taps))
    visit.note("taps-for-one-more", str(counts))
    assert max(counts) <= 3
    assert len(ward.vault.entries()) == 2


@pytest.mark.parametrize("by", ["keypad", "scanner", "erase"])
def test_a_number_that_is_typed_takes_the_place_of_the_patient_before(url, visiting, by):
    """Hung on to it, it would be somebody's number, or nobody's, and the picture theirs."""
    visit = visiting(url)
    page = begin(visit, "40213")
    page.click("[data-opens=patient-dialog]")
    if by == "scanner":
        page.keyboard.type("40214")
    elif by == "keypad":
        for digit in "40214":
            page.click(f"#patient-dialog [data-key='{digit}']")
    else:
        page.click("#patient-dialog [data-erase]")
        assert page.input_value("#patient") == ""
        page.keyboard.type("40215")
        page.click("#patient-dialog [data-erase]")
        page.click("#patient-dialog [data-key='4']")
    assert page.input_value("#patient") == "40214"
    page.click("#patient-dialog .go")
    visit.until(VALUE, ["patient-value", "40214"])


def test_another_patient_takes_over_nothing_of_the_one_before(url, camera, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=site-dialog]")
    page.click("[data-spot='54735007']")
    visit.until(VALUE, ["site-value", "Sacrum"])
    page.click("#shutter")
    accept(visit)
    name_patient(visit, "99871")
    visit.until(VALUE, ["site-value", "Where?"])
    assert not page.is_visible("#again")
    page.click("#shutter")
    visit.arrive("review")
    page.click("#accept")
    page.wait_for_selector("#site-dialog[open]")
    page.click("[data-spot='22180002'][data-spot-side=right]")
    page.wait_for_url("**/shoot")
    assert [one["patient"] for one in camera.accepted] == ["40213", "99871"]
    assert camera.accepted[1]["laterality"] == "right"


def test_a_place_that_is_named_before_the_panel_has_answered_brings_nobody_back(url, camera, visiting):
    """On a busy box the answer may take longer than the next tap; the patient before must not become this one."""
    visit = visiting(url)
    page = begin(visit)
    held = []
    page.route("**/encounter", lambda route: held.append(route) if not held else route.continue_())
    page.click("[data-opens=patient-dialog]")
    page.fill("#patient", "99871")
    page.click("#patient-dialog .keypad > .go")
    page.click("[data-opens=site-dialog]")
    page.click("[data-spot='22180002'][data-spot-side=right]")
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    visit.until("() => document.getElementById('site-value').textContent !== 'Where?'")
    page.click("#shutter")
    accept(visit)
    (accepted,) = camera.accepted
    assert (accepted["patient"], accepted["body_site"], accepted["laterality"]) == ("99871", "22180002", "right")


def test_a_note_that_cannot_be_kept_stays_on_the_screen_with_the_reason(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    page.click("[data-opens=note-dialog]")
    page.fill("#note", "Smells\u202e")
    visit.until("() => document.getElementById('note-left').textContent === '493 characters left'")
    page.locator("#note-dialog .go").click()
    page.wait_for_selector("#note-wrong:visible")
    assert page.inner_text("#note-wrong") == "The note was not kept: the note holds signs that cannot be shown."
    assert page.input_value("#note") == "Smells\u202e"
    visit.shot("encounter-note-refused")
    page.fill("#note", "Smells")
    page.locator("#note-dialog .go").click()
    visit.until(VALUE, ["note-value", "Yes"])


def test_eyes_and_mouth_are_asked_for_where_the_role_may_and_marked_only_with_consent(
    panel_over, camera, state, visiting
):
    camera.may_show_features = True
    with panel_over(camera, NoQueue(), state, show_features=frozenset({"clinician"})) as url:
        visit = visiting(url)
        page = begin(visit)
        page.click("[data-opens=site-dialog]")
        page.click("[data-shows=head]")
        page.click("[data-spot='362916000'][data-spot-side=left]")
        visit.until(VALUE, ["site-value", "Eye region, left"])
        page.click("#shutter")
        visit.arrive("review")
        page.click("[data-show=uncover]")
        page.click("[data-area][data-kind=face]")
        visit.shot("encounter-wound-on-eyes")
        page.click("#mark-features")
        page.wait_for_selector("#consent-dialog[open]")
        visit.shot("encounter-consent-recognisable")
        page.check("#consent-recognisable")
        page.locator("#consent-dialog .dialog-head button").click()
        visit.until("() => document.getElementById('mark-step').textContent === 'Mark the wound on eyes or mouth'")
        photo = page.locator("#photo").bounding_box()
        for share in (0.4, 0.5):
            page.mouse.click(photo["x"] + photo["width"] * share, photo["y"] + photo["height"] * share)
        page.wait_for_selector("#accept:visible")
        (still,) = camera.stills.values()
        (decision,) = still["redaction"]["decisions"]
        assert (decision["action"], decision["features"]) == ("show", True)
        assert decision["consent"] == {"recognisable": True}
        page.click("#accept")
        page.wait_for_url("**/shoot")
        assert camera.accepted[0]["consent"]["recognisable"] is True


def test_as_delivered_nobody_is_asked_for_eyes_and_mouth(url, visiting):
    visit = visiting(url)
    page = begin(visit)
    assert page.locator("#consent-recognisable").count() == 0
    assert PanelSettings().show_features == frozenset()
