"""The settings of a machine, what its services leave each other, and what its upkeep keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from firmware.errors import RequestWrong
from firmware.health import FILE as HEALTH
from firmware.health import read_health
from firmware.indicator.facts import Facts, parse_facts
from firmware.release import read_release
from firmware.self_test import ANSWER, ASKED, read_answer, read_question
from firmware.settings import load_settings
from firmware.tryboot import Choice, Other, Slot, parse_choice, parse_running, read_choice
from firmware.updating.record import FILE as RECORD
from firmware.updating.record import Reason, Record, Step, parse_record, read_record, write_record
from firmware.upkeep.memory import FILE, Remembered, parse_memory, read_memory
from firmware.wiping import parse_order
from parsers.parser import Parser
from parsers.seeds import as_file, vectors
from provisioning import canonical
from provisioning.updates import Version
from sync.protocol import DeviceFacts, DeviceState, decode_state


def _files() -> list[bytes]:
    return [
        b'state = "/var/lib/wardlens"\n[camera]\nadapter = "replay"\nthreads = 2\nshow_features = ["ward-lead"]\n',
        b'[panel]\nport = 8470\nlock_seconds = 60\n[log]\nlevel = "info"\n',
        b"[vault]\nreserve_megabytes = 64\n",
    ]


def _healths() -> list[bytes]:
    health = {"models": {"centerface": "ab" * 32}, "self_test": {"phantom": "passed"}, "self_test_at_ms": 1_790_000_000}
    return [json.dumps(health).encode(), b'{"models": {}, "self_test": {}, "self_test_at_ms": 0}']


def _said(data: bytes) -> DeviceState:
    """Whatever the file says, the fleet is told in a message that it understands."""
    state = as_file(f"device/{HEALTH}", data).parents[1]
    health = read_health(state)
    facts = DeviceFacts(
        "1", 0, 0, 0, 0, health.models, health.self_test, self_test_at_ms=health.self_test_at_ms, celsius=health.celsius
    )
    return decode_state(DeviceState(1, facts).encode())


def _facts() -> list[bytes]:
    return [
        Facts(paired=True, works=True, starting=False, seen=False, held=True, late=False).to_bytes(),
        Facts(paired=False, works=False, starting=True, seen=True, held=False, late=True).to_bytes(),
    ]


QUESTION = "5e" * 16


def _asked_and_answered() -> list[bytes]:
    answer = {"asked": QUESTION, "failed": ["phantom", "clock"]}
    return [QUESTION.encode(), json.dumps(answer).encode(), json.dumps(answer | {"failed": []}).encode()]


def _self_test(data: bytes) -> tuple[str | None, tuple[str, ...] | None]:
    """What either service makes of what the other one left."""
    state = as_file(f"tested/{ASKED}", data).parents[1]
    as_file(f"tested/{ANSWER}", data)
    return read_question(state), read_answer(state, QUESTION)


def _remembered() -> list[bytes]:
    return [
        b'{"format":"wardlens-commands/1","number":1772366400,"result":"","step":"begun"}',
        b'{"format":"wardlens-commands/1","number":7,"result":"cmVzdWx0","step":"answered"}',
    ]


def _memory(data: bytes) -> Remembered:
    read_memory(as_file(f"remembered/{FILE}", data).parent, datetime(2026, 3, 1, tzinfo=UTC))
    return parse_memory(data)


def _orders() -> list[bytes]:
    fields = {
        "format": "wardlens-wipe-order/1",
        "device": "wl-0123456789",
        "enrolment": "10.0.0.5:8443",
        "root": vectors("site-manifest")["root"],
        "command": "Y29tbWFuZA==",
        "result": "cmVzdWx0",
    }
    return [canonical.encode(fields)]


def _records() -> list[bytes]:
    old, new = Version(2026, 40, 0), Version(2026, 48, 1)
    begun = Record(Step.INSTALLING, 1_772_366_400, new, old, old, slot="A", boot="c0ffee", tries=1)
    failed = replace(begun, step=Step.FAILED, reason=Reason.NOT_WELL, said="Its test of itself did not end.")
    return [_written(begun), _written(failed), _written(replace(begun, step=Step.CONFIRMED, confirmed=new))]


def _written(record: Record) -> bytes:
    state = as_file("recorded/.keep", b"").parent
    write_record(state, record)
    return (state / RECORD).read_bytes()


def _record(data: bytes) -> Record:
    read_record(as_file(f"recorded/{RECORD}", data).parent)
    return parse_record(data)


def _choice(data: bytes) -> Choice:
    read_choice(as_file("autoboot.txt", data), Slot.A)
    return parse_choice(data.decode("ascii"))


PARSERS = (
    Parser("device-health", ("firmware.health.read_health",), _healths, _said),
    Parser(
        "self-test-asked",
        ("firmware.self_test.read_answer", "firmware.self_test.read_question"),
        _asked_and_answered,
        _self_test,
    ),
    Parser(
        "command-memory",
        ("firmware.upkeep.memory.parse_memory", "firmware.upkeep.memory.read_memory"),
        _remembered,
        _memory,
        (ValueError,),
    ),
    Parser(
        "update-record",
        ("firmware.updating.record.parse_record", "firmware.updating.record.read_record"),
        _records,
        _record,
        (ValueError,),
        _written,
        one_spelling=True,
    ),
    Parser(
        "boot-choice",
        ("firmware.tryboot.parse_choice", "firmware.tryboot.read_choice"),
        lambda: [Choice(slot, other).text.encode() for slot in Slot for other in Other],
        _choice,
        (ValueError,),
        lambda choice: choice.text.encode(),
        one_spelling=True,
    ),
    Parser(
        "kernel-command-line",
        ("firmware.tryboot.parse_running",),
        lambda: [b"root=PARTLABEL=wardlens-a rauc.slot=A ro quiet", b"rauc.slot=B"],
        lambda data: parse_running(data.decode()),
        (ValueError,),
    ),
    Parser(
        "release-file",
        ("firmware.release.read_release",),
        lambda: [b"2026.48.1\n", b"0.1.0"],
        lambda data: read_release(as_file("wardlens-release", data)),
    ),
    Parser("wipe-order", ("firmware.wiping.parse_order",), _orders, parse_order, (ValueError,)),
    Parser(
        "light-facts",
        ("firmware.indicator.facts.parse_facts",),
        _facts,
        parse_facts,
        refuses=(ValueError,),
        write=Facts.to_bytes,
    ),
    Parser(
        "settings",
        ("firmware.settings.load_settings",),
        _files,
        lambda data: load_settings(as_file("wardlens.toml", data)),
        (RequestWrong,),
    ),
)
