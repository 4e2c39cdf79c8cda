"""The phantom: whole, always the same, and telling what a de-identifier left open."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Deidentifier, Frame, Kind
from inference.covering import FILL, coverage
from inference.scenes import Phantom, draw_phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return draw_phantom()


def _hidden(phantom: Phantom, *kinds: Kind) -> np.ndarray:
    covered = phantom.pixels.copy()
    for kind, mask in phantom.identifiers:
        if kind in kinds:
            covered[mask] = FILL
    return covered


def test_it_holds_every_kind_and_a_wound(phantom: Phantom) -> None:
    assert {kind for kind, _ in phantom.identifiers} == set(Kind)
    assert all(mask.sum() > 200 for _, mask in phantom.identifiers)
    assert phantom.wound.sum() > 10_000


def test_it_is_always_the_same(phantom: Phantom) -> None:
    assert np.array_equal(draw_phantom().pixels, phantom.pixels)


def test_a_phantom_that_hides_all_has_no_shortcomings(phantom: Phantom) -> None:
    assert phantom.shortcomings(_hidden(phantom, *Kind)) == ()


@pytest.mark.parametrize("left", Kind)
def test_a_kind_that_is_left_open_is_named(phantom: Phantom, left: Kind) -> None:
    assert phantom.shortcomings(_hidden(phantom, *(kind for kind in Kind if kind is not left))) == (left.value,)


def test_one_line_of_text_left_open_is_enough(phantom: Phantom) -> None:
    covered = _hidden(phantom, *Kind)
    mask = next(mask for kind, mask in phantom.identifiers if kind is Kind.TEXT)
    covered[mask] = phantom.pixels[mask]
    assert phantom.shortcomings(covered) == ("text",)


def test_a_covered_wound_is_named(phantom: Phantom) -> None:
    covered = _hidden(phantom, *Kind)
    covered[phantom.wound] = FILL
    assert phantom.shortcomings(covered) == ("wound",)


def test_another_picture_is_no_phantom(phantom: Phantom) -> None:
    assert phantom.shortcomings(phantom.pixels[:-2]) == (*(kind.value for kind in Kind), "wound")


@pytest.mark.models
def test_this_release_hides_all_of_it_and_leaves_the_wound(phantom: Phantom, engine: Deidentifier) -> None:
    photo = engine.still(Frame(phantom.pixels, 0))
    assert phantom.shortcomings(photo.pixels) == ()
    height, width = phantom.pixels.shape[:2]
    assert not coverage(width, height, [r.polygon for r in photo.redaction.regions])[phantom.wound].any()
