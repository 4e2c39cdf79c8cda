"""The receiver's machine: every message in every state of the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capture.identifiers import CaptureId
from sync.protocol import (
    Accepted,
    Archived,
    Chunk,
    Complete,
    DropChunks,
    Facts,
    Have,
    Ignore,
    KeepHeads,
    Offer,
    OpenUpload,
    Pieces,
    Postponed,
    Quarantine,
    ReceiverMachine,
    Refusal,
    RefusalReason,
    Rejected,
    SendHave,
    SendReceipt,
    SendRefusal,
    StoreChunk,
    Upload,
)
from sync.protocol.receiver import Ignored

UPLOAD = Upload(CaptureId("0" * 31 + "1"), "ab" * 32, 5000, 2048)
OTHER = replace(UPLOAD, digest="cd" * 32)
RECUT = replace(UPLOAD, chunk_size=1024)
OFFER = Offer(UPLOAD, 7)
CHUNK = Chunk(UPLOAD, 1, bytes(2048))
MACHINE = ReceiverMachine()


def refusal(upload, reason):
    return SendRefusal(Refusal(upload.capture, upload.digest, reason=reason))


def open_with(*indexes, upload=UPLOAD):
    return Facts(upload, Pieces.of(upload.count, indexes))


@pytest.mark.parametrize(
    ("message", "facts", "effects"),
    [
        (OFFER, Facts(), (OpenUpload(UPLOAD), SendHave(Have(UPLOAD, Pieces(3))))),
        (OFFER, open_with(upload=RECUT), (OpenUpload(UPLOAD), SendHave(Have(UPLOAD, Pieces(3))))),
        (OFFER, open_with(0, 2), (SendHave(Have(UPLOAD, Pieces.of(3, [0, 2]))),)),
        (OFFER, open_with(0, 1, 2), (Complete(UPLOAD),)),
        (OFFER, Facts(archived=Archived(UPLOAD.digest, b"r")), (SendReceipt(b"r"),)),
        (
            OFFER,
            Facts(archived=Archived(OTHER.digest, b"r")),
            (Quarantine(UPLOAD, "capture-conflict"), refusal(UPLOAD, "capture-conflict")),
        ),
        (OFFER, Facts(refused="bad-signature"), (refusal(UPLOAD, "bad-signature"),)),
        (CHUNK, Facts(), (OpenUpload(UPLOAD), StoreChunk(CHUNK))),
        (CHUNK, open_with(0), (StoreChunk(CHUNK),)),
        (CHUNK, open_with(1), (Ignore(Ignored.DUPLICATE_CHUNK),)),
        (CHUNK, open_with(upload=RECUT), (Ignore(Ignored.OTHER_GEOMETRY),)),
        (CHUNK, Facts(archived=Archived(UPLOAD.digest, b"r")), (Ignore(Ignored.ALREADY_ARCHIVED),)),
        (CHUNK, Facts(archived=Archived(OTHER.digest, b"r")), (Ignore(Ignored.CAPTURE_CONFLICT),)),
        (CHUNK, Facts(refused="bad-signature"), (Ignore(Ignored.REFUSED_BEFORE),)),
    ],
)
def test_what_is_done_about_a_message(message, facts, effects):
    assert MACHINE.received(message, facts) == effects


def test_what_is_longer_than_the_hospital_takes_is_refused_before_a_chunk_is_kept():
    small = ReceiverMachine(max_length=4999)
    assert small.received(OFFER, Facts()) == (refusal(UPLOAD, "too-large"),)
    assert small.received(CHUNK, Facts()) == (Ignore(Ignored.TOO_LARGE),)


def test_ledger_heads_are_kept_whatever_becomes_of_the_offer():
    heads = ({"chain": "sync", "sequence": 1},)
    for facts in (Facts(), Facts(refused="malformed"), Facts(archived=Archived(UPLOAD.digest, b"r"))):
        assert MACHINE.received(Offer(UPLOAD, 7, heads), facts)[0] == KeepHeads(7, heads)


def test_the_set_is_complete_only_by_what_was_committed():
    assert MACHINE.stored(UPLOAD, open_with(0, 1, 2)) == (Complete(UPLOAD),)
    assert MACHINE.stored(UPLOAD, open_with(0, 1)) == ()
    assert MACHINE.stored(UPLOAD, Facts()) == ()
    assert MACHINE.stored(RECUT, open_with(0, 1, 2)) == ()
    assert MACHINE.stored(UPLOAD, replace(open_with(0, 1, 2), archived=Archived(UPLOAD.digest, b"r"))) == ()


def test_a_verdict_becomes_an_answer():
    assert MACHINE.judged(UPLOAD, Accepted(b"r")) == (SendReceipt(b"r"),)
    later = SendRefusal(Refusal(UPLOAD.capture, UPLOAD.digest, seconds=30))
    assert MACHINE.judged(UPLOAD, Postponed(30)) == (later,)
    assert MACHINE.judged(UPLOAD, Rejected(RefusalReason.BAD_SIGNATURE)) == (
        Quarantine(UPLOAD, "bad-signature"),
        refusal(UPLOAD, "bad-signature"),
    )


def test_chunks_that_are_not_what_their_digest_says_are_dropped_and_not_held_against_the_device():
    assert MACHINE.judged(UPLOAD, Rejected(RefusalReason.DIGEST_MISMATCH)) == (
        DropChunks(UPLOAD),
        refusal(UPLOAD, "digest-mismatch"),
    )


def test_an_answer_gives_the_payload_to_publish():
    assert SendHave(Have(UPLOAD, Pieces(3))).payload == Have(UPLOAD, Pieces(3)).encode()
    assert refusal(UPLOAD, "malformed").payload == Refusal(UPLOAD.capture, UPLOAD.digest, reason="malformed").encode()
