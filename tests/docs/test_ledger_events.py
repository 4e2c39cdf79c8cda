"""Every event that docs/formats/ledger.md lists can be written, is written where the page says, and is told as FHIR."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capture.ledger import FIELDS, LedgerEvent
from capture.ledger.audit_event import PATTERNS

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(
    r"\| `(?P<event>[a-z-]+)` \| (?P<on>[a-z, ]+) \| [^|]+ \|(?P<fields>[^|]*)\| `(?P<module>[a-z_/]+\.py)` \|"
)


def rows():
    page = (ROOT / "docs/formats/ledger.md").read_text()
    table = page.split("## The events\n")[1].split("\n## ")[0]
    found = {match["event"]: match for match in map(ROW.fullmatch, table.splitlines()) if match}
    assert len(found) == sum(line.startswith("| `") for line in table.splitlines())
    return found


def test_the_page_lists_exactly_the_events_there_are():
    assert set(rows()) == {event.value for event in LedgerEvent} == {str(event) for event in PATTERNS}


@pytest.mark.parametrize("event", list(LedgerEvent))
def test_an_event_has_the_fields_that_the_page_gives_it(event):
    named = set(re.findall(r"\[?`[a-z_]+`\]?", rows()[event]["fields"]))
    must, may = FIELDS[event].required, FIELDS[event].optional
    assert named == {f"`{name}`" for name in must} | {f"[`{name}`]" for name in may}


@pytest.mark.parametrize("event", list(LedgerEvent))
def test_an_event_is_written_in_the_module_that_the_page_names(event):
    text = (ROOT / rows()[event]["module"]).read_text()
    written = rf'(append|note|_note|_tell)\(\s*(settings, )?LedgerEvent\.{event.name}\b|noted?\("{event.value}"'
    assert re.search(written, text), f"nothing in {rows()[event]['module']} writes {event.value}"
