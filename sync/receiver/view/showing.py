"""From a filed capture to the words and numbers that a page shows. Pure; times come out in the hospital's own zone."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.body_sites import BODY_SITES
from capture.wounds import parse_series
from sync.errors import Flaw, MessageRefused
from sync.protocol import decode_receipt
from sync.receiver.archive import FiledCapture, Opening
from sync.receiver.record import mapping, text, whole

KINDS: Final = {"face": "Face", "tattoo": "Tattoo", "text": "Text", "code": "Code"}
"""The kinds in the order of the page, in words."""
SIDES: Final = {"left": "left", "right": "right", "bilateral": "both sides"}
USES: Final = {
    "record": "record",
    "second_opinion": "second opinion",
    "teaching": "teaching",
    "recognisable": "eyes or mouth seen",
}

_SEALED: Final = {
    Opening.OPENED: "",
    Opening.SEALED: "Sealed, not opened yet",
    Opening.NOT_OPENABLE: "Could not be opened ({}). Call IT",
}
_LARGEST_SHOWN: Final = 10**9

_MOST_PIXELS_PER_MM: Final = 10_000
PAGE: Final = 20
"""Captures on one page."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, for people and for machines."""

    words: str
    clock: str
    exact: str
    iso: str


@dataclass(frozen=True, slots=True)
class KindShown:
    """What was found of one kind, and why it was covered or not.

    Attributes:
        tone: covered, clear, answered or open: what the page marks it with.
        short: for the list.
        why: for the record: model, score, threshold, and who decided.
        brief: model and scores in a few words, for the list; nothing where there is nothing to say.
    """

    kind: str
    label: str
    tone: str
    short: str
    outcome: str
    count: int
    scores: str
    why: str
    brief: str


@dataclass(frozen=True, slots=True)
class DecisionShown:
    """What a person decided in review."""

    who: str
    what: str
    when: Moment | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """The receipt, checked at this moment against the site's published keys."""

    good: bool
    sentence: str
    key: str
    when: Moment | None


