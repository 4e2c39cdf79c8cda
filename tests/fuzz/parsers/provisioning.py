"""What a site and a device read of each other, their key files, and what the panel is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import TypeAdapter
from starlette.datastructures import Headers

from capture.identifiers import DeviceId, SiteId
from parsers.parser import Parser
from parsers.seeds import as_file, in_words, vectors
from provisioning import canonical
from provisioning.break_glass import FORMAT as BREAK_GLASS_FORMAT
from provisioning.break_glass import read_break_glass
from provisioning.bundles import parse_bundle_version
from provisioning.certificates import from_der, from_pem, make_root, to_der
from provisioning.commands import (
    EVEN_UNSENT,
    Command,
    CommandName,
    Outcome,
    Result,
    sign_command,
    sign_result,
    verify_command,
    verify_result,
)
from provisioning.enrolment import line, wire
from provisioning.enrolment.server import _base64, _hex, _text
from provisioning.errors import (
    CommandRefused,
    EnrolmentRefused,
    EnrolmentUnreachable,
    IdentityDamaged,
    InvitationRefused,
    ManifestRefused,
    NotAccepted,
)
from provisioning.identity import FORMAT as DEVICE_FORMAT
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.invitation import PREFIX, _checksum, parse_called, parse_invitation
from provisioning.keys import key_hash, read_ec_key, read_ed25519_key, to_pem
from provisioning.manifest import verify_manifest
from provisioning.manifest_fields import read_fields, write_fields
from provisioning.panel.desk import read_memory
from provisioning.panel.gate import _asked, cookie
from provisioning.panel.guard import COOKIE, refusal
from provisioning.panel.languages import ENGLISH, LANGUAGES
from provisioning.panel.ledger_view import read_ledger
from provisioning.panel.look import LOOK_COOKIE, Look, parse_look
from provisioning.panel.routes.encounter import EncounterFields
from provisioning.panel.routes.entry import SignIn
from provisioning.panel.routes.pairing import Invitation as InvitationBody
from provisioning.panel.routes.review import Decide
from provisioning.requests import read_request
from provisioning.sealing_keys import FORMAT as OPENING_FORMAT
from provisioning.sealing_keys import read_opening_key
from provisioning.updates import Update
from sync.receiver.opening import OpeningKey
from tests.tpm import KEY_FILE


def _root() -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(vectors("site-manifest")["root"]))


def _manifests() -> list[bytes]:
    return [base64.b64decode(case["manifest"]) for case in vectors("site-manifest")["accepted"]]


def _fields() -> list[bytes]:
    return [canonical.encode(case["says"]) for case in vectors("site-manifest")["accepted"]]


def _lines() -> list[bytes]:
    return [case["line"].encode() for case in vectors("invitation")["valid"]]


def _bodies() -> list[bytes]:
    texts = [found.decode().removeprefix(PREFIX) for found in _lines()]
    return [base64.b32decode(text + "=" * (-len(text) % 8))[:-4] for text in texts]


def _line_of(body: bytes) -> str:
    """The line of an invitation with this body: whoever alters one can compute its checksum too."""
    return PREFIX + base64.b32encode(body + _checksum(body)).decode().rstrip("=")


def _body_of(text: str) -> bytes:
    text = text.removeprefix(PREFIX)
    return base64.b32decode(text + "=" * (-len(text) % 8))[:-4]


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(7, ec.SECP256R1())


def _requests() -> list[bytes]:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "wl-0123456789")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return [builder.sign(_key(), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)]


def _application() -> list[bytes]:
    """The three things of an application that come as text, a line each."""
    request = base64.b64encode(_requests()[0])
    return [b"\n".join((b"da22e68223089fbc", b"Ward%207%20%C3%A4", request))]


def _applied(data: bytes) -> wire.Application:
    proof, _, rest = data.partition(b"\n")
    name, _, request = rest.partition(b"\n")
    _hex(in_words(proof))
    body = _base64(request)
    return wire.Application("0123456789abcdef", body, body, _text(in_words(name)))


def _refused_enrolment(data: bytes) -> EnrolmentRefused | EnrolmentUnreachable:
    return line._refused(403, data)


@cache
def _opening_key() -> OpeningKey:
    return OpeningKey.from_bytes(bytes(range(96)))


def _opening_file() -> bytes:
    key = _opening_key()
    private = base64.b64encode(key.to_bytes()).decode()
    return canonical.encode({"format": OPENING_FORMAT, "id": key.key_id, "use": "site", "private": private})


def _break_glass_file() -> bytes:
    key = _opening_key()
    fields = {
        "format": BREAK_GLASS_FORMAT,
        "site": "st-elsewhere",
        "authorities": [vectors("site-manifest")["root"]],
        "id": key.key_id,
        "private": base64.b64encode(key.to_bytes()).decode(),
    }
    return canonical.encode(fields)


@cache
def _command_root() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.derive_private_key(7, ec.SECP384R1())
    return make_root(key, "st-elsewhere", datetime(2026, 1, 1, tzinfo=UTC)), key


@cache
def _commands() -> list[bytes]:
    issued = datetime(2026, 3, 1, tzinfo=UTC)
    update = f"2026.48.1 283115520 {'ab' * 32}"
    asked = [(CommandName.WIPE, EVEN_UNSENT), (CommandName.SELF_TEST, ""), (CommandName.RENAME, "Ward 7 ä")]
    asked += [(CommandName.UPDATE, update)]
    site, device = SiteId("st-elsewhere"), DeviceId("wl-0123456789")
    given = [Command(site, device, 7, name, argument, issued, issued + timedelta(days=7)) for name, argument in asked]
    return [sign_command(command, _command_root()[1]) for command in given]


@cache
def _results() -> list[bytes]:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    said = [(Outcome.DONE, "Everything is wiped."), (Outcome.REFUSED, "7 pictures wait.")]
    site, device = SiteId("st-elsewhere"), DeviceId("wl-0123456789")
    return [sign_result(Result(site, device, 7, outcome, sentence, at), _key()) for outcome, sentence in said]


def _command(data: bytes) -> Command:
    return verify_command(data, _command_root()[0], site="st-elsewhere", device="wl-0123456789")


def _result(data: bytes) -> Result:
    return verify_result(data, _key().public_key(), site="st-elsewhere", device="wl-0123456789")


def _device_facts() -> bytes:
    fields = {
        "format": DEVICE_FORMAT,
        "device": "wl-0123456789",
        "site": "st-elsewhere",
        "name": "Ward 7",
        "enrolment": "10.0.0.5:8443",
        "root": key_hash(_root().public_key()).hex(),  # type: ignore[arg-type]
        "created": 1_772_366_400,
    }
    return canonical.encode(fields)


@cache
def _layout() -> StateLayout:
    pem = _root().public_bytes(Encoding.PEM)
    layout = StateLayout(as_file("state/site-manifest.json", _manifests()[0]).parent)
    for path in (layout.root, layout.certificate("identity"), layout.certificate("signing")):
        as_file(f"state/{path.relative_to(layout.folder)}", pem)
    return layout


def _identity(data: bytes) -> DeviceIdentity:
    as_file("state/device.json", data)
    return DeviceIdentity.load(_layout().folder)


def _json_body(data: bytes) -> object:
    """As FastAPI reads a body before it hands it on."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _panel_bodies() -> list[bytes]:
    said: list[dict[str, object]] = [
        {"badge": "n-17", "pin": "1234"},
        {"line": _lines()[0].decode()},
        {"patient": "7", "body_site": "79951008", "side": None, "note": "", "urgent": True,
         "consent": {"record": True, "second_opinion": False, "teaching": False}},
        {"still": "0", "decision": {"action": "add", "kind": "face", "polygon": [[1, 1], [2, 1], [2, 2.5]]}},
        {"still": "0", "decision": {"action": "remove", "kind": "face", "index": 1, "reason": "a doll"}},
    ]  # fmt: skip
    return [json.dumps(one).encode() for one in said]


