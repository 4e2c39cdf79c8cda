"""The messages between device and hospital, what the receiver opens, files and shows, and the uplink's status file."""

from __future__ import annotations

import json
from functools import cache, partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.datastructures import Headers

from capture.canonical import to_canonical
from capture.envelope import MANIFEST_LENGTH, EnvelopeRefused, parse_envelope
from capture.envelope.layout import MIN_BODY
from capture.envelope.suites import TAG_BYTES
from capture.ledger import LedgerHead
from parsers.parser import Parser
from parsers.seeds import as_file, envelopes, in_words, manifest, vectors
from sync.errors import MessageRefused
from sync.protocol import decode_down, decode_up, topics
from sync.protocol.messages import decode_have, decode_offer, decode_receivers, decode_refusal, decode_state
from sync.protocol.pieces import Pieces, decode_chunk
from sync.protocol.receipts import decode_receipt
from sync.receiver.archive import Contents, FiledCapture
from sync.receiver.exporting import capture_record
from sync.receiver.opening import NotOpenable, Opened, OpeningKey, _split, open_envelope
from sync.receiver.record import capture_to_file
from sync.receiver.view.guard import _host, _same_origin, session_of
from sync.receiver.view.showing import shown
from sync.uplink.status import UplinkStatus, read_status

_ON_ITS_TOPIC = b" "
"""Between topic and payload, where both are read."""


def _messages(kind: str) -> list[bytes]:
    return [bytes.fromhex(case["payload_hex"]) for case in vectors("sync")["valid"] if case["kind"] == kind]


def _mail(way: str) -> list[bytes]:
    good = [case for case in vectors("sync")["topics"] if not case["flaw"] and f"/{way}/" in case["topic"]]
    return [case["topic"].encode() + _ON_ITS_TOPIC + bytes.fromhex(case["payload_hex"]) for case in good]


def _up(data: bytes) -> object:
    topic, _, payload = data.partition(_ON_ITS_TOPIC)
    return decode_up(in_words(topic), payload)


def _down(data: bytes) -> object:
    topic, _, payload = data.partition(_ON_ITS_TOPIC)
    return decode_down(in_words(topic), payload)


def _topic(data: bytes) -> object:
    """Every topic is one of the three kinds at most."""
    found = []
    for parse in (topics.parse_up, topics.parse_down, topics.parse_state):
        try:
            found.append(parse(in_words(data)))
        except MessageRefused:
            continue
    assert len(found) <= 1
    return found


def _signed_receipt(data: bytes) -> None:
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("sync")["receipt_key"]["public_hex"]))
    decode_receipt(data).verify({"receipt-1": public})


def _opening_keys() -> list[bytes]:
    return [bytes.fromhex(key["opening_key"]) for key in vectors("envelope")["keys"].values()]


@cache
def _opened() -> Opened:
    keys = [OpeningKey.from_bytes(raw) for raw in _opening_keys()]
    return open_envelope(parse_envelope(envelopes()[0]), keys)


def _bodies() -> list[bytes]:
    said = to_canonical(dict(_opened().manifest))
    return [MANIFEST_LENGTH.pack(len(said)) + said + _opened().jpeg]


def _split_body(plain: bytes) -> Opened:
    """An envelope's form leaves no body shorter than this."""
    return _split(plain.ljust(MIN_BODY - TAG_BYTES, b"\0"), parse_envelope(envelopes()[0]))


def _filed(data: bytes) -> None:
    """A manifest that was signed by its device is filed, shown and exported, whatever it says."""
    try:
        said = json.loads(data)
        to_canonical(said)
    except (ValueError, RecursionError):
        raise NotOpenable("manifest", "as opening refuses it") from None
    if not isinstance(said, dict):
        raise NotOpenable("manifest", "as opening refuses it")
    new = capture_to_file(parse_envelope(envelopes()[0]), Opened(said, b"\xff\xd8\xff"), 1_790_000_000_000)
    inside = new.contents
    assert inside is not None
    _columns_hold(inside)
    receipt = _messages("receipt")[0]
    filed = FiledCapture(
        1, new.capture, new.device, new.site, new.digest, new.length, new.counter, new.received_at_ms,
        inside.taken_at_ms, inside.patient, inside.body_site, inside.laterality, inside.series, inside.urgent,
        inside.picture_digest, inside.picture_length, inside.manifest, receipt, "receipt-1",
    )  # fmt: skip
    shown(filed, {})
    json.dumps(capture_record(filed))


