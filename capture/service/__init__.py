"""The process that sees the patient: live view, shutter, review, sealing, behind a unix socket and with no network.

Raw pixels stay on this side of the socket; what crosses it is de-identified pictures, states and sentences. Nothing is
written but sealed envelopes and the ledger.

Each name is loaded when it is first asked for: the panel wants the client alone, and no camera, model or codec with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from capture.service.camera_service import CameraService
    from capture.service.client import CameraClient, LiveStream, as_found
    from capture.service.keeping import Keeper, Kept
    from capture.service.parts import CameraServiceParts, Deidentifies
    from capture.service.running import run_camera_service, run_unpaired_camera_service
    from capture.service.stills import HeldStill
    from capture.service.unpaired import UnpairedParts
    from capture.service.wire import LiveMessage, parse_live_message

__all__ = [
    "CameraClient",
    "CameraService",
    "CameraServiceParts",
    "Deidentifies",
    "HeldStill",
    "Keeper",
    "Kept",
    "LiveMessage",
    "LiveStream",
    "UnpairedParts",
    "as_found",
    "parse_live_message",
    "run_camera_service",
    "run_unpaired_camera_service",
]

_HOMES: Final = {
    "CameraClient": "client",
    "CameraService": "camera_service",
    "CameraServiceParts": "parts",
    "Deidentifies": "parts",
    "HeldStill": "stills",
    "Keeper": "keeping",
    "Kept": "keeping",
    "LiveMessage": "wire",
    "LiveStream": "client",
    "UnpairedParts": "unpaired",
    "as_found": "client",
    "parse_live_message": "wire",
    "run_camera_service": "running",
    "run_unpaired_camera_service": "running",
}


def __getattr__(name: str) -> Any:
    """The name's own module, loaded now (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
