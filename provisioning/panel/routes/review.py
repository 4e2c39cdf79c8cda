"""Review: the Photo, what was covered and why, the open questions, and what a person decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from capture.errors import CameraServiceRefused
from provisioning.panel import words
from provisioning.panel.counters import Count
from provisioning.panel.desk import Desk
from provisioning.panel.draft import PATIENT_LENGTH
from provisioning.panel.errors import EncounterChanged, NothingInReview, PictureChanged, StoredUnsaid
from provisioning.panel.languages import Language
from provisioning.panel.pages import page, partial
from provisioning.panel.routes import Body, desk_of, look_of, session_of
from provisioning.panel.routes.encounter import encounter_values
from provisioning.panel.sessions import Session

router = APIRouter()

LEDGER_UNUSABLE: Final = "ledger_unusable"
"""The camera service's word for: stored, and its line on the ledger is owed (docs/formats/camera-service.md)."""

Kind = Literal["face", "tattoo", "text", "code"]
Corner = tuple[Annotated[float, Field(ge=0, le=100_000)], Annotated[float, Field(ge=0, le=100_000)]]


class Confirm(Body):
    """Answers a question: there is nothing of this kind that is not covered."""

    action: Literal["confirm"]
    kind: Kind


class Leave(Body):
    """Answers a question: what is covered of this kind hides no wound, or is to stay all the same."""

    action: Literal["leave"]
    kind: Kind


class Add(Body):
    """Covers a region."""

    action: Literal["add"]
    kind: Kind
    polygon: Annotated[list[Corner], Field(min_length=3, max_length=64)]


class Remove(Body):
    """Uncovers a region, with a reason."""

    action: Literal["remove"]
    kind: Kind
    index: Annotated[int, Field(ge=0, le=10_000)]
    reason: Annotated[str, Field(min_length=3, max_length=200)]


class Show(Body):
    """Uncovers a wound on a face; the camera service keeps eyes and mouth covered, unless `features` are to be seen."""

    action: Literal["show"]
    kind: Literal["face"]
    polygon: Annotated[list[Corner], Field(min_length=3, max_length=64)]
    reason: Annotated[str, Field(min_length=3, max_length=200)]
    features: bool = False


class Decide(Body):
    """One decision about the picture in review, as the page shows it: an index counts in that edition alone."""

    still: Annotated[str, Field(max_length=64)]
    edition: Annotated[int, Field(ge=0)]
    decision: Annotated[Confirm | Leave | Add | Remove | Show, Field(discriminator="action")]


class Named(Body):
    """Names the picture that the page shows, so that a late tap never acts on another."""

    still: Annotated[str, Field(max_length=64)]


class Accept(Named):
    """Names also whom the page shows it to be of, so that it never becomes another patient's."""

    patient: Annotated[str, Field(max_length=PATIENT_LENGTH)]


@router.get("/review")
async def show(request: Request) -> Response:
    """The picture in review, or the viewfinder when there is none."""
    session = session_of(request)
    if session.still is None:
        return RedirectResponse("/shoot", 303)
    look = look_of(request)
    desk = desk_of(request)
    shown = encounter_values(desk, session, look.language) | _shown(session, session.still, look.language)
    return page(desk, look, "review", session=session, **shown)


@router.get("/review/panel")
async def side(request: Request) -> Response:
    """The part beside the picture, after a decision."""
    session = session_of(request)
    look = look_of(request)
    values = _shown(session, _still(session), look.language)
    return partial(
        look, "review_side", session=session, may_recognise=desk_of(request).may_recognise(session.role), **values
    )


@router.get("/review/picture.jpg")
async def picture(request: Request, width: Annotated[int, Field(ge=64, le=4096)] = 1280) -> Response:
    """The Photo, everything covered."""
    session = session_of(request)
    jpeg = await desk_of(request).camera.picture(_still(session)["id"], width=width)
    return Response(jpeg, media_type="image/jpeg")


