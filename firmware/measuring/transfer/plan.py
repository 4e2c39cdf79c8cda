"""What `wardlens bench transfer` measures, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from firmware.measuring.machine import machine_facts
from firmware.measuring.transfer.receiving import Store, fleet, receivers
from firmware.measuring.transfer.sending import beside_bare, drain
from firmware.terminal import Advance

PARTS: Final = ("uplink", "receivers", "fleet", "drain")


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """How much is measured.

    Attributes:
        parts: of :data:`PARTS`.
        rounds: how often each side has its turn.
        envelopes: of one turn of the uplink, and of each receiver.
        size: bytes of their pictures.
        receivers: numbers of receivers that share one archive.
        store: where they file.
        connected, uploading: devices of the fleet.
        few, waiting: envelopes of the short and of the long queue.
        waiting_size: bytes of their pictures, and of the fleet's.
        link: bytes a second of the link from the long queue.
    """

    parts: tuple[str, ...] = PARTS
    rounds: int = 3
    envelopes: int = 30
    size: int = 3_000_000
    receivers: tuple[int, ...] = (1, 2, 4)
    store: Store = field(default_factory=Store)
    connected: int = 1000
    uploading: int = 10
    few: int = 10
    waiting: int = 2000
    waiting_size: int = 100_000
    link: float = 3e6


def measure_transfer(plan: TransferPlan, advance: Advance) -> dict[str, Any]:
    """The figures, by part."""
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "uplink": lambda: beside_bare(plan.envelopes, plan.size, plan.rounds),
        "receivers": lambda: receivers(plan.envelopes, plan.size, plan.rounds, plan.receivers, plan.store),
        "fleet": lambda: fleet(plan.connected, plan.uploading, plan.few, plan.waiting_size),
        "drain": lambda: drain(plan.few, plan.waiting, plan.waiting_size, plan.link),
    }
    figures: dict[str, Any] = {"machine": machine_facts(1)}
    for done, part in enumerate(plan.parts):
        advance(done, part)
        figures[part] = measures[part]()
    return figures
