"""The site manifest: the keys in force, the policy and the roster, signed by the site's root. Pure.

Bytes in, a verified value out: nothing of a manifest is believed before its signature by the pinned root is. The format
is docs/formats/site-manifest.md.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA384

from provisioning import canonical
from provisioning.clock import seconds
from provisioning.errors import ManifestRefusal, ManifestRefused
from provisioning.manifest_fields import FieldUnknown, read_fields, write_fields
from provisioning.terms import SiteManifest

__all__ = ["MAX_MANIFEST", "SiteManifest", "sign_manifest", "verify_manifest"]

MAX_MANIFEST = 4 * 1024 * 1024
SIGNED_LABEL = b"wardlens site manifest v1\n"
_SKEW = 3600


def sign_manifest(manifest: SiteManifest, root_key: EllipticCurvePrivateKey) -> bytes:
    """The bytes that devices get: canonical JSON of the manifest and the root's signature over it."""
    fields = write_fields(manifest)
    signature = root_key.sign(SIGNED_LABEL + canonical.encode(fields), ECDSA(SHA384()))
    return canonical.encode({"manifest": fields, "signature": base64.b64encode(signature).decode()})


def verify_manifest(
    raw: bytes,
    root: x509.Certificate,
    *,
    site: str,
    minimum_version: int = 0,
    now: datetime | None = None,
) -> SiteManifest:
    """The manifest in `raw`: signed by `root`, `site`'s own, not older than the one known, and in force at `now`.

    Without `now` the time is not looked at: a device that lost its clock still knows whom it trusts.

    Raises:
        ManifestRefused: it may not be believed; `reason` says why.
    """
    fields = _signed_fields(raw, root)
    try:
        manifest = read_fields(fields)
    except FieldUnknown as error:
        raise ManifestRefused(ManifestRefusal.UNKNOWN_FIELD) from error
    except ValueError as error:
        raise ManifestRefused(ManifestRefusal.DAMAGED) from error
    if not all(_issued_by(root, authority) for authority in manifest.authorities):
        raise ManifestRefused(ManifestRefusal.WRONG_ROOT)
    if manifest.site != site:
        raise ManifestRefused(ManifestRefusal.WRONG_SITE, "These keys are for another hospital. Call IT.")
    if manifest.version < minimum_version:
        raise ManifestRefused(ManifestRefusal.ROLLED_BACK, "These keys are older than those known here. Call IT.")
    if now is not None and now > manifest.expires:
        raise ManifestRefused(ManifestRefusal.EXPIRED, "The hospital's list of keys has expired. Call IT.")
    if now is not None and seconds(now) + _SKEW < seconds(manifest.issued):
        raise ManifestRefused(ManifestRefusal.NOT_YET_VALID, "The keys are from the future. Check this device's clock.")
    return manifest


def _signed_fields(raw: bytes, root: x509.Certificate) -> dict[str, Any]:
    if len(raw) > MAX_MANIFEST:
        raise ManifestRefused(ManifestRefusal.TOO_LARGE)
    try:
        outer = canonical.decode(raw)
        if outer.keys() != {"manifest", "signature"} or not isinstance(outer["manifest"], dict):
            raise ValueError("not a signed manifest")
        fields: dict[str, Any] = outer["manifest"]
        signature = base64.b64decode(outer["signature"], validate=True)
        if base64.b64encode(signature).decode() != outer["signature"]:
            raise ValueError("the signature is not in its one spelling")
    except (ValueError, TypeError) as error:
        raise ManifestRefused(ManifestRefusal.DAMAGED) from error
    key = root.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise ManifestRefused(ManifestRefusal.WRONG_ROOT)
    try:
        key.verify(signature, SIGNED_LABEL + canonical.encode(fields), ECDSA(SHA384()))
    except InvalidSignature as error:
        raise ManifestRefused(ManifestRefusal.WRONG_ROOT) from error
    return fields


def _issued_by(root: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        authority.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
