"""How long a person waits after wrong PINs. Pure: time comes in, a wait comes out.

After five wrong tries in a row a badge waits 5 s, and after each further one twice as long, up to 15 minutes. All
badges together have 20 wrong tries in 10 minutes, so that trying one PIN on every badge is no way around.
Counts outlive a restart, waits start anew with it: pulling the plug gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FREE_TRIES = 5
FIRST_WAIT = 5.0
LONGEST_WAIT = 900.0
TRIES_OF_ALL = 20
WINDOW_OF_ALL = 600.0


def wait_after(wrong: int) -> float:
    """Seconds to wait after so many wrong PINs in a row."""
    if wrong < FREE_TRIES:
        return 0.0
    return min(FIRST_WAIT * 2.0 ** min(wrong - FREE_TRIES, 16), LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class BadgeTries:
    """Wrong PINs in a row for one badge, and when the next may be tried (monotonic seconds)."""

    wrong: int
    until: float


@dataclass(frozen=True, slots=True)
class SignInTries:
    """What is remembered of wrong PINs. Badges that the roster does not know count for all together only."""

    badges: Mapping[str, BadgeTries] = field(default_factory=dict)
    recent: tuple[float, ...] = ()

    def wait(self, badge: str, now: float) -> float:
        """Seconds until a PIN for this badge is looked at; 0 for at once."""
        recent = [at for at in self.recent if now - at < WINDOW_OF_ALL]
        for_all = recent[-TRIES_OF_ALL] + WINDOW_OF_ALL - now if len(recent) >= TRIES_OF_ALL else 0.0
        tries = self.badges.get(badge)
        return max(0.0, for_all, tries.until - now if tries else 0.0)

    def wrong(self, badge: str, now: float, *, known: bool) -> SignInTries:
        """The same with one more wrong PIN."""
        recent = (*self.recent, now)[-TRIES_OF_ALL:]
        if not known:
            return replace(self, recent=recent)
        count = (self.badges[badge].wrong if badge in self.badges else 0) + 1
        tries = BadgeTries(count, now + wait_after(count))
        return SignInTries({**self.badges, badge: tries}, recent)

    def right(self, badge: str) -> SignInTries:
        """The same after a right PIN, counted as wrong until it was looked at: that badge is forgiven."""
        return SignInTries({name: tries for name, tries in self.badges.items() if name != badge}, self.recent[:-1])

    def counts(self) -> dict[str, int]:
        """What is worth remembering over a restart: badge → wrong PINs in a row."""
        return {badge: tries.wrong for badge, tries in self.badges.items()}

    @classmethod
    def remembered(cls, counts: Mapping[str, int], now: float) -> SignInTries:
        """Tries after a restart: the counts go on, and each wait begins again."""
        return cls({badge: BadgeTries(wrong, now + wait_after(wrong)) for badge, wrong in counts.items() if wrong > 0})
