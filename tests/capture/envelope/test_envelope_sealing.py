"""What sealing promises to whoever calls it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.envelope import (
    Body,
    BodySuite,
    Recipient,
    SealingKey,
    faster_suite,
    measured_suite,
    parse_envelope,
    seal,
    verify_envelope,
)
from capture.envelope import seal as sealing_function
from capture.envelope.header import MAX_RECIPIENTS, Header, parse_header
from capture.envelope.layout import MAX_ENVELOPE
from capture.envelope.seal import MAX_MANIFEST, assemble
from sync.receiver.opening import NotOpenable, OpeningKey, open_envelope


@pytest.mark.parametrize("suite", list(BodySuite))
def test_what_is_sealed_is_what_every_recipient_opens_and_nobody_else(maker, suite):
    body = Body(maker.manifest(), maker.JPEG)
    envelope = seal(body, maker.CONTEXT, suite=suite)
    assert parse_envelope(envelope.raw) == envelope
    verify_envelope(envelope, site=maker.SITE, authorities=[maker.AUTHORITY])
    for key in (maker.SITE_KEY, maker.BREAK_GLASS_KEY):
        assert open_envelope(envelope, [OpeningKey.generate(), key]).jpeg == maker.JPEG
    assert envelope.header.body_suite is suite
    assert (envelope.capture, envelope.device, envelope.site, envelope.counter) == (
        maker.CAPTURE,
        maker.DEVICE,
        maker.SITE,
        42,
    )


@given(jpeg=st.binary(min_size=1, max_size=2000))
def test_any_picture_comes_out_as_it_went_in(maker, jpeg):
    manifest = maker.manifest(image={"sha256": maker.hashlib.sha256(jpeg).hexdigest()})
    envelope = seal(Body(manifest, jpeg), maker.CONTEXT)
    assert open_envelope(parse_envelope(envelope.raw), [maker.SITE_KEY]).jpeg == jpeg


def test_no_two_envelopes_share_a_content_key_or_a_nonce(maker):
    body = Body(maker.manifest(), maker.JPEG)
    headers = [seal(body, maker.CONTEXT).header for _ in range(8)]
    assert len({header.commitment for header in headers}) == 8
    assert len({header.nonce for header in headers}) == 8


def test_the_randomness_is_the_callers(maker):
    drawn = []

    def random(length: int) -> bytes:
        drawn.append(length)
        return bytes([len(drawn)]) * length

    envelope = sealing_function(Body(maker.manifest(), maker.JPEG), maker.CONTEXT, random=random)
    assert drawn == [32, 12]
    assert envelope.header.nonce == b"\x02" * 12


def test_the_faster_suite_is_measured_not_guessed():
    def clock_with(seconds: list[float]):
        times = iter([0.0, *[moment for spent in seconds for moment in (spent, 0.0)]])
        return lambda: next(times)

    slow_aes = clock_with([3.0, 3.0, 3.0, 1.0, 1.0, 1.0])
    assert faster_suite(slow_aes) is BodySuite.CHACHA20_POLY1305
    one_hiccup = clock_with([9.0, 1.0, 9.0, 2.0, 2.0, 2.0])
    assert faster_suite(one_hiccup) is BodySuite.AES_256_GCM
    tie = clock_with([1.0] * 6)
    assert faster_suite(tie) is BodySuite.AES_256_GCM
    assert measured_suite() in BodySuite


@pytest.mark.parametrize("manifest", [b"", bytes(MAX_MANIFEST + 1)])
def test_a_manifest_has_bounds(manifest):
    with pytest.raises(ValueError, match="manifest"):
        Body(manifest, b"j")


def test_an_envelope_without_a_picture_is_never_made():
    with pytest.raises(ValueError, match="no picture"):
        Body(b"{}", b"")


def test_a_picture_that_no_envelope_holds_is_refused_before_it_is_sealed(maker):
    with pytest.raises(ValueError, match="at most"):
        seal(Body(maker.manifest(), bytes(MAX_ENVELOPE)), maker.CONTEXT)


def test_the_largest_envelope_is_parsed(maker):
    overhead = len(maker.made().raw) - len(maker.JPEG)
    envelope = seal(Body(maker.manifest(), bytes(MAX_ENVELOPE - overhead)), maker.CONTEXT, suite=BodySuite.AES_256_GCM)
    assert len(envelope.raw) == MAX_ENVELOPE
    assert parse_envelope(envelope.raw).digest == envelope.digest


def test_a_header_that_no_parser_takes_is_not_sealed(maker):
    # Within each field's bounds, but never within the header's: 8 recipients and 3 large certificates fit, so force it.
    header = maker.header()
    object.__setattr__(header, "certificates", (bytes(50_000),))
    with pytest.raises(ValueError, match="header"):
        assemble(Body(maker.manifest(), maker.JPEG), header, maker.CONTENT_KEY, maker.SIGNER)


def test_the_largest_header_within_the_fields_bounds_fits(maker):
    recipients = tuple(Recipient(f"{place:064x}", bytes(1168)) for place in range(MAX_RECIPIENTS))
    header = maker.header(recipients=recipients, certificates=(bytes(4096),) * 3)
    assert parse_header(header.to_bytes()) == header


@pytest.mark.parametrize(
    "changes",
    [
        {"capture": "x"},
        {"device": "Ward"},
        {"site": ""},
        {"counter": 0},
        {"nonce": bytes(11)},
        {"commitment": "0"},
        {"recipients": ()},
        {"certificates": ()},
        {"certificates": (b"",)},
        {"certificates": (bytes(4097),)},
    ],
    ids="-".join,
)
def test_a_header_that_exists_is_a_legal_one(maker, changes):
    with pytest.raises(ValueError, match=r"\w"):
        maker.header(**changes)


def test_a_recipient_that_exists_is_a_legal_one():
    with pytest.raises(ValueError, match="key id"):
        Recipient("0", bytes(1168))
    with pytest.raises(ValueError, match="1168"):
        Recipient("0" * 64, b"")


def test_a_header_is_a_value(maker):
    assert isinstance(maker.header(), Header)
    assert maker.header() == maker.header()
    assert maker.header() != replace(maker.header(), counter=43)


@pytest.mark.parametrize("raw", [b"", bytes(1215), bytes(1217), b"\xff" * 1216])
def test_what_is_not_a_sealing_key_is_refused(raw):
    with pytest.raises(ValueError, match=r"\w"):
        SealingKey.from_bytes(raw)


@pytest.mark.parametrize("raw", [b"", bytes(95), bytes(97)])
def test_what_is_not_an_opening_key_is_refused(raw):
    with pytest.raises(ValueError, match="96 bytes"):
        OpeningKey.from_bytes(raw)


def test_an_opening_key_survives_being_stored_and_never_shows_itself():
    key = OpeningKey.generate()
    assert OpeningKey.from_bytes(key.to_bytes()) == key
    assert key.to_bytes().hex() not in repr(key)
    assert key.key_id in repr(key)
    assert SealingKey.from_bytes(key.public.to_bytes()) == key.public


def test_a_wrapped_key_of_garbage_is_not_openable(maker):
    garbage = replace(maker.wrapped()[0], wrapped=bytes(1168))
    with pytest.raises(NotOpenable) as refused:
        open_envelope(maker.made(recipients=(garbage,)), [maker.SITE_KEY])
    assert refused.value.reason == "key"
