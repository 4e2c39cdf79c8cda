"""Envelopes, ledgers, the record, the camera service's socket, and what the vault keeps."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from capture.canonical import from_base64, from_canonical, to_canonical
from capture.disk import RealFiles
from capture.envelope import (
    EnvelopeRefused,
    FileSigner,
    SealingKey,
    SigningKeyUnusable,
    certificate_subjects,
    verify_envelope,
)
from capture.envelope.header import parse_header
from capture.envelope.layout import PREFIX, parse_envelope
from capture.errors import (
    CameraServiceError,
    FeaturesForbidden,
    LedgerDamaged,
    RequestWrong,
)
from capture.identifiers import CaptureId, DeviceId, SiteId
from capture.ledger import LedgerHead, audit_events, read_heads, verify_lines
from capture.ledger.chain import parse_head, parse_line
from capture.record import encounter_from_json, encounter_to_json, redaction_from_json, redaction_to_json
from capture.redact.sighting_log import SightingLog
from capture.scanned import BadgeRule, PatientCheck, parse_badge, parse_patient
from capture.service.client import _json, _refusal
from capture.service.messages import decisions_of, encounter_of
from capture.service.wire import live_message, parse_live_message
from capture.vault.counter import Counter
from capture.vault.entry import Entry
from capture.vault.queue import Queue, QueueDamaged, create_queue
from capture.vault.states import State
from capture.vault.sweep import from_file
from capture.wounds import parse_series
from inference import Kind, Region, Sighting
from parsers.parser import Parser
from parsers.seeds import as_file, encounter, envelopes, redaction, vectors, workplace
from tests.tpm import KEY_FILE

_CAPTURE = CaptureId("0123456789abcdef" * 2)
_DEVICE, _SITE = DeviceId("ward-7"), SiteId("st-elsewhere")
_SQUARE = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.5))


def _headers() -> list[bytes]:
    return [raw[PREFIX.size : PREFIX.size + PREFIX.unpack_from(raw)[2]] for raw in envelopes()]


def _verified(data: bytes) -> None:
    known = vectors("envelope")
    authorities = [x509.load_der_x509_certificate(base64.b64decode(text)) for text in known["authorities"]]
    verify_envelope(parse_envelope(data), site=SiteId(known["site"]), authorities=authorities)


def _chains() -> list[bytes]:
    return [case["lines"].encode() for case in vectors("ledger")["whole"]]


def _lines() -> list[bytes]:
    return _chains()[0].splitlines()


def _verified_chain(data: bytes) -> None:
    """A chain that its head signs for holds the lines that were signed, however much comes after them."""
    case = vectors("ledger")["whole"][0]
    key = load_der_public_key(bytes.fromhex(vectors("ledger")["public_key"]))
    report = verify_lines(io.BytesIO(data), key, LedgerHead.from_json(case["head"]))
    if report.sound and not data.startswith(case["lines"].encode()):
        raise AssertionError("a chain that was altered is called sound")


def _events(data: bytes) -> list[Any]:
    return list(audit_events(io.BytesIO(data), _DEVICE, _SITE))


def _heads() -> list[bytes]:
    return [to_canonical(case["head"]) + b"\n" for case in vectors("ledger")["whole"]]


def _head_file(data: bytes) -> None:
    read_heads(as_file("heads/camera.head", data).parent)


def _decisions() -> list[bytes]:
    said = [
        {"action": "add", "kind": "text", "by": "n-17", "polygon": [[1, 1], [9.5, 1], [9, 9]]},
        {"action": "remove", "kind": "face", "by": "n-17", "index": 0, "reason": "a doll"},
        {"action": "confirm", "kind": "tattoo", "by": "n-17"},
        {"action": "show", "kind": "face", "by": "n-17", "polygon": [[1, 1], [9.5, 1], [9, 9]], "reason": "burn",
         "features": True, "consent": {"recognisable": True}},
    ]  # fmt: skip
    return [json.dumps([one]).encode() for one in said] + [json.dumps(said).encode()]


def _json_request(data: bytes) -> Any:
    """As the camera service's routes read a body."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise RequestWrong from None


def _facts() -> bytes:
    region = {"kind": "face", "polygon": [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0]], "score": 0.9}
    return json.dumps({"sequence": 7, "age_ms": 1.5, "regions": [region]}).encode()


def _refused_answer(data: bytes) -> CameraServiceError:
    return _refusal(httpx.Response(409, content=data))


