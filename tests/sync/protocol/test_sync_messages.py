"""Messages: a value comes back as it went, and garbage gives a value or MessageRefused, nothing else."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.errors import Flaw, MessageRefused
from sync.protocol import topics
from sync.protocol.canonical import MAX_JSON, encode
from sync.protocol.mail import decode_down, decode_up
from sync.protocol.messages import (
    DeviceFacts,
    DeviceState,
    Have,
    Offer,
    Receivers,
    Refusal,
    decode_have,
    decode_offer,
    decode_receivers,
    decode_refusal,
    decode_state,
)
from sync.protocol.pieces import MAX_CHUNK, MAX_LENGTH, MIN_CHUNK, Chunk, Pieces, Upload, decode_chunk
from sync.protocol.receipts import decode_receipt, sign_receipt

CAPTURE = CaptureId("0123456789abcdef0123456789abcdef")
DEVICE = DeviceId("ward-7")
DIGEST = "ab" * 32
UPLOAD = Upload(CAPTURE, DIGEST, 5000, 2048)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sync.json").read_text())

DECODERS = {
    "offer": decode_offer,
    "have": decode_have,
    "refusal": decode_refusal,
    "state": decode_state,
    "receivers": decode_receivers,
    "receipt": decode_receipt,
    "chunk": decode_chunk,
}

names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
captures = st.binary(min_size=16, max_size=16).map(bytes.hex)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
numbers = st.integers(0, 2**63 - 1)


@st.composite
def uploads(draw, longest=MAX_LENGTH):
    length = draw(st.integers(1, longest))
    size = draw(st.integers(min(MIN_CHUNK, length), min(MAX_CHUNK, length)))
    return Upload(CaptureId(draw(captures)), draw(digests), length, size)


heads = st.dictionaries(names, numbers | st.text(max_size=40), max_size=6)
offers = st.builds(Offer, uploads(), numbers, st.lists(heads, max_size=8).map(tuple))
refusals = st.builds(Refusal, captures, digests, st.integers(1, 3600), st.none()) | st.builds(
    Refusal, captures, digests, st.none(), names
)
facts = st.builds(
    DeviceFacts,
    st.from_regex(r"[0-9.+a-z-]{0,30}", fullmatch=True),
    numbers,
    numbers,
    numbers,
    st.integers(-100, 100),
    st.dictionaries(names, digests, max_size=5),
)
states = st.builds(DeviceState, numbers, st.none() | facts)
receivers = st.builds(Receivers, st.booleans(), names, numbers)


@st.composite
def haves(draw):
    upload = draw(uploads())
    return Have(upload, Pieces(upload.count, draw(st.integers(0, 2**upload.count - 1))))


def receipt(**changes):
    fields = {
        "site": SiteId("north"),
        "device": DEVICE,
        "capture": CAPTURE,
        "digest": DIGEST,
        "length": 5000,
        "received_at_ms": 1_700_000_000_000,
        "key": "receipt-1",
    }
    return sign_receipt(KEY.sign, **{**fields, **changes})


@given(message=offers)
def test_an_offer_comes_back_as_it_went(message):
    assert decode_offer(message.encode()) == message


@given(message=haves())
def test_a_have_comes_back_as_it_went(message):
    assert decode_have(message.encode()) == message


@given(message=refusals)
def test_a_refusal_comes_back_as_it_went(message):
    assert decode_refusal(message.encode()) == message


@given(message=states)
def test_a_state_comes_back_as_it_went(message):
    assert decode_state(message.encode()) == message
    assert message.online == (message.facts is not None)


@given(message=receivers)
def test_a_receivers_message_comes_back_as_it_went(message):
    assert decode_receivers(message.encode()) == message


@given(upload=uploads(longest=40_000), data=st.data())
def test_a_chunk_alone_says_where_it_belongs(upload, data):
    index = data.draw(st.integers(0, upload.count - 1))
    offset, size = upload.span(index)
    chunk = Chunk(upload, index, bytes(size))
    assert decode_chunk(chunk.encode()) == chunk
    assert chunk.offset == offset


@given(upload=uploads())
def test_the_chunks_of_an_upload_cover_it_exactly_once(upload):
    assert upload.span(0)[0] == 0
    assert sum(upload.span(upload.count - 1)) == upload.length
    assert (upload.count - 1) * upload.chunk_size < upload.length <= upload.count * upload.chunk_size
    with pytest.raises(IndexError):
        upload.span(upload.count)


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(DECODERS)), data=st.binary(max_size=400))
def test_garbage_is_refused_with_the_documented_error(kind, data):
    with pytest.raises(MessageRefused):
        DECODERS[kind](data)


@settings(max_examples=400)
@given(message=offers | refusals | states | receivers | haves(), data=st.data())
def test_a_message_with_one_byte_changed_is_another_value_or_refused(message, data):
    payload = bytearray(message.encode())
    where = data.draw(st.integers(0, len(payload) - 1))
    payload[where] ^= data.draw(st.integers(1, 255))
    for decode in (decode_offer, decode_have, decode_refusal, decode_state, decode_receivers):
        try:
            value = decode(bytes(payload))
        except MessageRefused:
            continue
        assert value.encode() == bytes(payload), "there is one byte string for each value"


@given(where=st.integers(0, 64), value=st.integers(0, 255), size=st.integers(0, 3000))
def test_a_chunk_with_a_changed_header_is_another_chunk_or_refused(where, value, size):
    payload = bytearray(Chunk(UPLOAD, 1, bytes(2048)).encode()[: 65 + size])
    payload[min(where, len(payload) - 1)] = value
    with suppress(MessageRefused):
        assert decode_chunk(bytes(payload)).encode() == bytes(payload)


def test_a_hostile_message_is_refused_within_fifty_milliseconds():
    for payload in (
        b"[" * MAX_JSON,
        b'{"a":' * 3000,
        b"9" * MAX_JSON,
        b'"' + b"\\u0000" * 2700 + b'"',
        b"1e999",
        b"{}",
    ):
        began = time.perf_counter()
        for decode in DECODERS.values():
            with pytest.raises(MessageRefused):
                decode(payload)
        assert time.perf_counter() - began < 0.05 * len(DECODERS)


def test_a_number_too_large_for_a_float_is_not_canonical():
    with pytest.raises(MessageRefused) as refused:
        decode_offer(b'{"v":1e999}')
    assert refused.value.flaw is Flaw.NOT_CANONICAL


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["name"])
def test_the_published_vectors_decode(vector):
    payload = bytes.fromhex(vector["payload_hex"])
    value = DECODERS[vector["kind"]](payload)
    assert value.encode() == payload
    if vector["kind"] == "receipt":
        value.verify({VECTORS["receipt_key"]["name"]: _published_key()})


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["name"])
def test_the_published_broken_vectors_are_refused_for_their_reason(vector):
    def read():
        value = DECODERS[vector["kind"]](bytes.fromhex(vector["payload_hex"]))
        if vector["kind"] == "receipt":
            value.verify({VECTORS["receipt_key"]["name"]: _published_key()})

    with pytest.raises(MessageRefused) as refused:
        read()
    assert refused.value.flaw == vector["flaw"]


def _published_key():
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["receipt_key"]["public_hex"]))


def test_a_receipt_is_the_sites_only_with_the_sites_signature():
    good = receipt()
    good.verify({"receipt-1": KEY.public_key()})
    assert decode_receipt(good.encode()) == good
    with pytest.raises(MessageRefused) as unknown:
        good.verify({"receipt-2": KEY.public_key()})
    assert unknown.value.flaw is Flaw.UNKNOWN_KEY
    with pytest.raises(MessageRefused) as other:
        good.verify({"receipt-1": Ed25519PrivateKey.generate().public_key()})
    assert other.value.flaw is Flaw.SIGNATURE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("site", "south"),
        ("device", "ward-8"),
        ("capture", "f" * 32),
        ("digest", "cd" * 32),
        ("length", 5001),
        ("received_at_ms", 1),
        ("key", "receipt-2"),
    ],
)
def test_no_field_of_a_receipt_can_be_changed_after_signing(field, value):
    fields = json.loads(receipt().encode())
    altered = decode_receipt(encode({**fields, field: value}))
    with pytest.raises(MessageRefused):
        altered.verify({"receipt-1": KEY.public_key(), "receipt-2": KEY.public_key()})


def test_a_message_for_another_capture_than_its_topic_is_refused():
    other = CaptureId("f" * 32)
    offer, chunk = Offer(UPLOAD, 1), Chunk(UPLOAD, 2, bytes(904))
    assert decode_up(topics.offer(DEVICE, CAPTURE), offer.encode()) == (DEVICE, offer)
    assert decode_up(topics.chunk(DEVICE, CAPTURE), chunk.encode()) == (DEVICE, chunk)
    answers = [Have(UPLOAD, Pieces(3)), receipt(), Refusal(CAPTURE, DIGEST, seconds=5)]
    for answer in answers:
        assert decode_down(topics.down(DEVICE, CAPTURE), answer.encode()) == (DEVICE, answer)
        with pytest.raises(MessageRefused):
            decode_down(topics.down(DEVICE, other), answer.encode())
    for message, kind in ((offer, "offer"), (chunk, "chunk")):
        with pytest.raises(MessageRefused):
            decode_up(f"wardlens/v1/ward-7/up/{other}/{kind}", message.encode())
    for payload in (Offer(UPLOAD, 1).encode(), b'{"type":1}', b"{}"):
        with pytest.raises(MessageRefused):
            decode_down(topics.down(DEVICE, CAPTURE), payload)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "wardlens",
        "wardlens/v1/ward-7/up/x/offer",
        f"wardlens/v1/Ward 7/up/{CAPTURE}/offer",
        f"wardlens/v1/ward-7/up/{CAPTURE}/else",
        f"wardlens/v2/ward-7/up/{CAPTURE}/offer",
        f"a/b/c/down/{CAPTURE}",
    ],
)
def test_other_topics_are_refused(topic):
    for parse in (topics.parse_up, topics.parse_down, topics.parse_state):
        with pytest.raises(MessageRefused):
            parse(topic)


def test_topics_name_what_they_are_about():
    assert topics.parse_down(topics.down(DEVICE, CAPTURE)) == (DEVICE, CAPTURE)
    assert topics.parse_state(topics.state(DEVICE)) == DEVICE
    assert topics.every_down(DEVICE) == "wardlens/v1/ward-7/down/+"
    assert topics.parse_up(topics.chunk(DEVICE, CAPTURE)) == topics.UpTopic(DEVICE, CAPTURE, topics.UpKind.CHUNK)
    for parse, topic in ((topics.parse_down, "wardlens/v1/ward-7/down/x"), (topics.parse_state, "wardlens/v1/W/state")):
        with pytest.raises(MessageRefused):
            parse(topic)


@pytest.mark.parametrize(
    ("topic", "writes", "reads"),
    [
        ("wardlens/v1/ward-7/up/x/offer", True, False),
        ("wardlens/v1/ward-7/state", True, True),
        ("wardlens/v1/ward-7/command/renew/result", True, True),
        ("wardlens/v1/ward-7/command/renew", False, True),
        ("wardlens/v1/ward-7/down/x", False, True),
        ("wardlens/v1/ward-7/down/+", False, True),
        ("wardlens/v1/site/receivers", False, True),
        ("wardlens/v1/ward-77/up/x/offer", False, False),
        ("wardlens/v1/ward-8/down/x", False, False),
        ("wardlens/v1/+/down/x", False, False),
        ("#", False, False),
    ],
)
def test_a_device_has_its_own_topics_and_no_others(topic, writes, reads):
    assert topics.device_may_publish(DEVICE, topic) == writes
    assert topics.device_may_read(DEVICE, topic) == reads


@pytest.mark.parametrize(
    ("topic", "writes", "reads"),
    [
        ("wardlens/v1/site/receivers", True, True),
        ("wardlens/v1/ward-7/down/x", True, False),
        ("wardlens/v1/+/up/#", False, True),
        ("$share/receivers/wardlens/v1/+/up/#", False, True),
        ("wardlens/v1/+/state", False, True),
        ("wardlens/v1/ward-7/up/x/chunk", False, True),
        ("wardlens/v1/ward-7/state", False, True),
        ("wardlens/v1/ward-7/command/wipe", False, False),
        ("wardlens/v1/ward-7/down/x/y", False, False),
        ("other/v1/ward-7/down/x", False, False),
        ("#", False, False),
    ],
)
def test_a_receiver_reads_what_devices_send_and_writes_answers(topic, writes, reads):
    assert topics.receiver_may_publish(topic) == writes
    assert topics.receiver_may_read(topic) == reads


@pytest.mark.parametrize(
    ("digest", "length", "size"),
    [("ab", 10, 10), (DIGEST, 0, 1), (DIGEST, MAX_LENGTH + 1, 2048), (DIGEST, 5000, 1023), (DIGEST, 5000, 5001)],
)
def test_an_upload_that_exists_is_legal(digest, length, size):
    with pytest.raises(MessageRefused):
        Upload(CAPTURE, digest, length, size)


def test_a_chunk_that_exists_fits_its_upload():
    for index, size in ((3, 904), (0, 2047), (2, 2048), (-1, 2048)):
        with pytest.raises(MessageRefused):
            Chunk(UPLOAD, index, bytes(size))


def test_a_chunk_that_is_longer_than_any_is_refused_before_it_is_looked_at():
    with pytest.raises(MessageRefused) as refused:
        decode_chunk(bytes(65 + MAX_CHUNK + 1))
    assert refused.value.flaw is Flaw.TOO_LONG


def test_a_refusal_is_for_later_or_for_good():
    for seconds, reason in ((None, None), (1, "too-large")):
        with pytest.raises(ValueError, match="later or for good"):
            Refusal(CAPTURE, DIGEST, seconds, reason)


def test_a_have_fits_its_upload():
    with pytest.raises(ValueError, match="does not fit"):
        Have(UPLOAD, Pieces(4))


@given(count=st.integers(1, 200), data=st.data())
def test_a_set_of_chunks_is_its_bitmap(count, data):
    indexes = data.draw(st.sets(st.integers(0, count - 1)))
    pieces = Pieces.of(count, indexes)
    assert Pieces.from_bytes(count, pieces.to_bytes()) == pieces
    assert set(pieces.missing()) == set(range(count)) - indexes
    assert pieces.complete == (len(pieces) == count)
    assert all(index in pieces for index in indexes)
    assert Pieces.of(count, range(count)) == pieces.with_piece(0) if count == 1 else True
    with pytest.raises(ValueError, match="beyond"):
        Pieces(count, 1 << count)
    with pytest.raises(MessageRefused):
        Pieces.from_bytes(count, pieces.to_bytes() + b"\0")
