"""`wardlens bench scan`: cards that are held well are read, none is misread, and one that is would be counted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from capture.service.scanning import CodeKind
from firmware.errors import RequestWrong
from firmware.measuring.reading import HELD, PRINTED, ReadingPlan, behind_cards, measure_reading, taken_over
from inference import Decoded
from inference.scenes.held import Holding

WELL = "held well: 2 pixels a module"


@pytest.fixture(scope="module")
def behind():
    return behind_cards([])


def measured(behind, **plan):
    return measure_reading(behind, ReadingPlan(**plan), lambda _done, _what: None)


def test_what_is_held_well_is_read_as_it_says_but_for_a_code_39_now_and_then(behind):
    (row,) = measured(behind, cards=10, held={WELL: HELD[WELL]}).values()
    assert {name for name, tally in row.items() if tally.read == tally.cards == 10} >= set(PRINTED) - {"Code39"}
    assert row["Code39"].read >= 7


def test_nothing_is_misread_however_it_is_held(behind):
    """A single look may read what is not there; two in a row never did."""
    for name, row in measured(behind, cards=2, seed=5).items():
        for symbology, tally in row.items():
            assert tally.misread == 0, (name, symbology)


def test_the_same_seed_holds_the_same_cards(behind):
    plan = {"cards": 3, "held": {"small": Holding(module=1.4)}}
    assert measured(behind, **plan) == measured(behind, **plan)


def test_a_card_that_is_read_as_another_is_counted_as_misread(behind, monkeypatch):
    other = Decoded("Code 128", "00000000", ())
    monkeypatch.setattr("firmware.measuring.reading.scan_codes", lambda _pixels, side: [other])
    (row,) = measured(behind, cards=2, symbologies=("Code128",), held={WELL: HELD[WELL]}).values()
    tally = row["Code128"]
    assert (tally.read, tally.misread, tally.looks_misread) == (0, 2, 4)


def test_what_the_panel_refuses_is_no_misreading():
    assert taken_over(CodeKind.BADGE, " AK4711 ") == "AK4711"
    with pytest.raises(ValueError, match="not a badge"):
        taken_over(CodeKind.BADGE, "A*K")


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(RequestWrong, match="There is no JPEG"):
        behind_cards([tmp_path])


def test_the_command_says_all_of_it(tmp_path):
    command = [sys.executable, "-m", "firmware", "bench", "scan", "--cards", "1", "--json", str(tmp_path / "said.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert f"{len(PRINTED) * len(HELD)} cards: 0 misread" in done.stdout
    said = json.loads((tmp_path / "said.json").read_text())
    assert said[WELL]["QRCode"]["read"] == 1.0
    assert {tuple(row) for row in said.values()} == {tuple(PRINTED)}
