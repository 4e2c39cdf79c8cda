"""The receiver: takes envelopes from the broker, proves them, opens them, files them, and answers with receipts.

This face is the hospital's half of :mod:`sync`: the archive, the ingest, the export and the web view. It never acts as
a device, and no device has what it needs to open an envelope. Names are loaded when first asked for, so that whoever
needs an opening key does not load a database for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sync.receiver.alarms import LONGEST_SAID, AlarmKind, fits_on_record, sentence
    from sync.receiver.archive import Alarm, Archive, ArchiveSettings, FiledCapture, Limits
    from sync.receiver.errors import (
        ArchiveDamaged,
        ArchiveFull,
        ArchiveTooNew,
        ArchiveUnavailable,
        ExportRefused,
        NotFiled,
        NotOpened,
        NotSignedIn,
        ProviderAway,
        ReceiverError,
        ViewNotStarted,
    )
    from sync.receiver.exporting import ExportReport, export
    from sync.receiver.fleet import Enrolled, FleetDevice, Release, fleet_of
    from sync.receiver.fleet_said import as_json
    from sync.receiver.ingest import Ingest
    from sync.receiver.ledgers import ChainReport, alarm_events, verify_device
    from sync.receiver.opener import Opener, OpeningReport
    from sync.receiver.opening import NotOpenable, Opened, OpeningKey, open_envelope
    from sync.receiver.service import Receiver, ReceiverParts, run_receiver
    from sync.receiver.standing import ReceiverStatus, status
    from sync.receiver.trust import DeviceTrust, FixedTrust, ReceiptKey, ReceiptSigner
    from sync.receiver.view import (
        Admission,
        LoginTokens,
        Provider,
        ProviderSettings,
        Role,
        create_view,
        view_served,
    )

_WHERE: Final = {
    "LONGEST_SAID": "alarms",
    "Admission": "view",
    "Alarm": "archive",
    "AlarmKind": "alarms",
    "Archive": "archive",
    "ArchiveDamaged": "errors",
    "ArchiveFull": "errors",
    "ArchiveSettings": "archive",
    "ArchiveTooNew": "errors",
    "ArchiveUnavailable": "errors",
    "ChainReport": "ledgers",
    "DeviceTrust": "trust",
    "Enrolled": "fleet",
    "ExportRefused": "errors",
    "ExportReport": "exporting",
    "FiledCapture": "archive",
    "FleetDevice": "fleet",
    "Release": "fleet",
    "as_json": "fleet_said",
    "fleet_of": "fleet",
    "FixedTrust": "trust",
    "Ingest": "ingest",
    "Limits": "archive",
    "LoginTokens": "view",
    "NotFiled": "errors",
    "NotOpenable": "opening",
    "NotOpened": "errors",
    "NotSignedIn": "errors",
    "Opened": "opening",
    "Opener": "opener",
    "OpeningKey": "opening",
    "OpeningReport": "opener",
    "Provider": "view",
    "ProviderAway": "errors",
    "ProviderSettings": "view",
    "ReceiptKey": "trust",
    "ReceiptSigner": "trust",
    "Receiver": "service",
    "ReceiverError": "errors",
    "ReceiverParts": "service",
    "ReceiverStatus": "standing",
    "Role": "view",
    "ViewNotStarted": "errors",
    "alarm_events": "ledgers",
    "create_view": "view",
    "export": "exporting",
    "fits_on_record": "alarms",
    "open_envelope": "opening",
    "run_receiver": "service",
    "sentence": "alarms",
    "status": "standing",
    "verify_device": "ledgers",
    "view_served": "view",
}

__all__ = [
    "LONGEST_SAID",
    "Admission",
    "Alarm",
    "AlarmKind",
    "Archive",
    "ArchiveDamaged",
    "ArchiveFull",
    "ArchiveSettings",
    "ArchiveTooNew",
    "ArchiveUnavailable",
    "ChainReport",
    "DeviceTrust",
    "Enrolled",
    "ExportRefused",
    "ExportReport",
    "FiledCapture",
    "FixedTrust",
    "FleetDevice",
    "Ingest",
    "Limits",
    "LoginTokens",
    "NotFiled",
    "NotOpenable",
    "NotOpened",
    "NotSignedIn",
    "Opened",
    "Opener",
    "OpeningKey",
    "OpeningReport",
    "Provider",
    "ProviderAway",
    "ProviderSettings",
    "ReceiptKey",
    "ReceiptSigner",
    "Receiver",
    "ReceiverError",
    "ReceiverParts",
    "ReceiverStatus",
    "Release",
    "Role",
    "ViewNotStarted",
    "alarm_events",
    "as_json",
    "create_view",
    "export",
    "fits_on_record",
    "fleet_of",
    "open_envelope",
    "run_receiver",
    "sentence",
    "status",
    "verify_device",
    "view_served",
]


def __getattr__(name: str) -> Any:
    """The name from the module that owns it (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
