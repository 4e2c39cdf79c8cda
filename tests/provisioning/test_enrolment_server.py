"""The enrolment server as strangers meet it: EST, bounds, refusals with reasons, one secret for one device."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.certificates import to_der, to_pem
from provisioning.enrolment import RunningEnrolment, pair, serving_enrolment, wire
from provisioning.enrolment.limits import MAX_PEERS, RateLimit
from provisioning.enrolment.line import KEPT_SECONDS, Line, verified_context
from provisioning.enrolment.nonces import LIFETIME, Nonces
from provisioning.enrolment.waiting import DeviceKeys
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, EnrolmentUnreachable
from provisioning.identity import DeviceIdentity
from provisioning.invitation import Address, Invitation
from provisioning.keys import key_hash
from provisioning.requests import device_of_key, make_request, read_request
from provisioning.site import Site

Change = Callable[[dict[str, str]], object]


@dataclass
class Applicant:
    """A device that applies by hand."""

    site: Site
    invitation: Invitation
    keys: DeviceKeys

    @property
    def server_hash(self) -> bytes:
        return wire.certificate_hash(to_der(self.site.keys.chain("enrolment")[0]))

    def application(self, name: str = "Ward 7") -> wire.Application:
        return wire.Application(
            self.invitation.id,
            make_request(self.keys.identity, self.keys.device),
            make_request(self.keys.signing, self.keys.device),
            name,
        )

    def request(self, application: wire.Application | None = None) -> tuple[bytes, dict[str, str]]:
        asked = application or self.application()
        headers = {
            wire.INVITATION_HEADER: asked.invitation,
            wire.SIGNING_HEADER: base64.b64encode(asked.signing_request).decode(),
            wire.NAME_HEADER: asked.name,
            wire.PROOF_HEADER: asked.proof(self.invitation.secret, self.server_hash).hex(),
        }
        return base64.b64encode(asked.identity_request), headers


@pytest.fixture
def applicant(site: Site) -> Applicant:
    return Applicant(site, site.invite("localhost:8443"), DeviceKeys.make())


def calling(site: Site, running: RunningEnrolment) -> httpx.Client:
    context = verified_context(to_pem(site.root).decode())
    return httpx.Client(base_url=f"https://{running.host}:{running.port}", verify=context, trust_env=False)


@pytest.fixture
def client(site: Site, enrolment: RunningEnrolment) -> Iterator[httpx.Client]:
    with calling(site, enrolment) as client:
        yield client


def reason(response: Any) -> str:
    body = response.json()
    assert set(body) == {"error", "sentence"}
    assert body["sentence"].endswith(".")
    return str(body["error"])


def test_the_ca_certificates_come_as_est_says(client, site):
    response = client.get(wire.CACERTS)
    assert response.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert response.headers["content-transfer-encoding"] == "base64"
    assert set(wire.decode_certificates(response.content)) == {site.root, site.keys.issuing}


def test_openssl_reads_what_est_answers(client, site, tmp_path):
    der = base64.b64decode(client.get(wire.CACERTS).content)
    (tmp_path / "cacerts.p7").write_bytes(der)
    command = ["openssl", "pkcs7", "-inform", "DER", "-in", str(tmp_path / "cacerts.p7"), "-print_certs", "-noout"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("subject=") == 2


def test_openssl_accepts_every_certificate_up_to_the_root(site, device):
    root, issuing = site.layout.certificate("root"), site.layout.certificate("issuing")
    for purpose, path in (
        ("sslserver", site.layout.certificate("enrolment")),
        ("sslserver", site.layout.certificate("broker")),
        ("sslclient", device.identity_certificate),
        ("sslclient", site.receiver_tls().certificate),
        ("any", device.signing_certificate),
    ):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(root)]
        checked = subprocess.run(
            [*command, "-untrusted", str(issuing), str(path)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr + checked.stdout


def test_openssl_takes_no_certificate_for_another_purpose(site, device):
    root, issuing = site.layout.certificate("root"), site.layout.certificate("issuing")
    for purpose, path in (
        ("sslserver", device.identity_certificate),
        ("sslclient", device.signing_certificate),
        ("sslclient", site.layout.certificate("broker")),
    ):
        command = ["openssl", "verify", "-purpose", purpose, "-CAfile", str(root), "-untrusted", str(issuing)]
        assert subprocess.run([*command, str(path)], capture_output=True, check=False).returncode != 0


def test_an_honest_application_is_issued_two_certificates(client, applicant):
    body, headers = applicant.request()
    response = client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    assert response.status_code == 200
    issued = wire.decode_certificates(response.content)
    leaves = [certificate for certificate in issued if certificate != applicant.site.keys.issuing]
    hashes = {key_hash(certificate.public_key()) for certificate in leaves}
    assert hashes == {key_hash(key.public_key()) for key in (applicant.keys.identity, applicant.keys.signing)}


def test_the_same_application_may_come_again_after_a_lost_answer(client, applicant):
    body, headers = applicant.request()
    first = client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    again = client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    assert again.status_code == 200
    assert set(wire.decode_certificates(again.content)) == set(wire.decode_certificates(first.content))
    assert len(applicant.site.devices()) == 1


def test_a_used_invitation_is_refused_to_every_other_application(client, applicant):
    body, headers = applicant.request()
    client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    for other in (
        replace(applicant, keys=DeviceKeys.make()).request(),
        applicant.request(applicant.application("Another name")),
        (body, {**headers, wire.PROOF_HEADER: "00" * 32}),
    ):
        response = client.post(wire.SIMPLE_ENROLL, content=other[0], headers=other[1])
        assert (response.status_code, reason(response)) == (403, "invitation-used")
    assert len(applicant.site.devices()) == 1


CHANGES: dict[str, tuple[Change, str]] = {
    "another invitation": (lambda h: h.update({wire.INVITATION_HEADER: "0" * 16}), "invitation-unknown"),
    "no invitation": (lambda h: h.pop(wire.INVITATION_HEADER), "request-damaged"),
    "another proof": (lambda h: h.update({wire.PROOF_HEADER: "00" * 32}), "proof-wrong"),
    "a short proof": (lambda h: h.update({wire.PROOF_HEADER: "00"}), "proof-wrong"),
    "a proof that is no hex": (lambda h: h.update({wire.PROOF_HEADER: "zz"}), "request-damaged"),
    "no proof": (lambda h: h.pop(wire.PROOF_HEADER), "request-damaged"),
    "another name": (lambda h: h.update({wire.NAME_HEADER: "Theatre 1"}), "proof-wrong"),
    "a name of two lines": (lambda h: h.update({wire.NAME_HEADER: "a%0Ab"}), "request-damaged"),
    "a name that is no text": (lambda h: h.update({wire.NAME_HEADER: "%ff"}), "request-damaged"),
    "no name": (lambda h: h.pop(wire.NAME_HEADER), "request-damaged"),
    "no signing request": (lambda h: h.pop(wire.SIGNING_HEADER), "request-damaged"),
    "a signing request that is no base64": (lambda h: h.update({wire.SIGNING_HEADER: "!"}), "request-damaged"),
    "a signing request that is none": (lambda h: h.update({wire.SIGNING_HEADER: "AAAA"}), "request-damaged"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_altered_application_is_refused_and_uses_nothing_up(client, applicant, what):
    change, expected = CHANGES[what]
    body, headers = applicant.request()
    altered = dict(headers)
    change(altered)
    response = client.post(wire.SIMPLE_ENROLL, content=body, headers=altered)
    assert response.status_code in {400, 403}
    assert reason(response) == expected
    assert applicant.site.devices() == ()
    assert client.post(wire.SIMPLE_ENROLL, content=body, headers=headers).status_code == 200


def test_a_proof_made_for_another_server_is_refused(client, applicant):
    application = applicant.application()
    body, headers = applicant.request(application)
    headers[wire.PROOF_HEADER] = application.proof(applicant.invitation.secret, bytes(32)).hex()
    assert reason(client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)) == "proof-wrong"


def request_for(key: Any, *names: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, SHA256()).public_bytes(Encoding.DER)


def broken_requests() -> dict[str, tuple[bytes, bytes]]:
    keys, other = DeviceKeys.make(), DeviceKeys.make()
    mine = make_request(keys.identity, keys.device)
    signing = make_request(keys.signing, keys.device)
    p384 = ec.generate_private_key(ec.SECP384R1())
    forged = bytearray(mine)
    forged[-1] ^= 1
    return {
        "another device's name": (make_request(keys.identity, other.device), make_request(keys.signing, other.device)),
        "two devices' names": (mine, make_request(other.signing, other.device)),
        "one key for both": (mine, mine),
        "a P-384 key": (request_for(p384, device_of_key(p384.public_key())), signing),
        "an RSA key": (mine, request_for(rsa.generate_private_key(65537, 2048), keys.device)),
        "two names": (request_for(keys.identity, keys.device, keys.device), signing),
        "no name": (request_for(keys.identity), signing),
        "a signature of somebody else": (bytes(forged), signing),
        "cut short": (mine[:-10], signing),
        "empty": (b"", signing),
        "too large": (mine + bytes(5000), signing),
    }


@pytest.mark.parametrize("what", broken_requests())
def test_a_request_that_is_not_the_devices_own_is_refused(client, applicant, what):
    identity, signing = broken_requests()[what]
    body, headers = applicant.request(wire.Application(applicant.invitation.id, identity, signing, "Ward 7"))
    assert reason(client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)) == "request-damaged"
    assert applicant.site.devices() == ()


def test_a_key_that_is_enrolled_already_is_refused_under_a_second_invitation(client, applicant, site):
    body, headers = applicant.request()
    assert client.post(wire.SIMPLE_ENROLL, content=body, headers=headers).status_code == 200
    body, headers = replace(applicant, invitation=site.invite("localhost:8443")).request()
    response = client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    assert (response.status_code, reason(response)) == (409, "device-exists")


def test_a_body_that_is_too_large_is_refused_while_it_comes(client, applicant):
    _, headers = applicant.request()
    response = client.post(wire.SIMPLE_ENROLL, content=(b"A" * 1024 for _ in range(64)), headers=headers)
    assert (response.status_code, reason(response)) == (413, "request-too-large")


def test_one_peer_that_tries_too_often_is_slowed(client, applicant):
    _, headers = applicant.request()
    reasons = [
        reason(client.post(wire.SIMPLE_ENROLL, content=b"AAAA", headers={**headers, wire.PROOF_HEADER: f"{n:064x}"}))
        for n in range(11)
    ]
    assert reasons == ["request-damaged"] * 10 + ["too-many-requests"]


def test_a_rate_comes_back_with_time_and_remembers_a_bounded_number_of_peers():
    now = [0.0]
    limit = RateLimit(2, 1.0, lambda: now[0])
    assert [limit.allows("a"), limit.allows("a"), limit.allows("a"), limit.allows("b")] == [True, True, False, True]
    now[0] = 1.0
    assert [limit.allows("a"), limit.allows("a")] == [True, False]
    for peer in range(MAX_PEERS + 10):
        limit.allows(str(peer))
    assert len(limit._peers) == MAX_PEERS


def test_a_nonce_is_known_only_to_its_server_for_its_device_and_its_time():
    now = [1000.0]
    nonces = Nonces(b"k" * 32, lambda: now[0])
    given = nonces.give("wl-1")
    assert nonces.knows("wl-1", given)
    assert not nonces.knows("wl-2", given)
    assert not Nonces(b"l" * 32, lambda: now[0]).knows("wl-1", given)
    assert not any(nonces.knows("wl-1", bad) for bad in ("", ".", "1.", given[:-1], given + "0", "x" * 200, "é.1"))
    now[0] += LIFETIME + 1
    assert not nonces.knows("wl-1", given)


def test_nothing_else_is_answered(client):
    for path in ("/", "/docs", "/openapi.json", "/.well-known/est/csrattrs", "/manifest.json"):
        assert client.get(path).status_code == 404
    assert client.get(wire.SIMPLE_ENROLL).status_code == 405
    assert client.post(wire.CACERTS).status_code == 405


def signed_request(keys: DeviceKeys, nonce: str, server_hash: bytes) -> dict[str, str]:
    signature = keys.sign(wire.manifest_words(keys.device, nonce, server_hash))
    return {wire.DEVICE_HEADER: keys.device, wire.NONCE_HEADER: nonce, wire.SIGNATURE_HEADER: signature}


def test_the_manifest_is_given_to_a_confirmed_device_that_proves_itself_and_to_nobody_else(client, applicant, site):
    keys, server_hash = applicant.keys, applicant.server_hash
    body, headers = applicant.request()
    client.post(wire.SIMPLE_ENROLL, content=body, headers=headers)
    asked = client.get(wire.MANIFEST, headers={wire.DEVICE_HEADER: keys.device})
    assert asked.status_code == 401
    nonce = asked.headers[wire.NONCE_HEADER]
    mine = signed_request(keys, nonce, server_hash)
    waiting = client.get(wire.MANIFEST, headers=mine)
    assert (waiting.status_code, waiting.json()) == (202, {"state": "waiting"})
    site.approve(keys.device, site.pending()[0].digits)

    stranger = DeviceKeys(DeviceKeys.make().identity, keys.signing)
    forged = {**signed_request(stranger, nonce, server_hash), wire.DEVICE_HEADER: keys.device}
    for headers_of_others, status, why in (
        (forged, 401, "signature-wrong"),
        ({**mine, wire.SIGNATURE_HEADER: ""}, 401, "signature-wrong"),
        (signed_request(keys, nonce, bytes(32)), 401, "signature-wrong"),
        ({**mine, wire.NONCE_HEADER: "1.00"}, 401, "sign-this"),
        ({**mine, wire.DEVICE_HEADER: "wl-0000000000"}, 401, "sign-this"),
        ({}, 400, "request-damaged"),
    ):
        response = client.get(wire.MANIFEST, headers=headers_of_others)
        assert (response.status_code, reason(response)) == (status, why)
    assert client.get(wire.MANIFEST, headers=mine).content == site.manifest_raw

    site.revoke(keys.device)
    response = client.get(wire.MANIFEST, headers=mine)
    assert (response.status_code, reason(response)) == (403, "device-revoked")


def test_a_device_that_the_site_does_not_know_is_told_so(client, applicant):
    keys = applicant.keys
    nonce = client.get(wire.MANIFEST, headers={wire.DEVICE_HEADER: keys.device}).headers[wire.NONCE_HEADER]
    response = client.get(wire.MANIFEST, headers=signed_request(keys, nonce, applicant.server_hash))
    assert (response.status_code, reason(response)) == (403, "device-unknown")


def test_two_servers_racing_for_one_secret_issue_once(site, tmp_path):
    invitation = site.invite("127.0.0.1:1")
    start = threading.Barrier(4)
    answers: list[int] = []

    def apply(opened: Site) -> None:
        with serving_enrolment(opened) as running, calling(opened, running) as client:
            body, headers = Applicant(opened, invitation, DeviceKeys.make()).request()
            start.wait()
            answers.append(client.post(wire.SIMPLE_ENROLL, content=body, headers=headers).status_code)

    threads = [threading.Thread(target=apply, args=(Site.load(site.folder),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 403, 403, 403]
    assert len(site.devices()) == 1
    with site.registry.reading() as rows:
        assert rows.execute("SELECT COUNT(*) FROM certificate").fetchone()[0] == 2


def test_a_device_pairs_while_a_second_server_of_the_site_runs(site, tmp_path):
    with serving_enrolment(site) as first, serving_enrolment(Site.load(site.folder)):
        line = site.invite(f"127.0.0.1:{first.port}").line
        device = pair(line, tmp_path / "state", on_digits=lambda d: site.approve(site.pending()[0].id, d))
    assert isinstance(device, DeviceIdentity)


def test_the_server_speaks_tls_1_3_and_nothing_older(enrolment: RunningEnrolment):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((enrolment.host, enrolment.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_garbage_as_a_request_gives_one_error(data):
    with pytest.raises(ValueError, match=r"."):
        read_request(data)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(base64.b64encode))
@settings(max_examples=200)
def test_garbage_as_certificates_gives_one_error(data):
    with pytest.raises(ValueError, match=r"."):
        wire.decode_certificates(data)


def test_digits_depend_on_everything_that_both_ends_saw():
    keys = DeviceKeys.make()
    identity, signing = make_request(keys.identity, keys.device), make_request(keys.signing, keys.device)
    base = wire.Application("id", identity, signing, "Ward 7")
    others = {
        base.digits(b"root", b"server"),
        base.digits(b"other", b"server"),
        base.digits(b"root", b"other"),
        replace(base, invitation="x").digits(b"root", b"server"),
        replace(base, identity_request=signing).digits(b"root", b"server"),
        replace(base, signing_request=identity).digits(b"root", b"server"),
        replace(base, name="x").digits(b"root", b"server"),
    }
    assert len(others) >= 6  # of seven; two of a million may meet once in fifty thousand runs
    assert base.digits(b"root", b"server") == replace(base).digits(b"root", b"server")


def test_no_two_lists_of_parts_share_one_spelling():
    assert wire.spell(b"ab", b"c") != wire.spell(b"a", b"bc")
    assert wire.spell(b"a", b"") != wire.spell(b"a")


VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "enrolment.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=lambda vector: vector["name"])
def test_proof_and_digits_are_those_of_the_vectors(vector):
    application = wire.Application(
        vector["invitation"],
        bytes.fromhex(vector["identity_request"]),
        bytes.fromhex(vector["signing_request"]),
        vector["device_name"],
    )
    root, server = bytes.fromhex(vector["root_hash"]), bytes.fromhex(vector["server_hash"])
    assert application.proof(bytes.fromhex(vector["secret"]), server).hex() == vector["proof"]
    assert application.digits(root, server) == vector["digits"]


def test_a_refusal_carries_its_reason():
    assert EnrolmentRefused(EnrolmentRefusal.PROOF_WRONG).reason is EnrolmentRefusal.PROOF_WRONG


@pytest.mark.parametrize(
    ("silent", "then"), [(KEPT_SECONDS + 1, nullcontext()), (0.0, pytest.raises(EnrolmentUnreachable))]
)
def test_a_connection_that_was_silent_for_long_is_made_anew(
    site: Site, silent: float, then: AbstractContextManager[object]
) -> None:
    """A device tests itself for half a minute, and then has its result to post: the server gave its connection up."""
    now = [0.0]
    context = verified_context(to_pem(site.root).decode())
    with serving_enrolment(site) as first:
        line = Line(Address("127.0.0.1", first.port), context, monotonic=lambda: now[0])
        assert line.ask("GET", wire.CACERTS, {}).status == 200
    with line, serving_enrolment(site, port=first.port):
        now[0] += silent
        with then:
            assert line.ask("GET", wire.CACERTS, {}).status == 200
