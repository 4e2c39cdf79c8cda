"""The hospital's side put together: the archive, the receiver, and a broker for one machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from firmware.account import account
from firmware.buckets import bucket_options
from firmware.errors import RequestWrong
from firmware.hospital_view import hospital_view
from firmware.mqtt_versions import MQTT_VERSIONS
from firmware.settings import Settings
from firmware.stopping import beside, stop_on_signal
from firmware.supervision import end_with_parent
from firmware.terminal import moment
from provisioning.site import Site

if TYPE_CHECKING:
    from sync.mqtt import BrokerSettings
    from sync.receiver import Archive, ArchiveSettings, Limits, Opener, ReceiverParts


MEBIBYTE: Final = 1024 * 1024


def archive_settings(settings: Settings) -> ArchiveSettings:
    """Where the archive lies: the URLs that are set, else one folder.

    Raises:
        RequestWrong: it lies in a bucket that the settings do not say how to reach.
    """
    from sync.receiver import ArchiveSettings

    embedded = ArchiveSettings.in_folder(settings.receiver.archive)
    return ArchiveSettings(
        database=settings.receiver.database or embedded.database,
        objects=settings.receiver.objects or embedded.objects,
        object_options=bucket_options(settings, os.environ) if settings.receiver.objects.startswith("s3://") else {},
    )


def open_archive(settings: Settings, *, new: bool = True) -> Archive:
    """The archive, brought up to date where it has to be, and made where there is none.

    Raises:
        RequestWrong: there is none, and `new` is false: who only asks makes none.
    """
    from sync.receiver import Archive

    if not new and not settings.receiver.database and not settings.receiver.archive.is_dir():
        raise RequestWrong(
            f"There is no archive at {settings.receiver.archive}. Name the settings of the receiver by --config."
        )
    settings.receiver.archive.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Archive.open(archive_settings(settings))


def receiver_broker(settings: Settings, site: Site) -> BrokerSettings:
    """The broker as this receiver meets it, with the receiver's own certificate."""
    from sync.mqtt import BrokerSettings, TlsFiles

    paths = site.receiver_tls(settings.receiver.name)
    return BrokerSettings(
        host=settings.broker.host,
        port=settings.broker.port,
        client_id=settings.receiver.name,
        tls=TlsFiles(paths.ca, paths.certificate, paths.key),
        protocol=MQTT_VERSIONS[settings.broker.protocol],
    )


def receiver_parts(settings: Settings, site: Site) -> ReceiverParts:
    """What a receiver is given: the archive, the broker, and the site's trust and keys as values and ports."""
    from sync.receiver import ReceiverParts

    if settings.receiver.open:
        site.opening_keys()  # A key that cannot be had is told at the start, not at the first picture.
    return ReceiverParts(
        site=site.id,
        archive=archive_settings(settings),
        broker=receiver_broker(settings, site),
        trust=site,
        opening_keys=site.opening_keys if settings.receiver.open else None,
        opening_key_ids=site.opening_key_ids,
        receipt_signer=site.receipt_signer,
        name=settings.receiver.name,
        limits=device_limits(settings),
        nonsense_in_a_row=settings.limits.nonsense_in_a_row,
        nonsense_a_second=settings.limits.nonsense_a_second,
    )


def device_limits(settings: Settings) -> Limits:
    """What one device may have at the archive, by the settings."""
    from sync.receiver import Limits

    given = settings.limits
    return Limits(
        open_uploads=given.open_captures,
        open_bytes=given.open_mebibytes * MEBIBYTE,
        filed_bytes_a_day=given.filed_mebibytes_a_day * MEBIBYTE,
        quarantined_bytes=given.quarantined_mebibytes * MEBIBYTE,
        quarantined_rows=given.quarantined_rows,
        attempts=given.attempts,
        lines_of_a_chain=given.ledger_lines,
        forget_after_ms=given.forget_days * 24 * 3600 * 1000,
    )


def run_hospital(settings: Settings, site: Site, stop: threading.Event) -> None:
    """Receive, and serve the hospital's view, until `stop` is set."""
    from sync.receiver import run_receiver, view_served

    app = hospital_view(settings, site, open_archive(settings))
    with view_served(app, host=settings.receiver.host, port=settings.receiver.port):
        run_receiver(receiver_parts(settings, site), stop)


def openable_envelopes(archive: Archive, site: Site) -> dict[str, Any]:
    """How many envelopes in the archive this site's keys open, and which they do not."""
    from capture.envelope import parse_envelope
    from sync.receiver import NotOpenable, open_envelope

    keys, opened, shut = site.opening_keys(), 0, []
    for filed in archive.everything():
        try:
            open_envelope(parse_envelope(archive.envelope(filed)), keys)
            opened += 1
        except NotOpenable:
            shut.append(filed.capture)
    return {"openable": opened, "not_openable": shut}


