"""Makes envelope.json: envelopes that any implementation of docs/formats/envelope.md can try itself on.

Every byte is determined: keys are hashes of their names, signatures are deterministic (RFC 6979), times are fixed. HPKE
draws its own randomness and has no way to be given any, so the two wrapped content keys were made once and stand in
envelope-wrapped.json; that they are right is proven by opening them.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from capture.canonical import from_base64, to_base64, to_canonical
from capture.envelope import Body, BodySuite, Envelope, Header, KeySigner, Recipient, SealingContext
from capture.envelope.keys import commitment_to
from capture.envelope.layout import BODY_LENGTH, PREFIX
from capture.envelope.seal import assemble, wrap
from capture.envelope.signing import ORDER
from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.receiver.opening import OpeningKey

HERE = Path(__file__).parent
WRAPPED = HERE / "envelope-wrapped.json"

SITE, DEVICE, CAPTURE = SiteId("st-elsewhere"), DeviceId("ward-7-cart-2"), CaptureId("000102030405060708090a0b0c0d0e0f")
JPEG = b"\xff\xd8\xff\xd9"
START = datetime(2025, 1, 1, tzinfo=UTC)
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")


def named(name: str, length: int = 32) -> bytes:
    """Bytes that depend on nothing but their name."""
    return hashlib.shake_256(f"wardlens test vector: {name}".encode()).digest(length)


def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that depends on nothing but its name."""
    return ec.derive_private_key(int.from_bytes(named(name), "big") % (ORDER - 1) + 1, ec.SECP256R1())


def certificate(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    uri: str | None,
) -> x509.Certificate:
    """A certificate; a device's signing certificate where `uri` names one, a CA otherwise."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(int.from_bytes(named(f"serial of {subject} by {issuer}", 8), "big") >> 1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=uri is None, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=uri is not None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=uri is None,
                crl_sign=uri is None,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if uri is not None:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        builder = builder.add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, SHA256(), ecdsa_deterministic=True)


def der(certificate: x509.Certificate) -> bytes:
    """`certificate` as DER."""
    return certificate.public_bytes(Encoding.DER)


AUTHORITY_KEY, STRANGER_KEY, DEVICE_KEY = ec_key("issuing CA"), ec_key("stranger's CA"), ec_key("device")
AUTHORITY = certificate("Issuing CA", AUTHORITY_KEY.public_key(), "Issuing CA", AUTHORITY_KEY, uri=None)
LEAF = certificate(DEVICE, DEVICE_KEY.public_key(), "Issuing CA", AUTHORITY_KEY, uri=f"spiffe://{SITE}/device/{DEVICE}")
SIGNER = KeySigner(DEVICE_KEY, deterministic=True)
SITE_KEY, BREAK_GLASS_KEY = OpeningKey(named("site key", 96)), OpeningKey(named("break-glass key", 96))
CONTENT_KEY = named("content key")
CONTEXT = SealingContext(CAPTURE, DEVICE, SITE, 42, (SITE_KEY.public, BREAK_GLASS_KEY.public), SIGNER, (der(LEAF),))


def wrapped() -> tuple[Recipient, ...]:
    """The content key, wrapped for both recipients: as it was once, or made now where the file is not there."""
    if not WRAPPED.exists():
        made = {key.key_id: to_base64(wrap(CONTENT_KEY, key, CONTEXT).wrapped) for key in CONTEXT.recipients}
        WRAPPED.write_text(json.dumps(made, indent=1) + "\n")
    stored: dict[str, str] = json.loads(WRAPPED.read_text())
    return tuple(Recipient(key.key_id, from_base64(stored[key.key_id])) for key in CONTEXT.recipients)


def manifest(**changes: Any) -> bytes:
    """A capture manifest that agrees with the header; short, as opening looks at no more of it."""
    return to_canonical(
        {
            "capture": CAPTURE,
            "counter": 42,
            "device": {"id": DEVICE},
            "image": {"sha256": hashlib.sha256(JPEG).hexdigest()},
            "site": SITE,
        }
        | changes
    )


def header(**changes: Any) -> Header:
    """The header of the vectors' envelope."""
    plain = Header(
        capture=CAPTURE,
        device=DEVICE,
        site=SITE,
        counter=42,
        body_suite=BodySuite.AES_256_GCM,
        nonce=named("nonce", 12),
        commitment=commitment_to(CONTENT_KEY),
        recipients=wrapped(),
        certificates=(der(LEAF),),
    )
    return replace(plain, **changes)


