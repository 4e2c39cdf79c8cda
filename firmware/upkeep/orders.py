"""The site's commands, each carried out once: remembered before it is begun, answered with a signed result.

A shell around :mod:`provisioning.commands`, which judges them. What may not be believed changes nothing and is not
answered; what was begun when the device stopped is answered as failed and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from capture.errors import CaptureError
from firmware.events import Event
from firmware.upkeep.memory import Remembered, Step, read_memory, write_memory
from firmware.upkeep.offered import Offered
from firmware.upkeep.results import never_taken, signed
from firmware.upkeep.wipe_order import unsent
from firmware.wiping import WipeOrder, write_order
from provisioning import durable
from provisioning.clock import Clock
from provisioning.commands import EVEN_UNSENT, Command, CommandName, Outcome, verify_command
from provisioning.enrolment import SiteCall
from provisioning.errors import CommandRefused, EnrolmentRefused, ProvisioningError, StorageRefused
from provisioning.identity import DeviceIdentity, StateLayout

MOST: Final = 8
"""Commands of one call."""
NAME_MODE: Final = 0o644

SelfTest = Callable[[], tuple[bool, str]]
"""Whether the device passed, and a sentence for IT that names no patient."""
Act = Callable[[SiteCall, str], tuple[Outcome, str]]
"""Does what one command's argument asks for."""

_log = structlog.get_logger(__name__)


class WipeBegins(Exception):  # noqa: N818 - named for what is known
    """The device is to be wiped: this call was its last."""


class Orders:
    """Fetches and carries out the commands for `identity`.

    Args:
        identity: the device.
        self_test: what `self-test` runs.
        clock: the time, which commands have to be in force at.
        offered: the update that it may have been offered, which is answered later.
    """

    def __init__(self, identity: DeviceIdentity, self_test: SelfTest, clock: Clock, offered: Offered) -> None:
        self._identity = identity
        self._self_test = self_test
        self._clock = clock
        self._offered = offered
        self._acts: Mapping[CommandName, Act] = {
            CommandName.SELF_TEST: self._test,
            CommandName.RENEW: self._renew,
            CommandName.RENAME: self._rename,
        }

    def obey(self, call: SiteCall) -> None:
        """Every command that waits, in its order.

        Raises:
            WipeBegins: one of them was a wipe.
            ProvisioningError: no network, no disk, or the site says no.
            WorkFailed: the disk.
        """
        known = read_memory(self._identity.state, self._clock())
        if known.step is Step.BEGUN and self._offered.has(known.number):
            known = self._kept(Remembered(known.number))
        if known.step is Step.BEGUN:
            known = self._answered(known.number, Outcome.FAILED, "The device stopped while it was at it. Ask again.")
        known = self._post(call, known)
        for _ in range(MOST):
            raw = call.command(known.number)
            if raw is None:
                return
            try:
                command = self._believed(raw, known.number)
            except CommandRefused as refused:
                _log.error(Event.COMMAND_REFUSED, reason=refused.reason.value, alarm=True)
                return
            known = self._post(call, self._carry_out(call, command, raw))

    def _believed(self, raw: bytes, last: int) -> Command:
        of = self._identity
        return verify_command(raw, of.root, site=of.site, device=of.device, last=last, now=self._clock())

    def _carry_out(self, call: SiteCall, command: Command, raw: bytes) -> Remembered:
        write_memory(self._identity.state, Remembered(command.number, Step.BEGUN))
        _log.info(Event.COMMAND_BEGUN, command=command.name.value, number=command.number)
        try:
            if command.name is CommandName.WIPE:
                outcome, sentence = self._wipe(command, raw)
            elif command.name is CommandName.UPDATE:
                outcome, sentence = Outcome.REFUSED, self._offered.take(command, raw)
                if not sentence:
                    return self._kept(Remembered(command.number))
            else:
                outcome, sentence = self._acts[command.name](call, command.argument)
        except CaptureError as error:  # a vault that cannot be looked into: nobody knows what waits in it
            outcome, sentence = Outcome.FAILED, error.sentence
        return self._answered(command.number, outcome, sentence)

    def _answered(self, number: int, outcome: Outcome, sentence: str) -> Remembered:
        _log.info(Event.COMMAND_ENDED, number=number, outcome=outcome.value)
        return self._kept(Remembered(number, Step.ANSWERED, self._signed(number, outcome, sentence)))

    def _kept(self, known: Remembered) -> Remembered:
        write_memory(self._identity.state, known)
        return known

    def _signed(self, number: int, outcome: Outcome, sentence: str) -> bytes:
        return signed(self._identity, number, outcome, sentence, self._clock)

    def _post(self, call: SiteCall, known: Remembered) -> Remembered:
        if known.step is Step.POSTED:
            return known
        try:
            call.post(known.result)
        except EnrolmentRefused as error:
            if not never_taken(error):
                raise
            _log.warning(Event.RESULT_REFUSED, reason=error.reason.value)
        return self._kept(Remembered(known.number))

    def _test(self, _call: SiteCall, _argument: str) -> tuple[Outcome, str]:
        passed, sentence = self._self_test()
        return (Outcome.DONE if passed else Outcome.FAILED), sentence

    def _renew(self, call: SiteCall, _argument: str) -> tuple[Outcome, str]:
        try:
            call.renew()
        except ProvisioningError as error:
            return Outcome.FAILED, str(error)
        until = DeviceIdentity.load(self._identity.state).certificate_until
        return Outcome.DONE, f"Its certificates last until {until:%Y-%m-%d}."

    def _rename(self, _call: SiteCall, name: str) -> tuple[Outcome, str]:
        if waiting := unsent(self._identity.state):
            return Outcome.REFUSED, _waits(waiting)
        path = StateLayout(self._identity.state).label
        try:
            durable.write(path, name.encode(), mode=NAME_MODE)
        except OSError as error:
            raise StorageRefused(f"{path} cannot be written: {error.strerror or error}.") from error
        return Outcome.DONE, "It has its new name."

    def _wipe(self, command: Command, raw: bytes) -> tuple[Outcome, str]:
        if command.argument != EVEN_UNSENT and (waiting := unsent(self._identity.state)):
            return Outcome.REFUSED, _waits(waiting)
        result = self._signed(command.number, Outcome.DONE, "Everything is wiped, the keys first.")
        write_order(self._identity.state, WipeOrder.of(self._identity, raw, result))
        raise WipeBegins


def _waits(count: int) -> str:
    return f"{count} picture{'s wait' if count > 1 else ' waits'} that the hospital has not got."
