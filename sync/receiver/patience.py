"""How much nonsense a receiver listens to: a budget for each device, so that no device keeps it from the others.

What costs is what was for nothing: a message that is none, and one that had to be refused. Chunks and offers that
change nothing are free, because several receivers may hear the same ones. A device whose budget is spent is not
answered until it has come back; it waits, as for a receiver that is away, and nothing of it is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from capture.identifiers import DeviceId

BURST: Final = 200
"""So many in a row."""
PER_SECOND: Final = 1.0
MOST_DEVICES: Final = 10_000
"""Of which a budget is remembered; whoever was heard of longest ago begins anew."""


class Patience:
    """The budgets, in one receiver's memory.

    Args:
        clock: seconds that only grow.
        burst, per_second: the budget, and how fast it comes back.
    """

    def __init__(self, clock: Callable[[], float], burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._spent: OrderedDict[DeviceId, tuple[float, float]] = OrderedDict()

    def has(self, device: DeviceId) -> bool:
        """Whether this device is listened to now."""
        return self._left(device) >= 1

    def spend(self, device: DeviceId, messages: int = 1) -> bool:
        """So many messages of this device were for nothing; whether that spent its budget, which is said once."""
        heard = self.has(device)
        self.cost(device, messages)
        return heard and not self.has(device)

    def cost(self, device: DeviceId, messages: int) -> None:
        """So many messages of this device were for nothing."""
        if messages <= 0:
            return
        self._spent[device] = (max(0.0, self._left(device) - messages), self._clock())
        self._spent.move_to_end(device)
        while len(self._spent) > MOST_DEVICES:
            self._spent.popitem(last=False)

    def _left(self, device: DeviceId) -> float:
        left, at = self._spent.get(device, (float(self._burst), self._clock()))
        return min(float(self._burst), left + (self._clock() - at) * self._per_second)
