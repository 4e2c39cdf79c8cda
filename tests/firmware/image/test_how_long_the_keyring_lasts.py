"""An image whose devices would soon take no update any more is not made without a word."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firmware.image.__main__ import main
from provisioning.certificates import make_root, to_pem
from provisioning.keys import make_authority_key

TWENTY_YEARS = timedelta(days=20 * 365)


def keyring(tmp_path: Path, *ends_in_days: int) -> Path:
    """Certificates that end so many days from now."""
    made = [datetime.now(UTC) + timedelta(days=days) - TWENTY_YEARS for days in ends_in_days]
    file = tmp_path / "updates.cert.pem"
    file.write_bytes(to_pem(*(make_root(make_authority_key(), "st-mary", moment) for moment in made)))
    return file


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`make image --keyring FILE` where there are no models, so that nothing is built: its status and its words."""

    def run(file: Path) -> tuple[int, str]:
        monkeypatch.setenv("WARDLENS_MODELS", str(tmp_path))
        words = ["make image", "--version", "2026.48.1", "--out", str(tmp_path / "out"), "--keyring", str(file)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            sys.exit(main())
        return int(ended.value.code or 0), capsys.readouterr().err

    return run


def test_a_keyring_that_ends_within_five_years_is_said_to(asked, tmp_path):
    status, words = asked(keyring(tmp_path, 30))
    assert status == 1
    assert f"no update after {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}" in words
    assert "-days 3650" in words
    assert "no update after" not in asked(keyring(tmp_path, 3650))[1]


def test_of_a_keyring_with_two_the_longer_counts(asked, tmp_path):
    assert f"no update after {datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}" in asked(keyring(tmp_path, 30, 90))[1]
    assert "no update after" not in asked(keyring(tmp_path, 30, 3650))[1]


def test_a_keyring_that_has_ended_or_is_none_makes_no_image(asked, tmp_path):
    status, words = asked(keyring(tmp_path, -1))
    assert (status, "has ended" in words) == (2, True)
    broken = tmp_path / "broken.pem"
    broken.write_bytes(b"no certificate")
    for file in (broken, tmp_path / "absent.pem"):
        status, words = asked(file)
        assert (status, "--keyring" in words) == (2, True)
