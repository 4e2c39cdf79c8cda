"""A site made for the tests: certificates, and real brokers over TLS on loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.brokers import PrivateMosquitto
from sync.mqtt import TlsFiles

SITE = "north-hospital"

MOSQUITTO = """
per_listener_settings false
listener {port} 127.0.0.1
cafile {ca}
certfile {certificate}
keyfile {key}
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {acl}
persistence false
max_inflight_messages 20
max_queued_messages 1000
max_packet_size {packet}
log_dest stdout
"""

RIGHTS = """
pattern write wardlens/v1/%u/up/#
pattern readwrite wardlens/v1/%u/state
pattern read wardlens/v1/%u/down/#
pattern read wardlens/v1/site/receivers
user receiver-1
topic read wardlens/v1/+/up/#
topic read wardlens/v1/+/state
topic write wardlens/v1/+/down/+
topic readwrite wardlens/v1/site/receivers
"""


class Certificates:
    """A throw-away authority and what it signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{SITE} test authority")])
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def issue(self, name: str, alternative: list[x509.GeneralName], usage: x509.ObjectIdentifier) -> TlsFiles:
        """A certificate and key with these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
            .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = TlsFiles(self.ca, self.folder / f"{name}.pem", self.folder / f"{name}.key")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        files.key.chmod(0o600)
        return files

    def server(self, name: str = "broker", *, host: str = "localhost") -> TlsFiles:
        """A broker's certificate."""
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        return self.issue(name, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, role: str, name: str) -> TlsFiles:
        """A device's or a receiver's certificate."""
        uri = x509.UniformResourceIdentifier(f"spiffe://{SITE}/{role}/{name}")
        return self.issue(name, [uri], ExtendedKeyUsageOID.CLIENT_AUTH)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One throw-away authority for all tests of this room."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Another authority, that nobody here trusts."""
    return Certificates(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a port that was free a moment ago."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


class RunningBroker(Protocol):
    """A broker that a test may end and start again at the same port."""

    port: int
    kind: str
    speaks: Any

    def kill(self) -> None: ...

    def start(self) -> None: ...


@dataclass
class _Mosquitto:
    port: int
    process: PrivateMosquitto
    kind: str = "mosquitto"
    speaks: Any = "auto"

    def kill(self) -> None:
        self.process.kill()

    def start(self) -> None:
        self.process.start()


_RUN_EMBEDDED = """
import sys
from pathlib import Path
from sync.brokers.embedded import EmbeddedBroker, run_embedded_broker
site, port, ca, certificate, key = sys.argv[1:]
broker = EmbeddedBroker(site, "127.0.0.1", int(port), Path(ca), Path(certificate), Path(key))
run_embedded_broker(broker, ready=lambda: print("ready", flush=True))
"""


class _Embedded:
    kind = "amqtt"
    speaks = 4

    def __init__(self, port: int, server: TlsFiles) -> None:
        self.port = port
        self._server = server
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        files = [str(self._server.ca), str(self._server.certificate), str(self._server.key)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN_EMBEDDED, SITE, str(self.port), *files], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert any(line == "ready\n" for line in self._process.stdout), "the embedded broker did not start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def mosquitto(
    certificates: Certificates, tmp_path: Path, free_port: Callable[[], int], program: Callable[[str], Path]
) -> Iterator[Callable[..., RunningBroker]]:
    """Starts a real Mosquitto with the site's certificates and rights."""
    program("mosquitto")
    with ExitStack() as running:

        def start(*, packet: int = 300_000, host: str = "localhost") -> RunningBroker:
            port = free_port()
            server = certificates.server(f"broker-of-{host}", host=host)
            acl = tmp_path / "rights.acl"
            acl.write_text(RIGHTS)
            acl.chmod(0o600)
            text = MOSQUITTO.format(
                port=port, ca=server.ca, certificate=server.certificate, key=server.key, acl=acl, packet=packet
            )
            process = PrivateMosquitto(text, tmp_path / f"mosquitto-{port}", host="127.0.0.1", port=port)
            running.enter_context(process)
            return _Mosquitto(port, process)

        yield start


@pytest.fixture
def embedded(certificates: Certificates, free_port: Callable[[], int]) -> Iterator[Callable[..., RunningBroker]]:
    """Starts the embedded broker in its own process."""
    with ExitStack() as running:

        def start() -> RunningBroker:
            server = certificates.server()
            broker = _Embedded(free_port(), server)
            broker.start()
            running.callback(broker.kill)
            return broker

        yield start


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest) -> RunningBroker:
    """Each kind of broker in turn, running."""
    return request.getfixturevalue("mosquitto" if request.param == "mosquitto" else "embedded")()


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """A test that leaves a thread of ours running is wrong."""
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("wardlens")] == []
