"""What `wardlens receiver status` says: read from the archive, so that it needs no running receiver."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from sync.receiver.alarms import sentence
from sync.receiver.archive import Alarm, Archive, Counts, Heartbeat, QuarantineRow

ALIVE_MS: Final = 35_000
"""A receiver that has not been heard of for three beats and a half is taken as gone."""


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """How the hospital's side stands.

    Attributes:
        receivers: every receiver's last word, latest first.
        alive: the names of those that work now.
        counts: what is filed and what is under way.
        last_received_at_ms: when the newest capture was filed.
        quarantine: what was refused for good, latest first.
        alarms: what somebody must look at and nobody has settled, latest first.
    """

    at_ms: int
    receivers: tuple[Heartbeat, ...]
    alive: tuple[str, ...]
    counts: Counts
    last_received_at_ms: int | None
    quarantine: tuple[QuarantineRow, ...]
    alarms: tuple[Alarm, ...]

    @property
    def sentence(self) -> str:
        """One sentence that says what to do, if anything."""
        if not self.alive:
            return "No receiver is at work: start one with `wardlens receiver run`. Devices keep their pictures."
        if self.alarms:
            return f"{sentence(self.alarms[0])} `wardlens receiver alarms` lists {len(self.alarms)}."
        if self.counts.quarantined:
            return f"{self.counts.quarantined} refused for good: look at the quarantine below and at its devices."
        if self.counts.not_openable:
            return (
                f"{self.counts.not_openable} could not be opened and are kept sealed: find the key or the backup, "
                "then run `wardlens receiver open --again`."
            )
        if self.counts.sealed:
            return f"{self.counts.sealed} sealed, not opened yet: run `wardlens receiver open` where the key is."
        return "All is well."

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "at_ms": self.at_ms,
            "sentence": self.sentence,
            "alive": list(self.alive),
            "receivers": [asdict(heartbeat) for heartbeat in self.receivers],
            "counts": asdict(self.counts),
            "last_received_at_ms": self.last_received_at_ms,
            "quarantine": [asdict(row) for row in self.quarantine],
            "alarms": [asdict(alarm) | {"sentence": sentence(alarm)} for alarm in self.alarms],
        }


def status(archive: Archive) -> ReceiverStatus:
    """How the hospital's side stands now.

    Raises:
        ArchiveUnavailable: the archive does not answer.
    """
    now = archive.clock()
    receivers = archive.receivers()
    newest = archive.newest(1)
    return ReceiverStatus(
        at_ms=now,
        receivers=receivers,
        alive=tuple(
            r.receiver for r in receivers if now - r.seen_at_ms < ALIVE_MS and r.state not in {"stopped", "no-broker"}
        ),
        counts=archive.counts(),
        last_received_at_ms=newest[0].received_at_ms if newest else None,
        quarantine=archive.in_quarantine(20),
        alarms=archive.alarms(),
    )
