"""The fuzzer sees what is wrong: each kind of fault is said, and its input is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fuzz
import parsers.parser
import pytest
from parsers import Parser, judge

HERE = Path(__file__).parent


def refusing(data):
    raise ValueError(*([data.decode()] if data else []))


def endless(data):
    while data:
        pass


def made(**fields):
    return Parser("made", (), lambda: [b"seed"], **{"parse": bytes, "refuses": (ValueError,), **fields})


WRONG = {
    "another error": (made(parse=lambda data: {}[data]), "raises KeyError"),
    "an error without a sentence": (made(parse=lambda _: refusing(b"")), "refuses without a sentence"),
    "a second spelling": (made(write=lambda value: value.strip(b"x"), one_spelling=True), "accepts a second spelling"),
    "other bytes each time": (made(write=lambda value: value + b"y"), "reads back something else"),
    "what it cannot write": (made(write=lambda value: {}[value]), "cannot be written"),
    "what nobody signed": (made(only_seeds=True), "accepts what nobody signed"),
    "no end": (made(parse=endless), "takes more than"),
}


@pytest.mark.parametrize(("parser", "complaint"), WRONG.values(), ids=WRONG)
def test_a_parser_that_is_wrong_is_seen(parser, complaint, monkeypatch):
    monkeypatch.setattr(parsers.parser, "CPU_SECONDS", 0.05)
    assert complaint in judge(parser, b"input x", parser.seeds())


def test_a_parser_that_keeps_its_word_is_left_in_peace():
    assert judge(made(write=bytes, one_spelling=True), b"input", [b"seed"]) == ""
    assert judge(made(parse=refusing), b"no", [b"seed"]) == ""
    assert judge(made(only_seeds=True), b"seed", [b"seed"]) == ""


def test_the_first_input_of_each_kind_of_fault_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "HERE", tmp_path)
    monkeypatch.setattr(fuzz, "PROJECT", tmp_path)
    finder = fuzz.Finder(made(parse=lambda data: {}[data]))
    finder.take(b"one")
    finder.take(b"two")
    (kept,) = (tmp_path / "found" / "made").iterdir()
    assert kept.read_bytes() == b"one"
    assert "raises KeyError" in capsys.readouterr().out


def test_the_long_form_runs_over_the_parser_that_it_is_given():
    command = [sys.executable, str(HERE / "fuzz.py"), "address", "--rounds", "200"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Nothing was found."
