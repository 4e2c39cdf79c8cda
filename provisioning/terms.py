"""What a site manifest says, as values that are legal by construction. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.identifiers import SiteId
from provisioning.invitation import Address
from provisioning.roster import Clinician

# ML-KEM-768 encapsulation key (FIPS 203, 1184 bytes) and X25519 public key (32 bytes), one after the other.
SEALING_KEY_BYTES = 1216

_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
RECEIVER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)


class SealingUse(Enum):
    """Who holds the private half of a sealing key."""

    SITE = "site"
    BREAK_GLASS = "break-glass"


@dataclass(frozen=True, slots=True)
class SealingTerm:
    """A sealing key in force: every Capture is sealed to each of them."""

    key_id: str
    use: SealingUse
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != SEALING_KEY_BYTES or self.key_id != hashlib.sha256(self.public).hexdigest():
            raise ValueError("a sealing key is 1216 bytes and named by their SHA-256")

    @property
    def hash(self) -> bytes:
        """What an invitation pins the key by."""
        return bytes.fromhex(self.key_id)


class Protocol(Enum):
    """Which MQTT a device speaks to the broker."""

    AUTO = "auto"
    MQTT_3_1_1 = "4"
    MQTT_5 = "5"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and what it speaks. TLS 1.3 both ways, always."""

    host: str = "localhost"
    port: int = 8883
    protocol: Protocol = Protocol.AUTO

    def __post_init__(self) -> None:
        Address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site asks of every device."""

    version: int = 1
    lock_seconds: int = 60

    def __post_init__(self) -> None:
        if not 1 <= self.version < 2**31 or not 15 <= self.lock_seconds <= 900:
            raise ValueError("a policy has a version from 1, and the screen locks after 15 to 900 seconds")


@dataclass(frozen=True, slots=True)
class SiteManifest:
    """What a site tells its devices. Times are whole seconds, UTC."""

    site: SiteId
    name: str
    version: int
    issued: datetime
    expires: datetime
    authorities: tuple[x509.Certificate, ...]
    sealing: tuple[SealingTerm, ...]
    receipt_keys: Mapping[str, Ed25519PublicKey]
    policy: Policy
    roster: tuple[Clinician, ...]
    broker: BrokerAddress
    receivers: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.version < 1 or self.expires <= self.issued:
            raise ValueError("a manifest has a version from 1 and expires after it is issued")
        check_name(self.name)
        if not self.authorities or not self.sealing or not self.receipt_keys:
            raise ValueError("a manifest names at least one authority, one sealing key and one receipt key")
        if len({clinician.badge for clinician in self.roster}) != len(self.roster):
            raise ValueError("a badge stands twice on the roster")

    def expired(self, now: datetime) -> bool:
        """Whether IT should have issued a newer one by `now`."""
        return now > self.expires


def check_key_id(text: str) -> str:
    """`text` as a key id.

    Raises:
        ValueError: not 1 to 64 lowercase letters, digits and hyphens.
    """
    if not _KEY_ID.fullmatch(text):
        raise ValueError("a key id is 1 to 64 lowercase letters, digits and hyphens")
    return text


def check_name(name: str) -> str:
    """`name` as what people call a hospital or a device.

    Raises:
        ValueError: not 1 to 80 printable characters.
    """
    if not 1 <= len(name) <= 80 or not name.isprintable() or name != name.strip():
        raise ValueError("a name is 1 to 80 printable characters")
    return name


def check_receiver(name: str) -> str:
    """`name` as the name of a receiver.

    Raises:
        ValueError: not 1 to 32 lowercase letters, digits and inner hyphens.
    """
    if not RECEIVER_NAME.fullmatch(name):
        raise ValueError("a receiver's name is 1 to 32 lowercase letters, digits and inner hyphens")
    return name