def _sightings() -> list[bytes]:
    file = io.BytesIO()
    log = SightingLog(file, {"film": "x"})
    for at in (0, 40_000_000):
        log.add(Sighting(at, (Region(Kind.FACE, _SQUARE, 0.9, "centerface"),), frozenset({Kind.FACE})))
    unfinished = file.getvalue()
    log.finish()
    return [unfinished, file.getvalue()]


def _sighting_log(data: bytes) -> bytes:
    """What was taken up is read again, and what is left is taken up as it is."""
    file = io.BytesIO(data)
    log = SightingLog(file, {"film": "x"})
    assert len(list(log.sightings())) == len(log.times)
    return file.getvalue()


def _queue_file() -> bytes:
    path = workplace() / "seed.sqlite"
    path.unlink(missing_ok=True)
    create_queue(path, {"generation": 1})
    queue = Queue(path)
    entry = Entry(_CAPTURE, "ab" * 32, 4096, 7, False, State.SEALED, 1_790_000_000_000)
    queue.transact(lambda: queue.store(entry))
    queue.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


def _queue(data: bytes) -> None:
    for old in workplace().glob("queue.sqlite*"):
        old.unlink()
    queue = Queue(as_file("queue.sqlite", data))
    try:
        queue.all()
        queue.waiting()
        queue.get(_CAPTURE)
        queue.fact("generation")
    finally:
        queue.close()


def _scanned(data: bytes) -> tuple[str, bool]:
    """A patient's reference, and whether it is an NHS number."""
    text = data[1:].decode("utf-8", "replace")
    nhs = data[:1] == b"n"
    return parse_patient(text, PatientCheck.NHS if nhs else PatientCheck.NONE), nhs


def _wristbands() -> list[bytes]:
    said = [b"71940355^^^WARD&1.2.3&ISO^MR", b"]C1801873500538500000001191AB-12", b"(91)AB-12"]
    return [b"-" + one for one in said] + [b"n943 476 5919", b"n(91)9434765919"]


def _signing_keys() -> list[bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - for seeds alone
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.derive_private_key(7, ec.SECP256R1())
    return [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), KEY_FILE]


def _sealing_keys() -> list[bytes]:
    return [base64.b64decode(term["public"]) for term in vectors("site-manifest")["accepted"][0]["says"]["sealing"]]


