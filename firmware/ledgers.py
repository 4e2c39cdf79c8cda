"""The ledgers put together with their keys: verified on the device and at the hospital, and written out as FHIR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.canonical import from_canonical, to_canonical
from capture.envelope import FileSigner
from capture.identifiers import DeviceId, SiteId, device_id
from capture.ledger import LedgerHead, audit_events, verify_chain
from firmware.errors import RequestWrong, WorkFailed
from firmware.settings import Settings
from provisioning import durable
from provisioning.identity import DeviceIdentity, StateLayout

if TYPE_CHECKING:
    from provisioning.site import Site
    from sync.receiver import Archive

KEYS = {"camera": "signing", "sync": "identity", "panel": "panel"}
"""Which of the device's keys signs which chain (docs/adr/0004)."""


def verify_ledgers(settings: Settings) -> dict[str, dict[str, Any]]:
    """Each chain's name → whether it is whole, how many lines, and the first thing that is wrong with it."""
    folder = settings.state / "ledger"
    names = {path.stem for pattern in ("*.jsonl", "*.head") for path in folder.glob(pattern)}
    return {chain: _verified(folder, chain, StateLayout(settings.state)) for chain in sorted(names)}


def _verified(folder: Path, chain: str, layout: StateLayout) -> dict[str, Any]:
    if chain not in KEYS:
        return _fault(0, "is none that this device writes: somebody put it there")
    path = folder / f"{chain}.jsonl"
    try:
        head = LedgerHead.from_json(from_canonical((folder / f"{chain}.head").read_bytes().removesuffix(b"\n")))
    except FileNotFoundError:
        lines = path.read_bytes().count(b"\n")
        # A chain's first line has no head for a moment, and after a power cut then.
        return {"whole": True, "lines": 0, "first": ""} if lines == 0 else _fault(lines, "has lines and no head")
    except ValueError:
        return _fault(0, "has a head that is none: it was altered")
    if not path.is_file():
        return _fault(0, f"is gone: a head signs for {head.sequence} lines, and there are none")
    report = verify_chain(path, FileSigner(layout.key(KEYS[chain])).public_key, head)
    return {"whole": report.sound, "lines": report.lines, "first": report.first.sentence if report.first else ""}


def _fault(lines: int, what: str) -> dict[str, Any]:
    return {"whole": False, "lines": lines, "first": f"The chain {what}."}


def verify_at_hospital(archive: Archive, site: Site, device: str, lines: Path | None) -> dict[str, dict[str, Any]]:
    """The same of a device's ledger as the hospital knows it: by the heads that it kept.

    Raises:
        RequestWrong: no device has that name, or the copy of its lines is not there.
    """
    from sync.receiver import verify_device

    known = _known(site, device)
    if lines is not None and not lines.is_dir():
        raise RequestWrong(f"There is no folder {lines}. Name the copy of the device's ledger folder by --ledger.")
    reports = verify_device(archive, known, site.ledger_keys(known), lines)
    return {
        report.chain: {"whole": report.whole} | {k: v for k, v in asdict(report).items() if k != "chain"}
        for report in reports
    }


def export_device_ledger(settings: Settings, out: Path) -> int:
    """How many AuditEvents were written to `out`: every line of every chain of this device."""
    identity = DeviceIdentity.load(settings.state)
    return _write(out, _lines_as_events(settings.state / "ledger", identity.device, identity.site))


def export_at_hospital(archive: Archive, site: Site, device: str, lines: Path | None, out: Path) -> int:
    """How many AuditEvents were written to `out`: what the hospital raised, and a copy of the device's lines."""
    from sync.receiver import alarm_events

    known = _known(site, device)
    events = [*alarm_events(archive, known, site.id)]
    if lines is not None:
        events += _lines_as_events(lines, known, site.id)
    return _write(out, events)


def _known(site: Site, device: str) -> DeviceId:
    if site.status(device) == "unknown":
        raise RequestWrong(f"No device {device} was ever confirmed here. `wardlens site show` lists them.")
    return device_id(device)


def _lines_as_events(folder: Path, device: DeviceId, site: SiteId) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            try:
                yield from audit_events(file, device, site)
            except ValueError as error:
                raise WorkFailed(f"{path} holds something that is no line. Verify the ledger first.") from error


def _write(out: Path, events: Iterable[dict[str, Any]]) -> int:
    """FHIR NDJSON: one resource a line."""
    rows = [to_canonical(event) for event in events]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        durable.write(out, b"".join(row + b"\n" for row in rows), mode=durable.PRIVATE)
    except OSError as error:
        raise WorkFailed(f"{out} cannot be written ({error.strerror}). Choose another file.") from error
    return len(rows)
