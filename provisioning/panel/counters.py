"""What the panel counts, as Prometheus text exposition (format 0.0.4). No label ever carries a person or a picture."""

from __future__ import annotations

from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Count(StrEnum):
    """Each counter's metric name; the docstring table beside it is its help text."""

    SIGN_INS = "wardlens_panel_sign_ins_total"
    SIGN_INS_REFUSED = "wardlens_panel_sign_ins_refused_total"
    LOCKS = "wardlens_panel_locks_total"
    REQUESTS_REFUSED = "wardlens_panel_requests_refused_total"
    STILLS = "wardlens_panel_stills_total"
    ACCEPTED = "wardlens_panel_accepted_total"
    DISCARDED = "wardlens_panel_discarded_total"
    LIVE_FRAMES = "wardlens_panel_live_frames_total"
    PAIRINGS_STARTED = "wardlens_panel_pairings_started_total"
    PAIRINGS_FAILED = "wardlens_panel_pairings_failed_total"


HELP = {
    Count.SIGN_INS: "Sign-ins that were right.",
    Count.SIGN_INS_REFUSED: "Sign-ins that were wrong or came too early.",
    Count.LOCKS: "Sessions that ended, by hand or by themselves.",
    Count.REQUESTS_REFUSED: "Requests refused by the guard.",
    Count.STILLS: "Stills taken.",
    Count.ACCEPTED: "Pictures accepted and sealed.",
    Count.DISCARDED: "Pictures discarded before they were sealed.",
    Count.LIVE_FRAMES: "Live view frames passed on.",
    Count.PAIRINGS_STARTED: "Pairings begun on this panel.",
    Count.PAIRINGS_FAILED: "Pairings that did not end well.",
}


class Counters:
    """Counts in memory, from 0 at each start."""

    def __init__(self) -> None:
        self._values = dict.fromkeys(Count, 0)

    def add(self, count: Count, by: int = 1) -> None:
        """One more, or several."""
        self._values[count] += by

    def value(self, count: Count) -> int:
        """The count so far."""
        return self._values[count]

    def exposition(self, gauges: dict[str, float]) -> str:
        """All counters, and the gauges given (metric name → value), as the text a scraper reads."""
        lines: list[str] = []
        for count, value in self._values.items():
            lines += [f"# HELP {count} {HELP[count]}", f"# TYPE {count} counter", f"{count} {value}"]
        for name, gauge in sorted(gauges.items()):
            lines += [f"# TYPE {name} gauge", f"{name} {gauge:g}"]
        return "\n".join(lines) + "\n"