PARSERS = (
    Parser(
        "wristband",
        ("capture.scanned.parse_patient",),
        _wristbands,
        _scanned,
        (ValueError,),
        lambda value: (b"n" if value[1] else b"-") + value[0].encode(),
    ),
    Parser(
        "badge",
        ("capture.scanned.parse_badge",),
        lambda: [b"WARD4711", b"WARDn-17"],
        lambda data: parse_badge(data.decode("utf-8", "replace"), BadgeRule("WARD")),
        (ValueError,),
        lambda badge: f"WARD{badge}".encode(),
    ),
    Parser(
        "wound-series",
        ("capture.wounds.parse_series",),
        lambda: [b"84607009.left.2026-11-12.1", b"54735007.none.2024-02-29.2"],
        lambda data: parse_series(data.decode("utf-8", "replace")),
        (ValueError,),
        lambda wound: wound.series.encode(),
    ),
    Parser(
        "canonical-json",
        ("capture.canonical.from_canonical",),
        lambda: [*_headers(), *_lines(), b"[1.5,true,null]"],
        from_canonical,
        (ValueError,),
        to_canonical,
        one_spelling=True,
    ),
    Parser(
        "canonical-base64",
        ("capture.canonical.from_base64",),
        lambda: [b"", b"AA==", b"d2FyZGxlbnM="],
        lambda data: from_base64(data.decode("utf-8", "replace")),
        (ValueError,),
    ),
    Parser(
        "envelope",
        ("capture.envelope.layout.parse_envelope",),
        envelopes,
        parse_envelope,
        (EnvelopeRefused,),
        lambda envelope: envelope.header_block + envelope.raw[envelope.header_end : -64] + envelope.signature,
        one_spelling=True,
    ),
    Parser(
        "envelope-header",
        ("capture.envelope.header.parse_header",),
        _headers,
        parse_header,
        (EnvelopeRefused,),
        lambda header: header.to_bytes(),
        one_spelling=True,
    ),
    Parser(
        "envelope-signature",
        ("capture.envelope.verification.verify_envelope",),
        envelopes,
        _verified,
        (EnvelopeRefused,),
        only_seeds=True,
    ),
    Parser(
        "envelope-certificates",
        (),
        envelopes,
        lambda data: certificate_subjects(parse_envelope(data)),
        (EnvelopeRefused,),
    ),
    Parser(
        "sealing-key",
        ("capture.envelope.keys.SealingKey.from_bytes",),
        _sealing_keys,
        SealingKey.from_bytes,
        (ValueError,),
        lambda key: key.to_bytes(),
        one_spelling=True,
    ),
    Parser(
        "signing-key",
        (),
        _signing_keys,
        lambda data: FileSigner(as_file("signing.pem", data)),
        (SigningKeyUnusable,),
    ),
    Parser(
        "ledger-line",
        ("capture.ledger.chain.parse_line",),
        _lines,
        parse_line,
        (ValueError,),
        lambda line: line.to_bytes(),
        one_spelling=True,
    ),
    Parser(
        "ledger-head",
        ("capture.ledger.chain.parse_head", "capture.ledger.chain.LedgerHead.from_json"),
        _heads,
        parse_head,
        (ValueError,),
        lambda head: to_canonical(head.to_json()) + b"\n",
    ),
    Parser("ledger-head-file", ("capture.ledger.ledger.read_heads",), _heads, _head_file, (LedgerDamaged,)),
    Parser("ledger-chain", ("capture.ledger.verify.verify_lines",), _chains, _verified_chain),
    Parser("ledger-events", ("capture.ledger.audit_event.audit_events",), _chains, _events, (ValueError,)),
    Parser(
        "encounter",
        ("capture.record.encounter_from_json",),
        lambda: [to_canonical(encounter_to_json(encounter()))],
        lambda data: encounter_from_json(from_canonical(data)),
        (ValueError,),
        lambda value: to_canonical(encounter_to_json(value)),
    ),
    Parser(
        "redaction",
        ("capture.record.redaction_from_json",),
        lambda: [to_canonical(redaction_to_json(redaction()))],
        lambda data: redaction_from_json(from_canonical(data)),
        (ValueError,),
        lambda value: to_canonical(redaction_to_json(value)),
    ),
    Parser(
        "camera-accept",
        ("capture.service.messages.encounter_of",),
        lambda: [json.dumps({"encounter": encounter_to_json(encounter())}).encode()],
        lambda data: encounter_of(_json_request(data)),
        (RequestWrong,),
        lambda value: json.dumps({"encounter": encounter_to_json(value)}).encode(),
    ),
    Parser(
        "camera-decisions",
        ("capture.service.messages.decisions_of",),
        _decisions,
        lambda data: decisions_of(_json_request(data), 1_790_000_000_000),
        (RequestWrong, FeaturesForbidden),
    ),
    Parser(
        "camera-live",
        ("capture.service.wire.parse_live_message",),
        lambda: [live_message(json.loads(_facts()), b"\xff\xd8jpeg\xff\xd9"), live_message({}, b"")],
        parse_live_message,
        (ValueError,),
        lambda message: live_message(message.facts, message.jpeg),
    ),
    Parser(
        "camera-live-facts",
        ("capture.service.wire.parse_live_message",),
        lambda: [_facts()],
        lambda said: parse_live_message(len(said).to_bytes(4, "big") + said),
        (ValueError,),
    ),
    Parser(
        "camera-answer",
        (),
        lambda: [b'{"id":"0123","width":64}'],
        lambda data: _json(httpx.Response(200, content=data)),
        (CameraServiceError,),
    ),
    Parser(
        "camera-refusal",
        (),
        lambda: [b'{"error":"unanswered","sentence":"Answer for text.","unanswered":["text"],"hiding":[7]}'],
        _refused_answer,
        (CameraServiceError,),
    ),
    Parser("sighting-log", (), _sightings, _sighting_log, (), lambda log: log),
    Parser("vault-file", ("capture.vault.sweep.from_file",), envelopes, lambda data: from_file(_CAPTURE, data, 0)),
    Parser("vault-queue", (), lambda: [_queue_file()], _queue, (QueueDamaged,)),
    Parser(
        "vault-counter",
        (),
        lambda: [b"64\n", b"1234567890123456\n"],
        lambda data: Counter(as_file("counter", data), RealFiles()).reserved(),
    ),
)