def alarm_rows(archive: Archive, *, settled: bool = False) -> list[dict[str, Any]]:
    """What somebody must look at, latest first; with `settled` those too that a person settled."""
    from sync.receiver import sentence

    rows = []
    for alarm in archive.alarms(settled=settled):
        row = {"id": alarm.id, "device": alarm.device, "kind": alarm.kind, "times": alarm.times}
        row |= {"first": moment(alarm.first_at_ms), "last": moment(alarm.last_at_ms), "sentence": sentence(alarm)}
        if settled:
            when = "" if alarm.settled_at_ms is None else moment(alarm.settled_at_ms)
            row |= {"settled": when, "settled_by": alarm.settled_by, "reason": alarm.reason}
        rows.append(row)
    return rows


def settle_alarm(archive: Archive, number: int, *, by: str | None, reason: str) -> None:
    """The open alarm with this number is settled, by `by` or else by the user of this machine.

    Raises:
        RequestWrong: there is no such open alarm, or who or why is empty or too long.
    """
    from sync.receiver import LONGEST_SAID, fits_on_record

    who, why = (by if by is not None else account()).strip(), reason.strip()
    for said, option in ((who, "--by"), (why, "--reason")):
        if not fits_on_record(said):
            raise RequestWrong(f"{option} takes one line of 1 to {LONGEST_SAID} characters.")
    if not archive.settle(number, by=who, reason=why):
        raise RequestWrong(f"There is no open alarm {number}. `wardlens receiver alarms` lists them.")


def make_opener(archive: Archive, site: Site) -> Opener:
    """What opens with the keys in the site folder.

    Raises:
        RequestWrong: no opening key is there.
    """
    from sync.receiver import Opener

    if not site.opening_keys():
        raise RequestWrong(
            f"There is no opening key in {site.layout.sealing}. Run this where the site's opening keys are."
        )
    return Opener(archive, site=site.id, authorities=site.authorities, keys=site.opening_keys)


def make_break_glass_opener(archive: Archive, file: Path) -> Opener:
    """What opens with the break-glass key in `file`, without the site, and raises an alarm for it.

    Raises:
        NotAccepted: it is no break-glass key.
        KeyExposed: others can read it.
    """
    from provisioning.break_glass import read_break_glass
    from sync.receiver import AlarmKind, Opener

    kept = read_break_glass(file)
    return Opener(
        archive,
        site=kept.site,
        authorities=lambda: kept.authorities,
        keys=lambda: (kept.key,),
        alarm=AlarmKind.BREAK_GLASS,
    )


def run_broker(settings: Settings, site: Site, folder: Path, *, embedded: bool = False) -> None:
    """Run a broker for one machine until SIGTERM: Mosquitto if it is installed, else the one that Wardlens carries.

    Raises:
        BrokerNotStarted: it did not come up.
    """
    from provisioning.broker import mosquitto_config
    from provisioning.broker_rights import RightsKeeper, last_known_denied
    from sync.brokers import PrivateMosquitto, find_mosquitto

    host, port = settings.broker.host, settings.broker.port
    if embedded or find_mosquitto() is None:
        from sync.brokers.embedded import EmbeddedBroker, run_embedded_broker

        paths = site.tls("broker")
        run_embedded_broker(
            EmbeddedBroker(site.id, host, port, paths.ca, paths.certificate, paths.key, last_known_denied(site))
        )
        return
    configuration = mosquitto_config(site, folder, port, host=host)
    # Not by blocking the signals: Mosquitto would inherit that, and never hear the SIGTERM that ends it.
    child = PrivateMosquitto(configuration, folder, host=host, port=port, first=end_with_parent)
    with stop_on_signal() as stop, child as broker:
        RightsKeeper(site, folder, broker.reread, told=True).keep(stop)


@contextmanager
def broker_rights_kept(settings: Settings, site: Site) -> Iterator[None]:
    """The ACL file that `broker.rights` names is kept as the registry has it, and `broker.reload` run after a change.

    Raises:
        RequestWrong: one of the two is set without the other.
    """
    from provisioning.broker_rights import RightsKeeper, reload_command

    folder, command = settings.broker.rights, settings.broker.reload
    if (folder is None) == bool(command):
        raise RequestWrong("broker.rights and broker.reload go together: set both, or neither.")
    if folder is None:
        yield
        return
    keeper, stop = RightsKeeper(site, folder, reload_command(command)), threading.Event()
    with beside("broker-rights", lambda: keeper.keep(stop), stop):
        yield
