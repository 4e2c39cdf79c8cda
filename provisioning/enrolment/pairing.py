"""Pairing, the device's side: from the invitation's line to a state folder that says whose device this is.

A shell around `states`, `trust` and `wire`: it connects, waits and writes, and decides nothing. Until the last file is
written the device is unpaired; whatever interrupts it leaves a device that can be paired again.
"""

from __future__ import annotations

import base64
import fcntl
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from capture.identifiers import DeviceId
from provisioning import durable
from provisioning.certificates import to_pem
from provisioning.clock import Clock, utc_now
from provisioning.enrolment import wire
from provisioning.enrolment.line import Line, unverified_context, verified_context
from provisioning.enrolment.states import PairingEvent, PairingState, apply
from provisioning.enrolment.trust import Authorities, check_manifest, find_authorities, find_chains
from provisioning.enrolment.writing import NewIdentity, write_identity
from provisioning.errors import (
    AlreadyPaired,
    ApprovalTimedOut,
    EnrolmentUnreachable,
    NotAccepted,
    PairingRunning,
    ProvisioningError,
    SiteNotProven,
    StorageRefused,
)
from provisioning.events import Event
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.invitation import Invitation, parse_invitation
from provisioning.keys import make_leaf_key
from provisioning.requests import device_of_key, make_request
from provisioning.terms import check_name

_log = structlog.get_logger(__name__)
TIMEOUT = 10.0
POLL = 0.3
APPROVAL_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class _Keys:
    identity: EllipticCurvePrivateKey
    signing: EllipticCurvePrivateKey

    @property
    def device(self) -> DeviceId:
        return device_of_key(self.identity.public_key())


