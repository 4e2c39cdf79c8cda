"""What the screen says: one word for each thing, and whole sentences where something is decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KINDS = ("face", "tattoo", "text", "code")

NAMES = {
    "face": ("face", "faces"),
    "tattoo": ("tattoo", "tattoos"),
    "text": ("piece of text", "pieces of text"),
    "code": ("code", "codes"),
}

TITLES = {"face": "Face", "tattoo": "Tattoo", "text": "Text", "code": "Code"}

FOUND_BY = {
    "face": "it shows who the patient is",
    "tattoo": "it can tell who the patient is",
    "text": "it may be a name or a number",
    "code": "it can be scanned back to a name",
}
"""Why a kind is covered."""

UNSURE = {
    "face": "It is not sure that every face was found. Is there one that is not covered?",
    "tattoo": "It is not sure that every tattoo was found. Is there one that is not covered?",
    "text": "It is not sure that all text was found. Is there any that is not covered?",
    "code": "It is not sure that every code was found. Is there one that is not covered?",
}
"""What a person is asked where a detector could not tell."""

UNCOVER_REASONS = ("It is the wound", "Nothing in it identifies anyone", "Needed to judge the wound")

RECOGNISABLE = "Something of a face is seen: the picture is marked as showing recognisable features."

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


def count_of(kind: str, number: int) -> str:
    """As in 1 face, 2 faces."""
    return f"{number} {NAMES[kind][number != 1]}"


def listed(parts: Sequence[str]) -> str:
    """As in: a; a and b; a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def covered_sentence(regions: Sequence[Mapping[str, Any]]) -> str:
    """What a picture covers, in one sentence."""
    numbers = {kind: sum(region["kind"] == kind for region in regions) for kind in KINDS}
    parts = [count_of(kind, number) for kind, number in numbers.items() if number]
    return f"{listed(parts)} covered" if parts else "Nothing covered"


def covered_areas(regions: Sequence[Mapping[str, Any]]) -> tuple[Covered, ...]:
    """Every covered area with its place in the Redaction, which is what a decision names."""
    return tuple(
        Covered(index, region["kind"], TITLES[region["kind"]], region.get("model") == "person")
        for index, region in enumerate(regions)
    )


def findings(redaction: Mapping[str, Any], unanswered: Sequence[str]) -> tuple[str, ...]:
    """For each kind one line: what was found and why it is covered, or that nothing was, or who said so."""
    regions = redaction.get("regions", ())
    outcomes = redaction.get("outcomes", {})
    lines = []
    for kind in KINDS:
        number = sum(region["kind"] == kind for region in regions)
        if number:
            lines.append(f"{count_of(kind, number)}: {FOUND_BY[kind]}".capitalize())
        elif kind in unanswered:
            continue
        elif outcomes.get(kind) == "unsure":
            lines.append(f"{NAMES[kind][1]}: you said there is none".capitalize())
        else:
            lines.append(f"{NAMES[kind][1]}: looked for, none found".capitalize())
    return tuple(lines)


def question(kind: str, redaction: Mapping[str, Any]) -> str:
    """What a person is asked about a kind that could not be told."""
    if kind == "tattoo" and not _looked_for(kind, redaction):
        marked = any(region["kind"] == kind for region in redaction.get("regions", ()))
        return f"Nothing looked for tattoos. Is there {'another one' if marked else 'one'} in the picture?"
    return UNSURE[kind]


def _looked_for(kind: str, redaction: Mapping[str, Any]) -> bool:
    """Whether a detector looked for it: the record names thresholds for those kinds alone."""
    return f"{kind}.ask" in redaction.get("thresholds", {})


def megabytes(number: int) -> str:
    """Bytes as a person reads them."""
    if number < 1_000_000:
        return f"{max(1, round(number / 1000))} kB"
    if number < 1_000_000_000:
        return f"{number / 1_000_000:.1f} MB"
    return f"{number / 1_000_000_000:.1f} GB"


def clock_time(unix_ms: int) -> str:
    """The time of day on this machine, with the date when it is not today's; says so of a time that no clock shows."""
    try:
        at = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return "at an impossible time"
    today = datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M}" if at.date() == today else f"{at:%d %b %H:%M}"


def site_word(term: str) -> str:
    """A body site without the words that all of them share: "Skin of heel" is "Heel"."""
    short = term.removeprefix("Skin of ").removeprefix("part of ").removesuffix(" skin")
    return short[:1].upper() + short[1:]


def site_groups(sites: Mapping[str, str]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """(heading, ((code, word), …)): the common sites first, then all others from head to toe."""
    common = tuple((code, site_word(sites[code])) for code in COMMON_SITES if code in sites)
    others = tuple((code, site_word(term)) for code, term in sites.items() if code not in COMMON_SITES)
    return ("Often", common), ("All others, from head to toe", others)
