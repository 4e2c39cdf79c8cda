"""Enrolment, both ends: the server that a site runs while it invites devices, and the pairing that a device does.

Nothing secret crosses the line: the invitation's secret proves itself by an HMAC that is bound to this TLS server, keys
never leave the machine that made them, and the manifest is given only after a person has compared six digits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from provisioning.enrolment.pairing import pair
from provisioning.enrolment.renewal import SiteCall, calling, is_due, post_result, refresh, renew
from provisioning.enrolment.states import PairingState

if TYPE_CHECKING:
    from provisioning.enrolment.running import RunningEnrolment, run_enrolment, serving_enrolment
    from provisioning.enrolment.server import create_enrolment_app

__all__ = [
    "PairingState",
    "RunningEnrolment",
    "SiteCall",
    "calling",
    "create_enrolment_app",
    "is_due",
    "pair",
    "post_result",
    "refresh",
    "renew",
    "run_enrolment",
    "serving_enrolment",
]

_SERVER = {
    "RunningEnrolment": "running",
    "create_enrolment_app": "server",
    "run_enrolment": "running",
    "serving_enrolment": "running",
}


def __getattr__(name: str) -> object:
    """The server's end, loaded when it is asked for: a device's service never loads what the hospital runs."""
    if name not in _SERVER:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_SERVER[name]}"), name)
