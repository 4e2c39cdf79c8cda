"""What keeps a paired device its site's own: newest manifest, commands, fresh certificates, and a wipe from a desk.

`pace` decides when, and is pure; `memory` and `wipe_order` are the two files that make each command happen once,
through any power cut; `orders` carries out; `running` is the thread of the sync service. No signing key is needed.
"""

from firmware.upkeep.running import serve_sync, upkeep_running
from firmware.upkeep.wipe_order import finish_ordered_wipe

__all__ = ["finish_ordered_wipe", "serve_sync", "upkeep_running"]
