"""IT at its screen while a device is paired: waits for the device, shows its digits, and does what IT answers."""

from __future__ import annotations

import time
from typing import Final

import typer

from firmware.errors import WorkFailed
from firmware.terminal import out
from provisioning.commands import CommandName
from provisioning.devices import Device
from provisioning.invitation import Invitation
from provisioning.site import Site

POLL_SECONDS: Final = 0.3


def confirm_device(site: Site, invitation: Invitation, name: str) -> None:
    """The device that comes with this invitation, trusted once IT has said that both screens show the same digits.

    Args:
        site: whose registry the enrolment server writes.
        invitation: as it was made just now.
        name: what the device is to be called; empty leaves it as it is.

    Raises:
        WorkFailed: nobody came in time, or IT saw other digits; the device is refused then.
    """
    device = _waited_for(site, invitation)
    shown = f"{device.digits[:3]} {device.digits[3:]}"
    if not typer.confirm(f"Does the device's screen show {shown}?"):
        site.refuse(device.id)
        raise WorkFailed(
            f"{device.id} is refused. If its screen showed other digits, somebody else used the invitation."
        )
    site.approve(device.id, device.digits)
    out.print(f"{device.id} may now photograph for this site.")
    if name:
        site.command(device.id, CommandName.RENAME, name)
        out.print(f"It calls itself {name} within seconds, once it has called the enrolment server.")


def _waited_for(site: Site, invitation: Invitation) -> Device:
    while (device := site.invited(invitation.id)) is None:
        if site.clock() > invitation.not_after:
            raise WorkFailed("No device came with this invitation in time. Make another one.")
        time.sleep(POLL_SECONDS)
    return device
