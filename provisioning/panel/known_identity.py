"""The device's identity as the panel needs it: facts, and the roster's answer. Keys stay where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from provisioning.errors import NotPaired, ProvisioningError
from provisioning.identity import DeviceIdentity
from provisioning.panel.events import Event
from provisioning.panel.ports import Clinician, DeviceFacts
from provisioning.roster import verify_pin

_log = structlog.get_logger(__name__)


def load_facts(state: Path) -> DeviceFacts | None:
    """The facts of the device whose state folder this is; None while it is not paired.

    Raises:
        ProvisioningError: there is an identity, and it is damaged.
    """
    try:
        return facts_of(DeviceIdentity.load(state))
    except NotPaired:
        return None


def facts_of(identity: DeviceIdentity) -> DeviceFacts:
    """What the panel may know of `identity`."""
    roster = identity.roster
    names = {clinician.badge: clinician.name for clinician in roster}

    def verify(badge: str, pin: str) -> Clinician | None:
        found = verify_pin(roster, badge, pin)
        return Clinician(found.badge, found.name, found.role.value) if found else None

    return DeviceFacts(
        device=identity.device,
        name=identity.name,
        site=identity.site,
        site_name=identity.manifest.name,
        certificate_from=max(
            identity.identity_chain[0].not_valid_before_utc, identity.signing_chain[0].not_valid_before_utc
        ),
        certificate_until=identity.certificate_until,
        broker=f"{identity.broker.host}:{identity.broker.port}",
        lock_seconds=float(identity.manifest.policy.lock_seconds),
        verify_pin=verify,
        knows=names.__contains__,
        called=lambda badge: names.get(badge, ""),
        keys=identity.keys.value,
    )


class KnownIdentity:
    """The facts as last read, so that no request waits for the disk.

    Attributes:
        facts: what is known of the identity, also from before it became unreadable; None where nothing ever was.
        sentence: what is wrong with it and what to do; empty on a good day.
    """

    def __init__(self, load: Callable[[], DeviceFacts | None]) -> None:
        self._load = load
        self.facts: DeviceFacts | None = None
        self.sentence = ""

    def refresh(self) -> None:
        """Reads them again. When they cannot be read, what was known stays, and the sentence says what is wrong."""
        try:
            self.facts, self.sentence = self._load(), ""
        except ProvisioningError as error:
            self.sentence = str(error)
            _log.warning(Event.IDENTITY_UNREADABLE, error=type(error).__name__)

    @property
    def paired(self) -> bool:
        """Whether the device belongs to a site: also when what says so is damaged, for it must not be paired anew."""
        return self.facts is not None or bool(self.sentence)
