"""The settings of a machine, and what its services leave each other."""

from __future__ import annotations

import json

from firmware.errors import RequestWrong
from firmware.health import FILE, read_health
from firmware.settings import load_settings
from parsers.parser import Parser
from parsers.seeds import as_file
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
    state = as_file(f"device/{FILE}", data).parents[1]
    health = read_health(state)
    facts = DeviceFacts(
        "1", 0, 0, 0, 0, health.models, health.self_test, self_test_at_ms=health.self_test_at_ms, celsius=health.celsius
    )
    return decode_state(DeviceState(1, facts).encode())


PARSERS = (
    Parser("device-health", ("firmware.health.read_health",), _healths, _said),
    Parser(
        "settings",
        ("firmware.settings.load_settings",),
        _files,
        lambda data: load_settings(as_file("wardlens.toml", data)),
        (RequestWrong,),
    ),
)
