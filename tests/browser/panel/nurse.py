"""What a nurse does again and again on the panel: whom and what it is of, and an answer to each question."""

from __future__ import annotations

from typing import Any

ANSWERED = "(before) => document.getElementById('facts').dataset.open !== before"
NO = ".answer.no[data-confirm]:visible, .answer.no[data-leave]:visible"
ASKED = f"#accept:visible, {NO}"


def set_encounter(visit: Any, patient: str = "40213") -> None:
    """This patient's left heel, by finger."""
    page = visit.page
    page.click("[data-opens=patient-dialog]")
    for digit in patient:
        page.click(f"#patient-dialog [data-key='{digit}']")
    page.click("#patient-dialog .go")
    page.click("[data-opens=site-dialog]")
    page.click("[data-spot='84607009'][data-spot-side=left]")
    visit.until("() => document.getElementById('site-value').textContent === 'Heel, left'")


def answer_all(visit: Any) -> int:
    """Answers every question with No, as there is nothing else in the drawn scene; gives how many were asked."""
    page, asked = visit.page, 0
    while True:
        page.wait_for_selector(ASKED)
        if page.is_visible("#accept"):
            return asked
        before = page.get_attribute("#facts", "data-open")
        page.click(NO)
        visit.until(ANSWERED, before)
        asked += 1
