"""`wardlens bench`: the figures of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmware.errors import RequestWrong, WorkFailed
from firmware.looking import load_deidentifier
from firmware.settings import load_settings
from firmware.terminal import ConfigOption, out, print_facts, progress

if TYPE_CHECKING:
    from rich.table import Table

    from firmware.measuring.reading import Tally

app = typer.Typer()


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
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
    if context.invoked_subcommand is not None:
        return
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
    _show(figures, json_file)


@app.command()
def transfer(
    parts: Annotated[str, typer.Option(help="Which figures: uplink, receivers, fleet, drain; with commas.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 3,
    envelopes: Annotated[int, typer.Option(min=1, help="Envelopes of a turn, and of each receiver.")] = 30,
    size: Annotated[int, typer.Option(min=100, help="Bytes of their pictures.")] = 3_000_000,
    connected: Annotated[int, typer.Option(min=1, help="Devices of the fleet; ten of them send.")] = 1000,
    waiting: Annotated[int, typer.Option(min=1, help="Envelopes of the long queue.")] = 2000,
    waiting_size: Annotated[int, typer.Option(min=100, help="Bytes of its pictures, and of the fleet's.")] = 100_000,
    link: Annotated[float, typer.Option(min=1.0, help="Bytes a second of the long queue's link.")] = 3e6,
    database: Annotated[str, typer.Option(help="An empty PostgreSQL database; SQLite without it.")] = "",
    objects: Annotated[str, typer.Option(help="s3://BUCKET/PREFIX; a folder without it.")] = "",
    object_option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the bucket, such as endpoint or region; again for each.")
    ] = None,
) -> None:
    """Measure the way to the hospital on this machine: uplink beside bare MQTT, receivers, a fleet, a long queue.

    It needs Mosquitto. docs/benchmarks.md says what each figure is.

    Example: wardlens bench transfer --parts uplink,drain --json figures.json
    """
    from firmware.measuring.transfer.plan import PARTS, TransferPlan, measure_transfer
    from firmware.measuring.transfer.receiving import Store

    chosen = tuple(parts.split(",")) if parts else PARTS
    if not set(chosen) <= set(PARTS):
        raise RequestWrong(f"The parts are {', '.join(PARTS)}.")
    pairs = dict(option.partition("=")[::2] for option in object_option or [])
    plan = TransferPlan(
        parts=chosen,
        rounds=rounds,
        envelopes=envelopes,
        size=size,
        store=Store(database, objects, pairs),
        connected=connected,
        uploading=min(connected, 10),
        waiting=waiting,
        waiting_size=waiting_size,
        link=link,
    )
    with progress("bench", len(chosen)) as advance:
        figures = measure_transfer(plan, advance)
    _show(figures, json_file)


@app.command()
def scan(
    over: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of JPEGs, behind the cards; drawn skin without it."),
    ] = None,
    cards: Annotated[int, typer.Option(min=1, help="Cards of each symbology, for each way to hold them.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other cards.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure how many badges and wristbands that are held to the camera are read, and that none is misread.

    It ends with status 1 where one is. docs/evaluation.md says what each figure is.

    Example: wardlens bench scan --over pictures/ --cards 20
    """
    from firmware.measuring.reading import PRINTED, ReadingPlan, behind_cards, measure_reading

    plan = ReadingPlan(cards=cards, seed=seed)
    with progress("scan", plan.steps) as advance:
        tallies = measure_reading(behind_cards(over or []), plan, advance)
    out.print(_reading_table(tallies, list(PRINTED)))
    if json_file is not None:
        said = {name: {one: tally.figures() for one, tally in row.items()} for name, row in tallies.items()}
        json_file.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    every = [tally for row in tallies.values() for tally in row.values()]
    misread, looks = sum(tally.misread for tally in every), sum(tally.looks_misread for tally in every)
    out.print(
        f"{sum(tally.cards for tally in every)} cards: {misread} misread; {looks} single looks read another code."
    )
    if misread:
        raise WorkFailed(f"{misread} cards were misread. Compare `misread` in the figures, by --json.")


def _reading_table(tallies: Mapping[str, Mapping[str, Tally]], symbologies: list[str]) -> Table:
    """Ways to hold it down, symbologies across: how many of a hundred are read."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("read, of 100")
    for symbology in symbologies:
        table.add_column(symbology, justify="right")
    for name, row in tallies.items():
        table.add_row(name, *(f"{100 * row[one].read / row[one].cards:.0f}" for one in symbologies))
    return table


def _show(figures: Mapping[str, Any], json_file: Path | None) -> None:
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