def made(body: Body | None = None, **changes: Any) -> Envelope:
    """An envelope with these changes in its header, signed."""
    return assemble(body or Body(manifest(), JPEG), header(**changes), CONTENT_KEY, SIGNER)


def signed(unsigned: bytes) -> bytes:
    """Any bytes with the device's signature after them."""
    return unsigned + SIGNER.sign(unsigned)


def with_plain(plain: bytes) -> bytes:
    """The valid envelope with any bytes sealed in its body."""
    block = made().header_block
    aad = hashlib.sha256(block).digest()
    sealed = AESGCM(CONTENT_KEY).encrypt(named("nonce", 12), plain, aad)
    return signed(block + BODY_LENGTH.pack(len(sealed)) + sealed)


def with_header(change: Callable[[bytes], bytes]) -> bytes:
    """The valid envelope with other header bytes, lengths and signature put right."""
    raw = made().raw
    (length,) = struct.unpack_from(">I", raw, 9)
    end = PREFIX.size + length
    altered = change(raw[PREFIX.size : end])
    return signed(raw[:9] + struct.pack(">I", len(altered)) + altered + raw[end:-64])


def with_field(name: str, value: object) -> bytes:
    """The valid envelope with another value in a header field (None takes the field out)."""

    def change(data: bytes) -> bytes:
        fields = json.loads(data)
        fields[name] = value
        return to_canonical({key: item for key, item in fields.items() if item is not None})

    return with_header(change)


def flipped(data: bytes, place: int) -> bytes:
    """`data` with the lowest bit of one byte turned."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def high_s(raw: bytes) -> bytes:
    """The same signature in its other form."""
    return raw[:-32] + (ORDER - int.from_bytes(raw[-32:], "big")).to_bytes(32, "big")


def leaf_for(**how: Any) -> tuple[bytes, ...]:
    """The device's certificate with one thing wrong."""
    facts: dict[str, Any] = {
        "subject": DEVICE,
        "key": DEVICE_KEY.public_key(),
        "issuer": "Issuing CA",
        "issuer_key": AUTHORITY_KEY,
        "uri": f"spiffe://{SITE}/device/{DEVICE}",
    }
    return (der(certificate(**(facts | how))),)


