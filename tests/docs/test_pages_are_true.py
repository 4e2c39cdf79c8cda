"""The pages name what is there: dependencies with a row, promises with a test that exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2]
NAME = re.compile(r"^[A-Za-z0-9-]+")


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    needed = {match[0].lower() for line in lines if (match := NAME.match(line))} - {"wardlens"}
    page = (PROJECT / "docs/adr/0001-dependencies.md").read_text("utf-8")
    cells = [row.split("|")[1].strip() for row in page.splitlines() if row.startswith("|")]
    given = {name for cell in cells for name in re.sub(r"\(.*?\)", "", cell).replace(",", " ").split()}
    assert given - {"package", "---"} == needed


def test_every_promise_names_tests_that_exist() -> None:
    page = (PROJECT / "docs/promises.md").read_text("utf-8")
    assert [int(number) for number in re.findall(r"^## (\d+)\. ", page, re.MULTILINE)] == list(range(1, 13))
    defined = _tests()
    for promise in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        named = set(re.findall(r"`(test_\w+)`", promise))
        assert named, f"no test holds: {promise.splitlines()[0]}"
        assert named <= defined, named - defined


def test_every_attack_names_tests_that_exist() -> None:
    page = (PROJECT / "docs/attacks.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) >= 30
    assert named <= _tests(), named - _tests()


def _tests() -> set[str]:
    """The names of all tests."""
    return {
        name
        for file in (PROJECT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))
    }


def test_every_link_of_every_page_leads_to_a_file_that_is_there() -> None:
    pages = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))]
    assert links
    assert [
        f"{page.name}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()
    ] == []