@dataclass(frozen=True, slots=True)
class Outline:
    """One covered region, as an SVG polygon's points."""

    kind: str
    points: str
    title: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One capture, ready for a page.

    Attributes:
        sealed: that there is nothing to see yet, and what to do; empty once it is opened.
    """

    filed: FiledCapture
    sealed: str
    title: str
    patient: str
    clinician: str
    taken: Moment | None
    received: Moment
    kinds: tuple[KindShown, ...]
    why: tuple[str, ...]
    second_look: str
    recognisable: bool
    decisions: tuple[DecisionShown, ...]
    models: tuple[tuple[str, str], ...]
    policy: str
    consent: str
    note: str
    series: str
    scale: str
    camera: str
    software: str
    width: int
    height: int
    outlines: tuple[Outline, ...]
    receipt: ReceiptShown
    size: str


def shown(filed: FiledCapture, keys: Mapping[str, Ed25519PublicKey]) -> Shown:
    """What the page shows of a capture. Whatever a manifest lacks is left out; nothing here fails for it."""
    manifest = mapping(json.loads(filed.manifest)) if filed.opened else {}
    encounter, redaction = mapping(manifest.get("encounter")), mapping(manifest.get("redaction"))
    device = mapping(manifest.get("device"))
    regions = [mapping(region) for region in _items(redaction.get("regions"))]
    decisions = [mapping(decision) for decision in _items(redaction.get("decisions"))]
    kinds = tuple(_kind(kind, redaction, regions, decisions) for kind in KINDS)
    return Shown(
        filed=filed,
        sealed=_SEALED[filed.opening].format(filed.opening_reason),
        title=title_of(filed, encounter),
        patient=filed.patient or "not given",
        clinician=text(encounter.get("clinician")) or "not given",
        taken=None if filed.taken_at_ms is None else moment(filed.taken_at_ms),
        received=moment(filed.received_at_ms),
        kinds=kinds,
        why=(*(kind.brief for kind in kinds if kind.brief), *_asked(redaction, decisions)),
        second_look=_OUTCOMES.get(text(redaction.get("second_look")), "not done"),
        recognisable=redaction.get("recognisable") is True,
        decisions=tuple(_decision(decision) for decision in decisions),
        models=tuple(sorted((name, text(digest)) for name, digest in mapping(redaction.get("models")).items())),
        policy=text(redaction.get("policy")),
        consent=consent_in_words(mapping(encounter.get("consent"))),
        note=text(encounter.get("note")),
        series=series_in_words(filed.series),
        scale=scale_in_words(mapping(manifest.get("marker"))),
        camera=text(device.get("camera")),
        software=text(device.get("software")),
        width=whole(redaction.get("width")) or 1,
        height=whole(redaction.get("height")) or 1,
        outlines=tuple(_outline(region) for region in regions),
        receipt=receipt_shown(filed, keys),
        size=bytes_in_words(filed.length),
    )


def paged(captures: Sequence[FiledCapture]) -> tuple[Sequence[FiledCapture], int | None]:
    """The captures of one page out of up to one more, and where the next page begins, if there is one."""
    return captures[:PAGE], captures[PAGE - 1].filed if len(captures) > PAGE else None


def title_of(filed: FiledCapture, encounter: Mapping[str, Any]) -> str:
    """Where on the body, and on which side: what a colleague looks for first."""
    if not filed.opened:
        return "Sealed picture"
    site = (
        BODY_SITES.get(filed.body_site)
        or text(mapping(encounter.get("body_site")).get("term"))
        or "Body site not given"
    )
    side = SIDES.get(filed.laterality or "")
    return f"{site}, {side}" if side else site


def series_in_words(series: str) -> str:
    """Since when the wound is there, where a device named its series; else the name itself."""
    try:
        wound = parse_series(series)
    except ValueError:
        return series
    since = f"since {wound.since.day} {wound.since:%b %Y}"
    return since if wound.number == 1 else f"{since}, no. {wound.number}"


def scale_in_words(marker: Mapping[str, Any]) -> str:
    """What our printed scale beside the wound says; nothing where it was not seen."""
    if marker.get("seen") is not True:
        return ""
    size = marker.get("pixels_per_mm")
    if isinstance(size, int | float) and type(size) is not bool and 0 < size < _MOST_PIXELS_PER_MM:
        return f"{size:.1f} pixels a millimetre, where the scale lay"
    return "in view, but aslant or too small to measure by"


def consent_in_words(consent: Mapping[str, Any]) -> str:
    """What the patient agreed to."""
    given = [word for name, word in USES.items() if consent.get(name) is True]
    return ", ".join(given).capitalize() if given else "None on record"


def receipt_shown(filed: FiledCapture, keys: Mapping[str, Ed25519PublicKey]) -> ReceiptShown:
    """The receipt, its signature checked now and its words compared with what is filed."""
    try:
        receipt = decode_receipt(filed.receipt)
    except MessageRefused:
        return ReceiptShown(good=False, sentence="The receipt cannot be read. Call IT.", key="", when=None)
    when = moment(receipt.received_at_ms)
    named = (receipt.capture, receipt.device, receipt.digest, receipt.length)
    if named != (filed.capture, filed.device, filed.digest, filed.length):
        return ReceiptShown(
            good=False, sentence="The receipt is for another envelope. Call IT.", key=receipt.key, when=when
        )
    try:
        receipt.verify(keys)
    except MessageRefused as error:
        sentence = (
            "The receipt's key is not one that this site has published. Call IT."
            if error.flaw is Flaw.UNKNOWN_KEY
            else "The receipt's signature is wrong. Call IT."
        )
        return ReceiptShown(good=False, sentence=sentence, key=receipt.key, when=when)
    return ReceiptShown(good=True, sentence="Receipt verified", key=receipt.key, when=when)


def moment(milliseconds: int) -> Moment:
    """A time in this machine's zone; days are written out, because a ward works at night."""
    try:
        local = dt.datetime.fromtimestamp(milliseconds / 1000, tz=dt.UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return Moment("at an impossible time", "–", "–", "")
    day = f"{local.day} {local:%b %Y}"
    return Moment(
        f"{day}, {local:%H:%M}", f"{local:%H:%M}", f"{day}, {local:%H:%M:%S}", local.isoformat(timespec="milliseconds")
    )


def bytes_in_words(count: int) -> str:
    """A size that a person can say."""
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


_OUTCOMES: Final = {"found": "found something", "clear": "found nothing", "unsure": "could not tell"}


def _kind(
    kind: str,
    redaction: Mapping[str, Any],
    regions: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
) -> KindShown:
    label, outcome = KINDS[kind], text(mapping(redaction.get("outcomes")).get(kind))
    own = [region for region in regions if region.get("kind") == kind]
    answers = [text(d.get("by")) for d in decisions if d.get("kind") == kind and d.get("action") == "confirm"]
    by_hand = sum(region.get("model") == "person" for region in own)
    models = sorted({text(region.get("model")) for region in own} - {"person", ""})
    scores = sorted((float(s) for r in own if _number(s := r.get("score"))), reverse=True)
    why = []
    if models:
        why.append(f"found by {', '.join(models)}")
    thresholds = mapping(redaction.get("thresholds"))
    for name, words in ((f"{kind}.cover", "covered from"), (f"{kind}.ask", "asked about from")):
        if models and _number(thresholds.get(name)):
            why.append(f"{words} {thresholds[name]:.2f}")
    if by_hand:
        why.append(f"{by_hand} drawn by hand")
    if outcome == "unsure":
        why.append(
            f"could not tell; {answers[-1]} looked and confirmed" if answers else "could not tell; nobody has answered"
        )
    if outcome == "clear" and not own:
        why.append("looked for, nothing there")
    count = len(own)
    covered = f"{count} covered" if count else ""
    if outcome == "unsure":
        tone = "answered" if answers else "open"
        state = "checked" if answers else "not answered"
        short = f"{covered}, {state}" if covered else state
    elif count:
        tone, short = "covered", covered
    else:
        tone, short = "clear", "none" if outcome == "clear" else "nothing covered"
    return KindShown(
        kind=kind,
        label=label,
        tone=tone,
        short=short,
        outcome={"found": "Found", "clear": "None found", "unsure": "Unsure"}.get(outcome, "No answer"),
        count=count,
        scores=_span(scores),
        why=sentence_of(why) if why else "–",
        brief=_brief(label, models, scores, by_hand),
    )


def sentence_of(parts: Sequence[str]) -> str:
    """The parts as one sentence; names keep their capitals."""
    whole_sentence = "; ".join(parts)
    return whole_sentence[:1].upper() + whole_sentence[1:]


def _brief(label: str, models: Sequence[str], scores: Sequence[float], by_hand: int) -> str:
    parts = [f"{', '.join(models)} {_span(scores)}"] if models else []
    if by_hand:
        parts.append(f"{by_hand} drawn by hand")
    return f"{label}: {'; '.join(parts)}" if parts else ""


def _asked(redaction: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who answered for the kinds that no detector could, each person once."""
    unsure = [kind for kind in KINDS if mapping(redaction.get("outcomes")).get(kind) == "unsure"]
    answered = {str(d.get("kind")): text(d.get("by")) or "somebody" for d in decisions if d.get("action") == "confirm"}
    for person in dict.fromkeys(answered[kind] for kind in unsure if kind in answered):
        yield f"{person} looked at {', '.join(kind for kind in unsure if answered.get(kind) == person)}"
    if missing := [kind for kind in unsure if kind not in answered]:
        yield f"Nobody has answered for {', '.join(missing)}"


def _span(scores: Sequence[float]) -> str:
    if not scores:
        return "–"
    return f"{scores[0]:.2f}" if len(scores) == 1 else f"{scores[-1]:.2f} to {scores[0]:.2f}"


def _decision(decision: Mapping[str, Any]) -> DecisionShown:
    kind = KINDS.get(text(decision.get("kind")), "Something").lower()
    what = {
        "add": f"covered one more {kind}",
        "remove": f"uncovered a {kind}",
        "show": "uncovered a wound on a face",
        "confirm": f"confirmed the answer for {kind}",
        "leave": f"left the cover of {kind} where it may lie on the wound",
    }.get(text(decision.get("action")), "decided")
    if decision.get("features") is True:
        what += ", with eyes or mouth"
    at = whole(decision.get("at_ms"))
    return DecisionShown(
        who=text(decision.get("by")) or "somebody",
        what=what,
        when=None if at is None else moment(at),
        reason=text(decision.get("reason")),
    )


def _outline(region: Mapping[str, Any]) -> Outline:
    corners = [corner for corner in _items(region.get("polygon")) if isinstance(corner, list) and len(corner) == 2]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners if _number(x) and _number(y))
    score = region.get("score")
    kind = text(region.get("kind"))
    name = KINDS.get(kind, "Something")
    title = f"{name}, {text(region.get('model'))}" + (f" {score:.2f}" if _number(score) else "")
    return Outline(kind if kind in KINDS else "other", points, title)


def _number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number of a size that a page has room for; JSON has larger ones than a float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_SHOWN


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
