"""The panel: the ward device's own screen, and nothing else.

It shows what other rooms say and passes on what a person decides: pairing, sign-in, live view, shutter, review, queue,
ledger, device. It never detects, seals or sends; it holds no key and no picture. The camera service, the vault, the
device's identity and the pairing function come in as arguments (:mod:`provisioning.panel.ports`). Its rules of safety
are in :mod:`provisioning.panel.guard` and docs/adr/0009.
"""

from __future__ import annotations

from provisioning.panel.application import create_panel
from provisioning.panel.errors import PanelError, PanelUnsafe
from provisioning.panel.known_identity import facts_of, load_facts
from provisioning.panel.look import Hand, Look, Sound
from provisioning.panel.ports import CameraPort, Clinician, DeviceFacts, QueuePort, UplinkView
from provisioning.panel.serving import run_panel, serve_panel
from provisioning.panel.settings import PanelSettings, TlsPair

__all__ = [
    "CameraPort",
    "Clinician",
    "DeviceFacts",
    "Hand",
    "Look",
    "PanelError",
    "PanelSettings",
    "PanelUnsafe",
    "QueuePort",
    "Sound",
    "TlsPair",
    "UplinkView",
    "create_panel",
    "facts_of",
    "load_facts",
    "run_panel",
    "serve_panel",
]
