"""What goes wrong in a simulated run, as probabilities."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each thing goes wrong, for each message or each second of the run.

    Attributes:
        lose: a message is neither delivered nor acknowledged.
        forget: a message is acknowledged and never delivered (a broker that was killed).
        duplicate: a message is delivered twice.
        delay: most seconds that a delivery takes; with two in flight this also reorders.
        disconnect: in a second, that a device's connection breaks.
        restart: in a second, that a device's sync process is killed and starts again.
        receivers_die: in a second, that all receivers go away for a while.
        broker_dies: in a second, that the broker is killed and forgets everything; all come back, each in its time.
        crash: that a receiver dies between committing and what comes next.
        busy: that the hospital cannot file a complete envelope now.
        corrupt: that an acknowledged chunk was stored with a wrong byte.
    """

    lose: float = 0.0
    forget: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.05
    disconnect: float = 0.0
    restart: float = 0.0
    receivers_die: float = 0.0
    broker_dies: float = 0.0
    crash: float = 0.0
    busy: float = 0.0
    corrupt: float = 0.0


CALM = Faults()
