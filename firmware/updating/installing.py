"""Root's first part: an ordered update is judged, written into the other slot, and started when nobody is at a picture.

It runs without a network (wardlens-update.service). The order is the site's own signed command, so that the process
with the network updates nothing by its own word: command, version, length, digest and RAUC's signature are looked at
here again. What can be answered is answered by the record; what must wait ends with status 1 and is begun again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from capture.errors import CaptureError
from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.release import read_release
from firmware.settings import Settings
from firmware.updating.bundle import BundleDamaged, taken_over
from firmware.updating.programs import Machine, ProgramFailed
from firmware.updating.record import BUNDLES, ORDER, Reason, Record, Step, move, read_record, write_record
from firmware.wiping import MARK, wipe_ordered
from provisioning import durable
from provisioning.commands import Command, CommandName, sentence_of, verify_command
from provisioning.errors import CommandRefusal, CommandRefused, ProvisioningError
from provisioning.identity import DeviceIdentity
from provisioning.updates import Update, Version

MOST_TRIES: Final = 3
"""How often a slot is written that a power cut interrupted."""
_ASKING_SECONDS: Final = 5.0
_log = structlog.get_logger(__name__)


class NotNow(WorkFailed):
    """It is tried again in a moment."""


def install_ordered(settings: Settings, machine: Machine) -> None:
    """Nothing is left to do about the order, if there is one: it has failed, it is on trial, or the machine restarts.

    Raises:
        NotNow: a picture is being reviewed, and the restart waits; or the device is to be wiped.
        WorkFailed: the disk refused, or the device's identity cannot be read.
    """
    state = settings.state
    try:
        raw = (state / ORDER).read_bytes()
    except FileNotFoundError:
        return
    if (state / MARK).exists() or wipe_ordered(state):
        raise NotNow("This device is to be wiped. It takes the update if the wipe is called off.")
    try:
        command = _judged(state, raw)
    except CommandRefused as refused:
        _log.error(Event.UPDATE_REFUSED, reason=refused.reason.value, alarm=True)
        dropped(state)
        return
    record, update = read_record(state), Update.parse(command.argument)
    if record is not None and _stale(record, command):
        dropped(state)
        return
    if record is None or record.number != command.number:
        record = _begun(settings, machine, command, update, record)
    elif record.step is Step.INSTALLING and not on_trial(settings, machine, record):
        record = _again(state, machine, record, update)
    if record.boot == machine.boot_id() and record.step is Step.INSTALLED:
        _restarted(settings, machine)


def _stale(record: Record, command: Command) -> bool:
    """Whether the order is over, or comes while another one is under way: the slot to go back to is never written."""
    if command.number == record.number:
        return record.ended
    return command.number < record.number or not record.ended


def dropped(state: Path) -> None:
    """The order is gone, and with it the bundle: the record says what became of it.

    Raises:
        WorkFailed: the disk refused.
    """
    try:
        (state / ORDER).unlink(missing_ok=True)
        durable.sync_folder(state)
        for bundle in (state / BUNDLES).glob("*.raucb"):
            bundle.unlink(missing_ok=True)
    except OSError as error:
        raise WorkFailed(f"{state / ORDER} cannot be removed ({error.strerror}). It is tried again.") from error


def on_trial(settings: Settings, machine: Machine, record: Record) -> bool:
    """Whether another slot runs than the one in which the update was begun; by the version, where RAUC does not say."""
    try:
        return machine.slot() != record.slot
    except ProgramFailed:
        return read_release(settings.update.release) != record.before


def _judged(state: Path, raw: bytes) -> Command:
    try:
        of = DeviceIdentity.load(state)
    except ProvisioningError as error:
        raise WorkFailed(f"The order to update cannot be judged: {error}") from error
    command = verify_command(raw, of.root, site=of.site, device=of.device)
    if command.name is not CommandName.UPDATE:
        raise CommandRefused(CommandRefusal.DAMAGED)
    return command


def _begun(settings: Settings, machine: Machine, command: Command, update: Update, last: Record | None) -> Record:
    """The record of an update that was just begun, and installed or failed."""
    state = settings.state
    running = read_release(settings.update.release)
    before = running or Version(0, 0, 0)
    confirmed = max(before, last.confirmed) if last else before
    record = Record(Step.INSTALLING, command.number, update.version, before, confirmed, boot=machine.boot_id(), tries=1)
    if running is None:
        return _failed(state, record, Reason.NOT_NEWER, "It does not know the version of its own system.")
    if update.version <= confirmed:
        return _failed(state, record, Reason.NOT_NEWER, not_newer(update.version, running, confirmed))
    try:
        bundle = taken_over(state, update)
        says = machine.version_of(bundle)
        slot = machine.slot()
    except BundleDamaged as damaged:
        return _failed(state, record, Reason.BUNDLE_DAMAGED, str(damaged))
    except ProgramFailed as failed:
        return _failed(state, record, Reason.BUNDLE_REFUSED, str(failed))
    if says != update.version:
        said = f"The bundle is of version {says}, and {update.version} was offered."
        return _failed(state, record, Reason.OTHER_VERSION, said)
    record = replace(record, slot=slot)
    write_record(state, record)
    _log.info(Event.UPDATE_BEGUN, version=str(update.version))
    return _installed(state, machine, record, bundle)


def _again(state: Path, machine: Machine, record: Record, update: Update) -> Record:
    """The same for one that was interrupted."""
    if record.tries >= MOST_TRIES:
        said = f"Writing it was interrupted {record.tries} times. It runs {record.before}."
        return _failed(state, record, Reason.INTERRUPTED, said)
    try:
        bundle = taken_over(state, update)
    except BundleDamaged as damaged:
        return _failed(state, record, Reason.BUNDLE_DAMAGED, str(damaged))
    record = move(state, record, Step.INSTALLING, boot=machine.boot_id())
    return _installed(state, machine, record, bundle)


def _installed(state: Path, machine: Machine, record: Record, bundle: Path) -> Record:
    try:
        machine.install(bundle)
    except ProgramFailed as failed:
        with suppress(ProgramFailed):  # nothing of it is to start later
            machine.mark_bad("other")
        return _failed(state, record, Reason.NOT_INSTALLED, f"It could not be installed. {failed}")
    return move(state, record, Step.INSTALLED)


def _failed(state: Path, record: Record, reason: Reason, said: str) -> Record:
    if record.slot:
        failed = move(state, record, Step.FAILED, reason, sentence_of(said))
    else:
        failed = replace(record, step=Step.FAILED, reason=reason, said=sentence_of(said))
        write_record(state, failed)
    _log.error(Event.UPDATE_FAILED, version=str(record.version), reason=reason.value)
    dropped(state)
    return failed


def _restarted(settings: Settings, machine: Machine) -> None:
    if asyncio.run(_reviewing(settings.socket)):
        raise NotNow("A picture is being reviewed. The new system starts when nobody is at one.")
    _log.info(Event.UPDATE_STARTS)
    machine.reboot()


async def _reviewing(socket: Path) -> bool:
    """Whether somebody would lose a picture; a camera service that does not answer holds none."""
    from capture.service import CameraClient

    try:
        async with CameraClient(socket, timeout_s=_ASKING_SECONDS) as client:
            return bool((await client.health()).get("stills_held"))
    except CaptureError:
        return False


def not_newer(version: Version, running: Version, confirmed: Version) -> str:
    """Why a version is refused, for IT."""
    known = f" and had {confirmed}" if confirmed > running else ""
    return f"It runs {running}{known}, and {version} is not newer."
