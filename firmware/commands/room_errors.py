"""Which exit status and which sentence a room's error ends a command with."""

from __future__ import annotations

import inspect
import sys

from firmware.errors import CommandError

_ROOTS = (
    ("capture.errors", "CaptureError", 1),
    ("inference.errors", "DatasetWrong", 2),
    ("inference.errors", "InferenceError", 1),
    ("provisioning.panel.errors", "PanelError", 2),
    ("provisioning.errors", "RequestWrong", 2),
    ("provisioning.errors", "PinRefused", 2),  # a supervisor that tried again would lock the token
    ("provisioning.errors", "ProvisioningError", 1),
    ("sync.errors", "SyncError", 1),
    ("sync.receiver.errors", "ReceiverError", 1),
)
"""(module, root of its errors, exit status), the closest first. Whoever raised one has imported its module."""


def sentence_of(error: BaseException) -> tuple[int, str] | None:
    """(exit status, sentence) of an error that a room foresaw, or None for one that nobody did."""
    if isinstance(error, CommandError):
        return error.status, str(error)
    for module, name, status in _ROOTS:
        root = getattr(sys.modules.get(module), name, None)
        if root is not None and isinstance(error, root):
            return status, str(error) or inspect.cleandoc(type(error).__doc__ or "")
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: " if error.filename else ""
        return 1, f"The system refused: {what}{error.strerror}. Check the path, its rights and the room left."
    return None
