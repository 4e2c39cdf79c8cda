"""What the screen says of pictures, sizes and times, in the language of who reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import date as Day  # noqa: N812 - `date` is this module's word for a day as people read it
from typing import Any

from provisioning.panel.languages import ENGLISH, LANGUAGES, Language

KINDS = ("face", "tattoo", "text", "code")

UNCOVER_REASONS = ("is-the-wound", "identifies-nobody", "needed")
"""Why a person may uncover a region."""

PHRASES = ("before-dressing", "after-dressing", "after-cleaning", "with-ruler", "infection", "improving")
"""Ready words for the note."""

COMMON_SITES = (
    "54735007",
    "22180002",
    "84607009",
    "60496002",
    "52034004",
    "25763004",
    "47224004",
    "181563003",
    "181564009",
    "75093004",
    "33712006",
    "66643007",
)
"""Body sites offered first: where pressure injuries, foot ulcers and leg ulcers are."""


@dataclass(frozen=True, slots=True)
class Covered:
    """One covered area, for the list beside the picture."""

    index: int
    kind: str
    title: str
    by_person: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a region may be uncovered.

    Attributes:
        record: what is sealed with the picture; one spelling, whatever language the screen has.
        title: what the screen says.
    """

    record: str
    title: str


def reasons(said: Language) -> tuple[Reason, ...]:
    """What a person may choose from."""
    return tuple(
        Reason(LANGUAGES[ENGLISH].say(f"reasons.{slug}"), said.say(f"reasons.{slug}")) for slug in UNCOVER_REASONS
    )


def listed(said: Language, parts: Sequence[str]) -> str:
    """As in: a; a and b; a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return said.say("format.and", first=", ".join(parts[:-1]), last=parts[-1])


def covered_sentence(said: Language, regions: Sequence[Mapping[str, Any]]) -> str:
    """What a picture covers, in one sentence."""
    numbers = {kind: sum(region["kind"] == kind for region in regions) for kind in KINDS}
    parts = [said.say(f"counted.{kind}", number=number) for kind, number in numbers.items() if number]
    return said.say("covered.some", what=listed(said, parts)) if parts else said.say("covered.none")


def covered_areas(said: Language, regions: Sequence[Mapping[str, Any]]) -> tuple[Covered, ...]:
    """Every covered area with its place in the Redaction, which is what a decision names."""
    return tuple(
        Covered(index, region["kind"], said.say(f"kinds.{region['kind']}"), region.get("model") == "person")
        for index, region in enumerate(regions)
    )


def findings(said: Language, redaction: Mapping[str, Any], unanswered: Sequence[str]) -> tuple[str, ...]:
    """For each kind one line: what was found and why it is covered, or that nothing was, or who said so."""
    regions = redaction.get("regions", ())
    outcomes = redaction.get("outcomes", {})
    lines = []
    for kind in KINDS:
        number = sum(region["kind"] == kind for region in regions)
        if number:
            lines.append(said.say(f"found.{kind}", what=said.say(f"counted.{kind}", number=number)))
        elif kind in unanswered:
            continue
        elif outcomes.get(kind) == "unsure":
            lines.append(said.say(f"denied.{kind}"))
        else:
            lines.append(said.say(f"clear.{kind}"))
    return tuple(lines)


def question(said: Language, kind: str, redaction: Mapping[str, Any], *, of_wound: bool = False) -> str:
    """What a person is asked about a kind that could not be told: whether one is missed, or what it may hide."""
    if of_wound:
        return said.say(f"on-wound.{kind}")
    if kind == "tattoo" and not _looked_for(kind, redaction):
        marked = any(region["kind"] == kind for region in redaction.get("regions", ()))
        return said.say("unsure.tattoo-another" if marked else "unsure.tattoo-unseen")
    return said.say(f"unsure.{kind}")


def _looked_for(kind: str, redaction: Mapping[str, Any]) -> bool:
    """Whether a detector looked for it: the record names thresholds for those kinds alone."""
    return f"{kind}.ask" in redaction.get("thresholds", {})


def size(said: Language, number: int) -> str:
    """Bytes as a person reads them."""
    if number < 1_000_000:
        return said.say("format.kilobytes", size=max(1, round(number / 1000)))
    unit, scale = ("megabytes", 1e6) if number < 1_000_000_000 else ("gigabytes", 1e9)
    return said.say(f"format.{unit}", size=f"{number / scale:.1f}".replace(".", said.say("format.point")))


def date(said: Language, at: Day) -> str:
    """The day, as in 3 Mar 2026."""
    return said.say("format.date", day=at.day, month=_month(said, at), year=at.year)


def day(said: Language, at: Day, *, with_year: bool) -> str:
    """The day, as in 3 Mar, or with its year."""
    return date(said, at) if with_year else said.say("format.day", day=at.day, month=_month(said, at))


def clock_time(said: Language, unix_ms: int) -> str:
    """The time of day on this machine, with the date when it is not today's; says so of a time that no clock shows."""
    try:
        at = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return said.say("format.impossible")
    today = datetime.now(UTC).astimezone().date()
    clock = f"{at:%H:%M}"
    return clock if at.date() == today else said.say("format.moment", day=at.day, month=_month(said, at), clock=clock)


def _month(said: Language, at: Day) -> str:
    return said.say("format.months").split()[at.month - 1]


def site_groups(said: Language, codes: Iterable[str]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """(heading, ((code, word), …)): the common sites first, then all others from head to toe."""
    words = {code: said.say(f"sites.{code}") for code in codes}
    common = tuple((code, words[code]) for code in COMMON_SITES if code in words)
    others = tuple((code, word) for code, word in words.items() if code not in COMMON_SITES)
    return (said.say("encounter.often"), common), (said.say("encounter.others"), others)