_HEADERS = (
    b"host: 127.0.0.1:8470\norigin: http://127.0.0.1:8470\nx-wardlens: 1\ncontent-type: application/json\n"
    b"content-length: 42\nsec-fetch-site: same-origin\n"
    b"cookie: __Host-wardlens=0123456789abcdef; __Host-wardlens-look=de.left.dark; other=1"
)


def _gated(data: bytes) -> object:
    """As the panel judges the headers of a request, before it reads any body."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    headers = Headers(raw=[(name.lower(), value) for name, value in pairs])
    asked = _asked({"type": "http", "method": "POST", "path": "/shutter", "scheme": "http"}, headers)
    cookie(headers, COOKIE)
    parse_look(cookie(headers, LOOK_COOKIE), Look())
    return refusal(asked, names=frozenset({"127.0.0.1"}), paired=True, signed_in=True)


_PANEL: TypeAdapter[object] = TypeAdapter(SignIn | InvitationBody | EncounterFields | Decide)


def _der(tag: int, *parts: bytes) -> bytes:
    inside = b"".join(parts)
    length = bytes([len(inside)]) if len(inside) < 0x80 else b"\x82" + len(inside).to_bytes(2, "big")
    return bytes([tag]) + length + inside


def _bundle_signature() -> bytes:
    """What RAUC puts at the end of a bundle, as far as it is read here: the manifest within a CMS signature."""
    manifest = b"[update]\ncompatible=wardlens\nversion=2026.48.1\n\n[bundle]\nformat=verity\nverity-size=8192\n"
    signed, data = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701")
    content = _der(0x30, data, _der(0xA0, _der(0x04, manifest)))
    return _der(0x30, signed, _der(0xA0, _der(0x30, b"\x02\x01\x01", _der(0x31), content, _der(0x31))))


PARSERS = (
    Parser(
        "site-json",
        ("provisioning.canonical.decode",),
        lambda: [*_manifests(), *_fields()],
        canonical.decode,
        (ValueError,),
        canonical.encode,
        one_spelling=True,
    ),
    Parser(
        "invitation",
        ("provisioning.invitation.parse_invitation",),
        _lines,
        lambda data: parse_invitation(in_words(data)),
        (InvitationRefused,),
        lambda invitation: invitation.line.encode(),
    ),
    Parser(
        "invitation-body",
        ("provisioning.invitation.parse_invitation",),
        _bodies,
        lambda body: parse_invitation(_line_of(body)),
        (InvitationRefused,),
        lambda invitation: _body_of(invitation.line),
        one_spelling=True,
    ),
    Parser(
        "address",
        ("provisioning.invitation.parse_address", "provisioning.invitation.parse_called"),
        lambda: [b"10.0.0.5:8443", b"[fe80::1]:443", b"Ward.Example:1"],
        lambda data: parse_called(in_words(data)),
        (NotAccepted,),
        lambda address: str(address).encode(),
    ),
    Parser(
        "site-manifest",
        ("provisioning.manifest.verify_manifest",),
        _manifests,
        lambda data: verify_manifest(data, _root(), site="st-elsewhere"),
        (ManifestRefused,),
        only_seeds=True,
    ),
    Parser(
        "site-manifest-fields",
        ("provisioning.manifest_fields.read_fields",),
        _fields,
        lambda data: read_fields(canonical.decode(data)),
        (ValueError,),
        lambda manifest: canonical.encode(write_fields(manifest)),  # receipt keys stand in any order
    ),
    Parser(
        "site-command",
        ("provisioning.commands.verify_command",),
        _commands,
        _command,
        (CommandRefused,),
        only_seeds=True,
    ),
    Parser(
        "update",
        ("provisioning.updates.Update.parse", "provisioning.updates.Version.parse"),
        lambda: [f"2026.48.1 283115520 {'ab' * 32}".encode(), f"0.0.0 1 {'07' * 32}".encode()],
        lambda data: Update.parse(in_words(data)),
        (ValueError,),
        lambda update: str(update).encode(),
        one_spelling=True,
    ),
    Parser(
        "bundle-signature",
        ("provisioning.bundles.parse_bundle_version",),
        lambda: [_bundle_signature()],
        parse_bundle_version,
        (ValueError,),
    ),
    Parser(
        "range",
        ("provisioning.enrolment.wire.parse_range",),
        lambda: [b"bytes=0-1048575", b"bytes=283115519-283115519"],
        lambda data: wire.parse_range(in_words(data)),
        (ValueError,),
    ),
    Parser(
        "command-result",
        ("provisioning.commands.verify_result",),
        _results,
        _result,
        (CommandRefused,),
        only_seeds=True,
    ),
    Parser("certificate-request", ("provisioning.requests.read_request",), _requests, read_request, (ValueError,)),
    Parser(
        "enrolment-certificates",
        ("provisioning.enrolment.wire.decode_certificates",),
        lambda: [wire.encode_certificates([_root()]), wire.encode_certificates([_root(), _root()])],
        wire.decode_certificates,
        (ValueError,),
    ),
    Parser(
        "certificate-der",
        ("provisioning.certificates.from_der",),
        lambda: [_root().public_bytes(Encoding.DER)],
        from_der,
        (ValueError,),
        to_der,
    ),
    Parser(
        "certificate-pem",
        ("provisioning.certificates.from_pem",),
        lambda: [_root().public_bytes(Encoding.PEM) * 2],
        from_pem,
        (ValueError,),
    ),
    Parser("enrolment-application", (), _application, _applied, (EnrolmentRefused,)),
    Parser(
        "enrolment-refusal",
        (),
        lambda: [b'{"error":"proof-wrong","sentence":"The proof is wrong."}'],
        _refused_enrolment,
        (EnrolmentRefused, EnrolmentUnreachable),
    ),
    Parser(
        "opening-key-file",
        ("provisioning.sealing_keys.read_opening_key",),
        lambda: [_opening_file()],
        lambda data: read_opening_key(as_file("opening.json", data)),
        (ValueError,),
    ),
    Parser(
        "break-glass",
        ("provisioning.break_glass.read_break_glass",),
        lambda: [_break_glass_file()],
        lambda data: read_break_glass(as_file("break-glass.json", data)),
        (NotAccepted,),
    ),
    Parser(
        "key-pem",
        ("provisioning.keys.read_ec_key",),
        lambda: [to_pem(_key()), KEY_FILE],
        lambda data: read_ec_key(as_file("ec.pem", data)),
        (ValueError,),
    ),
    Parser(
        "receipt-key-pem",
        ("provisioning.keys.read_ed25519_key",),
        lambda: [to_pem(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"receipt").digest()))],
        lambda data: read_ed25519_key(as_file("ed25519.pem", data)),
        (ValueError,),
    ),
    Parser(
        "device-identity",
        ("provisioning.identity.DeviceIdentity.load",),
        lambda: [_device_facts()],
        _identity,
        (IdentityDamaged,),
    ),
    Parser(
        "panel-memory",
        ("provisioning.panel.desk.read_memory",),
        lambda: [b'{"n-17":3,"n-18":12}'],
        lambda data: read_memory(as_file("memory.json", data), 0.0),
    ),
    Parser(
        "panel-ledger",
        ("provisioning.panel.ledger_view.read_ledger",),
        lambda: [case["lines"].encode() for case in vectors("ledger")["whole"]],
        lambda data: read_ledger(LANGUAGES[ENGLISH], as_file("ledger/camera.jsonl", data).parent),
    ),
    Parser("panel-headers", ("provisioning.panel.look.parse_look",), lambda: [_HEADERS], _gated),
    Parser(
        "panel-body",
        (),
        _panel_bodies,
        lambda data: _PANEL.validate_python(_json_body(data)),
        (ValueError,),
    ),
)