def pair(
    line: str,
    state: Path,
    *,
    on_digits: Callable[[str], None],
    on_state: Callable[[PairingState], None] = lambda _state: None,
    name: str = "Ward device",
    deadline: float = APPROVAL_SECONDS,
    clock: Clock = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DeviceIdentity:
    """The identity of this device, now paired with the site that invited it.

    Args:
        line: the invitation.
        state: the device's state folder; made if it is not there.
        on_digits: shows the six digits that IT must see on both screens.
        on_state: hears of each step.
        name: what people call this device.
        deadline: how many seconds to wait for IT.
        clock: the time.
        monotonic: a clock for the deadline.
        sleep: waits between two questions.

    Raises:
        AlreadyPaired: the device has a site.
        InvitationRefused: the line is not an invitation that may be used now.
        SiteNotProven: whoever answers is not the site that invited.
        EnrolmentRefused: the site says no, and why.
        ManifestRefused: the site's manifest cannot be believed.
        TrustUnusable: no network, no disk, or nobody confirmed in time.
    """
    with _only_one(state):
        pairing = _Pairing(on_state, on_digits, clock, monotonic, sleep)
        try:
            return pairing.run(line, state, _checked(name), deadline)
        except ProvisioningError as error:
            pairing.give_up()
            _log.warning(Event.PAIRING_FAILED.value, error=type(error).__name__)
            raise


class _Pairing:
    """One attempt."""

    def __init__(
        self,
        on_state: Callable[[PairingState], None],
        on_digits: Callable[[str], None],
        clock: Clock,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._state = PairingState.UNPAIRED
        self._on_state = on_state
        self._on_digits = on_digits
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    def run(self, line: str, state: Path, name: str, deadline: float) -> DeviceIdentity:
        until = self._monotonic() + deadline
        invitation = parse_invitation(line)
        invitation.check_window(self._clock())
        self._step(PairingEvent.INVITATION_READ)
        with Line(invitation.address, unverified_context(), TIMEOUT) as stranger:
            authorities = self._authorities(stranger, invitation)
        self._step(PairingEvent.ROOT_MATCHED)
        keys = _Keys(make_leaf_key(), make_leaf_key())
        context = verified_context(to_pem(authorities.root).decode())
        with Line(invitation.address, context, TIMEOUT) as server:
            self._step(PairingEvent.SERVER_PROVEN)
            new = self._enrol(server, invitation, authorities, keys, name)
        raw = self._await_manifest(invitation, context, keys, until)
        check_manifest(raw, authorities, invitation, self._clock())
        self._step(PairingEvent.MANIFEST_VERIFIED)
        write_identity(state, new, raw, self._clock())
        identity = DeviceIdentity.load(state)
        self._step(PairingEvent.STATE_WRITTEN)
        return identity

    def give_up(self) -> None:
        if self._state not in {PairingState.UNPAIRED, PairingState.PAIRED}:
            self._step(PairingEvent.GAVE_UP)

    def _step(self, event: PairingEvent) -> None:
        self._state = apply(self._state, event)
        _log.info(Event.PAIRING_STEP.value, state=self._state.value)
        self._on_state(self._state)

    def _authorities(self, stranger: Line, invitation: Invitation) -> Authorities:
        answer = stranger.ask("GET", wire.CACERTS, {})
        try:
            shown = wire.decode_certificates(answer.body)
        except ValueError as error:
            raise SiteNotProven from error
        return find_authorities(shown, invitation, self._clock())

    def _enrol(
        self, server: Line, invitation: Invitation, authorities: Authorities, keys: _Keys, name: str
    ) -> NewIdentity:
        identity_request = make_request(keys.identity, keys.device)
        signing_request = make_request(keys.signing, keys.device)
        application = wire.Application(invitation.id, identity_request, signing_request, name)
        headers = {
            "content-type": "application/pkcs10",
            "content-transfer-encoding": "base64",
            wire.INVITATION_HEADER: invitation.id,
            wire.SIGNING_HEADER: base64.b64encode(signing_request).decode(),
            wire.NAME_HEADER: quote(name),
            wire.PROOF_HEADER: application.proof(invitation.secret, server.server_hash).hex(),
        }
        answer = server.ask("POST", wire.SIMPLE_ENROLL, headers, base64.b64encode(identity_request))
        try:
            shown = wire.decode_certificates(answer.body)
        except ValueError as error:
            raise SiteNotProven from error
        mine = [keys.identity.public_key(), keys.signing.public_key()]
        chains = find_chains(shown, authorities, invitation, keys.device, mine)
        digits = application.digits(invitation.root_hash, server.server_hash)
        self._step(PairingEvent.CERTIFICATES_ISSUED)
        self._on_digits(digits)
        return NewIdentity(
            keys.device, invitation.site, name, authorities.root, keys.identity, keys.signing, chains[0], chains[1]
        )

    def _await_manifest(self, invitation: Invitation, context: ssl.SSLContext, keys: _Keys, until: float) -> bytes:
        """The manifest, once IT has confirmed. A network that goes away while IT walks over is waited for too."""
        nonce = ""
        while True:
            try:
                with Line(invitation.address, context, TIMEOUT) as server:
                    while True:
                        answer = server.ask("GET", wire.MANIFEST, _signed(keys, nonce, server.server_hash))
                        if answer.status == 200:
                            return answer.body
                        nonce = answer.headers.get(wire.NONCE_HEADER, "")
                        if answer.status == 202:
                            self._wait(until)
            except EnrolmentUnreachable:
                self._wait(until)

    def _wait(self, until: float) -> None:
        if self._monotonic() + POLL > until:
            raise ApprovalTimedOut
        self._sleep(POLL)


def _signed(keys: _Keys, nonce: str, server_hash: bytes) -> dict[str, str]:
    signature = keys.identity.sign(wire.manifest_words(keys.device, nonce, server_hash), ECDSA(SHA256()))
    return {
        wire.DEVICE_HEADER: keys.device,
        wire.NONCE_HEADER: nonce,
        wire.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
    }


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise NotAccepted(f"This device cannot be called that: {error}.") from error


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Holds the state folder, unpaired, for one pairing at a time; the lock ends with the process that holds it."""
    try:
        durable.private_folder(state) if not state.exists() else None
        descriptor = os.open(state / ".pairing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageRefused(f"The state folder {state} cannot be written: {error.strerror or error}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PairingRunning from error
        if StateLayout(state).facts.exists():
            raise AlreadyPaired
        yield
    finally:
        os.close(descriptor)
