"""The upkeep as a thread of the sync service, which has the network and the identity key."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog

from firmware.checks import CHECKS, State
from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.self_test import ask_for_self_test
from firmware.settings import Settings
from firmware.stopping import beside
from firmware.upkeep.fetching import Fetching
from firmware.upkeep.offered import Offered
from firmware.upkeep.orders import Orders, SelfTest, WipeBegins
from firmware.upkeep.pace import Pace
from firmware.upkeep.wipe_order import ended_when, telling_of_wipe
from firmware.wiping import wipe_ordered
from provisioning.clock import Clock, utc_now
from provisioning.enrolment import SiteCall, calling, is_due
from provisioning.errors import EnrolmentRefused, ManifestRefused, ProvisioningError
from provisioning.identity import DeviceIdentity, IdentityFollower
from sync.protocol.backoff import Chance

SELF_TEST_PARTS: Final = ("clock", "disk", "broker")
"""What the sync service sees of the device by itself."""
JOIN_SECONDS: Final = 1.0
"""How long a call that is under way is waited for; what it leaves half done is answered as failed at the next start."""

_CHANCE: Final[Chance] = secrets.SystemRandom().random
_log = structlog.get_logger(__name__)


class Upkeep:
    """Calls the site again and again.

    Args:
        settings: of this device.
        self_test: what the command `self-test` runs.
        clock: the time.
        monotonic: seconds that only grow.
        chance: uniform in [0, 1).
    """

    def __init__(
        self,
        settings: Settings,
        self_test: SelfTest,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Chance = _CHANCE,
    ) -> None:
        self._state = settings.state
        self._settings = settings
        self._fetching = Fetching(settings, monotonic)
        self._self_test = self_test
        self._clock = clock
        self._monotonic = monotonic
        self._chance = chance
        self.pace = Pace.begun(monotonic(), chance)

    def run(self, stop: threading.Event) -> None:
        """Nothing, once `stop` is set or a wipe was ordered. What goes wrong is logged once and tried again."""
        said = ""
        while not stop.wait(self.pace.wait(self._monotonic())):
            try:
                self.call(stop.is_set)
                said = ""
            except WipeBegins:
                _log.warning(Event.WIPE_ORDERED)
                return
            except (ProvisioningError, WorkFailed) as error:
                if str(error) != said:
                    _log.warning(Event.SITE_NOT_REACHED, kind=type(error).__name__, sentence=str(error))
                said = str(error)
            except Exception:  # noqa: BLE001 - the watchdog: a mistake of ours must not end the upkeep for good
                _log.exception(Event.UPKEEP_STUMBLED, alarm=True)

    def call(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """One call, whatever comes of it: manifest, certificates, commands, and a turn of what is to be fetched.

        Raises:
            WipeBegins: the device is to be wiped.
            ProvisioningError: no network, no disk, or the site says no.
            WorkFailed: the disk.
        """
        try:
            identity = DeviceIdentity.load(self._state)
            with calling(identity) as call:
                refused = self._refresh(call)
                refused = self._renew(call, identity) or refused
                offered = Offered(identity, self._settings, self._fetching, self._clock)
                Orders(identity, self._self_test, self._clock, offered).obey(call)
                more = offered.go_on(call, stopped)
        except WipeBegins:
            raise
        except BaseException:
            self.pace = self.pace.unanswered(self._monotonic(), self._chance)
            raise
        now = self._monotonic()
        self.pace = self.pace.going_on(now) if more else self.pace.answered(now, self._chance)
        if refused is not None:
            raise refused

    def _refresh(self, call: SiteCall) -> ProvisioningError | None:
        """What the site has against giving its manifest: a device that it has revoked still hears its commands."""
        try:
            if call.refresh(clock=self._clock):
                _log.info(Event.MANIFEST_TAKEN)
        except (EnrolmentRefused, ManifestRefused) as error:
            return error
        return None

    def _renew(self, call: SiteCall, identity: DeviceIdentity) -> ProvisioningError | None:
        now = self._monotonic()
        if not is_due(identity, self._clock()) or not self.pace.may_renew(now):
            return None
        try:
            call.renew()
        except ProvisioningError as error:
            self.pace = self.pace.not_renewed(now, self._chance)
            return error
        self.pace = self.pace.renewed()
        _log.info(Event.CERTIFICATES_RENEWED)
        return None


@contextmanager
def upkeep_running(settings: Settings, stop: threading.Event, self_test: SelfTest | None = None) -> Iterator[Upkeep]:
    """The upkeep in a thread of its own, until `stop` is set, which the end of the block does too.

    Args:
        settings: of this device.
        stop: ends it.
        self_test: what the command `self-test` runs; a test of the whole device, if not given.
    """
    upkeep = Upkeep(settings, self_test or whole_self_test(settings, stop))
    with beside("upkeep", lambda: upkeep.run(stop), stop, JOIN_SECONDS):
        yield upkeep


def serve_sync(settings: Settings, stop: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
    """The sync service until `stop` is set: it sends, keeps up, and begins anew after each change.

    Fresh certificates and another broker are taken up with a new connection; a wipe ends in a device that waits for its
    next pairing.
    """
    from firmware.device import identity_when_paired, make_uplink

    with telling_of_wipe(settings.state, stop, _CHANCE):
        while (identity := identity_when_paired(settings, stop, alive=alive)) is not None:
            with ended_when(stop, _changed(settings, identity)) as ended, upkeep_running(settings, ended):
                uplink = make_uplink(settings, identity, alive=alive)
                try:
                    uplink.run(ended)
                finally:
                    uplink.close()


def whole_self_test(settings: Settings, stop: threading.Event) -> SelfTest:
    """A test that the camera service begins now, and what the sync service sees by itself: clock, disk, broker."""

    def test() -> tuple[bool, str]:
        try:
            failed = ask_for_self_test(settings.state, stop)
        except WorkFailed as error:
            return False, str(error)
        if failed:
            return (
                False,
                f"Its test of itself failed ({', '.join(failed)}), so it takes no picture. Look at its screen.",
            )
        for part in SELF_TEST_PARTS:
            state, sentence = CHECKS[part](settings)
            if state is State.FAILED:
                return False, sentence
        return True, f"It has tested itself anew, and all is well; so are {', '.join(SELF_TEST_PARTS)}."

    return test


def _changed(settings: Settings, known: DeviceIdentity) -> Callable[[], bool]:
    """Whether the connection to the broker has to be made anew, or there is nobody any more to make it for."""
    follow = IdentityFollower(settings.state)

    def connected_as(identity: DeviceIdentity) -> tuple[object, ...]:
        return identity.device, identity.identity_chain, identity.broker

    def changed() -> bool:
        if wipe_ordered(settings.state):
            return True
        with suppress(ProvisioningError):
            return connected_as(follow()) != connected_as(known)
        return False

    return changed
