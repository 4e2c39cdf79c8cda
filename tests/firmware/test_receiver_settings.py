"""What one device may do at the receivers is a setting, and without one what it always was."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from firmware.hospital import device_limits, receiver_parts
from firmware.settings import Settings
from sync.receiver import Limits
from sync.receiver.patience import BURST, PER_SECOND

MIB = 1024 * 1024
SITE = SimpleNamespace(
    id="st-mary",
    opening_keys=tuple,
    opening_key_ids=frozenset,
    receipt_signer=None,
    receiver_tls=lambda _name: SimpleNamespace(ca=None, certificate=None, key=None),
)


def test_without_settings_the_limits_are_the_archives_own():
    parts = receiver_parts(Settings(), SITE)
    assert parts.limits == Limits()
    assert (parts.nonsense_in_a_row, parts.nonsense_a_second) == (BURST, PER_SECOND)


def test_every_limit_can_be_set():
    given = tomllib.loads("""
        [limits]
        open_captures = 1
        open_mebibytes = 2
        filed_mebibytes_a_day = 3
        quarantined_mebibytes = 4
        quarantined_rows = 5
        attempts = 6
        ledger_lines = 7
        forget_days = 8
        nonsense_in_a_row = 9
        nonsense_a_second = 0.5
    """)
    settings = Settings(**given)
    assert set(given["limits"]) == set(type(settings.limits).model_fields)
    assert device_limits(settings) == Limits(1, 2 * MIB, 3 * MIB, 4 * MIB, 5, 6, 7, 8 * 24 * 3600 * 1000)
    parts = receiver_parts(settings, SITE)
    assert (parts.nonsense_in_a_row, parts.nonsense_a_second) == (9, 0.5)


@pytest.mark.parametrize("key", ["open_captures", "attempts", "nonsense_a_second"])
def test_a_limit_of_nothing_is_refused(key):
    with pytest.raises(ValidationError):
        Settings(limits={key: 0})
