"""Bytes that others wrote give a value or the documented error, in bounded time and memory. Long form: make fuzz."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutation import mutated
from parsers import EXCEPTIONS, PARSERS, judge

FOUND = Path(__file__).parent / "found"
PROJECT = Path(__file__).parents[2]
ROOMS = ("capture", "sync", "provisioning", "inference", "firmware")
WITHOUT_PARSERS = {("inference", "scenes"), ("inference", "training"), ("firmware", "image")}
"""They draw, train and build, from files of the project."""
READS = re.compile(r"(^|\.)(parse|decode|read|load|from)(_|$)|_from_(json|file|bytes)$")
EXAMPLES = 80
NAMES = sorted(PARSERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_input_is_taken(name):
    parser = PARSERS[name]
    seeds = parser.seeds()
    for seed in seeds:
        assert judge(parser, seed, seeds) == ""
    parser.parse(seeds[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_input_that_was_changed_gives_a_value_or_the_documented_error(name):
    parser = PARSERS[name]
    seeds = parser.seeds()

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(st.randoms(use_true_random=False))
    def holds(random):
        data = mutated(random, seeds)
        assert (judge(parser, data, seeds), data) == ("", data)

    holds()


@pytest.mark.parametrize("case", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once_is_never_found_again(case):
    parser = PARSERS[case.parent.name]
    assert judge(parser, case.read_bytes(), parser.seeds()) == ""


def test_every_function_that_reads_what_others_wrote_is_in_the_table():
    named = set(_readers())
    covered = {function for parser in PARSERS.values() for function in parser.covers}
    assert named - covered - EXCEPTIONS.keys() == set()
    assert EXCEPTIONS.keys() - named == set()
    assert EXCEPTIONS.keys() & covered == set()
    assert {function for function in covered if not _is_there(function)} == set()


def test_the_page_of_attacks_names_every_parser():
    page = (PROJECT / "docs" / "attacks.md").read_text("utf-8")
    chapter = page.partition("## Bytes that somebody made up")[2].partition("\n## ")[0]
    rows = [row.split("|")[2] for row in chapter.splitlines() if row.startswith("| ")][2:]
    named = [name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)]
    assert sorted(named) == NAMES


def _readers():
    """The public functions and methods of the rooms whose name says that they read, each with its module."""
    for room in ROOMS:
        for file in sorted((PROJECT / room).rglob("*.py")):
            within = file.relative_to(PROJECT)
            if within.parts[:2] in WITHOUT_PARSERS:
                continue
            module = ".".join(within.with_suffix("").parts)
            for name in _public(ast.parse(file.read_text("utf-8"))):
                if READS.search(name) and not name.rpartition(".")[2].startswith("_"):
                    yield f"{module}.{name}"


def _public(module):
    """The names of a module's functions, and of its classes' methods."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))


def _is_there(function):
    path, _, name = function.rpartition(".")
    try:
        return hasattr(importlib.import_module(path), name)
    except ModuleNotFoundError:  # a method: its class stands between
        module, _, owner = path.rpartition(".")
        return hasattr(getattr(importlib.import_module(module), owner), name)
