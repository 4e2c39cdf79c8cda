"""What the encounter strip and its dialogs show: the draft in words, and what is offered again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from capture.encounter import Laterality
from capture.wounds import Wound
from provisioning.panel import words
from provisioning.panel.draft import Draft
from provisioning.panel.known_wounds import Known, at_place
from provisioning.panel.languages import Language

MOST_OFFERED: Final = 2


def shown(
    draft: Draft, wound: Wound | None, known: Sequence[Known], today: date | None, said: Language
) -> dict[str, Any]:
    """The draft, the wound that it is of, and the patient's other wounds, as JSON for the page.

    Args:
        draft: what is known so far.
        wound: the wound that the next picture is of.
        known: the patient's wounds, the latest first.
        today: the day; None where the device's clock is wrong.
        said: the language.
    """
    return {
        "draft": draft_to_json(draft),
        "missing": draft.missing,
        "site": place(said, draft.body_site, draft.side) if draft.body_site else "",
        "since": day(said, wound.since, today) if wound else "",
        "wound": {"since": wound.since.isoformat(), "number": wound.number} if wound else None,
        "today": today.isoformat() if today else None,
        "here": [_offer(said, one.wound, today) for one in at_place(draft, known)],
        "again": [_offer(said, one.wound, today) for one in known if one.wound != wound][:MOST_OFFERED],
    }


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """The draft's fields, as the page sends them back."""
    consent = draft.consent
    return {
        "patient": draft.patient,
        "body_site": draft.body_site,
        "side": draft.side.value if draft.side else None,
        "since": draft.since.isoformat() if draft.since else None,
        "number": draft.number,
        "consent": {
            "record": consent.record,
            "second_opinion": consent.second_opinion,
            "teaching": consent.teaching,
            "recognisable": consent.recognisable,
        },
        "note": draft.note,
        "urgent": draft.urgent,
    }


def place(said: Language, code: str, side: Laterality | None) -> str:
    """Where, as in: Heel, left."""
    site = said.say(f"sites.{code}")
    return said.say("format.place", site=site, side=said.say(f"sides.{side.value}")) if side else site


def day(said: Language, since: date, today: date | None) -> str:
    """The day, as in: today; 12 Nov; 12 Nov 2025."""
    if since == today:
        return said.say("format.today")
    return words.day(said, since, with_year=today is None or since.year != today.year)


def _offer(said: Language, wound: Wound, today: date | None) -> dict[str, Any]:
    since = said.say("encounter.since-day", day=day(said, wound.since, today))
    return {
        "series": wound.series,
        "since": wound.since.isoformat(),
        "number": wound.number,
        "title": place(said, wound.body_site, wound.side),
        "when": since if wound.number == 1 else said.say("encounter.numbered", what=since, number=wound.number),
    }
