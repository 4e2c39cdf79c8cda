"""The vault: the folder of envelopes on a ward device, and the queue of what has become of each.

It holds ciphertext and states, nothing else. The camera service puts in, the sync service takes out, the panel looks;
all three may have it open at once. What is put is taken only when it is durable; what is taken leaves only through a
receipt (docs/formats/vault.md). It never looks into an envelope, never talks to a network and never decides by the time
of day.
"""

from __future__ import annotations

from capture.disk import Files, RealFiles
from capture.errors import NotInVault, TransitionRefused, VaultDamaged, VaultError, VaultFull, VaultUnwritable
from capture.vault.entry import Condition, Entry
from capture.vault.states import TRANSITIONS, WAITING, State, Step, after
from capture.vault.sweep import Findings
from capture.vault.vault import RESERVE_BYTES, Vault

__all__ = [
    "RESERVE_BYTES",
    "TRANSITIONS",
    "WAITING",
    "Condition",
    "Entry",
    "Files",
    "Findings",
    "NotInVault",
    "RealFiles",
    "State",
    "Step",
    "TransitionRefused",
    "Vault",
    "VaultDamaged",
    "VaultError",
    "VaultFull",
    "VaultUnwritable",
    "after",
]
