"""A paired device that asks its site again: newest manifest, commands, fresh certificates. A shell.

The keys stay; the certificates are made anew. It reads the identity key and nothing else that is private: the signing
key has signed its certificate request once, at pairing, and that request is all that a renewal needs of it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cryptography import x509

from provisioning import durable
from provisioning.certificates import renewal_due, to_pem
from provisioning.clock import Clock, utc_now
from provisioning.enrolment import wire
from provisioning.enrolment.line import Line, verified_context
from provisioning.enrolment.nonces import LIFETIME
from provisioning.enrolment.trust import Authorities, find_chains
from provisioning.enrolment.waiting import IdentityKey, ask_manifest, ask_nonce, signed_headers
from provisioning.errors import (
    EnrolmentUnreachable,
    IdentityDamaged,
    KeyExposed,
    SigningRequestMissing,
    SiteNotProven,
    StorageRefused,
)
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.invitation import Address
from provisioning.keys import public_der, read_ec_key, told_by_the_tpm
from provisioning.manifest import verify_manifest
from provisioning.requests import make_request, read_request


def is_due(identity: DeviceIdentity, now: datetime) -> bool:
    """Whether two thirds of the life of either certificate are over."""
    return any(renewal_due(chain[0], now) for chain in (identity.identity_chain, identity.signing_chain))


class SiteCall:
    """One connection of a paired device to its site's enrolment server."""

    def __init__(self, server: Line, identity: DeviceIdentity, key: IdentityKey) -> None:
        self._server = server
        self._identity = identity
        self._key = key
        self._nonce = ""
        self._nonce_at = 0.0

    def refresh(self, *, clock: Clock = utc_now) -> bool:
        """Whether there was a newer manifest; it is in force now. Never an older one than the device had.

        Raises:
            ManifestRefused: what came may not be believed; the manifest known so far stays.
            EnrolmentRefused: the site says no, and why.
            TrustUnusable: no network, or no disk.
        """
        known = self._identity.manifest.version
        raw = ask_manifest(self._server, self._key, known, self._fresh())
        if raw is None:
            return False
        verify_manifest(raw, self._identity.root, site=self._identity.site, minimum_version=known, now=clock())
        if raw != self._identity.manifest_raw:
            _write(StateLayout(self._identity.state).manifest, raw, otherwise=durable.PRIVATE)
        return raw != self._identity.manifest_raw

    def renew(self) -> None:
        """Both certificates, fresh, for the keys that the device has.

        Raises:
            EnrolmentRefused: the site says no, and why.
            SiteNotProven: what it answers with is not this device's.
            TrustUnusable: no network, no disk, or the signing key's request is not there.
        """
        identity, key = self._identity, self._key
        requests = make_request(key.identity, key.device), signing_request(identity)
        nonce = self._fresh()
        words = wire.renewal_words(key.device, nonce, self._server.server_hash, *requests)
        headers = {
            "content-type": "application/pkcs10",
            "content-transfer-encoding": "base64",
            wire.SIGNING_HEADER: base64.b64encode(requests[1]).decode(),
            **signed_headers(key, nonce, words),
        }
        answer = self._server.ask("POST", wire.SIMPLE_REENROLL, headers, base64.b64encode(requests[0]))
        try:
            shown = wire.decode_certificates(answer.body)
        except ValueError as error:
            raise SiteNotProven from error
        mine = [key.identity.public_key(), read_request(requests[1])[1]]
        # A manifest that came in this very call may name another issuing CA.
        known = DeviceIdentity.load(identity.state)
        chains = find_chains(shown, Authorities(known.root, known.authorities), identity.site, key.device, mine)
        layout = StateLayout(identity.state)
        _write(layout.certificate("identity"), to_pem(*chains[0]))
        _write(layout.certificate("signing"), to_pem(*chains[1]))

    def command(self, after: int) -> bytes | None:
        """The site's next command for this device with a number beyond `after`, unverified; None where there is none.

        Raises:
            EnrolmentRefused: the site says no, and why.
            EnrolmentUnreachable: no answer.
        """
        nonce = self._fresh()
        words = wire.command_words(self._key.device, nonce, self._server.server_hash)
        headers = signed_headers(self._key, nonce, words) | {wire.KNOWN_HEADER: str(after)}
        answer = self._server.ask("GET", wire.COMMAND, headers)
        return answer.body if answer.status == 200 else None

    def piece(self, sha256: str, start: int, count: int) -> bytes:
        """`count` bytes from `start` of the bundle with this digest, unverified.

        Raises:
            EnrolmentRefused: the site says no, and why; `UPDATE_UNKNOWN` where it has no such bundle.
            EnrolmentUnreachable: no answer, or another piece than was asked for.
        """
        nonce = self._fresh()
        words = wire.update_words(self._key.device, nonce, self._server.server_hash, sha256)
        headers = signed_headers(self._key, nonce, words) | {"range": f"bytes={start}-{start + count - 1}"}
        answer = self._server.ask("GET", f"{wire.UPDATE}/{sha256}", headers)
        if answer.status != 206 or len(answer.body) != count:
            raise EnrolmentUnreachable("The hospital's enrolment server sent another piece than was asked for.")
        return answer.body

    def post(self, result: bytes) -> None:
        """The site has what became of a command.

        Raises:
            EnrolmentRefused: the site does not want it, and why.
            EnrolmentUnreachable: no answer.
        """
        _post(self._server, self._key.device, result)

    def _fresh(self) -> str:
        """A nonce of this server; the same for what is asked within a minute, as each request signs what it is."""
        now = time.monotonic()
        if not self._nonce or now - self._nonce_at > LIFETIME / 2:
            self._nonce, self._nonce_at = ask_nonce(self._server, self._key.device), now
        return self._nonce


