"""A paired device that asks its site again: for fresh certificates, and for the newest manifest. A shell.

The keys stay; the certificates are made anew. It reads both private keys, so it runs as the device's owner and not as
one of its services.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from provisioning import durable
from provisioning.certificates import DEVICE_DAYS, to_pem
from provisioning.clock import Clock, utc_now
from provisioning.enrolment import wire
from provisioning.enrolment.line import Line, verified_context
from provisioning.enrolment.trust import Authorities, find_chains
from provisioning.enrolment.waiting import DeviceKeys, ask_manifest, ask_nonce, signed_headers
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, IdentityDamaged, SiteNotProven, StorageRefused
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.keys import read_ec_key
from provisioning.manifest import verify_manifest
from provisioning.requests import make_request


def is_due(identity: DeviceIdentity, now: datetime) -> bool:
    """Whether two thirds of the certificates' life are over."""
    left = identity.certificate_until - now
    return left.total_seconds() < DEVICE_DAYS * 86400 / 3


def renew(state: Path) -> DeviceIdentity:
    """The identity with fresh certificates for the keys it has.

    Raises:
        NotPaired: there is no identity.
        EnrolmentRefused: the site says no, and why.
        SiteNotProven: whoever answers is not the site.
        TrustUnusable: no network, no disk, or a damaged identity.
    """
    identity, keys = _read(state)
    requests = make_request(keys.identity, keys.device), make_request(keys.signing, keys.device)
    with _server(identity) as server:
        nonce = ask_nonce(server, keys.device)
        headers = {
            "content-type": "application/pkcs10",
            "content-transfer-encoding": "base64",
            wire.SIGNING_HEADER: base64.b64encode(requests[1]).decode(),
            **signed_headers(keys, nonce, wire.renewal_words(keys.device, nonce, server.server_hash, *requests)),
        }
        answer = server.ask("POST", wire.SIMPLE_REENROLL, headers, base64.b64encode(requests[0]))
    try:
        shown = wire.decode_certificates(answer.body)
    except ValueError as error:
        raise SiteNotProven from error
    authorities = Authorities(identity.root, identity.authorities)
    mine = [keys.identity.public_key(), keys.signing.public_key()]
    chains = find_chains(shown, authorities, identity.site, keys.device, mine)
    layout = StateLayout(state)
    _write(layout.certificate("identity"), to_pem(*chains[0]))
    _write(layout.certificate("signing"), to_pem(*chains[1]))
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
    identity, keys = _read(state)
    with _server(identity) as server:
        raw = ask_manifest(server, keys)
    if raw is None:
        raise EnrolmentRefused(EnrolmentRefusal.DEVICE_UNKNOWN)
    known = identity.manifest.version
    verify_manifest(raw, identity.root, site=identity.site, minimum_version=known, now=clock())
    _write(StateLayout(state).manifest, raw, mode=durable.PRIVATE)
    return DeviceIdentity.load(state)


def _read(state: Path) -> tuple[DeviceIdentity, DeviceKeys]:
    identity = DeviceIdentity.load(state)
    try:
        return identity, DeviceKeys(read_ec_key(identity.identity_key), read_ec_key(identity.signing_key))
    except (OSError, ValueError) as error:
        raise IdentityDamaged(f"This device's keys cannot be read ({error}). Wipe it and pair it again.") from error


@contextmanager
def _server(identity: DeviceIdentity) -> Iterator[Line]:
    with Line(identity.enrolment, verified_context(to_pem(identity.root).decode())) as server:
        yield server


def _write(path: Path, data: bytes, mode: int = durable.PUBLIC) -> None:
    try:
        durable.write(path, data, mode=mode)
    except OSError as error:
        raise StorageRefused(f"{path} cannot be written: {error.strerror or error}.") from error
