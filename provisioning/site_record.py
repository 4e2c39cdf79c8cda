"""Who decided what at the site: the part of `Site` that keeps it on record, in the transaction that it happens in."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from provisioning.clock import Clock, seconds
from provisioning.registry import Registry


class Recorded(StrEnum):
    """What is put on record."""

    INVITED = "invited"
    APPROVED = "approved"
    DIGITS_DIFFERED = "digits-differed"
    REFUSED = "refused"
    REVOKED = "revoked"
    READMITTED = "readmitted"
    TOLD = "told"
    RETURN_DAYS_SET = "return-days-set"
    CLINICIAN_ADDED = "clinician-added"
    CLINICIAN_REMOVED = "clinician-removed"
    RECEIVER_ADDED = "receiver-added"
    BROKER_SET = "broker-set"
    KEY_IN_FORCE = "key-in-force"
    ISSUING_IN_FORCE = "issuing-in-force"


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One line of the record.

    Attributes:
        number: counts up from 1, without a gap.
        at: seconds since 1970.
        by: the account at the desk; empty where a program decided.
        what: somebody did.
        about: the device, badge, key or name that it is about.
        said: what belongs to it, such as a command.
    """

    number: int
    at: int
    by: str
    what: Recorded
    about: str
    said: str


class SiteRecord:
    """The record in a site's registry, which nothing is taken out of; `Site` owns both."""

    registry: Registry
    clock: Clock
    by: str

    def record(self, about: str = "") -> tuple[RecordEntry, ...]:
        """Every line, or those about one thing; the newest first."""
        with self.registry.reading() as open_rows:
            found = open_rows.execute(
                "SELECT number, at, by, what, about, said FROM record WHERE ? IN ('', about) ORDER BY number DESC",
                (about,),
            ).fetchall()
        return tuple(RecordEntry(number, at, by, Recorded(what), of, said) for number, at, by, what, of, said in found)

    def _on_record(self, rows: sqlite3.Connection, what: Recorded, about: str, said: str = "") -> None:
        """It is on record once the transaction that is open is."""
        rows.execute(
            "INSERT INTO record (at, by, what, about, said) VALUES (?, ?, ?, ?, ?)",
            (seconds(self.clock()), self.by, what.value, about, said),
        )
