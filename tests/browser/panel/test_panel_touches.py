"""A finger that comes twice, or before the panel has answered: it does one thing, and that to what it was shown."""

from __future__ import annotations

import asyncio
from typing import Any

import cv2
import numpy as np
import pytest

from capture.scanned import PatientCheck
from provisioning.panel.simulated import SimulatedCamera

SOON = 180
"""Milliseconds between the touches of a double tap."""
VALUE = "([id, text]) => document.getElementById(id).textContent === text"
TOAST = "(said) => document.getElementById('toast').textContent.startsWith(said)"
NHS, NHS_WRONG, NHS_OTHER = "9434765919", "9434765918", "4010232137"


class NoQueue:
    def entries(self) -> tuple[Any, ...]:
        return ()

    def free_bytes(self) -> int:
        return 1_000_000_000


class SlowCamera(SimulatedCamera):
    """A camera service on a small box: a decision takes it a moment, shorter or longer than between two touches."""

    def __init__(self, *, seconds: float = 0.06, **more: Any) -> None:
        picture = np.full((480, 640, 3), (90, 120, 190), np.uint8)
        super().__init__(jpeg=cv2.imencode(".jpg", picture)[1].tobytes(), **more)
        self.decided: list[Any] = []
        self._seconds = seconds

    async def decide(self, still, decisions, **more):
        await asyncio.sleep(self._seconds)
        decided = await super().decide(still, decisions, **more)
        self.decided += decisions
        return decided

    async def take(self):
        taken = await super().take()
        face = taken["redaction"]["regions"][0]
        taken["redaction"]["regions"] = [face, face | {"polygon": [[300, 300], [400, 300], [400, 400]]}]
        return taken


@pytest.fixture
def opened(panel_over, state, visiting):
    """Opens the panel over a camera, signed in, with a patient and a place; ends it with the test."""
    entered = []

    def open_(camera, patient="40213", **more):
        around = panel_over(camera, NoQueue(), state, **more)
        visit = visiting(around.__enter__())
        entered.append(around)
        visit.sign_in()
        visit.page.wait_for_selector("#shutter:enabled")
        name(visit, patient)
        visit.page.click("[data-opens=site-dialog]")
        visit.page.click("[data-spot='54735007']")
        visit.until(VALUE, ["site-value", "Sacrum"])
        return visit

    yield open_
    for around in entered:
        around.__exit__(None, None, None)


def name(visit, patient):
    page = visit.page
    page.click("[data-opens=patient-dialog]")
    page.fill("#patient", patient)
    page.click("#patient-dialog .keypad > .go")
    visit.until(VALUE, ["patient-value", patient])


def review(visit):
    visit.page.click("#shutter")
    visit.arrive("review")
    visit.page.wait_for_selector("#side:not(.settling)")


def double_tap(page, what):
    box = page.locator(what).bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*middle)
    page.wait_for_timeout(SOON)
    page.touchscreen.tap(*middle)


def test_a_double_tap_answers_one_question(opened):
    camera = SlowCamera(unanswered=("tattoo", "text"))
    visit = opened(camera)
    review(visit)
    double_tap(visit.page, ".answer.no[data-confirm]")
    visit.until("() => document.getElementById('facts').dataset.open === '1'")
    visit.page.wait_for_selector("#side:not(.settling)")
    visit.page.wait_for_selector("#review:not([aria-busy])")
    assert [one["kind"] for one in camera.decided] == ["tattoo"]


def test_a_double_tap_on_the_last_answer_accepts_nothing(opened):
    camera = SlowCamera(unanswered=("tattoo",))
    visit = opened(camera)
    review(visit)
    double_tap(visit.page, ".answer.no[data-confirm]")
    visit.page.wait_for_selector("#accept:visible")
    visit.page.wait_for_selector("#side:not(.settling)")
    assert camera.accepted == []
    visit.page.click("#accept")
    visit.page.wait_for_url("**/shoot")
    assert len(camera.accepted) == 1


def test_two_reasons_touched_one_after_the_other_uncover_one_area(opened):
    camera = SlowCamera(unanswered=(), seconds=0.5)
    visit = opened(camera)
    page = visit.page
    review(visit)
    page.click("[data-show=uncover]")
    page.click("[data-area='0']")
    page.wait_for_selector("#side:not(.settling)")
    asked, answered = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfinished", lambda request: answered.append(request.url))
    reasons = page.locator(".mode[data-mode=reason] .answer[data-reason]:visible").all()
    for box in [reason.bounding_box() for reason in reasons[:2]]:
        page.touchscreen.tap(box["x"] + 20, box["y"] + box["height"] / 2)
    page.wait_for_selector("#accept:visible")
    decision = "/review/decision"
    while sum(decision in url for url in asked) > sum(decision in url for url in answered):
        page.wait_for_timeout(30)
    assert [one["action"] for one in camera.decided] == ["remove"]
    (still,) = camera.stills.values()
    assert len(still["redaction"]["regions"]) == 1


