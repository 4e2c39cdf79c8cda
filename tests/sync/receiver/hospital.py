"""A hospital and its devices in memory: certificates, keys, envelopes and the messages that carry them.

Loaded by path (see conftest.py), so that the processes which the fault tests start and kill can load it too.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier
from sqlalchemy import event

from capture.canonical import to_canonical
from capture.envelope import Body, BodySuite, Envelope, KeySigner, SealingContext, seal
from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.protocol import Chunk, Offer, Upload, topics
from sync.protocol.messages import decode_have
from sync.receiver.archive import Archive, ArchiveSettings, Arrival, Limits, unix_milliseconds
from sync.receiver.errors import ArchiveUnavailable
from sync.receiver.ingest import Delivery, Ingest, no_step
from sync.receiver.opening import OpeningKey
from sync.receiver.trust import FixedTrust, ReceiptKey

__all__ = ["ArchiveUnavailable"]

SITE = SiteId("st-mary")
CHUNK = 16 * 1024
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
# The smallest bytes that a browser draws as a JPEG: one grey pixel.
TINY_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010101004800480000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d"
    "1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080001000101011100ffc4001f00000105010101"
    "01010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d01020300041105122131410613"
    "516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758"
    "595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6"
    "c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fbd3ffd9"
)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, sign: bool, issue: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=sign,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issue,
        crl_sign=issue,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass
class Issuer:
    """A certificate authority that lives as long as the test."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.certificate = (
            self._builder("issuing", "issuing", self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign=False, issue=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def _builder(self, subject: str, issuer: str, key: Any) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
        )

    def device(self, device: str, key: ec.EllipticCurvePrivateKey, site: str = SITE) -> x509.Certificate:
        return (
            self._builder(device, "issuing", key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign=True, issue=False), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{site}/device/{device}")]),
                critical=False,
            )
            .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def manifest_for(capture: str, device: str, site: str, counter: int, jpeg: bytes, **changes: Any) -> dict[str, Any]:
    """A capture manifest as a device writes it; docs/formats/capture-manifest.md."""
    manifest: dict[str, Any] = {
        "format": "wardlens-capture-manifest/1",
        "capture": capture,
        "site": site,
        "counter": counter,
        "device": {"id": device, "software": "0.1.0", "camera": "replay"},
        "taken_at_ms": 1_763_900_000_000 + counter * 60_000,
        "encounter": {
            "patient": f"PAT-{counter:05}",
            "clinician": "Sister M. Okafor",
            "body_site": {"system": "http://snomed.info/sct", "code": "84607009", "term": "Skin of heel"},
            "laterality": "left",
            "consent": {"record": True, "second_opinion": True, "teaching": False},
            "note": "",
            "series": "heel-1",
            "urgent": False,
        },
        "image": {
            "media_type": "image/jpeg",
            "width": 1,
            "height": 1,
            "bytes": len(jpeg),
            "sha256": hashlib.sha256(jpeg).hexdigest(),
        },
        "redaction": {
            "width": 1,
            "height": 1,
            "outcomes": {"face": "found", "tattoo": "unsure", "text": "clear", "code": "clear"},
            "regions": [
                {
                    "kind": "face",
                    "polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
                    "score": 0.97,
                    "model": "centerface",
                }
            ],
            "models": {"centerface": "c" * 64},
            "thresholds": {"face.ask": 0.45, "face.cover": 0.72},
            "policy": "1",
            "second_look": "clear",
            "decisions": [
                {
                    "action": "confirm",
                    "kind": "tattoo",
                    "by": "Sister M. Okafor",
                    "at_ms": 1_763_900_001_000,
                    "reason": "",
                }
            ],
        },
    }
    return manifest | changes


