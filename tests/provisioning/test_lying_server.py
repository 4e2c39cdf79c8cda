"""Servers that hold the right certificate and say the wrong things, and what a device makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from provisioning.certificates import Issuer, Use, issue_device, make_issuing, make_root
from provisioning.enrolment import create_enrolment_app, pair, running, trust, wire
from provisioning.enrolment.waiting import DeviceKeys
from provisioning.errors import (
    EnrolmentUnreachable,
    InvitationNotYetValid,
    ManifestRefused,
    NotAccepted,
    SiteNotProven,
)
from provisioning.invitation import parse_invitation
from provisioning.keys import key_hash, make_authority_key, make_leaf_key
from provisioning.site import Site

NOW = datetime.now(UTC)
Lie = Callable[[Request], Awaitable[Response]]


@contextmanager
def lying(site: Site, path: str, answer: Response) -> Iterator[str]:
    """The site's own server, but for what it says at `path`; an invitation to it."""
    app = create_enrolment_app(site)

    async def lie(request: Request) -> Response:
        return answer

    liar = Starlette()
    liar.add_route(path, lie, methods=["GET", "POST"])
    liar.mount("/", app)
    with running.serving(liar, running.server_context(site), "127.0.0.1", 0) as server:
        yield site.invite(f"127.0.0.1:{server.port}").line


@pytest.mark.parametrize(
    ("path", "answer", "error"),
    [
        (wire.CACERTS, Response(b"not PKCS#7"), SiteNotProven),
        (wire.CACERTS, Response(b""), SiteNotProven),
        (wire.CACERTS, Response(b"A" * 100_000), SiteNotProven),
        (wire.CACERTS, Response(b"A" * (wire.MAX_ANSWER + 1)), EnrolmentUnreachable),
        (wire.CACERTS, Response(b"oops", 500), EnrolmentUnreachable),
        (wire.CACERTS, Response(b'{"error": "no such slug"}', 403), EnrolmentUnreachable),
        (wire.CACERTS, Response(b'["error"]', 403), EnrolmentUnreachable),
        (wire.SIMPLE_ENROLL, Response(b"not PKCS#7"), SiteNotProven),
        (wire.SIMPLE_ENROLL, Response(b"", 503), EnrolmentUnreachable),
        (wire.MANIFEST, Response(b"{}"), ManifestRefused),
        (wire.MANIFEST, Response(b"A" * (4 * 1024 * 1024 + 1)), ManifestRefused),
    ],
)
def test_whatever_a_server_says_a_device_stays_unpaired_with_a_sentence(site, tmp_path, path, answer, error):
    with lying(site, path, answer) as line, pytest.raises(error, match=r"\.$"):
        pair(line, tmp_path / "state", on_digits=lambda _: None, deadline=0)
    assert not (tmp_path / "state" / "device.json").exists()


def test_certificates_of_another_device_are_refused(site, tmp_path):
    other = DeviceKeys.make()
    asked = [(Use.IDENTITY, other.identity.public_key()), (Use.SIGNING, other.signing.public_key())]
    leaves = site.keys.issue_device(other.device, asked, NOW)
    answer = Response(wire.encode_certificates([*leaves, site.keys.issuing]))
    with lying(site, wire.SIMPLE_ENROLL, answer) as line, pytest.raises(SiteNotProven, match="not this device's"):
        pair(line, tmp_path / "state", on_digits=lambda _: None)


@pytest.fixture
def invitation(site):
    return parse_invitation(site.invite("localhost:8443").line)


def self_signed(key, *, authority: bool) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA384())


def test_a_root_that_is_no_authority_or_certified_nobody_is_refused(site, invitation):
    key = make_authority_key()
    pinned = replace(invitation, root_hash=key_hash(key.public_key()))
    root = make_root(key, site.id, NOW)
    stranger = make_root(make_authority_key(), site.id, NOW)
    issuing = make_issuing(make_leaf_key().public_key(), Issuer(root, key), site.id, NOW)
    leaf = issue_device(Issuer(root, key), make_leaf_key().public_key(), Use.IDENTITY, site.id, "wl-1", now=NOW)
    assert trust.find_authorities([stranger, issuing, root], pinned, NOW).issuing == (issuing,)
    for shown in (
        [],
        [issuing],
        [root],
        [root, stranger],
        [root, leaf],
        [self_signed(key, authority=False), issuing],
        [self_signed(ed25519.Ed25519PrivateKey.generate(), authority=True), issuing],
    ):
        with pytest.raises(SiteNotProven):
            trust.find_authorities(shown, pinned, NOW)


def test_a_root_from_the_future_is_a_word_on_the_clock(site, invitation):
    with pytest.raises(InvitationNotYetValid, match="clock"):
        trust.find_authorities([site.root, site.keys.issuing], invitation, NOW - timedelta(days=3))


def test_a_certificate_of_another_name_issuer_or_key_is_not_this_devices(site, invitation):
    authorities = trust.find_authorities([site.root, site.keys.issuing], invitation, NOW)
    keys = DeviceKeys.make()
    mine = keys.identity.public_key()
    stranger_key = ec.generate_private_key(ec.SECP384R1())
    stranger = Issuer(make_root(stranger_key, site.id, NOW), stranger_key)
    good = issue_device(site.keys.issuer, mine, Use.IDENTITY, site.id, keys.device, now=NOW)
    ((leaf, issuer),) = trust.find_chains([good], authorities, site.id, keys.device, [mine])
    assert (leaf, issuer) == (good, site.keys.issuing)
    for shown in (
        [],
        [self_signed(ed25519.Ed25519PrivateKey.generate(), authority=True)],
        [issue_device(stranger, mine, Use.IDENTITY, site.id, keys.device, now=NOW)],
        [issue_device(site.keys.issuer, mine, Use.IDENTITY, site.id, "wl-1", now=NOW)],
        [issue_device(site.keys.issuer, mine, Use.IDENTITY, "south", keys.device, now=NOW)],
        [issue_device(site.keys.issuer, make_leaf_key().public_key(), Use.IDENTITY, site.id, keys.device, now=NOW)],
    ):
        with pytest.raises(SiteNotProven):
            trust.find_chains(shown, authorities, site.id, keys.device, [mine])


def test_an_address_that_is_taken_is_a_sentence(site, enrolment):
    with (
        pytest.raises(NotAccepted, match="cannot listen"),
        running.serving_enrolment(site, enrolment.host, enrolment.port),
    ):
        pytest.fail("nobody can listen there twice")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_server_process_serves_until_it_is_told_to_stop(site, tmp_path, approving, how):
    program = (
        "import sys; from pathlib import Path; from provisioning.site import Site\n"
        "from provisioning.enrolment import run_enrolment\n"
        "say = lambda running: print(running.port, file=sys.stderr, flush=True)\n"
        "run_enrolment(Site.load(Path(sys.argv[1])), '127.0.0.1', 0, on_ready=say)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(site.folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        port = int(server.stderr.readline())
        assert pair(site.invite(f"127.0.0.1:{port}").line, tmp_path / "state", on_digits=approving)
        os.kill(server.pid, how)
        assert "Traceback" not in server.stderr.read()
