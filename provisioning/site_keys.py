"""The keys and certificates of a site on disk: made, issued, read back. `certificates` decides what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.identifiers import SiteId
from provisioning import certificates, durable, keys
from provisioning.errors import SiteDamaged
from provisioning.site_layout import ISSUING, SiteLayout


class SiteKeys:
    """Reads a site's private keys when they are needed, and issues with them."""

    def __init__(self, layout: SiteLayout, site: SiteId) -> None:
        self._layout = layout
        self._site = site

    def make(self, now: datetime) -> None:
        """Root and issuing CA."""
        root_key, issuing_key = keys.make_authority_key(), keys.make_authority_key()
        root = certificates.make_root(root_key, self._site, now)
        issuer = certificates.Issuer(root, root_key)
        issuing = certificates.make_issuing(issuing_key.public_key(), issuer, self._site, now)
        self._write("root", root_key, root)
        self._write(ISSUING, issuing_key, issuing)

    def make_receipt(self) -> tuple[str, Ed25519PrivateKey]:
        """A fresh receipt key, and the name that receipts give it."""
        key = Ed25519PrivateKey.generate()
        name = "receipt-" + keys.key_hash(key.public_key()).hex()[:16]
        keys.write_key(self._layout.receipt / f"{name}.pem", key)
        return name, key

    def receipt(self, name: str) -> Ed25519PrivateKey:
        """The private half of the receipt key called `name`.

        Raises:
            SiteDamaged: it is not there.
        """
        try:
            return keys.read_ed25519_key(self._layout.receipt / f"{name}.pem")
        except (OSError, ValueError) as error:
            raise SiteDamaged from error

    @property
    def root(self) -> x509.Certificate:
        """The root certificate."""
        return self.chain("root")[0]

    @property
    def issuing(self) -> x509.Certificate:
        """The certificate of the issuing CA."""
        return self.chain(ISSUING)[0]

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """The certificates of the issuing CA and of those before it, the newest first."""
        return tuple(self.chain(ISSUING))

    @property
    def issuer(self) -> certificates.Issuer:
        """The issuing CA with its key, read only to issue."""
        issuing = self.issuing
        named = self._issuing_name(issuing)
        return certificates.Issuer(issuing, self._key(named if self._layout.key(named).exists() else ISSUING))

    def _issuer(self, now: datetime) -> certificates.Issuer:
        end = self.issuing.not_valid_after_utc
        if end <= now:
            raise SiteDamaged(
                f"The site's issuing CA ended on {end:%Y-%m-%d}. Run `wardlens site rotate-ca`, then "
                "`wardlens site renew`, then restart broker, enrolment server and receivers."
            )
        return self.issuer

    def rotate_issuing(self, now: datetime) -> x509.Certificate:
        """A fresh issuing CA, which issues from now on; those before it stay believed.

        The key has a name of its own, so that one file, the certificates, decides which CA it is at any moment.
        """
        key = keys.make_authority_key()
        root = certificates.Issuer(self.root, self.root_key)
        issuing = certificates.make_issuing(key.public_key(), root, self._site, now)
        keys.write_key(self._layout.key(self._issuing_name(issuing)), key)
        durable.write(self._layout.certificate(ISSUING), certificates.to_pem(issuing, *self.authorities))
        return issuing

    @staticmethod
    def _issuing_name(issuing: x509.Certificate) -> str:
        return f"issuing-{issuing.serial_number:x}"

    @property
    def root_key(self) -> EllipticCurvePrivateKey:
        """The root's private key: read only to sign a manifest."""
        return self._key("root")

    def chain(self, name: str) -> list[x509.Certificate]:
        """The certificate called `name` and what follows it in its file.

        Raises:
            SiteDamaged: it is not there.
        """
        try:
            return certificates.from_pem(self._layout.certificate(name).read_bytes())
        except (OSError, ValueError) as error:
            raise SiteDamaged from error

    def issue_server(self, name: str, hosts: Sequence[str], now: datetime) -> None:
        """A fresh certificate for the server called `name`, which answers at `hosts`, and a key where it has none.

        Raises:
            SiteDamaged: the issuing CA has ended.
        """
        issuer = self._issuer(now)
        leaf = certificates.issue_server(issuer, self._leaf_key(name).public_key(), hosts, now)
        self._write_chain(name, leaf, issuer.certificate)

    def issue_receiver(self, name: str, now: datetime) -> None:
        """A fresh client certificate for the receiver called `name`, and a key where it has none.

        Raises:
            SiteDamaged: the issuing CA has ended.
        """
        issuer, named = self._issuer(now), certificates.receiver_common_name(name)
        leaf = certificates.issue_receiver(issuer, self._leaf_key(named).public_key(), self._site, name, now)
        self._write_chain(named, leaf, issuer.certificate)

    def issue_device(
        self, device: str, asked: Sequence[tuple[certificates.Use, EllipticCurvePublicKey]], now: datetime
    ) -> list[x509.Certificate]:
        """One certificate for each of a device's keys, in their order.

        Raises:
            SiteDamaged: the issuing CA has ended.
        """
        issuer = self._issuer(now)
        return [certificates.issue_device(issuer, key, use, self._site, device, now=now) for use, key in asked]

    def _key(self, name: str) -> EllipticCurvePrivateKey:
        try:
            return keys.read_ec_key(self._layout.key(name))
        except (OSError, ValueError) as error:
            raise SiteDamaged from error

    def _leaf_key(self, name: str) -> EllipticCurvePrivateKey:
        """The key that is there, so that one file, the certificate, is all that a renewal replaces."""
        path = self._layout.key(name)
        try:
            return keys.read_ec_key(path)
        except (OSError, ValueError):
            key = keys.make_leaf_key()
            keys.write_key(path, key)
            return key

    def _write(self, name: str, key: EllipticCurvePrivateKey, *chain: x509.Certificate) -> None:
        keys.write_key(self._layout.key(name), key)
        self._write_chain(name, *chain)

    def _write_chain(self, name: str, *chain: x509.Certificate) -> None:
        durable.write(self._layout.certificate(name), certificates.to_pem(*chain))
