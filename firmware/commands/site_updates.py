"""`wardlens site offer-update`: a new system for one device, or for all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware.commands.site import opened
from firmware.errors import RequestWrong
from firmware.terminal import ConfigOption, JsonOption, SiteOption, print_rows


def offer_update(
    device: Annotated[str | None, typer.Argument(help="The device's id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Offer it to every device that the site trusts.")] = False,
    bundle: Annotated[Path, typer.Option(help="The RAUC bundle, in the format verity.")] = ...,  # type: ignore[assignment]
    version: Annotated[
        str | None, typer.Option(help="What you mean to offer; refused if the bundle's manifest says something else.")
    ] = None,
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer a new system: devices fetch it, start it on trial, and stay with it only if it works.

    Example: wardlens site offer-update wl-0123456789 --bundle wardlens-2026.48.1.raucb
    """
    from provisioning.bundles import publish
    from provisioning.commands import CommandName
    from provisioning.devices import DeviceState
    from provisioning.updates import Version

    if (device is None) != every:
        raise RequestWrong("Name one device, or say --all.")
    try:
        meant = Version.parse(version) if version is not None else None
    except ValueError as error:
        raise RequestWrong(f"{error}.") from None
    found = opened(config, site)
    named = (
        [one for one in found.devices() if one.state is DeviceState.ACTIVE] if every else [found.device(str(device))]
    )
    update = publish(found.layout.updates, bundle, meant)
    given = [found.command(one.id, CommandName.UPDATE, str(update)) for one in named]
    rows = [
        {
            "device": one.id,
            "name": one.name,
            "version": str(update.version),
            "number": command.number,
            "until": f"{command.expires:%Y-%m-%d}",
        }
        for one, command in zip(named, given, strict=True)
    ]
    print_rows(rows, as_json=as_json, empty="The site trusts no device yet. Invite one with `wardlens site invite`.")
