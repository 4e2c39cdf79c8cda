"""A ward, a broker and a hospital in memory, with faults, for proving the protocol without a network.

The broker here loses, duplicates, delays, reorders and forgets; devices and receivers restart at any moment. One seed
gives one run. :class:`World` plays a schedule until nothing more can happen and then checks what must hold: erased only
with a receipt for that very envelope, nothing lost, each envelope filed once, every receipt the same bytes.
"""

from __future__ import annotations

from sync.protocol.simulated.faults import Faults
from sync.protocol.simulated.hospital import Hospital
from sync.protocol.simulated.ward import Device, SimulatedVault
from sync.protocol.simulated.world import Broken, World

__all__ = ["Broken", "Device", "Faults", "Hospital", "SimulatedVault", "World"]
