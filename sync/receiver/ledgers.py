"""What the hospital makes of the ledger heads that come with each offer: it keeps them, and notices what cannot be.

A head stands for every line up to it, so a chain that was rewritten cannot go through the heads that were given before.
What a head alone cannot show (a rewritten chain that grew past the newest head without ever offering in between) is
found by :func:`verify_device` once somebody brings the device's own lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from capture.canonical import to_canonical
from capture.identifiers import DeviceId, SiteId
from capture.ledger import LedgerHead, LedgerUnwritable, device_uri, security_alert, thing, verify_chain
from sync.events import SyncEvent
from sync.receiver.alarms import LEDGER_KINDS, AlarmKind, day, sentence
from sync.receiver.archive import Alarm, Archive, DeviceLedger, KeptHead
from sync.receiver.trust import LedgerKeys

LATE_MS: Final = 10 * 60_000
"""How long an offer may be overtaken by later ones on its way through broker and receivers."""

_URI: Final = "urn:ietf:rfc:3986"

log: Final = structlog.get_logger("wardlens.receiver")


def keep_heads(
    ledger: DeviceLedger, device: DeviceId, heads: Iterable[Mapping[str, Any]], keys: LedgerKeys, now_ms: int
) -> int:
    """How many of an offer's heads were none; the others are kept, and what is wrong with them is raised.

    Args:
        ledger: the device's rows, in an open transaction.
        device: who offers.
        heads: as they came, bounded by the offer's decoder.
        keys: the chains that the site knows of this device, each with the key that signs its heads, or None where the
            site was not told that key.
        now_ms: the hospital's clock.
    """
    shown, strange = {}, 0
    for fields in heads:
        try:
            head = LedgerHead.from_json(fields)
        except ValueError:
            strange += 1
            continue
        if head.chain not in keys or head.chain in shown:
            strange += 1
            continue
        shown[head.chain] = head
    for chain, key in sorted(keys.items()):
        kind = _gap(ledger, chain, now_ms) if chain not in shown else _keep(ledger, shown[chain], key, now_ms)
        if kind is not None:
            at = shown.get(chain)
            _raise(ledger, device, chain, kind, at)
    return strange


def _keep(
    ledger: DeviceLedger, head: LedgerHead, key: ec.EllipticCurvePublicKey | None, now_ms: int
) -> AlarmKind | None:
    newest = ledger.newest(head.chain)
    goes_on = newest is None or head.sequence > newest.sequence
    known = None if goes_on else ledger.hash_at(head.chain, head.sequence)
    if known == head.hash:
        return None
    if key is not None and not head.is_by(key):
        return AlarmKind.FORGED
    if known is not None:
        return AlarmKind.FORKED
    if newest is None or ledger.reaches(newest.sequence, head.sequence):
        text = to_canonical(head.to_json()).decode()
        # Another receiver may have kept one for this line in between: it is the same, or the chain has two.
        if not ledger.keep(KeptHead(head.chain, head.sequence, head.hash, text, now_ms)):
            return AlarmKind.FORKED if ledger.hash_at(head.chain, head.sequence) != head.hash else None
    if goes_on:
        ledger.forget_before(head.chain, head.sequence)
        return None
    assert newest is not None
    return AlarmKind.REWOUND if now_ms - newest.seen_at_ms > LATE_MS else None


def _gap(ledger: DeviceLedger, chain: str, now_ms: int) -> AlarmKind | None:
    oldest = ledger.oldest(chain)
    return AlarmKind.GAP if oldest is not None and now_ms - oldest.seen_at_ms > LATE_MS else None


def _raise(ledger: DeviceLedger, device: DeviceId, chain: str, kind: AlarmKind, head: LedgerHead | None) -> None:
    sequence, hash_hex = (head.sequence, head.hash) if head else (0, "")
    first = ledger.alarm(chain, kind, sequence, hash_hex)
    say = log.error if first else log.warning
    say(SyncEvent.LEDGER_CONTRADICTED, device=device, chain=chain, kind=kind.value, sequence=sequence, alarm=first)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What the hospital can say of one chain of a device.

    Attributes:
        heads: how many it keeps.
        newest: the highest line that one of them signs for.
        signed: whether the site knows the key that signs them, so that it could check.
        lines: how many lines were held against them; None where nobody brought any.
        first: the first thing that is wrong, in one sentence; empty where nothing is.
    """

    chain: str
    heads: int
    newest: int
    signed: bool
    lines: int | None
    first: str

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.first


