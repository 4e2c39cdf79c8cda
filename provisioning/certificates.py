"""The certificates of a site: one root, one issuing CA, and what it issues. Values in, values out.

::

    root (P-384, 20 years, path length 1)
    └── issuing CA (P-384, 5 years, path length 0)
        ├── device, identity    spiffe://{site}/device/{id}      client authentication    30 days
        ├── device, signing     spiffe://{site}/device/{id}      document signing         30 days
        ├── receiver            spiffe://{site}/receiver/{name}  client authentication    397 days
        └── broker, enrolment   DNS names, IP addresses          server authentication    397 days

The two certificates of a device name the same device and differ in what they are good for: the key that the sync
service holds opens connections and signs no envelope; the key that the camera service holds signs envelopes and opens
no connection (docs/adr/0008). No leaf lasts longer than its CA. Profile: RFC 5280; document signing: RFC 9336.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ROOT_DAYS = 20 * 365
ISSUING_DAYS = 5 * 365
SERVER_DAYS = 397
DEVICE_DAYS = 30
# Clocks of ward devices are set late; a certificate from the future would lock a fresh one out.
BACKDATED = timedelta(hours=1)

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""id-kp-documentSigning (RFC 9336): what an envelope's certificate must say, and the network's must not."""


class Use(Enum):
    """What a leaf certificate is good for."""

    IDENTITY = "identity"
    SIGNING = "signing"
    RECEIVER = "receiver"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA that can sign: its certificate and the key of it."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey = field(repr=False)


PURPOSE: dict[Use, ObjectIdentifier] = {
    Use.IDENTITY: ExtendedKeyUsageOID.CLIENT_AUTH,
    Use.SIGNING: DOCUMENT_SIGNING,
    Use.RECEIVER: ExtendedKeyUsageOID.CLIENT_AUTH,
    Use.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
}


def make_root(key: EllipticCurvePrivateKey, site: str, now: datetime) -> x509.Certificate:
    """The self-signed root of `site`."""
    name = _name(f"Wardlens root of {site}"[:64])
    builder = _builder(key.public_key(), name, name, key.public_key(), (now, now + timedelta(days=ROOT_DAYS)))
    return _authority(builder, 1).sign(key, SHA384())


def make_issuing(key: EllipticCurvePublicKey, root: Issuer, site: str, now: datetime) -> x509.Certificate:
    """An issuing CA under `root`, which may issue leaves and no further CA."""
    name = _name(f"Wardlens issuing CA of {site}"[:64])
    validity = now, now + timedelta(days=ISSUING_DAYS)
    builder = _builder(key, name, root.certificate.subject, root.key.public_key(), validity)
    return _authority(builder, 0).sign(root.key, SHA384())


def issue_device(
    issuer: Issuer, key: EllipticCurvePublicKey, use: Use, site: str, device: str, *, now: datetime
) -> x509.Certificate:
    """A device's certificate for `use`: common name = device id, and the same name as a SPIFFE URI."""
    uri = x509.UniformResourceIdentifier(f"spiffe://{site}/device/{device}")
    return _leaf(issuer, key, device, [uri], use, (now, DEVICE_DAYS))


def issue_receiver(
    issuer: Issuer, key: EllipticCurvePublicKey, site: str, name: str, now: datetime
) -> x509.Certificate:
    """A receiver's client certificate. Its common name holds a dot, so it can never be the name of a device."""
    uri = x509.UniformResourceIdentifier(f"spiffe://{site}/receiver/{name}")
    return _leaf(issuer, key, receiver_common_name(name), [uri], Use.RECEIVER, (now, SERVER_DAYS))


def issue_server(issuer: Issuer, key: EllipticCurvePublicKey, hosts: Sequence[str], now: datetime) -> x509.Certificate:
    """A server's certificate for `hosts`, names or IP addresses; the first is its common name."""
    names = [_general_name(host) for host in hosts]
    return _leaf(issuer, key, hosts[0][:64], names, Use.SERVER, (now, SERVER_DAYS))


def receiver_common_name(name: str) -> str:
    """The broker's user name of a receiver."""
    return f"receiver.{name}"


def renewal_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether two thirds of the life of `certificate` are over at `now`."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now > certificate.not_valid_before_utc + life * 2 / 3


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether a server with `certificate` may answer at `host`."""
    return _general_name(host) in subject_names(certificate)


def subject_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """The subject alternative names of `certificate`, none if it has none."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and IP addresses at which a server with `certificate` answers."""
    return tuple(
        str(name.value) for name in subject_names(certificate) if isinstance(name, x509.DNSName | x509.IPAddress)
    )


def to_pem(*chain: x509.Certificate) -> bytes:
    """`chain` as PEM, leaf first."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def to_der(certificate: x509.Certificate) -> bytes:
    """`certificate` as DER."""
    return certificate.public_bytes(Encoding.DER)


def from_der(der: bytes) -> x509.Certificate:
    """The certificate that `der` spells.

    Raises:
        ValueError: not an X.509 certificate of version 3 or 1; cryptography has an error of its own for a version.
    """
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


def from_pem(pem: bytes) -> list[x509.Certificate]:
    """The certificates in `pem`, one at least, in their order.

    Raises:
        ValueError: not PEM, or not certificates.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return builder.add_extension(_usage(authority=True), critical=True)


def _leaf(  # noqa: PLR0917 - what a certificate says, in its order
    issuer: Issuer,
    key: EllipticCurvePublicKey,
    common_name: str,
    names: Sequence[x509.GeneralName],
    use: Use,
    validity: tuple[datetime, int],
) -> x509.Certificate:
    now, days = validity
    # Nobody believes a leaf after its CA has ended; a device that knows so renews before.
    until = min(now + timedelta(days=days), issuer.certificate.not_valid_after_utc)
    builder = _builder(key, _name(common_name), issuer.certificate.subject, issuer.key.public_key(), (now, until))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([PURPOSE[use]]), critical=False)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(issuer.key, SHA384())


def _builder(
    key: EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    issuer_key: EllipticCurvePublicKey,
    validity: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    now, until = validity
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
