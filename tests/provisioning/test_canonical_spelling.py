"""One spelling for each value: what is read is what would be written, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning import canonical

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcé", max_size=4), VALUES, max_size=4))
@settings(max_examples=150)
def test_what_is_written_is_read_again(value):
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "not a JSON object"),
        (b'{"b":1,"a":2}', "canonical"),
        (b'{"a": 1}', "canonical"),
        (b'{"a":1}\n', "canonical"),
        (b'{"a":"\\u0041"}', "canonical"),
        (b'{"a":1,"a":1}', "canonical"),
        (b'{"a":1.0}', "whole number"),
        (b'{"a":1e2}', "canonical"),
        (b'{"a":NaN}', "not JSON compliant"),
        (b'{"a":-0}', "canonical"),
        (b'{"a":12345678901234567}', "too large"),
        (b'{"a":"\\ud800"}', "surrogates"),
        (b'{"a":"\xff"}', "utf-8"),
        (b'{"a":' * 100_000, "too deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too deep"),
        (b'\xef\xbb\xbf{"a":1}', "BOM"),
    ],
)
def test_every_other_spelling_is_refused(raw, why):
    with pytest.raises(ValueError, match=why):
        canonical.decode(raw)
