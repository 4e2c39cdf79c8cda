"""The device's side of trust: who this device is and whom it believes, read from its state folder.

Light: no picture, no model, no server is loaded by it. Private keys are named, never read: each belongs to one service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.envelope import SealingKey
from capture.identifiers import DeviceId, SiteId, device_id, site_id
from provisioning import canonical
from provisioning.certificates import from_pem
from provisioning.errors import IdentityDamaged, ManifestRefused, NotAccepted, NotPaired
from provisioning.invitation import Address, parse_address
from provisioning.keys import key_hash
from provisioning.manifest import SiteManifest, verify_manifest
from provisioning.roster import Clinician
from provisioning.terms import BrokerAddress, check_name

FORMAT = "wardlens-device/1"
_FACTS = {"format", "device", "site", "name", "enrolment", "root", "created"}
_KEYS = "keys"
"""The one fact that need not be there: an older Wardlens, which knows no TPM, can still be gone back to from files."""


class KeyPlace(StrEnum):
    """Where a device has its private keys."""

    FILE = "file"
    TPM = "tpm"


@dataclass(frozen=True, slots=True)
class StateLayout:
    """Where everything of a device's identity lies in its state folder."""

    folder: Path

    @property
    def facts(self) -> Path:
        """Which device of which site this is. Written last: where it is, the device is paired."""
        return self.folder / "device.json"

    @property
    def manifest(self) -> Path:
        """The site manifest, as received."""
        return self.folder / "site-manifest.json"

    @property
    def root(self) -> Path:
        """The site's root certificate, pinned at pairing."""
        return self.folder / "certificates" / "root.pem"

    @property
    def signing_request(self) -> Path:
        """The certificate request of the signing key (PKCS#10, DER), signed by that key once: renewal needs no more."""
        return self.folder / "certificates" / "signing.csr"

    @property
    def label(self) -> Path:
        """What IT calls the device since it renamed it; not there before that."""
        return self.folder / "name"

    def key(self, name: str) -> Path:
        """The private key called `identity` or `signing`: PKCS#8, or a blob that this device's TPM loads."""
        return self.folder / "keys" / f"{name}.pem"

    def certificate(self, name: str) -> Path:
        """Its certificate, then the issuing CA's."""
        return self.folder / "certificates" / f"{name}.pem"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A paired device."""

    state: Path
    device: DeviceId
    site: SiteId
    name: str
    enrolment: Address
    root: x509.Certificate
    identity_chain: tuple[x509.Certificate, ...]
    signing_chain: tuple[x509.Certificate, ...]
    manifest: SiteManifest
    manifest_raw: bytes = field(repr=False)
    keys: KeyPlace = KeyPlace.FILE

    @classmethod
    def load(cls, state: Path) -> Self:
        """The identity in the folder `state`, its manifest verified against the pinned root.

        No clock is asked: a device that lost its time still knows whom it trusts. `manifest.expired(now)` tells more.

        Raises:
            NotPaired: there is none.
            IdentityDamaged: something of it is missing or altered.
        """
        layout = StateLayout(state)
        if not layout.facts.is_file():
            raise NotPaired
        try:
            return cls._read(state, layout)
        except (OSError, ValueError, ManifestRefused, NotAccepted) as error:
            raise IdentityDamaged(f"This device's identity is damaged ({error}). Wipe it and pair it again.") from error

    @classmethod
    def _read(cls, state: Path, layout: StateLayout) -> Self:
        facts = canonical.decode(layout.facts.read_bytes())
        if facts.keys() - {_KEYS} != _FACTS or facts["format"] != FORMAT:
            raise ValueError(f"{layout.facts.name} is of another format")
        root = from_pem(layout.root.read_bytes())[0]
        key = root.public_key()
        if not isinstance(key, EllipticCurvePublicKey) or key_hash(key).hex() != facts["root"]:
            raise ValueError(f"{layout.root.name} is not the root that was pinned")
        raw = layout.manifest.read_bytes()
        site = site_id(str(facts["site"]))
        return cls(
            state=state,
            device=device_id(str(facts["device"])),
            site=site,
            name=check_name(layout.label.read_text() if layout.label.is_file() else str(facts["name"])),
            enrolment=parse_address(str(facts["enrolment"])),
            root=root,
            identity_chain=tuple(from_pem(layout.certificate("identity").read_bytes())),
            signing_chain=tuple(from_pem(layout.certificate("signing").read_bytes())),
            manifest=verify_manifest(raw, root, site=site),
            manifest_raw=raw,
            keys=KeyPlace(str(facts.get(_KEYS, KeyPlace.FILE.value))),
        )

    @property
    def identity_key(self) -> Path:
        """The private key of the sync service: TLS and its ledger chain."""
        return StateLayout(self.state).key("identity")

    @property
    def identity_certificate(self) -> Path:
        """Its certificate and the issuing CA's."""
        return StateLayout(self.state).certificate("identity")

    @property
    def signing_key(self) -> Path:
        """The private key of the camera service: envelopes and its ledger chain."""
        return StateLayout(self.state).key("signing")

    @property
    def signing_certificate(self) -> Path:
        """Its certificate and the issuing CA's."""
        return StateLayout(self.state).certificate("signing")

    @property
    def root_certificate(self) -> Path:
        """What the device verifies the broker against."""
        return StateLayout(self.state).root

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """The site's issuing certificates."""
        return self.manifest.authorities

    @property
    def sealing_keys(self) -> tuple[SealingKey, ...]:
        """What every Capture is sealed to: the site's own key first."""
        return tuple(SealingKey.from_bytes(term.public) for term in self.manifest.sealing)

    @property
    def receipt_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Whose receipts count, by the key's name."""
        return self.manifest.receipt_keys

    @property
    def broker(self) -> BrokerAddress:
        """Where the broker is."""
        return self.manifest.broker

    @property
    def roster(self) -> tuple[Clinician, ...]:
        """Who may sign in."""
        return self.manifest.roster

    @property
    def certificate_until(self) -> datetime:
        """When the first of the two certificates ends."""
        return min(self.identity_chain[0].not_valid_after_utc, self.signing_chain[0].not_valid_after_utc)


class IdentityFollower:
    """The identity in a state folder, as it is now: read and verified again only when one of its files has changed.

    Args:
        state: the folder.
    """

    def __init__(self, state: Path) -> None:
        layout = StateLayout(state)
        names = (layout.certificate("identity"), layout.certificate("signing"))
        self._state = state
        self._label = layout.label
        self._files = (layout.facts, layout.root, layout.manifest, *names)
        self._seen: tuple[tuple[int, int, int], ...] = ()
        self._known: DeviceIdentity | None = None

    def __call__(self) -> DeviceIdentity:
        """The identity.

        Raises:
            NotPaired, IdentityDamaged: as :meth:`DeviceIdentity.load`.
        """
        try:
            found = [file.stat() for file in (*self._files, *([self._label] if self._label.exists() else []))]
        except OSError:
            return DeviceIdentity.load(self._state)  # which says what is missing
        seen = tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)
        if self._known is None or seen != self._seen:
            self._known, self._seen = DeviceIdentity.load(self._state), seen
        return self._known