def refused() -> Iterator[tuple[str, str, str, bytes]]:
    """Name, step at which it is refused, reason, bytes."""
    raw = made().raw
    (length,) = struct.unpack_from(">I", raw, 9)
    body_length_at, body_at = PREFIX.size + length, PREFIX.size + length + BODY_LENGTH.size
    yield "empty", "parse", "not-an-envelope", b""
    yield "a JPEG", "parse", "not-an-envelope", JPEG
    yield "line ends altered on the way", "parse", "not-an-envelope", raw.replace(b"\r\n", b"\n")
    yield "version 2", "parse", "version", signed(raw[:8] + b"\x02" + raw[9:-64])
    yield "only the magic", "parse", "truncated", raw[:8]
    yield "cut in the header", "parse", "truncated", raw[:100]
    yield "cut in the body", "parse", "truncated", raw[: body_at + 10]
    yield "cut in the signature", "parse", "truncated", raw[:-1]
    yield "one byte appended", "parse", "trailing", raw + b"\x00"
    yield "twice in a row", "parse", "trailing", raw + raw
    yield "header length 0", "parse", "header", raw[:9] + bytes(4) + raw[13:]
    yield "header length 65,537", "parse", "header", raw[:9] + struct.pack(">I", 65537) + raw[13:]
    yield "body length 21", "parse", "too-large", raw[:body_length_at] + struct.pack(">I", 21) + raw[body_at:]
    yield "body length 2^32 - 1", "parse", "too-large", raw[:body_length_at] + b"\xff" * 4 + raw[body_at:]
    yield "header with a space", "parse", "header", with_header(lambda data: data.replace(b":42", b": 42"))
    yield "header with a key twice", "parse", "header", with_header(lambda data: data[:-1] + b',"site":"st-elsewhere"}')
    yield (
        "header with a needless escape",
        "parse",
        "header",
        with_header(lambda data: data.replace(b"st-e", b"st\\u002de")),
    )
    yield "header that is a list", "parse", "header", with_header(lambda data: b"[]")
    yield "header nested too deep", "parse", "header", with_header(lambda data: b"[" * 5_000)
    yield "header that is not UTF-8", "parse", "header", with_header(lambda data: data.replace(b"st-e", b"st\xffe"))
    yield "unknown field", "parse", "header", with_field("patient", "x")
    yield "field missing", "parse", "header", with_field("nonce", None)
    yield "counter 0", "parse", "header", with_field("counter", 0)
    yield "counter true", "parse", "header", with_field("counter", True)
    yield "counter 2^53", "parse", "header", with_field("counter", 2**53)
    yield "counter 42.0", "parse", "header", with_field("counter", 42.0)
    yield "capture in capitals", "parse", "header", with_field("capture", CAPTURE.upper())
    yield "device with a slash", "parse", "header", with_field("device", "ward/7")
    yield "nonce too short", "parse", "header", with_field("nonce", "00" * 11)
    yield "no recipient", "parse", "header", with_field("recipients", [])
    yield "a recipient twice", "parse", "header", with_field("recipients", [_recipient(0), _recipient(0)])
    yield "wrapped key too short", "parse", "header", with_field("recipients", [_recipient(0) | {"wrapped": "AAAA"}])
    yield "no certificate", "parse", "header", with_field("certificates", [])
    yield "base64 with stray bits", "parse", "header", with_field("certificates", ["AB=="])
    yield "base64 without padding", "parse", "header", with_field("certificates", ["AA"])
    yield "unknown body suite", "parse", "suite", with_field("body_suite", "AES-256-GCM-SIV")
    yield "unknown key suite", "parse", "suite", with_field("key_suite", "HPKE-X25519")
    yield "unknown signature suite", "parse", "suite", with_field("signature_suite", "none")
    yield "signature of zeros", "parse", "signature-form", raw[:-64] + bytes(64)
    yield "signature with high s", "parse", "signature-form", high_s(raw)
    yield "r as large as the order", "parse", "signature-form", raw[:-64] + ORDER.to_bytes(32, "big") + raw[-32:]
    p384 = ec.derive_private_key(7, ec.SECP384R1()).public_key()
    yield "a certificate of a P-384 key", "verify", "certificate", made(certificates=leaf_for(key=p384)).raw
    yield "for another site", "verify", "site", made(site=SiteId("other")).raw
    yield "not a certificate", "verify", "certificate", made(certificates=(b"\x30\x00",)).raw
    yield "another device's certificate", "verify", "certificate", made(device=DeviceId("ward-8")).raw
    yield (
        "certificate's URI of another site",
        "verify",
        "certificate",
        made(certificates=leaf_for(uri=f"spiffe://other/device/{DEVICE}")).raw,
    )
    yield "a CA's certificate", "verify", "certificate", made(certificates=leaf_for(uri=None)).raw
    yield (
        "followed by a certificate that did not issue it",
        "verify",
        "certificate",
        made(certificates=(der(LEAF), der(LEAF))).raw,
    )
    yield (
        "issued by a stranger of the same name",
        "verify",
        "authority",
        made(certificates=leaf_for(issuer_key=STRANGER_KEY)).raw,
    )
    yield (
        "signed by another key",
        "verify",
        "signature",
        raw[:-64] + KeySigner(STRANGER_KEY, deterministic=True).sign(raw[:-64]),
    )
    yield "a byte of the body turned", "verify", "signature", flipped(raw, body_at)
    yield "counter changed after signing", "verify", "signature", raw.replace(b'"counter":42', b'"counter":43')
    yield "sealed to somebody else", "open", "no-key", made(recipients=(replace(wrapped()[0], key_id="0" * 64),)).raw
    yield "wrapped for another capture", "open", "key", made(capture=CaptureId("f" * 32)).raw
    yield "wrapped keys exchanged", "open", "key", made(recipients=_exchanged()).raw
    yield "committed to another key", "open", "key", made(commitment="0" * 64).raw
    yield "body sealed under another nonce, signed again", "open", "body", with_field("nonce", "00" * 12)
    yield "body of another header, signed again", "open", "body", with_field("counter", 43)
    yield "manifest that is longer than the body", "open", "body", with_plain(struct.pack(">I", 100) + b"{}" + JPEG)
    yield "no picture after the manifest", "open", "body", with_plain(struct.pack(">I", 2) + b"{}")
    yield "manifest that is not JSON", "open", "manifest", made(Body(b"{", JPEG)).raw
    yield (
        "manifest with a number that is none",
        "open",
        "manifest",
        made(Body(manifest()[:-1] + b',"x":NaN}', JPEG)).raw,
    )
    yield "manifest with half a letter", "open", "manifest", made(Body(manifest()[:-1] + b',"x":"\\ud800"}', JPEG)).raw
    yield "manifest that is a list", "open", "manifest", made(Body(b"[]", JPEG)).raw
    yield "manifest of another capture", "open", "manifest", made(Body(manifest(capture="f" * 32), JPEG)).raw
    yield "manifest of another picture", "open", "manifest", made(Body(manifest(), JPEG + b"\x00")).raw


