"""Pairing, the device's side: from the invitation's line to a state folder that says whose device this is.

A shell around `states`, `trust` and `wire`: it connects, waits and writes, and decides nothing. Until the last file is
written the device is unpaired; whatever interrupts it leaves a device that can be paired again.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import structlog

from provisioning.certificates import to_pem
from provisioning.clock import Clock, utc_now
from provisioning.enrolment import wire
from provisioning.enrolment.line import Line, unverified_context, verified_context
from provisioning.enrolment.states import PairingEvent, PairingState, apply
from provisioning.enrolment.trust import Authorities, check_manifest, find_authorities, find_chains
from provisioning.enrolment.waiting import DeviceKeys, Patience, await_manifest
from provisioning.enrolment.writing import NewIdentity, holding_unpaired, write_identity
from provisioning.errors import (
    NotAccepted,
    ProvisioningError,
    SiteNotProven,
)
from provisioning.events import Event
from provisioning.identity import DeviceIdentity
from provisioning.invitation import Invitation, parse_invitation
from provisioning.keys import KeyMaker, make_leaf_key, told_by_the_tpm
from provisioning.requests import make_request
from provisioning.terms import check_name

_log = structlog.get_logger(__name__)
APPROVAL_SECONDS = 900.0


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
    make_key: KeyMaker = make_leaf_key,
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
        make_key: makes each of the device's keys.

    Raises:
        AlreadyPaired: the device has a site.
        InvitationRefused: the line is not an invitation that may be used now.
        SiteNotProven: whoever answers is not the site that invited.
        EnrolmentRefused: the site says no, and why.
        ManifestRefused: the site's manifest cannot be believed.
        TrustUnusable: no network, no disk, no TPM where it should hold the keys, or nobody confirmed in time.
    """
    with holding_unpaired(state):
        pairing = _Pairing(on_state, on_digits, clock, monotonic, sleep)
        try:
            with told_by_the_tpm():
                return pairing.run(line, state, _checked(name), deadline, make_key)
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

    def run(self, line: str, state: Path, name: str, deadline: float, make_key: KeyMaker) -> DeviceIdentity:
        invitation = parse_invitation(line)
        invitation.check_window(self._clock())
        self._step(PairingEvent.INVITATION_READ)
        with Line(invitation.address, unverified_context()) as stranger:
            authorities = self._authorities(stranger, invitation)
        self._step(PairingEvent.ROOT_MATCHED)
        keys = DeviceKeys.make(make_key)
        context = verified_context(to_pem(authorities.root).decode())
        with Line(invitation.address, context) as server:
            self._step(PairingEvent.SERVER_PROVEN)
            new = self._enrol(server, invitation, authorities, keys, name)
        raw = await_manifest(invitation.address, context, keys, self._patience(deadline))
        check_manifest(raw, authorities, invitation, self._clock())
        self._step(PairingEvent.MANIFEST_VERIFIED)
        write_identity(state, new, raw, self._clock())
        identity = DeviceIdentity.load(state)
        self._step(PairingEvent.STATE_WRITTEN)
        return identity

    def _patience(self, deadline: float) -> Patience:
        return Patience(self._monotonic() + deadline, self._monotonic, self._sleep)

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
        self, server: Line, invitation: Invitation, authorities: Authorities, keys: DeviceKeys, name: str
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
        chains = find_chains(shown, authorities, invitation.site, keys.device, mine)
        digits = application.digits(invitation.root_hash, server.server_hash)
        self._step(PairingEvent.CERTIFICATES_ISSUED)
        self._on_digits(digits)
        return NewIdentity(
            device=keys.device,
            site=invitation.site,
            name=name,
            enrolment=invitation.address,
            root=authorities.root,
            identity_key=keys.identity,
            signing_key=keys.signing,
            identity_chain=chains[0],
            signing_chain=chains[1],
            signing_request=signing_request,
        )


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise NotAccepted(f"This device cannot be called that: {error}.") from error
