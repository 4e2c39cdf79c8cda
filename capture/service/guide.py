"""What the live view advises, once it has held for a moment: a word that flickers helps nobody."""

from __future__ import annotations

from typing import Final

from capture.quality import Verdict

HOLDS_S: Final = 0.6
"""How long a verdict must hold before it is said, or taken back."""


class Guide:
    """The verdict that has held; GOOD at first."""

    def __init__(self) -> None:
        self._said = self._heard = Verdict.GOOD
        self._since = 0.0

    def advice(self, verdict: Verdict, now: float) -> Verdict:
        """What to say at `now`, seconds that only grow, when the picture is like `verdict`."""
        if verdict is not self._heard:
            self._heard, self._since = verdict, now
        if now - self._since >= HOLDS_S:
            self._said = self._heard
        return self._said
