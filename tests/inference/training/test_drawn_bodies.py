"""What our own model learns from, as far as it needs no training extra: bodies and what happens to their skin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.training import ailments
from inference.training.sources import FONTS, ICONS, MESH, PRINT_FONTS, SKINS
from inference.training.surfaces import body, lit

SIDE = 64
CARD = Path(__file__).parents[3] / "docs" / "models" / "wardlens-skin.md"


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_a_seed_decides_a_body_and_its_colours_are_light(seed: int) -> None:
    first, again = (body(np.random.default_rng(seed), SIDE) for _ in range(2))
    assert np.array_equal(first.albedo, again.albedo)
    assert np.array_equal(first.outline, again.outline)
    assert first.albedo.shape == (SIDE, SIDE, 3)
    assert 0 <= first.outline.min() <= first.outline.max() <= 1
    assert np.isfinite(lit(np.random.default_rng(seed), first.albedo, first.height)).all()
    assert 1 <= first.tone <= 10


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_a_wound_lies_in_the_body_and_changes_nothing_far_from_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = body(rng, SIDE)
    where, wet = ailments.wound(rng, one)
    assert (where[one.outline == 0] == 0).all()
    assert (wet <= where + 1e-6).all()
    assert 0 <= where.min() <= where.max() <= 1


@pytest.mark.parametrize(
    "ailment", [ailments.bruise, ailments.rash, ailments.scar, ailments.closed_with, ailments.marked]
)
def test_an_ailment_changes_the_skin_and_leaves_it_a_colour(ailment) -> None:
    rng = np.random.default_rng(4)
    one = body(rng, SIDE)
    before = one.albedo.copy()
    ailment(rng, one)
    assert not np.array_equal(one.albedo, before)
    assert np.isfinite(one.albedo).all()


def test_every_source_of_the_drawings_has_a_licence_and_stands_in_the_model_card() -> None:
    card = CARD.read_text("utf-8")
    for source in ICONS:
        assert f"`{source.file.name}`" in card
    assert {source.licence for source in (*FONTS, *PRINT_FONTS)} == {"OFL-1.1"}
    assert len(FONTS) + len(PRINT_FONTS) == 10
    assert "OFL-1.1" in card
    assert {source.licence for source in (MESH, *SKINS)} == {"CC0-1.0"}
    assert f"{len(SKINS)} skins" in card
    assert f"`{MESH.file.name}`" in card
