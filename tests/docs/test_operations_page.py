"""IT's page names commands that there are, with options that they have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware.command import app

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def commands() -> list[str]:
    """Every `wardlens …` of the page: in its blocks and in its lines."""
    blocks = re.findall(r"^(wardlens .*)$", PAGE, re.MULTILINE)
    lines = re.findall(r"`(wardlens [^`]+)`", PAGE)
    return sorted({line.split("  #")[0].strip() for line in blocks + lines})


def test_the_page_names_what_it_is_for() -> None:
    named = " ".join(commands())
    for what in (
        "site readmit",
        "site revoke",
        "site wipe",
        "site rename",
        "site rotate-key",
        "site rotate-ca",
        "renew",
    ):
        assert what in named


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_page_is_there_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    path = words[
        : next((at for at, word in enumerate(words) if not re.fullmatch(r"[a-z]+(-[a-z]+)*", word)), len(words))
    ]
    # `site command DEVICE self-test` has words of its own behind the device; the path ends before the first argument.
    told = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
    assert told.exit_code == 0, told.output
    for option in (word for word in words if word.startswith("--")):
        assert option in told.output
