"""One value has one spelling, and only that one is read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.canonical import from_base64, from_canonical, to_base64, to_canonical

texts = st.text(st.characters(codec="utf-8"), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_spelled_is_read_back(value):
    assert from_canonical(to_canonical(value)) == value


@given(values)
def test_a_second_spelling_of_the_same_value_is_refused(value):
    spelled = to_canonical(value)
    other = json.dumps(value, indent=1, ensure_ascii=False).encode()
    if other != spelled:
        with pytest.raises(ValueError, match="canonical"):
            from_canonical(other)


@given(st.binary(max_size=60))
def test_garbage_is_a_value_error_or_its_own_spelling(data):
    try:
        value = from_canonical(data)
    except ValueError:
        return
    assert to_canonical(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b"1e3",
        b"NaN",
        b"Infinity",
        b"9" * 10_000,
        b'"\\u0041"',
        b'"\\ud800"',
        b" 1",
        b"1\n",
        b"\xef\xbb\xbf1",
        b"-0",
    ],
)
def test_hostile_spellings_are_refused(data):
    with pytest.raises(ValueError, match=r"."):
        from_canonical(data)


def test_a_number_that_json_has_no_word_for_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        to_canonical(float("nan"))


@given(st.binary(max_size=40))
def test_base64_is_read_back(data):
    assert from_base64(to_base64(data)) == data


@given(st.text(max_size=12))
def test_base64_has_one_spelling(text):
    try:
        data = from_base64(text)
    except ValueError:
        return
    assert to_base64(data) == text


@pytest.mark.parametrize("text", ["A", "AA", "AB==", "AA==\n", "AA=A", "é", "-_=="])
def test_other_spellings_of_base64_are_refused(text):
    with pytest.raises(ValueError, match="base64"):
        from_base64(text)
