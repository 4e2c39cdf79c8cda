"""What a new system's trial decides, and what root remembers of an update: tables and pure parts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import WorkFailed
from firmware.release import read_release
from firmware.updating.programs import SERVICES, Service
from firmware.updating.record import (
    ENDED,
    TRANSITIONS,
    Reason,
    Record,
    Step,
    move,
    parse_record,
    read_record,
    write_record,
)
from firmware.updating.trial import STEADY_SECONDS, Verdict, Watch
from provisioning.updates import Update, Version

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "update.md"
OLD, NEW = Version(2026, 40, 0), Version(2026, 48, 1)
BEGUN = Record(Step.INSTALLING, 7, NEW, OLD, OLD, slot="A", boot="1", tries=1)
PASSED = {"phantom": "passed", "camera": "passed"}
RUNNING = dict.fromkeys(SERVICES, Service(active=True, restarts=0))
UNTIL = 600.0


def test_a_system_that_is_well_for_long_enough_passes_and_not_before():
    watch = Watch(UNTIL)
    assert watch.look(0.0, PASSED, RUNNING) is Verdict.NOT_YET
    assert watch.look(STEADY_SECONDS - 1, PASSED, RUNNING) is Verdict.NOT_YET
    assert watch.look(STEADY_SECONDS, PASSED, RUNNING) is Verdict.PASSED


@pytest.mark.parametrize(
    ("parts", "services", "wrong"),
    [
        ({}, RUNNING, "did not end"),
        (PASSED | {"camera": "failed"}, RUNNING, "camera"),
        (PASSED, RUNNING | {SERVICES[1]: Service(active=False, restarts=0)}, SERVICES[1]),
    ],
)
def test_a_system_that_is_not_well_is_waited_for_until_its_time_is_over(parts, services, wrong):
    watch = Watch(UNTIL)
    for at in (0.0, STEADY_SECONDS, UNTIL - 1):
        assert watch.look(at, parts, services) is Verdict.NOT_YET
    assert watch.look(UNTIL, parts, services) is Verdict.FAILED
    assert wrong in watch.wrong


def test_a_service_that_is_started_again_and_again_never_passes():
    watch, verdict = Watch(UNTIL), Verdict.NOT_YET
    for look in range(61):
        services = RUNNING | {SERVICES[0]: Service(active=True, restarts=look)}
        verdict = watch.look(look * 10.0, PASSED, services)
        assert verdict is not Verdict.PASSED
    assert verdict is Verdict.FAILED
    assert "again and again" in watch.wrong


def test_what_was_well_and_failed_in_between_begins_its_time_anew():
    watch = Watch(UNTIL)
    watch.look(0.0, PASSED, RUNNING)
    watch.look(STEADY_SECONDS / 2, PASSED | {"camera": "failed"}, RUNNING)
    watch.look(STEADY_SECONDS * 0.75, PASSED, RUNNING)
    assert watch.look(STEADY_SECONDS * 1.5, PASSED, RUNNING) is Verdict.NOT_YET
    assert watch.look(STEADY_SECONDS * 1.75, PASSED, RUNNING) is Verdict.PASSED


def test_the_diagram_of_the_page_is_the_table():
    arrows = set(re.findall(r"^    ([a-z]+) --> ([a-z]+)", PAGE.read_text("utf-8"), re.MULTILINE))
    assert arrows == {(a.value, b.value) for a, after in TRANSITIONS.items() for b in after}
    ended = set(re.findall(r"^    ([a-z]+) --> \[\*\]", PAGE.read_text("utf-8"), re.MULTILINE))
    assert ended == {step.value for step in ENDED}


def test_the_page_names_every_reason():
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) >= {
        one.value for one in Reason
    }


@pytest.mark.parametrize("step", list(Step))
def test_only_what_the_table_says_may_follow(step, tmp_path):
    reason, said = (Reason.NOT_WELL, "It is not well.") if step in {Step.FAILED, Step.REJECTED} else (None, "")
    record = replace(BEGUN, step=step, reason=reason, said=said)
    for after in Step:
        write_record(tmp_path, record)
        because = (Reason.NOT_WELL, "It is not well.") if after in {Step.FAILED, Step.REJECTED} else ()
        if after in TRANSITIONS[step]:
            moved = move(tmp_path, record, after, *because)
            assert read_record(tmp_path) == moved
            assert moved.step is after
        else:
            with pytest.raises(AssertionError):
                move(tmp_path, record, after, *because)


def test_only_a_confirmed_system_raises_what_is_never_gone_below(tmp_path):
    write_record(tmp_path, BEGUN)
    installed = move(tmp_path, BEGUN, Step.INSTALLED)
    assert installed.confirmed == OLD
    assert move(tmp_path, installed, Step.CONFIRMED).confirmed == NEW


def test_a_record_that_another_hand_changed_is_not_moved(tmp_path):
    write_record(tmp_path, replace(BEGUN, number=8))
    with pytest.raises(WorkFailed, match="Another update began"):
        move(tmp_path, BEGUN, Step.INSTALLED)
    assert read_record(tmp_path).number == 8


def test_a_damaged_record_is_none_and_is_never_taken_for_one(tmp_path):
    write_record(tmp_path, BEGUN)
    raw = (tmp_path / "update.json").read_bytes()
    assert parse_record(raw) == BEGUN
    for wrong in (
        b"",
        b"{}",
        raw[:-1],
        raw.replace(b'"tries":1', b'"tries":-1'),
        raw.replace(b"installing", b"failed"),
    ):
        (tmp_path / "update.json").write_bytes(wrong)
        assert read_record(tmp_path) is None


numbers = st.integers(0, 999_999)


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_versions_are_compared_number_by_number_and_spelled_in_one_way(one, other):
    assert (Version(*one) < Version(*other)) == (one < other)
    assert Version.parse(str(Version(*one))) == Version(*one)


@pytest.mark.parametrize(
    "text",
    ["", "2026.48", "2026.48.1.0", "2026.048.1", "2026.48.1 ", "v2026.48.1", "2026.48.-1", "2026.48.1000000", "٣.1.1"],
)
def test_what_is_no_version_is_none(text, tmp_path):
    with pytest.raises(ValueError, match="version"):
        Version.parse(text)
    (tmp_path / "release").write_text(text)
    assert read_release(tmp_path / "release") is None


def test_an_offer_says_version_length_and_digest_and_nothing_else():
    update = Update(NEW, 283_115_520, "ab" * 32)
    assert Update.parse(str(update)) == update
    for wrong in (f"{update} ", f" {update}", str(update).replace(" ", "  ", 1), "2026.48.1 1", str(update).upper()):
        with pytest.raises(ValueError, match=r"."):
            Update.parse(wrong)


def test_a_device_without_a_release_file_knows_no_system(tmp_path):
    assert read_release(tmp_path / "nothing") is None
    (tmp_path / "release").write_text("2026.48.1\n")
    assert read_release(tmp_path / "release") == NEW