@dataclass
class Ward:
    """A site with its keys, and a way to have any device say anything."""

    issuer: Issuer = field(default_factory=Issuer)
    opening: OpeningKey = field(default_factory=OpeningKey.generate)
    receipt_key: ReceiptKey = field(default_factory=lambda: ReceiptKey("receipt-1", Ed25519PrivateKey.generate()))
    devices: dict[str, str] = field(default_factory=lambda: {"bed-1": "active", "bed-2": "active", "old": "revoked"})
    keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    ledgers: dict[str, Any] = field(default_factory=dict)

    @property
    def trust(self) -> FixedTrust:
        return FixedTrust((self.issuer.certificate,), self.devices, self.ledgers)

    def key_of(self, device: str) -> ec.EllipticCurvePrivateKey:
        """The key that a device signs with, envelopes and heads."""
        return self.keys.setdefault(device, ec.generate_private_key(ec.SECP256R1()))

    def ingest(self, archive: Archive, **changes: Any) -> Ingest:
        parts: dict[str, Any] = {
            "site": SITE,
            "trust": self.trust,
            "keys": lambda: (self.opening,),
            "signer": lambda: self.receipt_key,
            "step": no_step,
        }
        return Ingest(archive, **(parts | changes))

    def envelope(
        self,
        number: int = 1,
        *,
        device: str = "bed-1",
        capture: str | None = None,
        site: str = SITE,
        jpeg: bytes | None = None,
        issuer: Issuer | None = None,
        opening: OpeningKey | None = None,
        manifest: dict[str, Any] | None = None,
        padding: int = 40_000,
    ) -> Envelope:
        """Envelope `number` of a device: a picture of its own, sealed and signed."""
        key = self.key_of(device)
        name = CaptureId(capture or hashlib.sha256(f"{device}/{number}".encode()).hexdigest()[:32])
        # Bytes after a JPEG's end marker do not change the picture, and make it as long as a test wants it.
        picture = jpeg if jpeg is not None else TINY_JPEG + number.to_bytes(4, "big") * (padding // 4)
        context = SealingContext(
            capture=name,
            device=DeviceId(device),
            site=SiteId(site),
            counter=number,
            recipients=((opening or self.opening).public,),
            signer=KeySigner(key),
            certificates=((issuer or self.issuer).device(device, key, site).public_bytes(Encoding.DER),),
        )
        said = manifest_for(name, device, site, number, picture) | (manifest or {})
        return seal(Body(to_canonical(said), picture), context, suite=BodySuite.AES_256_GCM)


def upload_of(envelope: Envelope, chunk_size: int = CHUNK) -> Upload:
    return Upload.cut(envelope.capture, envelope.digest, len(envelope.raw), chunk_size)


def offer_of(envelope: Envelope, *, device: str | None = None, chunk_size: int = CHUNK, heads: Any = ()) -> Delivery:
    offer = Offer(upload_of(envelope, chunk_size), envelope.counter, tuple(heads))
    return Delivery(topics.offer(DeviceId(device or envelope.device), envelope.capture), offer.encode())


def chunks_of(envelope: Envelope, *, device: str | None = None, chunk_size: int = CHUNK) -> list[Delivery]:
    upload = upload_of(envelope, chunk_size)
    topic = topics.chunk(DeviceId(device or envelope.device), envelope.capture)
    return [
        Delivery(topic, Chunk(upload, index, envelope.raw[offset : offset + size]).encode())
        for index, (offset, size) in ((i, upload.span(i)) for i in range(upload.count))
    ]


def receive(ingest: Ingest, deliveries: list[Delivery], batch: int = 8) -> list[dict[str, Any]]:
    """What the receiver answers to these messages, in batches as the broker would give them."""
    answers = []
    for start in range(0, len(deliveries), batch):
        said, work = ingest.handle(deliveries[start : start + batch])
        answers += said
        for item in work:
            answers += ingest.complete(item)
    return [json.loads(answer.payload) for answer in answers]


def open_archive(folder: Path, *, database: str = "", limits: Limits | None = None, clock: Any = None) -> Archive:
    settings = ArchiveSettings.in_folder(folder)
    if database:
        settings = ArchiveSettings(database=database, objects=settings.objects)
    return Archive.open(settings, limits=limits, clock=clock or unix_milliseconds)


def arrival_of(envelope: Envelope, device: str | None = None) -> Arrival:
    return Arrival(DeviceId(device or envelope.device), envelope.capture, envelope.digest)


def drive(ingest: Ingest, envelope: Envelope) -> list[dict[str, Any]]:
    """What is said to a device that offers, sends what is missing, and offers once more."""
    answers = receive(ingest, [offer_of(envelope)])
    if answers[-1]["type"] == "have":
        have = decode_have(to_canonical(answers[-1]))
        chunks = chunks_of(envelope)
        answers += receive(ingest, [chunks[index] for index in have.pieces.missing()])
    if answers[-1]["type"] == "have":
        answers += receive(ingest, [offer_of(envelope)])
    return answers


def impatient(archive: Archive) -> None:
    """This archive waits for another writer for a moment only."""
    event.listen(archive._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    archive._engine.dispose()


def another_receipt_key() -> ReceiptKey:
    """A key that came after the first."""
    return ReceiptKey("receipt-2", Ed25519PrivateKey.generate())


@dataclass(frozen=True)
class Loose:
    """Any bytes, with what a device would say of them."""

    raw: bytes
    capture: CaptureId
    device: DeviceId
    digest: str
    counter: int


def loose(like: Envelope, raw: bytes, number: int, *, digest: str | None = None) -> Loose:
    """Bytes that a device of `like` offers as a capture of its own."""
    capture = CaptureId(hashlib.sha256(f"{like.device}/{number}".encode()).hexdigest()[:32])
    return Loose(raw, capture, like.device, digest or hashlib.sha256(raw).hexdigest(), number)


def big_jpeg(number: int, width: int = 1600, height: int = 1200) -> bytes:
    """A picture with something in it, another for each number."""
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.stack([across % 256, down % 256, (across + down + number * 40) % 256], axis=-1).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=85))


def redaction_for(width: int, height: int) -> dict[str, Any]:
    """A redaction with a face in the middle and a line of text, for a picture of this size."""

    def box(x: float, y: float, wide: float, high: float) -> list[list[float]]:
        left, top, right, bottom = x * width, y * height, (x + wide) * width, (y + high) * height
        return [[left, top], [right, top], [right, bottom], [left, bottom]]

    redaction = manifest_for("", "", "", 1, b"")["redaction"]
    redaction |= {"width": width, "height": height}
    redaction["outcomes"] |= {"text": "found"}
    redaction["regions"] = [
        {"kind": "face", "polygon": box(0.25, 0.25, 0.25, 0.5), "score": 0.973, "model": "centerface"},
        {"kind": "text", "polygon": box(0.6, 0.8, 0.3, 0.1), "score": 0.61, "model": "ppocr"},
    ]
    return dict(redaction)
