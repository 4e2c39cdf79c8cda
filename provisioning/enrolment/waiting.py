"""What an enrolled device does until IT has confirmed it: asks for the manifest, proving who it is, and waits."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from capture.identifiers import DeviceId
from provisioning.enrolment import wire
from provisioning.enrolment.line import Line
from provisioning.errors import ApprovalTimedOut, EnrolmentUnreachable
from provisioning.invitation import Address
from provisioning.keys import KeyMaker, make_leaf_key
from provisioning.requests import device_of_key

POLL = 0.3


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """The key by which a site knows a device: all that it needs to go on being one."""

    identity: EllipticCurvePrivateKey = field(repr=False)

    @property
    def device(self) -> DeviceId:
        """The device's id, which is its identity key's."""
        return device_of_key(self.identity.public_key())

    def sign(self, words: bytes) -> str:
        """The identity key's signature over `words`, as a header holds it."""
        return base64.b64encode(self.identity.sign(words, ECDSA(SHA256()))).decode()


@dataclass(frozen=True, slots=True)
class DeviceKeys(IdentityKey):
    """The two keys of a device: one for its network, one for its envelopes."""

    signing: EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, make_key: KeyMaker = make_leaf_key) -> Self:
        """Two fresh keys, and with them a device id."""
        return cls(make_key(), make_key())


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a person."""

    until: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    def wait(self) -> None:
        """A moment.

        Raises:
            ApprovalTimedOut: there is none left.
        """
        if self.monotonic() + POLL > self.until:
            raise ApprovalTimedOut
        self.sleep(POLL)


def await_manifest(address: Address, context: ssl.SSLContext, keys: DeviceKeys, patience: Patience) -> bytes:
    """The manifest's bytes, once IT has confirmed. A network that goes away meanwhile is waited for too.

    Raises:
        EnrolmentRefused: IT refused the device.
        SiteNotProven: somebody else answers now.
        ApprovalTimedOut: nobody confirmed in time.
    """
    while True:
        try:
            with Line(address, context) as server:
                while (raw := ask_manifest(server, keys)) is None:
                    patience.wait()
                return raw
        except EnrolmentUnreachable:
            patience.wait()


def ask_manifest(server: Line, keys: IdentityKey, known: int = 0, nonce: str = "") -> bytes | None:
    """The manifest's bytes; None while IT has not confirmed, or where `known` is the newest version.

    `nonce` is one of this server, if there is one already.

    Raises:
        EnrolmentRefused: the site says no.
        EnrolmentUnreachable: no answer.
    """
    nonce = nonce or ask_nonce(server, keys.device)
    words = wire.manifest_words(keys.device, nonce, server.server_hash)
    headers = signed_headers(keys, nonce, words) | {wire.KNOWN_HEADER: str(known)}
    answer = server.ask("GET", wire.MANIFEST, headers)
    return answer.body if answer.status == 200 else None


def ask_nonce(server: Line, device: DeviceId) -> str:
    """Something fresh of this server to sign."""
    return server.ask("GET", wire.MANIFEST, {wire.DEVICE_HEADER: device}).headers.get(wire.NONCE_HEADER, "")


def signed_headers(keys: IdentityKey, nonce: str, words: bytes) -> dict[str, str]:
    """The headers by which a server recognises the device."""
    return {wire.DEVICE_HEADER: keys.device, wire.NONCE_HEADER: nonce, wire.SIGNATURE_HEADER: keys.sign(words)}
