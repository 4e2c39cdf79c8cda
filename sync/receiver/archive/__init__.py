"""The archive: what the hospital keeps of each capture, in a database and an object store of its own.

It promises that what it has answered survives a power cut, and that one capture id is filed once. It never decides
whether an envelope is to be trusted: that is the ingest's question. docs/formats/archive.md lays it out.
"""

from __future__ import annotations

from sync.receiver.archive.alarms import Alarm, Raised
from sync.receiver.archive.archive import Archive, unix_milliseconds
from sync.receiver.archive.days import Figures
from sync.receiver.archive.heartbeats import Heartbeat
from sync.receiver.archive.intake import Intake
from sync.receiver.archive.ledgers import DeviceLedger, KeptHead
from sync.receiver.archive.looks import Look
from sync.receiver.archive.states import SILENT_MS, KeptState
from sync.receiver.archive.values import (
    ArchiveSettings,
    Arrival,
    Contents,
    Counts,
    FiledCapture,
    FiledReceipt,
    Filing,
    Limits,
    NewCapture,
    NewReceipt,
    Opening,
    Pending,
    QuarantineRow,
)

__all__ = [
    "SILENT_MS",
    "Alarm",
    "Archive",
    "ArchiveSettings",
    "Arrival",
    "Contents",
    "Counts",
    "DeviceLedger",
    "Figures",
    "FiledCapture",
    "FiledReceipt",
    "Filing",
    "Heartbeat",
    "Intake",
    "KeptHead",
    "KeptState",
    "Limits",
    "Look",
    "NewCapture",
    "NewReceipt",
    "Opening",
    "Pending",
    "QuarantineRow",
    "Raised",
    "unix_milliseconds",
]
