"""The pages name what is there: dependencies with a row, promises with a test that exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

PROJECT = Path(__file__).parents[2]
ENGLISH = PROJECT / "provisioning/panel/languages/en.toml"
OF_THE_DAY = {
    "Deutsch",
    "English",
    "St. Elsewhere Hospital",
    "4021307",
    "Heel, left",
    "ABC",
    "⌫",
    "+",
    "–",
    *"0123456789",
}
"""What a screen shows that is no word of its own."""
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


def test_the_drawn_screens_at_the_bedside_say_what_the_screens_say() -> None:
    """Each picture of docs/bedside.md is there, is used, and has no words but the English catalogue's."""
    page = (PROJECT / "docs/bedside.md").read_text("utf-8")
    drawn = {path.name: path for path in (PROJECT / "docs/bedside").iterdir()}
    assert sorted(re.findall(r"\]\(bedside/([\w-]+\.svg)\)", page)) == sorted(drawn)
    said = list(_strings(tomllib.loads(ENGLISH.read_text("utf-8"))))
    shown = [
        re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(value)))
        for value in said
        if len(re.sub(r"\{\w+\}|\W", "", value)) >= len("covered")
    ]
    for name, path in drawn.items():
        words = [element.text or "" for element in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]
        assert words, name
        for word in words:
            known = word in said or any(one.fullmatch(word) for one in shown)
            known |= len(word) >= len("covered?") and any(word in value for value in said)  # one line of several
            assert known or word in OF_THE_DAY, f"{name} shows {word!r}, which no screen says"


def _strings(values: object) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _strings(value)
