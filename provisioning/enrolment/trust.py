"""What a device may believe of what a server shows it, given the invitation alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509.oid import NameOID

from capture.identifiers import DeviceId, SiteId
from provisioning.certificates import subject_names
from provisioning.errors import InvitationNotYetValid, ManifestRefusal, ManifestRefused, SiteNotProven
from provisioning.invitation import Invitation
from provisioning.keys import key_hash, public_der
from provisioning.manifest import SiteManifest, verify_manifest


@dataclass(frozen=True, slots=True)
class Authorities:
    """The root that the invitation names, and what it certified."""

    root: x509.Certificate
    issuing: tuple[x509.Certificate, ...]


def find_authorities(shown: Sequence[x509.Certificate], invitation: Invitation, now: datetime) -> Authorities:
    """The root among `shown` whose key the invitation pins, and the issuing CAs under it.

    Raises:
        SiteNotProven: the root is not there, or certified none of the others.
        InvitationNotYetValid: the root is from the future, so this device's clock is behind.
    """
    root = next((each for each in shown if _hash_of(each) == invitation.root_hash), None)
    if root is None or not is_issued_by(root, root) or not _is_authority(root):
        raise SiteNotProven
    issuing = tuple(each for each in shown if each != root and _is_authority(each) and is_issued_by(each, root))
    if not issuing:
        raise SiteNotProven
    if now < root.not_valid_before_utc:
        raise InvitationNotYetValid
    return Authorities(root, issuing)


def find_chains(
    shown: Sequence[x509.Certificate],
    authorities: Authorities,
    site: SiteId,
    device: DeviceId,
    keys: Sequence[EllipticCurvePublicKey],
) -> list[tuple[x509.Certificate, ...]]:
    """For each of `keys` its certificate and its issuer's, as a device of this site should get them.

    Raises:
        SiteNotProven: one is missing, names somebody else, or comes from elsewhere.
    """
    uri = x509.UniformResourceIdentifier(f"spiffe://{site}/device/{device}")
    chains: list[tuple[x509.Certificate, ...]] = []
    for key in keys:
        leaf = next((each for each in shown if _der_of(each) == public_der(key)), None)
        issuer = next((each for each in authorities.issuing if leaf is not None and is_issued_by(leaf, each)), None)
        if leaf is None or issuer is None or subject_names(leaf) != [uri] or _common_names(leaf) != [device]:
            raise SiteNotProven("The hospital's server answered with certificates that are not this device's. Call IT.")
        chains.append((leaf, issuer))
    return chains


def check_manifest(raw: bytes, authorities: Authorities, invitation: Invitation, now: datetime) -> SiteManifest:
    """The manifest in `raw`, when it is this site's, in force, and seals to the key that the invitation pins.

    Raises:
        ManifestRefused: it is not; `reason` says why.
    """
    manifest = verify_manifest(raw, authorities.root, site=invitation.site, now=now)
    if invitation.sealing_hash not in {term.hash for term in manifest.sealing}:
        raise ManifestRefused(
            ManifestRefusal.WRONG_SEALING_KEY,
            "The hospital's sealing key is not the one that the invitation names. Ask IT for a new invitation.",
        )
    return manifest


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed `certificate` and bears the name that it gives."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def _common_names(certificate: x509.Certificate) -> list[str]:
    return [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _hash_of(certificate: x509.Certificate) -> bytes | None:
    key = _key_of(certificate)
    return None if key is None else key_hash(key)


def _der_of(certificate: x509.Certificate) -> bytes | None:
    key = _key_of(certificate)
    return None if key is None else public_der(key)


def _key_of(certificate: x509.Certificate) -> EllipticCurvePublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) else None
