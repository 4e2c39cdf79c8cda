"""`wardlens site`, about one device from a desk: commands, wipe, another name, and the way back from a drawer."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from firmware.commands.site import day, opened
from firmware.terminal import ConfigOption, JsonOption, SiteOption, out, print_rows

DeviceArgument = Annotated[str, typer.Argument(help="The device's id.")]


def command(
    device: DeviceArgument,
    name: Annotated[Literal["self-test", "renew"], typer.Argument(help="What it shall do.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Tell a device to do something at its next contact, within minutes when it is on.

    Example: wardlens site command wl-0123456789 self-test
    """
    from provisioning.commands import CommandName

    given = opened(config, site).command(device, CommandName(name))
    out.print(
        f"{device} is told {name} (command {given.number}) until {given.expires:%Y-%m-%d}. "
        f"What it answers: `wardlens site commands {device}`."
    )


def commands(
    device: DeviceArgument, site: SiteOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List what a device was told, and what it answered, the newest first.

    Example: wardlens site commands wl-0123456789 --json
    """
    found = opened(config, site)
    rows = [
        {
            "number": one.number,
            "command": " ".join(filter(None, (one.name, one.argument))),
            "given": day(one.issued_at),
            "until": day(one.expires_at),
            "outcome": one.outcome or "waiting",
            "said": one.sentence,
            "answered": day(one.answered_at) if one.answered_at else "",
        }
        for one in found.commands(found.device(device).id)
    ]
    print_rows(rows, as_json=as_json, empty="It was told nothing yet.")


def wipe(
    device: DeviceArgument,
    even_unsent: Annotated[
        bool, typer.Option("--even-unsent", help="Also when pictures wait that the hospital has not got.")
    ] = False,
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Have a device forget its site, its keys and every picture, at its next contact; also a revoked one.

    Example: wardlens site wipe wl-0123456789
    """
    from provisioning.commands import EVEN_UNSENT, CommandName

    given = opened(config, site).command(device, CommandName.WIPE, EVEN_UNSENT if even_unsent else "")
    out.print(
        f"{device} wipes itself at its next contact (command {given.number}), until {given.expires:%Y-%m-%d}. "
        "`wardlens site show` says wiped once it has proven it."
    )
    if not even_unsent:
        out.print("If pictures wait on it, it answers how many and does not; --even-unsent loses them for good.")


def rename(
    device: DeviceArgument,
    name: Annotated[str, typer.Argument(help="What people call it from now on, such as its ward.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a device another name, for another ward; it takes it at its next contact, when no picture waits on it.

    Example: wardlens site rename wl-0123456789 "Ward 9, cart A"
    """
    from provisioning.commands import CommandName

    given = opened(config, site).command(device, CommandName.RENAME, name)
    out.print(f"{device} takes its new name at its next contact (command {given.number}), if no picture waits on it.")


def readmit(device: DeviceArgument, site: SiteOption = None, config: ConfigOption = None) -> None:
    """Let a device that was away for too long come back; make sure first that it is in the hands of its ward.

    Example: wardlens site readmit wl-0123456789
    """
    found = opened(config, site)
    back = found.readmit(device)
    out.print(f"{back.name} ({back.id}) may come back by itself within {found.return_days()} days from now.")


def return_days(
    days: Annotated[int | None, typer.Argument(help="Another number of days; shown without it.")] = None,
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Show or set for how many days after the end of its certificate a device may come back by itself.

    Example: wardlens site return-days 30
    """
    found = opened(config, site)
    if days is not None:
        found.set_return_days(days)
    out.print(f"A device comes back by itself within {found.return_days()} days after the end of its certificate.")
