"""`wardlens bench`: the figures of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware.looking import load_deidentifier
from firmware.settings import load_settings
from firmware.terminal import ConfigOption, out, print_facts, progress


def bench(
    video: Annotated[Path | None, typer.Option(help="A video for the live view; without it a drawn scene.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    live_frames: Annotated[int, typer.Option(min=10, help="Frames of the live view to measure.")] = 300,
    stills: Annotated[int, typer.Option(min=1, help="12-megapixel stills to measure.")] = 12,
    growing: Annotated[int, typer.Option(min=1, help="Stills of each size: 2, 8, 12 and 48 megapixels.")] = 3,
    soak: Annotated[
        int, typer.Option(min=20, help="Frames of the memory run, a still after each ten; 10000 for a figure to keep.")
    ] = 200,
    config: ConfigOption = None,
) -> None:
    """Measure this machine: live view, shutter to sealed by stage and by size, memory, sealing and hashing.

    docs/benchmarks.md says what each figure is.

    Example: wardlens bench --json figures.json
    """
    from firmware.measuring import BenchPlan, measure
    from firmware.measuring.bench import STEPS
    from firmware.memory import keep_large_buffers
    from sync.receiver import OpeningKey

    keep_large_buffers()
    settings = load_settings(config)
    deidentifier = load_deidentifier(settings)
    plan = BenchPlan(live_frames=live_frames, stills=stills, growing=growing, soak=soak, video=video)
    with progress("bench", STEPS) as advance:
        figures = measure(deidentifier, OpeningKey.generate().public, plan, advance)
    deidentifier.close()
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print_facts(dict(_flat(figures)), as_json=False)
    if json_file is not None:
        out.print(f"\nWritten to {json_file}.")


def _flat(figures: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure on a line of its own, with the names that lead to it."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name} ")
        else:
            yield f"{above}{name}", value[:16] if above == "models " else value
