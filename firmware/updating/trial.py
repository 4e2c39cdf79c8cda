"""Root's second part, after each start: a new system stays only once it has shown that it works.

`Watch` decides, and is pure; `after_boot` looks and acts (wardlens-trial.service). A start that is no trial is called
good at once, so that a bootloader which counts starts begins to count anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

import structlog

from firmware.events import Event
from firmware.health import read_health
from firmware.release import read_release
from firmware.settings import Settings
from firmware.updating.installing import dropped, on_trial
from firmware.updating.programs import Machine, ProgramFailed, Service
from firmware.updating.record import ORDER, Reason, Record, Step, move, read_record
from provisioning.commands import sentence_of

STEADY_SECONDS: Final = 20.0
"""For how long all is well, without a service that was started again, before a system stays."""
LOOK_SECONDS: Final = 2.0
MOST_TRIES: Final = 3
"""How often a system that did not pass tries to go back."""
MOST_MARKS: Final = 7
"""How often RAUC is asked to mark a start that is no trial: each time after twice the wait, two minutes in all."""
_log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What is known of a new system."""

    NOT_YET = "not-yet"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(slots=True)
class Watch:
    """How a new system does, look by look. Times are seconds of a clock that only grows.

    Attributes:
        until: when it must have passed.
        wrong: what stood against it at the last look, as a sentence.
    """

    until: float
    wrong: str = "It was not looked at."
    _well_since: float | None = None
    _restarts: Mapping[str, int] = field(default_factory=dict)

    def look(self, now: float, parts: Mapping[str, str], services: Mapping[str, Service]) -> Verdict:
        """What is known once this was seen: each part of the device's test of itself in this boot, and each service."""
        self.wrong = _wrong(parts, services)
        restarts = {name: service.restarts for name, service in services.items()}
        if self.wrong or restarts != self._restarts:
            self._well_since, self._restarts = None, restarts
        if not self.wrong and self._well_since is None:
            self._well_since = now
        if self._well_since is not None and now - self._well_since >= STEADY_SECONDS:
            return Verdict.PASSED
        if now < self.until:
            return Verdict.NOT_YET
        self.wrong = self.wrong or "Its services were started again and again."
        return Verdict.FAILED


def _wrong(parts: Mapping[str, str], services: Mapping[str, Service]) -> str:
    if not parts:
        return "Its test of itself did not end."
    if failed := sorted(part for part, said in parts.items() if said != "passed"):
        return f"Its test of itself failed ({', '.join(failed)})."
    if down := sorted(name for name, service in services.items() if not service.active):
        return f"Not all of its services run ({', '.join(down)})."
    return ""


