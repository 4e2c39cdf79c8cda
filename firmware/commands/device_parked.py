"""`wardlens device parked`: what the hospital refused for good, and what a person may do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware.errors import RequestWrong
from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, StateOption, out, print_rows

app = typer.Typer(help="Pictures that the hospital refused for good.", invoke_without_command=True)


@app.callback()
def list_parked(
    context: typer.Context, state: StateOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List what is parked and why. It stays on the device, sealed, until a person has looked.

    Example: wardlens device parked --json
    """
    from firmware.parked import parked_rows

    if context.invoked_subcommand is None:
        print_rows(parked_rows(load_settings(config, state=state)), as_json=as_json, empty="Nothing is parked.")


@app.command("retry")
def retry_parked(
    captures: Annotated[list[str] | None, typer.Argument(help="Which; as `wardlens device parked` names them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every one.")] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Let parked pictures be sent again, for instance after the hospital has made a device known again.

    Example: wardlens device parked retry --all
    """
    from firmware.parked import retry

    if every == bool(captures):
        raise RequestWrong("Name the pictures to send again, or --all.")
    asked = retry(load_settings(config, state=state), captures or [], every=every)
    out.print(f"Sending again: {len(asked)}." if asked else "Nothing is parked.")


@app.command("export")
def export_parked(
    capture: Annotated[str, typer.Argument(help="Which; as `wardlens device parked` names it.")],
    to: Annotated[Path, typer.Option("--out", help="New file for the sealed envelope.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a parked picture's sealed envelope to a file. Only the hospital's keys open it (`wardlens envelope open`).

    Example: wardlens device parked export 0198c5d1f8a07c3e8f3b6a5d2e1c0b9a --out /media/usb/parked.wle
    """
    from firmware.parked import export

    length = export(load_settings(config, state=state), capture, to)
    out.print(f"{to}: {length} bytes, sealed. The picture stays on the device, parked.")