@router.post("/review/decision")
async def decide(request: Request, body: Decide) -> dict[str, Any]:
    """One decision; the Photo is made again from it."""
    desk, session = desk_of(request), session_of(request)
    async with session.turn:
        still = _still(session, body.still)
        decision = {**body.decision.model_dump(mode="json", exclude_defaults=True), "by": session.badge}
        if decision.get("features"):  # whether it is given, and whether the role may, the camera service judges
            decision["consent"] = {"recognisable": session.draft.consent.recognisable}
        with _forgotten_where_it_is_gone(desk, session):
            try:
                decided = await desk.camera.decide(still["id"], [decision], after=body.edition)
            except CameraServiceRefused as error:
                if error.error != "still_changed":
                    raise
                # The page is behind, or an answer was lost: what the camera service has is what is looked at next.
                session.still = {**still, **await desk.camera.still(still["id"])}
                raise PictureChanged from error
            session.still = {**still, **decided}
        return {name: session.still[name] for name in ("unanswered", "hiding")}


@router.post("/review/accept", status_code=201)
async def accept(request: Request, body: Accept) -> dict[str, Any]:
    """Seals the picture. The answer comes only after it is safely stored."""
    desk, session = desk_of(request), session_of(request)
    async with session.turn:
        still = _still(session, body.still)
        if session.draft.missing:
            raise CameraServiceRefused(
                "Say first whom and what the picture is of.", status=409, error="encounter-incomplete"
            )
        draft, wound = session.draft, desk.wound(session.draft)
        if body.patient != draft.patient:
            raise EncounterChanged
        with _forgotten_where_it_is_gone(desk, session):
            try:
                sealed = await desk.camera.accept(still["id"], draft.encounter(session.badge, wound))
            except CameraServiceRefused as error:
                if error.error in {LEDGER_UNUSABLE, "still_stored"}:
                    session.stored = still["id"]
                if error.error == LEDGER_UNUSABLE:
                    raise StoredUnsaid from error
                raise
        session.still = None
        if session.draft.patient == draft.patient:  # somebody may have gone on to the next meanwhile
            consent = replace(session.draft.consent, recognisable=False)  # asked for each picture
            session.draft = replace(session.draft, consent=consent)
        if wound:
            desk.wounds.taken(draft.patient, wound, draft.consent, desk.clock())
        said = look_of(request).language
        session.last = said.say(
            "review.accepted",
            number=sealed["counter"],
            covered=words.covered_sentence(said, still["redaction"]["regions"]),
            size=words.size(said, sealed["bytes"]),
        )
        desk.counters.add(Count.ACCEPTED)
        return {"next": "/shoot"}


@router.post("/review/discard")
async def discard(request: Request, body: Named) -> dict[str, str]:
    """Drops the picture; the way to take it again too. One that is gone, or stored, is only left."""
    desk, session = desk_of(request), session_of(request)
    async with session.turn:
        if session.still and session.still["id"] == body.still:
            await desk.camera.discard(body.still)
            if not session.is_stored:
                desk.counters.add(Count.DISCARDED)
            session.still = None
    return {"next": "/shoot"}


@contextmanager
def _forgotten_where_it_is_gone(desk: Desk, session: Session) -> Iterator[None]:
    """A picture that the camera service does not have any more, as after its restart, is in review no more."""
    try:
        yield
    except CameraServiceRefused as error:
        if error.status != 404:
            raise
        session.still = None
        desk.counters.add(Count.DISCARDED)
        raise NothingInReview from error


def _still(session: Session, named: str | None = None) -> dict[str, Any]:
    if session.still is None or (named is not None and named != session.still["id"]):
        raise NothingInReview
    return session.still


def _shown(session: Session, still: dict[str, Any], said: Language) -> dict[str, Any]:
    redaction, unanswered, hiding = still["redaction"], still["unanswered"], still["hiding"]
    quality = still.get("quality", {})
    asked = (*hiding, *unanswered, None)[0]  # whether the wound is hidden first: an answer may uncover something
    spoilt = f"spoilt.{quality.get('verdict')}"
    return {
        "still": still,
        "edition": session.edition,
        "regions_json": json.dumps(redaction["regions"]),
        "asked": asked,
        "of_wound": bool(hiding),
        "open_questions": len(hiding) + len(unanswered),
        "question": words.question(said, asked, redaction, of_wound=bool(hiding)) if asked else "",
        "covered": words.covered_sentence(said, redaction["regions"]),
        "areas": words.covered_areas(said, redaction["regions"]),
        "findings": words.findings(said, redaction, unanswered),
        "reasons": words.reasons(said),
        "recognisable": said.say("review.recognisable") if redaction.get("recognisable") else "",
        "spoilt": said.say(spoilt) if said.has(spoilt) else "",
        "warning": said.heard(quality.get("sentence", "")) if quality.get("verdict", "good") != "good" else "",
    }
