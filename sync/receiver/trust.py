"""What the receiver is given from the site's keys, as ports: it holds no key file and asks nobody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from capture.identifiers import DeviceId

DeviceStatus = Literal["active", "revoked", "unknown"]

LedgerKeys = Mapping[str, ec.EllipticCurvePublicKey | None]
"""The chains of a device's ledger, each with the key that signs its heads; None where the site does not know it."""


class DeviceTrust(Protocol):
    """Which devices are the site's own. Asked anew for every envelope, so that a revocation works at once."""

    def authorities(self) -> Sequence[x509.Certificate]:
        """The issuing certificates that device certificates must come from."""
        ...

    def status(self, device: DeviceId) -> str:
        """`active`, `revoked`, or `unknown`; anything else is taken as unknown."""
        ...

    def ledger_keys(self, device: DeviceId) -> LedgerKeys:
        """The chains that an active device writes, and whose heads they are."""
        ...


class ReceiptSigner(Protocol):
    """Signs receipts with the site's receipt key."""

    @property
    def key_id(self) -> str:
        """The key's name in the site manifest."""
        ...

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Ed25519 over `data`, 64 bytes (RFC 8032)."""
        ...


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A :class:`ReceiptSigner` over a key in memory."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies."""
        return self.private.public_key()

    def sign(self, data: bytes) -> bytes:
        """64 bytes over `data`."""
        return self.private.sign(data)


@dataclass(frozen=True, slots=True)
class FixedTrust:
    """A :class:`DeviceTrust` over values: what the tests, and a receiver without a site folder, use."""

    issuers: tuple[x509.Certificate, ...]
    devices: Mapping[str, DeviceStatus]
    ledgers: Mapping[str, LedgerKeys] = field(default_factory=dict)

    def authorities(self) -> Sequence[x509.Certificate]:
        """The issuing certificates."""
        return self.issuers

    def status(self, device: DeviceId) -> str:
        """The device's status."""
        return self.devices.get(device, "unknown")

    def ledger_keys(self, device: DeviceId) -> LedgerKeys:
        """The device's chains and their keys."""
        return self.ledgers.get(device, {})


ReceiptKeys = Callable[[], Mapping[str, Ed25519PublicKey]]
"""The receipt keys the site has published, by name; asked anew each time, because keys rotate."""
