"""Wound series: a name that every device makes alike, and what comes in two."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.body_sites import BODY_SITES, PAIRED
from capture.encounter import MAX_NAME, Laterality
from capture.wounds import Wound, parse_series

WOUNDS = st.builds(
    Wound,
    body_site=st.sampled_from(sorted(BODY_SITES)),
    side=st.none() | st.sampled_from(Laterality),
    since=st.dates(),
    number=st.integers(1, 9),
)


def test_what_comes_in_two_is_on_the_list_and_what_lies_in_the_middle_is_not_asked_for_its_side():
    assert set(BODY_SITES) >= PAIRED
    assert {"84607009", "33712006", "1902009", "29836001"} <= PAIRED
    assert not {"54735007", "113179006", "315003", "43067004"} & PAIRED


@given(WOUNDS)
def test_a_series_is_the_wound_that_it_names_and_fits_the_record(wound):
    assert parse_series(wound.series) == wound
    assert len(wound.series) <= MAX_NAME


def test_two_devices_name_the_same_wound_alike():
    heel = Wound("84607009", Laterality.LEFT, date(2026, 11, 12))
    assert heel.series == "84607009.left.2026-11-12.1"
    assert Wound("54735007", None, date(2026, 11, 12), 2).series == "54735007.none.2026-11-12.2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "heel since Monday",
        "84607009.left.2026-11-12",
        "84607009.left.2026-02-30.1",
        "84607009.top.2026-11-12.1",
        "84607009.left.2026-11-12.0",
        "123456.left.2026-11-12.1",
        "84607009.left.2026-11-12.1\n",
        "٨4607009.left.2026-11-12.1",
    ],
)
def test_what_no_device_named_is_no_wound(text):
    with pytest.raises(ValueError, match=r"."):
        parse_series(text)


def test_a_wound_is_on_the_list_and_numbered():
    with pytest.raises(ValueError, match="not one of the list"):
        Wound("1", None, date(2026, 1, 1))
    with pytest.raises(ValueError, match="1 to 9"):
        Wound("54735007", None, date(2026, 1, 1), 10)
