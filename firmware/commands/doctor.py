"""`wardlens doctor`: whether this machine is fit, and what to do if not."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, StateOption, out, print_json

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}


def doctor(
    camera: Annotated[
        bool,
        typer.Option("--camera", help="Try the camera alone, at length: streams, still, focus, exposure, colours."),
    ] = False,
    state: StateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine: clock, disk, models, camera, keys, broker, receiver; and say what to do.

    Example: wardlens doctor --json
    """
    from firmware.camera_checks import examine_camera
    from firmware.checks import State, examine

    settings = load_settings(config, state=state)
    findings = examine_camera(settings) if camera else examine(settings)
    if as_json:
        print_json([{"part": f.part, "state": str(f.state), "sentence": f.sentence} for f in findings])
    else:
        for finding in findings:
            out.print(f"{_MARKS[finding.state]} [bold]{finding.part:<10}[/] {finding.sentence}", soft_wrap=True)
    if any(finding.state is State.FAILED for finding in findings):
        raise typer.Exit(1)
