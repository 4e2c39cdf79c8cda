"""What the light shows of everything that may be said to it: one state each, and what matters more wins."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.indicator.facts import MOST_BYTES, Facts, facts_of, parse_facts
from firmware.indicator.lights import OFF, SHOWN, SILENT_SECONDS, Light, colour_at, light_of
from firmware.indicator.running import TURN_SECONDS

NAMES = [field.name for field in fields(Facts)]
ALL = [Facts(*values) for values in itertools.product((False, True), repeat=len(NAMES))]
WELL = Facts(paired=True, works=True, starting=False, seen=False, held=False, late=False)
HEALTH = {
    "camera": {"state": "ready"},
    "engine": {"state": "ready"},
    "self_test": {"state": "passed"},
    "vault": {"writable": True},
    "live_fps": 0.0,
    "stills_held": 0,
}


def test_a_device_that_is_well_flashes_green_now_and_then() -> None:
    assert light_of(WELL, 0.0) is Light.READY


@pytest.mark.parametrize(
    ("so", "light"),
    [
        ({"works": False}, Light.FAILED),
        ({"held": True}, Light.HELD),
        ({"seen": True}, Light.SEEN),
        ({"works": False, "starting": True}, Light.STARTING),
        ({"paired": False}, Light.UNPAIRED),
        ({"late": True}, Light.LATE),
    ],
)
def test_each_thing_that_is_otherwise_has_a_light_of_its_own(so: dict[str, bool], light: Light) -> None:
    assert light_of(replace(WELL, **so), 0.0) is light


@pytest.mark.parametrize("facts", ALL)
def test_whatever_is_said_what_matters_more_is_shown(facts: Facts) -> None:
    shown = light_of(facts, SILENT_SECONDS)
    order = list(Light)
    if not facts.works and not facts.starting:
        assert shown is Light.FAILED, "nothing hides that it fails"
    if facts.seen:
        assert order.index(shown) <= order.index(Light.SEEN), "a camera that is seen through is never shown as idle"
    assert light_of(facts, SILENT_SECONDS + 0.1) is Light.SILENT


def test_nobody_that_says_anything_is_not_well() -> None:
    assert light_of(None, 0.0) is Light.SILENT


def test_who_sees_no_colours_tells_them_apart_by_their_rhythm() -> None:
    rhythms = [rhythm for _, rhythm in SHOWN.values()]
    assert len(set(rhythms)) == len(rhythms) == len(Light)
    assert all(part >= TURN_SECONDS for rhythm in rhythms for part in rhythm)


@pytest.mark.parametrize("light", Light)
def test_each_rhythm_begins_lit_and_comes_again(light: Light) -> None:
    colour, rhythm = SHOWN[light]
    assert colour_at(light, 0.0) == colour_at(light, sum(rhythm) * 7) == colour
    seen = [colour_at(light, at * TURN_SECONDS) for at in range(round(sum(rhythm) / TURN_SECONDS))]
    lit = sum(one == colour for one in seen) * TURN_SECONDS
    assert lit == pytest.approx(sum(rhythm[::2]), abs=TURN_SECONDS * len(rhythm))
    assert set(seen) <= {colour, OFF}


@given(st.builds(Facts, **dict.fromkeys(NAMES, st.booleans())))
def test_what_is_said_is_heard(facts: Facts) -> None:
    raw = facts.to_bytes()
    assert len(raw) <= MOST_BYTES
    assert parse_facts(raw) == facts


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"nonsense", WELL.to_bytes()[:-1], WELL.to_bytes().replace(b"true", b"1"),
            WELL.to_bytes() + b" " * MOST_BYTES, b"[" * MOST_BYTES]
)  # fmt: skip
def test_anything_else_is_not(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_facts(raw)


@pytest.mark.parametrize(
    ("otherwise", "light"),
    [
        ({}, Light.READY),
        ({"camera": {"state": "missing"}}, Light.FAILED),
        ({"camera": {"state": "stalled"}}, Light.FAILED),
        ({"engine": {"state": "failed"}}, Light.FAILED),
        ({"self_test": {"state": "failed"}}, Light.FAILED),
        ({"vault": {"writable": False}}, Light.FAILED),
        ({"engine": {"state": "loading"}, "self_test": {"state": "pending"}}, Light.STARTING),
        ({"self_test": {"state": "pending"}}, Light.STARTING),
        ({"live_fps": 21.5}, Light.SEEN),
        ({"live_fps": 21.5, "stills_held": 1}, Light.HELD),
    ],
)
def test_the_camera_services_health_becomes_light(otherwise: dict[str, object], light: Light) -> None:
    assert light_of(facts_of({**HEALTH, **otherwise}, paired=True, late=False), 0.0) is light


def test_a_device_without_a_hospital_is_well_without_a_vault_and_a_test() -> None:
    health = {**HEALTH, "self_test": {"state": "pending"}, "vault": {"writable": False}}
    assert light_of(facts_of(health, paired=False, late=False), 0.0) is Light.UNPAIRED
    broken = {**health, "camera": {"state": "missing"}}
    assert light_of(facts_of(broken, paired=False, late=False), 0.0) is Light.FAILED