def after_boot(
    settings: Settings,
    machine: Machine,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """The system that runs stays, or the machine restarts into the one before it.

    Raises:
        WorkFailed: the disk or systemd refused; it is to be tried again.
    """
    if not settings.update.system.exists():
        return
    state, record = settings.state, read_record(settings.state)
    if record is None or record.ended or record.boot == machine.boot_id():
        _stays_in_the_end(machine, wait)
        if record is not None and record.step is Step.CONFIRMED:
            _started_again(settings, machine, record)
    elif not on_trial(settings, machine, record):
        _stays_in_the_end(machine, wait)
        if record.step is Step.INSTALLED and _waits(machine):  # the power went before the restart that tries it
            machine.reboot()
        elif record.step is not Step.INSTALLING:
            reason, said = record.reason or Reason.NOT_STARTED, record.said or "The new system did not start."
            _not_started(state, machine, record, reason, said)
        elif not (state / ORDER).exists():  # else it was interrupted, and is installed anew
            said = "Writing it was interrupted, and the device was wiped."
            _not_started(state, machine, record, Reason.INTERRUPTED, said)
    elif record.step is Step.REJECTED:
        _back(state, machine, record)
    else:
        if record.step is Step.INSTALLING:  # the power went between RAUC's last word and ours
            record = move(state, record, Step.INSTALLED)
        _tried(settings, machine, record, monotonic, wait)


def _tried(
    settings: Settings, machine: Machine, record: Record, monotonic: Callable[[], float], wait: Callable[[float], None]
) -> None:
    watch = Watch(monotonic() + settings.update.trial_minutes * 60)
    running = read_release(settings.update.release)
    if running != record.version:
        said = f"The new system says it is {running}, and not {record.version}."
        _back(settings.state, machine, move(settings.state, record, Step.REJECTED, Reason.NOT_WELL, said))
        return
    while True:
        now = monotonic()
        if _look(settings, machine, watch, now) is Verdict.PASSED:
            if _stays(machine):
                break
            watch.wrong = "RAUC did not mark it as good."
        if now >= watch.until:
            minutes = settings.update.trial_minutes
            said = sentence_of(f"{record.version} was on trial for {minutes} minutes. {watch.wrong}")
            _back(settings.state, machine, move(settings.state, record, Step.REJECTED, Reason.NOT_WELL, said))
            return
        wait(LOOK_SECONDS)
    move(settings.state, record, Step.CONFIRMED)
    _log.info(Event.UPDATE_CONFIRMED, version=str(record.version))
    dropped(settings.state)


def _look(settings: Settings, machine: Machine, watch: Watch, now: float) -> Verdict:
    try:
        services = machine.services()
    except ProgramFailed:
        services = {"systemd": Service(active=False, restarts=0)}
    return watch.look(now, read_health(settings.state).self_test, services)


def _back(state: Path, machine: Machine, record: Record) -> None:
    """The machine restarts into the system before; after three tries that led nowhere it stays as it is and says so."""
    _log.error(Event.UPDATE_ROLLED_BACK, version=str(record.version), reason=str(record.reason and record.reason.value))
    if record.tries > MOST_TRIES:
        said = sentence_of(f"It could not go back to {record.before}. {record.said}")
        move(state, record, Step.FAILED, Reason.NOT_BACK, said)
        dropped(state)
        return
    move(state, record, Step.REJECTED)
    with suppress(ProgramFailed):  # a bootloader that counts starts goes back all the same
        machine.mark_bad()
    machine.reboot()


def _not_started(state: Path, machine: Machine, record: Record, reason: Reason, said: str) -> None:
    """The slot from before runs after a restart: what was to be tried did not start, or went back as it was told."""
    with suppress(ProgramFailed):  # or it might be started later, when nobody tries it any more
        machine.mark_bad("other")
    move(state, record, Step.FAILED, reason, sentence_of(f"{said} It runs {record.before} again."))
    _log.error(Event.UPDATE_FAILED, version=str(record.version), reason=reason.value)
    dropped(state)


def _started_again(settings: Settings, machine: Machine, record: Record) -> None:
    """The next start is the confirmed system's again, where the one before it runs: its starts were cut short.

    Nothing was written into its slot since, or there would be a record of that.
    """
    running = read_release(settings.update.release)
    if running is None or running >= record.version:
        return
    _log.error(Event.CONFIRMED_NOT_STARTED, version=str(record.version), running=str(running), alarm=True)
    with suppress(ProgramFailed):
        machine.mark_good("other")


def _waits(machine: Machine) -> bool:
    """Whether the new system is still to be tried; what cannot be asked is not tried again."""
    try:
        return machine.trial_waits()
    except ProgramFailed:
        return False


def _stays(machine: Machine) -> bool:
    """Whether the slot that runs is marked as good."""
    try:
        machine.mark_good()
    except ProgramFailed as failed:
        _log.error(Event.SLOT_NOT_MARKED, sentence=str(failed))
        return False
    return True


def _stays_in_the_end(machine: Machine, wait: Callable[[float], None]) -> None:
    """The slot that runs is marked as good, or it was tried for long enough: RAUC may come up later than we do."""
    for tried in range(MOST_MARKS):
        if _stays(machine):
            return
        if tried + 1 < MOST_MARKS:
            wait(LOOK_SECONDS * 2**tried)
