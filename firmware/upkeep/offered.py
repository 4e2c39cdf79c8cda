"""An update that the site offered, from the command to its answer: over days, calls, power cuts and a new system.

Three kinds of files in the state folder say how far it is, each whole or not there: the command as received, until it
is answered; the bundle; and the signed answer, until the site has it. In between it is root's: the order goes to it,
and its record comes back (`firmware.updating`). A command that was taken is answered in the end, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.release import read_release
from firmware.settings import Settings
from firmware.updating.installing import not_newer
from firmware.updating.record import BUNDLES, ORDER, Record, Step, read_record
from firmware.upkeep.fetching import CannotTake, Fetching
from firmware.upkeep.results import never_taken, signed
from provisioning import durable
from provisioning.clock import Clock
from provisioning.commands import Command, Outcome, verify_command
from provisioning.enrolment import SiteCall
from provisioning.errors import CommandRefused, EnrolmentRefusal, EnrolmentRefused
from provisioning.identity import DeviceIdentity
from provisioning.updates import Update

WANTED: Final = "wanted.json"
ANSWER: Final = "answer-"
_log = structlog.get_logger(__name__)


class Offered:
    """The update of one device.

    Args:
        identity: the device.
        settings: of this device.
        fetching: what fetches its bundles.
        clock: the time, which results carry.
    """

    def __init__(self, identity: DeviceIdentity, settings: Settings, fetching: Fetching, clock: Clock) -> None:
        self._identity = identity
        self._settings = settings
        self._fetching = fetching
        self._clock = clock
        self._folder = settings.state / BUNDLES

    def take(self, command: Command, raw: bytes) -> str:
        """Why the update is refused; nothing, when it is taken, and answered once it is over.

        Raises:
            WorkFailed: the disk.
        """
        state, update = self._settings.state, Update.parse(command.argument)
        running, record = read_release(self._settings.update.release), read_record(state)
        if running is None or not self._settings.update.system.exists():
            return "It has no second system to start, and is updated by hand."
        confirmed = max(running, record.confirmed) if record else running
        if update.version <= confirmed:
            return not_newer(update.version, running, confirmed)
        if (state / ORDER).exists() or (record is not None and not record.ended):
            return "It is busy with another update, and answers that one first."
        try:
            self._fetching.check_room(update)
        except CannotTake as cannot:
            return str(cannot)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if (before := self._wanted()) is not None and not self._answered(before, record):
            self._answer(before, Outcome.FAILED, "Another update was offered before this one was fetched.")
        _written(self._folder / WANTED, raw)
        _log.info(Event.UPDATE_TAKEN, version=str(update.version))
        return ""

    def has(self, number: int) -> bool:
        """Whether the command with that number was taken, and is answered here."""
        wanted = self._wanted()
        return wanted is not None and wanted.number == number

    def go_on(self, call: SiteCall, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Whether there is more to fetch at once; the turn ends early when it is `stopped`.

        Raises:
            ProvisioningError: no network, or the site says no.
            WorkFailed: the disk.
        """
        self._post(call)
        wanted = self._wanted()
        if wanted is None:
            return False
        record = read_record(self._settings.state)
        if self._answered(wanted, record):
            self._post(call)
            return False
        begun = record is not None and record.number == wanted.number
        if (self._settings.state / ORDER).exists() or (begun and record and record.step is not Step.INSTALLING):
            return False
        return not self._fetched(call, wanted, stopped, begun=begun)

    def _fetched(self, call: SiteCall, wanted: Command, stopped: Callable[[], bool], *, begun: bool) -> bool:
        """Whether nothing is left to fetch: the order is given, or the answer."""
        update = Update.parse(wanted.argument)
        try:
            if not begun and not self._fetching.fetch(call, update, stopped):
                return False
        except CannotTake as cannot:
            self._answer(wanted, Outcome.FAILED, str(cannot))
            self._post(call)
            return True
        except EnrolmentRefused as refused:
            if refused.reason is not EnrolmentRefusal.UPDATE_UNKNOWN:
                raise
            self._answer(wanted, Outcome.FAILED, "The hospital does not have the bundle that it offered.")
            self._post(call)
            return True
        _written(self._settings.state / ORDER, (self._folder / WANTED).read_bytes())
        _log.info(Event.UPDATE_FETCHED, version=str(update.version))
        return True

    def _wanted(self) -> Command | None:
        try:
            raw = (self._folder / WANTED).read_bytes()
            of = self._identity
            return verify_command(raw, of.root, site=of.site, device=of.device)
        except (OSError, CommandRefused):
            return None

    def _answered(self, wanted: Command, record: Record | None) -> bool:
        """Whether root's record says what became of it; then it is answered so."""
        if record is None or record.number != wanted.number or not record.ended:
            return False
        self._answer(wanted, *_told(record))
        return True

    def _answer(self, wanted: Command, outcome: Outcome, sentence: str) -> None:
        """The answer is kept, and nothing else of the update: it is posted until the site has it."""
        raw = signed(self._identity, wanted.number, outcome, sentence, self._clock)
        _written(self._folder / f"{ANSWER}{wanted.number}", raw)
        self._forget_wanted()
        self._fetching.forget(Update.parse(wanted.argument))
        _log.info(Event.COMMAND_ENDED, number=wanted.number, outcome=outcome.value)

    def _post(self, call: SiteCall) -> None:
        wanted = self._wanted()
        for path in sorted(self._folder.glob(f"{ANSWER}*")):
            try:
                call.post(path.read_bytes())
            except EnrolmentRefused as error:
                if not never_taken(error):
                    raise
                _log.warning(Event.RESULT_REFUSED, reason=error.reason.value)
            if wanted is not None and path.name == f"{ANSWER}{wanted.number}":  # the power went before it was forgotten
                self._forget_wanted()
            path.unlink(missing_ok=True)

    def _forget_wanted(self) -> None:
        try:
            (self._folder / WANTED).unlink(missing_ok=True)
            durable.sync_folder(self._folder)
        except OSError as error:
            raise WorkFailed(f"{self._folder / WANTED} cannot be removed ({error.strerror}).") from error


def _told(record: Record) -> tuple[Outcome, str]:
    if record.step is Step.CONFIRMED:
        return Outcome.DONE, f"It runs {record.version}, and has shown that it works."
    return Outcome.FAILED, record.said


def _written(path: Path, raw: bytes) -> None:
    try:
        durable.write(path, raw)
    except OSError as error:
        raise WorkFailed(f"{path} cannot be written ({error.strerror}). It is tried again.") from error