def _recipient(place: int) -> dict[str, str]:
    recipient = wrapped()[place]
    return {"key": recipient.key_id, "wrapped": to_base64(recipient.wrapped)}


def _exchanged() -> tuple[Recipient, ...]:
    first, second = wrapped()
    return (replace(first, wrapped=second.wrapped), replace(second, wrapped=first.wrapped))


def vectors() -> dict[str, Any]:
    """Everything the file holds."""
    accepted = {
        "AES-256-GCM": made(),
        "ChaCha20-Poly1305": made(body_suite=BodySuite.CHACHA20_POLY1305),
        "with its issuer's certificate": made(certificates=(der(LEAF), der(AUTHORITY))),
        "one recipient": made(recipients=wrapped()[:1]),
        "largest counter": made(Body(manifest(counter=2**53 - 1), JPEG), counter=2**53 - 1),
    }
    return {
        "format": "docs/formats/envelope.md, version 1",
        "site": SITE,
        "authorities": [to_base64(der(AUTHORITY))],
        "keys": {
            name: {
                "opening_key": key.to_bytes().hex(),
                "sealing_key": to_base64(key.public.to_bytes()),
                "key_id": key.key_id,
            }
            for name, key in (("site", SITE_KEY), ("break-glass", BREAK_GLASS_KEY))
        },
        "accepted": [
            {
                "name": name,
                "envelope": to_base64(envelope.raw),
                "digest": envelope.digest,
                "header": envelope.header.to_bytes().decode(),
                "content_key": CONTENT_KEY.hex(),
                "manifest": json.loads(manifest(counter=envelope.counter)),
                "jpeg": JPEG.hex(),
            }
            for name, envelope in accepted.items()
        ],
        "refused": [
            {"name": name, "step": step, "reason": reason, "envelope": to_base64(raw)}
            for name, step, reason, raw in refused()
        ],
    }
