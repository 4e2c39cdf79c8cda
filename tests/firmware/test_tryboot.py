"""Which of two systems a Raspberry Pi starts: every choice, every word, in every system that may run, every cut."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.tryboot import (
    ARGUMENT,
    MOST_BYTES,
    Choice,
    NothingToGoTo,
    Other,
    Slot,
    main,
    parse_choice,
    parse_running,
    read_choice,
    write_choice,
)

CHOICES = [Choice(first, other) for first in Slot for other in Other]
WORDS = [
    ("begin",),
    *(("set-primary", slot.name) for slot in Slot),
    *(("set-state", slot.name, state) for slot in Slot for state in ("good", "bad")),
]
EVERYTHING = list(itertools.product(CHOICES, Slot, WORDS))


class Board:
    """The folder of one machine."""

    def __init__(self, folder: Path, choice: Choice, running: Slot) -> None:
        self.file, self.line = folder / "autoboot.txt", folder / "cmdline"
        self.file.write_text(choice.text)
        self.runs(running)

    def runs(self, slot: Slot) -> None:
        self.line.write_text(f"quiet rauc.slot={slot.name} ro\n")

    def told(self, *words: str) -> int:
        return main(words, self.file, self.line)

    @property
    def choice(self) -> Choice:
        return parse_choice(self.file.read_text())


def test_every_choice_has_a_text_of_its_own_of_one_length_that_fits_into_a_sector():
    texts = {choice.text for choice in CHOICES}
    assert len(texts) == len(CHOICES)
    assert len({len(text) for text in texts}) == 1
    assert all(len(text) <= MOST_BYTES for text in texts)
    assert all(parse_choice(choice.text) == choice for choice in CHOICES)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_firmware_reads_the_first_system_and_for_one_restart_the_other(choice):
    found = re.fullmatch(
        r"\[all\]\ntryboot_a_b=1\nboot_partition=(\d)\n\[tryboot\]\nboot_partition=(\d)\n(#.*\n)*", choice.text
    )
    assert (int(found[1]), int(found[2])) == (choice.first.value, choice.first.other.value)


@pytest.mark.parametrize(("choice", "running", "words"), EVERYTHING)
def test_the_first_system_changes_only_to_one_that_runs_and_was_found_good_or_was_good_before(
    choice, running, words, tmp_path
):
    board = Board(tmp_path, choice, running)
    status = board.told(*words)
    after = board.choice
    if after.first is not choice.first:
        found_good = words == ("set-state", after.first.name, "good") and running is after.first
        given_up = words == ("set-state", choice.first.name, "bad") and choice.other is Other.GOOD
        assert found_good or given_up
    if words == ("set-state", choice.first.name, "bad") and choice.other is not Other.GOOD:
        assert status == 1, "what would leave nothing to start is refused, and RAUC does not write"
        assert after == choice
    else:
        assert status == 0


@pytest.mark.parametrize(("choice", "running", "words"), EVERYTHING)
def test_power_that_goes_at_any_call_of_a_change_leaves_the_choice_before_or_after(
    choice, running, words, tmp_path, monkeypatch
):
    """A sector is written whole or not at all; what else the change calls may be cut off anywhere."""
    whole = Board(tmp_path, choice, running)
    whole.told(*words)
    after = whole.choice
    for survives in itertools.count():
        board = Board(tmp_path, choice, running)
        calls = 0

        def counted(real, cut_at):
            def call(*arguments):
                nonlocal calls
                calls += 1
                if calls > cut_at:
                    raise KeyboardInterrupt  # nothing of ours catches it: the power is gone
                return real(*arguments)

            return call

        with monkeypatch.context() as patched:
            for name in ("pwrite", "ftruncate", "fsync"):
                patched.setattr(os, name, counted(getattr(os, name), survives))
            try:
                board.told(*words)
            except KeyboardInterrupt:
                assert board.choice in {choice, after}
                continue
        assert board.choice == after
        assert calls <= 2, "one write, and one wait for the disk"
        break


def test_what_has_not_changed_is_not_written(tmp_path, monkeypatch):
    board = Board(tmp_path, Choice(Slot.A, Other.BAD), Slot.A)
    monkeypatch.setattr(os, "pwrite", lambda *_: pytest.fail("written"))
    assert board.told("set-state", "A", "good") == 0
    for words in (["get-primary"], ["get-current"], ["get-state", "B"], ["trial"], ["begin"]):
        assert board.told(*words) == 0


def test_an_update_is_installed_tried_and_stays(tmp_path, capsys):
    board = Board(tmp_path, Choice(Slot.A, Other.BAD), Slot.A)
    board.told("set-state", "B", "bad")
    board.told("set-primary", "B")
    board.told("get-primary")
    board.told("get-state", "B")
    board.told("trial")
    assert capsys.readouterr().out == f"B\ngood\n{ARGUMENT}\n"
    board.told("begin")
    assert board.choice == Choice(Slot.A, Other.TRIED)
    board.told("trial")
    assert capsys.readouterr().out == "", "one restart tries it, and no second one"
    board.runs(Slot.B)
    board.told("get-current")
    board.told("get-primary")
    assert capsys.readouterr().out == "B\nA\n", "until it is found good, the next start is the old one's"
    board.told("set-state", "B", "good")
    assert board.choice == Choice(Slot.B, Other.GOOD)


def test_a_system_that_was_found_good_and_then_is_not_gives_way_to_the_one_before(tmp_path):
    board = Board(tmp_path, Choice(Slot.B, Other.GOOD), Slot.B)
    assert board.told("set-state", "B", "bad") == 0
    assert board.choice == Choice(Slot.A, Other.BAD)


def test_while_a_system_is_tried_the_one_to_go_back_to_is_not_given_up(tmp_path, capsys):
    board = Board(tmp_path, Choice(Slot.A, Other.TRIED), Slot.B)
    assert board.told("set-state", "A", "bad") == 1
    assert "first system stays" in capsys.readouterr().err
    with pytest.raises(NothingToGoTo):
        Choice(Slot.A, Other.TRIED).found_bad(Slot.A)


@pytest.mark.parametrize("damaged", ["", "[all]\n", "boot_partition=3\n" * 40, "\x00" * 119, "ü"])
@pytest.mark.parametrize("running", Slot)
def test_a_damaged_file_says_nothing_and_what_runs_and_is_good_writes_it_anew(damaged, running, tmp_path):
    board = Board(tmp_path, Choice(Slot.A, Other.GOOD), running)
    board.file.write_text(damaged)
    with pytest.raises(ValueError, match="autoboot"):
        parse_choice(damaged)
    assert read_choice(board.file, running) == Choice(running, Other.BAD)
    assert board.told("set-state", running.name, "good") == 0
    assert board.choice == Choice(running, Other.BAD)


def test_a_file_that_is_missing_or_a_disk_that_refuses_is_a_sentence(tmp_path, capsys):
    board = Board(tmp_path, Choice(Slot.A, Other.BAD), Slot.A)
    board.file.unlink()
    board.file.mkdir()
    assert board.told("set-primary", "B") == 1
    assert "cannot be said or changed" in capsys.readouterr().err
    with pytest.raises(OSError, match=r"."):
        write_choice(board.file, Choice(Slot.A, Other.BAD))


@pytest.mark.parametrize(
    "words", [(), ("set-primary",), ("set-primary", "C"), ("set-state", "A", "fine"), ("begin", "A")]
)
def test_other_words_are_refused_and_change_nothing(words, tmp_path, capsys):
    board = Board(tmp_path, Choice(Slot.A, Other.WAITS), Slot.A)
    assert board.told(*words) == 2
    assert board.choice == Choice(Slot.A, Other.WAITS)
    assert "What RAUC asks" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["", "quiet", "xrauc.slot=A", "rauc.slot=C", "rauc.slot=AB", "rauc.slot="])
def test_a_command_line_that_names_no_system_is_refused(line, tmp_path, capsys):
    with pytest.raises(ValueError, match="names no system"):
        parse_running(line)
    board = Board(tmp_path, Choice(Slot.A, Other.BAD), Slot.A)
    board.line.write_text(line)
    assert board.told("get-current") == 1
    assert "names no system" in capsys.readouterr().err


def test_it_is_run_without_the_rest_of_wardlens():
    heavy = "{'pydantic', 'numpy', 'structlog', 'firmware.settings'}"
    code = f"import sys; import firmware.tryboot; print(sorted({heavy} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"
