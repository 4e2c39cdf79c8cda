"""What is on the disk against what the queue says: decided here, done by the vault.

Used at every start, and to rebuild a queue from the envelope files alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from capture.envelope import EnvelopeRefused, parse_envelope
from capture.identifiers import CaptureId
from capture.vault.entry import Entry
from capture.vault.states import HELD, START, State, Step, after

MISSING = "file-missing"
DAMAGED = "file-damaged"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a start finds out of step.

    Attributes:
        changed: entries to store: adopted files, erasures to finish, envelopes that are gone.
        leftover: captures whose erased envelope still has a file, to be removed.
        adopted, lost, damaged: how many files had no entry; entries had no file; files were no envelope, or could not
            be read and are left for the next start.
    """

    changed: tuple[Entry, ...] = ()
    leftover: tuple[CaptureId, ...] = ()
    adopted: int = 0
    lost: int = 0
    damaged: int = 0


def compare(
    files: Iterable[CaptureId],
    entries: Mapping[CaptureId, Entry],
    read: Callable[[CaptureId], bytes],
    now_ms: int,
) -> Findings:
    """What has to change so that queue and disk agree.

    A file without an entry is an envelope whose put was cut short after the rename, or all of them when the queue is
    new: it is whole, so it is kept. An entry whose file is gone is finished if its receipt is there, and parked, in
    sight, if not. A file that cannot be read now keeps nobody from the others.
    """
    present = set(files)
    changed: list[Entry] = []
    damaged = 0
    for capture in sorted(present - entries.keys()):
        try:
            changed.append(from_file(capture, read(capture), now_ms))
        except OSError:
            damaged += 1
    adopted = len(changed)
    damaged += sum(entry.reason == DAMAGED for entry in changed)
    lost = 0
    for capture, entry in entries.items():
        if entry.state not in HELD or capture in present:
            continue
        if entry.state is State.RECEIPTED:
            changed.append(replace(entry, state=after(entry.state, Step.ERASE)))
        elif entry.reason != MISSING:
            changed.append(replace(entry, state=after(entry.state, Step.PARK), reason=MISSING))
            lost += 1
    leftover = tuple(
        capture for capture in sorted(present) if capture in entries and entries[capture].state is State.ERASED
    )
    return Findings(tuple(changed), leftover, adopted, lost, damaged)


def from_file(capture: CaptureId, data: bytes, now_ms: int) -> Entry:
    """The entry of an envelope file that the queue does not know."""
    counter, reason, state = 0, "", START
    try:
        envelope = parse_envelope(data)
        counter = envelope.counter
        if envelope.capture != capture:
            reason = DAMAGED
    except EnvelopeRefused:
        reason = DAMAGED
    if reason:
        state = after(START, Step.PARK)
    digest = hashlib.sha256(data).hexdigest()
    return Entry(capture, digest, len(data), counter, False, state, now_ms, reason=reason)