def _columns_hold(new: Contents) -> None:
    for text in (new.patient, new.body_site, new.laterality or "", new.series, new.picture_digest):
        text.encode()
        assert "\x00" not in text
    assert new.taken_at_ms is None or abs(new.taken_at_ms) < 2**63


_HEADERS = b"host: receiver.example:8480\norigin: https://receiver.example:8480\ncookie: wardlens_session=0123; other=1"


def _guarded(data: bytes) -> object:
    """As the hospital's view reads the headers of a request."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    headers = Headers(raw=[(name.lower(), value) for name, value in pairs])
    return session_of(headers), _host(headers), _same_origin(headers)


def _status(data: bytes) -> UplinkStatus:
    folder = as_file("status/sync-status.json", data).parent
    return read_status(folder, now=lambda: 1_790_000_000.0)


def _statuses() -> list[bytes]:
    status = {
        "connected": True, "sentence": "Sending.", "broker": "b:8883", "protocol": 5, "receivers": True,
        "sending": "0123456789abcdef" * 2, "sent": 3, "count": 9, "updated_at_ms": 1_790_000_000_000,
    }  # fmt: skip
    return [json.dumps(status).encode()]


def _kept_heads() -> list[bytes]:
    return [to_canonical(case["head"]) for case in vectors("ledger")["whole"]]


def _message(kind: str, decode: object, covers: str) -> Parser:
    return Parser(
        f"sync-{kind}",
        (f"sync.protocol.{covers}",),
        partial(_messages, kind),
        decode,  # type: ignore[arg-type]
        (MessageRefused,),
        lambda message: message.encode(),
        one_spelling=True,
    )


PARSERS = (
    _message("offer", decode_offer, "messages.decode_offer"),
    _message("have", decode_have, "messages.decode_have"),
    _message("refusal", decode_refusal, "messages.decode_refusal"),
    _message("state", decode_state, "messages.decode_state"),
    _message("receivers", decode_receivers, "messages.decode_receivers"),
    _message("receipt", decode_receipt, "receipts.decode_receipt"),
    _message("chunk", decode_chunk, "pieces.decode_chunk"),
    Parser(
        "sync-receipt-signature", (), lambda: _messages("receipt"), _signed_receipt, (MessageRefused,), only_seeds=True
    ),
    Parser(
        "sync-bitmap",
        ("sync.protocol.pieces.Pieces.from_bytes",),
        lambda: [b"\x00\x00", b"\xff\x01"],
        partial(Pieces.from_bytes, 9),
        (MessageRefused,),
        lambda pieces: pieces.to_bytes(),
        one_spelling=True,
    ),
    Parser("sync-up", ("sync.protocol.mail.decode_up",), lambda: _mail("up"), _up, (MessageRefused,)),
    Parser("sync-down", ("sync.protocol.mail.decode_down",), lambda: _mail("down"), _down, (MessageRefused,)),
    Parser(
        "sync-topic",
        tuple(f"sync.protocol.topics.parse_{kind}" for kind in ("up", "down", "state")),
        lambda: (
            [mail.partition(_ON_ITS_TOPIC)[0] for mail in _mail("up") + _mail("down")] + [b"wardlens/v1/ward-7/state"]
        ),
        _topic,
    ),
    Parser(
        "opening-key",
        ("sync.receiver.opening.OpeningKey.from_bytes",),
        _opening_keys,
        OpeningKey.from_bytes,
        (ValueError,),
        lambda key: key.to_bytes(),
        one_spelling=True,
    ),
    Parser(
        "envelope-body",
        (),
        _bodies,
        _split_body,
        (NotOpenable,),
    ),
    Parser(
        "envelope-opened",
        ("sync.receiver.opening.open_envelope",),
        envelopes,
        lambda data: open_envelope(parse_envelope(data), [OpeningKey.from_bytes(raw) for raw in _opening_keys()]),
        (NotOpenable, EnvelopeRefused),
    ),
    Parser("view-headers", (), lambda: [_HEADERS], _guarded),
    Parser("capture-manifest", (), lambda: [manifest()], _filed, (NotOpenable,)),
    Parser(
        "kept-head",
        (),
        _kept_heads,
        lambda data: LedgerHead.from_json(json.loads(data)),
        (ValueError, RecursionError),
    ),
    Parser("uplink-status", ("sync.uplink.status.read_status",), _statuses, _status),
)