def test_a_page_that_missed_a_decision_asks_to_look_again(opened):
    """The decision was carried out and its answer lost: the areas on the page are those of the picture before."""
    camera = SlowCamera(unanswered=())
    visit = opened(camera)
    page = visit.page
    review(visit)
    lost = []
    page.route("**/review/panel", lambda route: route.continue_() if lost else (lost.append(1), route.abort()))
    page.click("[data-show=uncover]")
    page.click("[data-area='0']")
    page.click(".mode[data-mode=reason] .answer[data-reason]:visible >> nth=0")
    visit.until(TOAST, "The panel does not answer")
    page.click(".mode[data-mode=reason] .answer[data-reason]:visible >> nth=0")
    visit.until(TOAST, "The picture has changed since you last looked")
    assert [one["action"] for one in camera.decided] == ["remove"]
    (still,) = camera.stills.values()
    assert len(still["redaction"]["regions"]) == 1
    page.wait_for_selector("#accept:visible")
    assert page.locator("#facts").get_attribute("data-edition") == "1"


def test_accept_touched_again_before_the_next_page_is_there_does_nothing_more(opened):
    camera = SlowCamera(unanswered=())
    visit = opened(camera)
    page = visit.page
    review(visit)
    answers = []
    page.on("response", lambda answer: answers.append(answer) if "/review/accept" in answer.url else None)
    held = []
    page.route("**/shoot", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function
    double_tap(page, "#accept")
    page.wait_for_timeout(SOON)
    held[0].continue_()
    page.wait_for_url("**/shoot")
    assert [answer.status for answer in answers] == [201]
    assert len(camera.accepted) == 1


def test_a_picture_is_of_who_was_named_before_the_shutter_though_the_panel_is_slow(opened):
    camera = SlowCamera(unanswered=())
    visit = opened(camera)
    page = visit.page
    held = []
    page.route("**/encounter", lambda route: held.append(route) if not held else route.continue_())
    page.click("[data-opens=note-dialog]")
    page.fill("#note", "Smells")
    page.locator("#note-dialog .go").click()
    page.click("[data-opens=patient-dialog]")
    page.fill("#patient", "99871")
    page.click("#patient-dialog .keypad > .go")
    page.click("#shutter")
    while not held:
        page.wait_for_timeout(10)
    page.wait_for_timeout(100)
    assert camera.stills == {}, "the shutter waits for what was said before it"
    held[0].continue_()
    visit.arrive("review")
    assert page.inner_text("#patient-value") == "99871"


def test_a_change_whose_answer_is_lost_keeps_neither_shutter_nor_accept_from_working(opened):
    camera = SlowCamera(unanswered=())
    visit = opened(camera)
    page = visit.page
    cut = []
    broken_off = {"status": 200, "content_type": "application/json", "body": "{"}

    def answer(route):
        if cut:
            route.continue_()
        else:
            cut.append(route.fulfill(**broken_off))

    page.route("**/encounter", answer)
    page.click("[data-opens=consent-dialog]")
    page.check("#consent-teaching", force=True)
    page.wait_for_selector("#toast:visible")
    page.click("#consent-dialog [data-closes]")
    review(visit)
    page.click("#accept")
    page.wait_for_url("**/shoot")
    assert [one["consent"]["teaching"] for one in camera.accepted] == [False]


def test_a_number_that_is_refused_gives_the_next_patient_nothing_of_the_one_before(opened):
    visit = opened(SlowCamera(unanswered=()), NHS, patient_check=PatientCheck.NHS)
    page = visit.page
    page.click("[data-opens=note-dialog]")
    page.fill("#note", "Smells")
    page.locator("#note-dialog .go").click()
    visit.until(VALUE, ["note-value", "Yes"])
    page.click("[data-opens=patient-dialog]")
    page.fill("#patient", NHS_WRONG)
    page.click("#patient-dialog .keypad > .go")
    page.wait_for_selector("#toast:visible")
    visit.until(VALUE, ["patient-value", "Who is it?"])
    name(visit, NHS_OTHER)
    assert page.inner_text("#note-value") == "–"
    assert page.inner_text("#site-value") == "Where?"