@contextmanager
def calling(identity: DeviceIdentity) -> Iterator[SiteCall]:
    """A call to the site of `identity`.

    Raises:
        SiteNotProven: whoever answers is not the site.
        TrustUnusable: no network, no key, or a TPM that does not sign with it.
    """
    key = _identity_key(identity)
    with told_by_the_tpm(), Line(identity.enrolment, verified_context(to_pem(identity.root).decode())) as server:
        yield SiteCall(server, identity, key)


def post_result(address: Address, root: x509.Certificate, device: str, result: bytes) -> None:
    """What becomes of a wipe is said by who has no key any more: the result was signed before.

    Raises:
        EnrolmentRefused: the site does not want it, and why.
        SiteNotProven: whoever answers is not the site.
        EnrolmentUnreachable: no answer.
    """
    with Line(address, verified_context(to_pem(root).decode())) as server:
        _post(server, device, result)


def renew(state: Path) -> DeviceIdentity:
    """The identity with fresh certificates for the keys it has.

    Raises:
        NotPaired: there is no identity.
        EnrolmentRefused: the site says no, and why.
        SiteNotProven: whoever answers is not the site.
        TrustUnusable: no network, no disk, or a damaged identity.
    """
    with calling(DeviceIdentity.load(state)) as site:
        site.renew()
    return DeviceIdentity.load(state)


def refresh(state: Path, *, clock: Clock = utc_now) -> DeviceIdentity:
    """The identity with the newest manifest; never with an older one than it had.

    Raises:
        NotPaired: there is no identity.
        ManifestRefused: what came may not be believed; the manifest known so far stays.
        EnrolmentRefused: the site says no, and why.
        SiteNotProven: whoever answers is not the site.
        TrustUnusable: no network, no disk, or a damaged identity.
    """
    with calling(DeviceIdentity.load(state)) as site:
        site.refresh(clock=clock)
    return DeviceIdentity.load(state)


def signing_request(identity: DeviceIdentity) -> bytes:
    """The request of the device's signing key; made now, and kept, where the device was paired before there was one.

    Raises:
        SigningRequestMissing: it is not there, and this process may not read the key that makes it.
        IdentityDamaged: it is for another key or another device.
        StorageRefused: it cannot be written.
    """
    path = StateLayout(identity.state).signing_request
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return _make_signing_request(identity, path)
    except OSError as error:
        raise IdentityDamaged(f"{path} cannot be read ({error.strerror}). Call IT.") from error
    try:
        name, key = read_request(raw)
    except ValueError as error:
        raise IdentityDamaged(f"{path} is damaged ({error}). Remove it, then run `wardlens device renew`.") from error
    certified = identity.signing_chain[0].public_key()
    if name != identity.device or public_der(key) != public_der(certified):  # type: ignore[arg-type]  # ours are EC
        raise IdentityDamaged(f"{path} is for another key. Remove it, then run `wardlens device renew`.")
    return raw


def _make_signing_request(identity: DeviceIdentity, path: Path) -> bytes:
    try:
        raw = make_request(read_ec_key(identity.signing_key), identity.device)
    except KeyExposed:
        raise
    except OSError as error:
        raise SigningRequestMissing from error
    except ValueError as error:
        raise IdentityDamaged(f"This device's keys cannot be read ({error}). Wipe it and pair it again.") from error
    _write(path, raw)
    return raw


def _identity_key(identity: DeviceIdentity) -> IdentityKey:
    try:
        return IdentityKey(read_ec_key(identity.identity_key))
    except (OSError, ValueError) as error:
        raise IdentityDamaged(f"This device's keys cannot be read ({error}). Wipe it and pair it again.") from error


def _post(server: Line, device: str, result: bytes) -> None:
    server.ask("POST", wire.RESULT, {wire.DEVICE_HEADER: device, "content-type": "application/json"}, result)


def _write(path: Path, data: bytes, otherwise: int = durable.PUBLIC) -> None:
    try:
        durable.rewrite(path, data, otherwise=otherwise)
    except OSError as error:
        raise StorageRefused(f"{path} cannot be written: {error.strerror or error}.") from error
