"""A new system for this device, on trial until it has proven itself: the part that is root's, without a network.

`record` is what root remembers of it, over every power cut; `programs` runs RAUC and systemd; `installing` writes the
other slot and starts it; `trial` confirms the new system after its start, or goes back. What fetches the bundle is in
`firmware.upkeep`. Nothing here believes the process with the network: docs/adr/0021.
"""

from firmware.updating.installing import install_ordered
from firmware.updating.programs import Machine
from firmware.updating.trial import after_boot

__all__ = ["Machine", "after_boot", "install_ordered"]