def verify_device(archive: Archive, device: DeviceId, keys: LedgerKeys, lines: Path | None = None) -> list[ChainReport]:
    """What the hospital can say of a device's ledger: every kept head against its key, and what was raised.

    Args:
        archive: what keeps the heads.
        device: whose ledger.
        keys: as for :func:`keep_heads`.
        lines: a copy of the device's ledger folder, held against every head; without it, only the heads are looked at.

    Raises:
        ArchiveUnavailable: the archive does not answer.
    """
    kept: dict[str, list[KeptHead]] = {}
    for head in archive.ledger_heads(device):
        kept.setdefault(head.chain, []).append(head)
    alarms = _about_ledger(archive.alarms(device))
    return [
        _report(chain, kept.get(chain, []), [a for a in alarms if a.chain == chain], keys.get(chain), lines)
        for chain in sorted({*kept, *(alarm.chain for alarm in alarms)})
    ]


def alarm_events(archive: Archive, device: DeviceId, site: SiteId) -> Iterator[dict[str, Any]]:
    """What was raised about a device, settled or not, as FHIR AuditEvents; each seen by the hospital, not the device.

    Raises:
        ArchiveUnavailable: the archive does not answer.
    """
    uri = device_uri(site, device)
    for alarm in archive.alarms(device, settled=True):
        system, about = ("urn:wardlens:ledger-chain", f"{uri}#{alarm.chain}") if alarm.chain else (_URI, uri)
        details: dict[str, str | int] = {"times": alarm.times}
        if alarm.hash:
            details |= {"sequence": alarm.sequence, "hash": alarm.hash}
        if alarm.capture:
            details["capture"] = alarm.capture
        if alarm.settled_at_ms is not None:
            details |= {"settled": day(alarm.settled_at_ms), "settled_by": alarm.settled_by, "reason": alarm.reason}
        yield security_alert(
            hashlib.sha256(f"{about}/{alarm.kind}/{alarm.first_at_ms}".encode()).hexdigest(),
            code=f"{'ledger' if alarm.chain else 'device'}-{alarm.kind}",
            said=sentence(alarm),
            at_ms=alarm.first_at_ms,
            observer=f"spiffe://{site}/receiver",
            entity=thing(system, about, "13", details),
        )


def _about_ledger(alarms: Iterable[Alarm]) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.kind in LEDGER_KINDS]


def _report(
    chain: str,
    kept: Sequence[KeptHead],
    alarms: Sequence[Alarm],
    key: ec.EllipticCurvePublicKey | None,
    lines: Path | None,
) -> ChainReport:
    forged = next((head for head in kept if key is not None and not _is_by(head, key)), None)
    count, first = None, ""
    if forged is not None:
        first = f"The kept head of line {forged.sequence} was altered in the archive, or is not the device's."
    elif lines is not None and kept:
        count, first = _held_against(lines / f"{chain}.jsonl", kept, key)
    if not first and alarms:
        first = sentence(min(alarms, key=lambda alarm: alarm.first_at_ms))
    return ChainReport(chain, len(kept), kept[-1].sequence if kept else 0, key is not None, count, first)


def _held_against(path: Path, kept: Sequence[KeptHead], key: ec.EllipticCurvePublicKey | None) -> tuple[int, str]:
    """How many lines there are, and the first thing that is wrong with them; nothing where all is well."""
    newest = LedgerHead.from_json(json.loads(kept[-1].head))
    try:
        report = verify_chain(path, key, newest, {head.sequence: head.hash for head in kept})
    except LedgerUnwritable:
        return 0, f"The lines of the chain are not in the copy ({path.name}), and {newest.sequence} were signed for."
    if report.first is None:
        return report.lines, ""
    after = next((head for head in kept if head.sequence >= report.first.line), None)
    given = f" The hospital was given a head for line {after.sequence} on {day(after.seen_at_ms)}." if after else ""
    return report.lines, report.first.sentence + given


def _is_by(head: KeptHead, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        signed = LedgerHead.from_json(json.loads(head.head))
    except ValueError:
        return False
    return (signed.chain, signed.sequence, signed.hash) == (head.chain, head.sequence, head.hash) and signed.is_by(key)
