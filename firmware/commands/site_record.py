"""`wardlens site log`: who decided what at the desk."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware.commands.site import day, opened
from firmware.terminal import ConfigOption, JsonOption, SiteOption, print_rows


def log(
    about: Annotated[str, typer.Argument(help="A device's id, a badge, a key: only what was decided about it.")] = "",
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who invited, confirmed, revoked, told or changed what, the newest first.

    Example: wardlens site log wl-0123456789
    """
    rows = [
        {
            "number": one.number,
            "at": day(one.at),
            "by": one.by,
            "what": one.what.value,
            "about": one.about,
            "said": one.said,
        }
        for one in opened(config, site).record(about)
    ]
    print_rows(rows, as_json=as_json, empty="Nothing is on record.")
