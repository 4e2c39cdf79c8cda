"""When a device calls its site, and when it asks for fresh certificates. Pure: clock and chance are arguments.

Waits have full jitter, so that a fleet that lost its power or its server together does not come back as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

from sync.protocol.backoff import Chance, delay

FIRST_SECONDS: Final = 15.0
"""Within which the first call after a start falls."""
CALL_SECONDS: Final = 300.0
"""The longest wait after a call that was answered; the shortest is half of it."""
RENEWAL_SECONDS: Final = 60.0
"""The most that the first wait after a refused renewal can be; it doubles with each."""
LONGEST_RENEWAL_SECONDS: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a device stands. Times are seconds of a clock that only grows.

    Attributes:
        next_call: when to call.
        missed: how many calls in a row had no answer.
        next_renewal: before which no renewal is asked for.
        refused: how many renewals in a row failed.
    """

    next_call: float
    missed: int = 0
    next_renewal: float = 0.0
    refused: int = 0

    @classmethod
    def begun(cls, now: float, chance: Chance) -> Self:
        """After a start."""
        return cls(now + chance() * FIRST_SECONDS)

    def answered(self, now: float, chance: Chance) -> Pace:
        """After a call that the site answered."""
        return replace(self, next_call=now + CALL_SECONDS * (1 + chance()) / 2, missed=0)

    def going_on(self, now: float) -> Pace:
        """After a call that left something to fetch: at once, and commands are heard in between."""
        return replace(self, next_call=now, missed=0)

    def unanswered(self, now: float, chance: Chance) -> Pace:
        """After a call that nobody, or somebody else, answered: within 1 s, doubling, to 5 minutes."""
        missed = self.missed + 1
        return replace(self, next_call=now + delay(missed, chance), missed=missed)

    def may_renew(self, now: float) -> bool:
        """Whether a renewal that is due may be asked for."""
        return now >= self.next_renewal

    def renewed(self) -> Pace:
        """After a renewal."""
        return replace(self, next_renewal=0.0, refused=0)

    def not_renewed(self, now: float, chance: Chance) -> Pace:
        """After a renewal that failed: the next within a minute, doubling, to 6 hours."""
        longest = min(LONGEST_RENEWAL_SECONDS, RENEWAL_SECONDS * 2.0 ** min(self.refused, 16))
        return replace(self, next_renewal=now + chance() * longest, refused=self.refused + 1)

    def wait(self, now: float) -> float:
        """Seconds until the next call; 0 when it is due."""
        return max(0.0, self.next_call - now)
