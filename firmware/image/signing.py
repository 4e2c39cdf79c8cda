"""The key that signs a site's updates, for who has none yet: good for trying things out, and for nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS = 3650


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """What signs bundles, and what devices know it by.

    Attributes:
        key: a PEM file, or a PKCS#11 URL.
        certificate: the same.
        keyring: PEM file of the authority that devices trust.
    """

    key: str
    certificate: str
    keyring: Path


def keyring_until(keyring: Path) -> dt.datetime:
    """When the last certificate in `keyring` ends: from then on a device takes no update.

    Raises:
        ValueError: it holds none.
        OSError: it cannot be read.
    """
    return max(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(keyring.read_bytes()))


def development_key(folder: Path) -> UpdateKey:
    """A key of our own in `folder`, made if there is none."""
    key, certificate = folder / "development.key.pem", folder / "development.cert.pem"
    if not (key.exists() and certificate.exists()):
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wardlens development, not for patients")])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
            .sign(private, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        key.touch(mode=0o600)
        key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return UpdateKey(str(key), str(certificate), certificate)
