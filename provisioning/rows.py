"""Rows of the registry as values, and back: settings, roster, devices, keys in force; in an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.identifiers import DeviceId
from provisioning.devices import Device, DeviceState
from provisioning.errors import UnknownDevice
from provisioning.roster import Clinician, Role
from provisioning.terms import SealingTerm, SealingUse

DEFAULT_RETURN_DAYS = 90


def read_setting(rows: sqlite3.Connection, name: str) -> str:
    """The setting called `name`."""
    (value,) = rows.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return str(value)


def write_settings(rows: sqlite3.Connection, values: Iterable[tuple[str, str]]) -> None:
    """Each setting with its value."""
    rows.executemany(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        list(values),
    )


def read_return_days(rows: sqlite3.Connection) -> int:
    """How many days after the end of its certificate a device may come back by itself."""
    found = rows.execute("SELECT value FROM setting WHERE name = 'return_days'").fetchone()
    return DEFAULT_RETURN_DAYS if found is None else int(found[0])


def read_roster(rows: sqlite3.Connection) -> tuple[Clinician, ...]:
    """The roster, by badge."""
    found = rows.execute("SELECT badge, name, role, pin FROM clinician ORDER BY badge")
    return tuple(Clinician(badge, name, Role(role), pin) for badge, name, role, pin in found)


def read_sealing(rows: sqlite3.Connection) -> tuple[SealingTerm, ...]:
    """The sealing keys in force, the site's own newest first."""
    found = rows.execute(
        "SELECT id, use, public FROM site_key WHERE kind = 'sealing' AND retired_at IS NULL "
        "ORDER BY use = 'site' DESC, made_at DESC, rowid DESC"
    )
    return tuple(SealingTerm(name, SealingUse(use), public) for name, use, public in found)


def read_opening_key_ids(rows: sqlite3.Connection) -> frozenset[str]:
    """The ids of the site's own sealing keys, also of the retired: what is sealed to one of them can be opened."""
    return frozenset(
        name for (name,) in rows.execute("SELECT id FROM site_key WHERE kind = 'sealing' AND use = 'site'")
    )


def read_receipt(rows: sqlite3.Connection) -> dict[str, Ed25519PublicKey]:
    """The receipt keys in force, newest first."""
    found = rows.execute(
        "SELECT id, public FROM site_key WHERE kind = 'receipt' AND retired_at IS NULL "
        "ORDER BY made_at DESC, rowid DESC"
    )
    return {name: Ed25519PublicKey.from_public_bytes(public) for name, public in found}


def add_key(rows: sqlite3.Connection, kind: str, name: str, *, use: str, public: bytes, made_at: int) -> None:
    """A key in force."""
    rows.execute(
        "INSERT INTO site_key (id, kind, use, public, made_at) VALUES (?, ?, ?, ?, ?)",
        (name, kind, use, public, made_at),
    )


_DEVICES = """
SELECT device.id, device.name, device.state, device.digits, device.enrolled_at, device.changed_at,
       COALESCE((SELECT MAX(not_after) FROM certificate WHERE certificate.device = device.id), 0),
       device.readmitted_at
FROM device
"""


def read_devices(rows: sqlite3.Connection) -> tuple[Device, ...]:
    """Every device, in the order of enrolment."""
    return tuple(_device(row) for row in rows.execute(_DEVICES + "ORDER BY device.enrolled_at, device.rowid"))


def read_device(rows: sqlite3.Connection, device: str) -> Device:
    """One device.

    Raises:
        UnknownDevice: the site has none of this name.
    """
    row = rows.execute(_DEVICES + "WHERE device.id = ?", (device,)).fetchone()
    if row is None:
        raise UnknownDevice
    return _device(row)


def write_state(rows: sqlite3.Connection, device: DeviceId, state: DeviceState, now: int) -> None:
    """The device's new state."""
    rows.execute("UPDATE device SET state = ?, changed_at = ? WHERE id = ?", (state.value, now, device))


def _device(row: sqlite3.Row) -> Device:
    name, label, state, digits, enrolled_at, changed_at, until, readmitted_at = row
    return Device(DeviceId(name), label, DeviceState(state), digits, enrolled_at, changed_at, until, readmitted_at)


def count_wrong_digits(rows: sqlite3.Connection, device: DeviceId) -> int:
    """How often IT has now entered other digits than the device's."""
    (count,) = rows.execute(
        "UPDATE device SET wrong_digits = wrong_digits + 1 WHERE id = ? RETURNING wrong_digits", (device,)
    ).fetchone()
    return int(count)
