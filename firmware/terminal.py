"""What a command prints: facts as JSON or as a table, long work as a bar on a terminal and as plain lines elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

out = Console(highlight=False, soft_wrap=False)
"""Standard output."""
err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Standard error."""

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). docs/settings.md lists every key.")
]
StateOption = Annotated[Path | None, typer.Option("--state", help="Folder of everything that this device keeps.")]
SiteOption = Annotated[Path | None, typer.Option("--site", help="Folder of the site, made by `wardlens site init`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]


def print_json(facts: Any) -> None:
    """Print `facts` as indented JSON on standard output, uncoloured."""
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def print_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print names and values, as JSON or aligned."""
    if as_json:
        print_json(facts)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(f"[bold]{name.replace('_', ' ')}[/]", _shown(value))
    out.print(table)


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows with the same names, as JSON or as a table; `empty` is the sentence when there is none."""
    if as_json:
        print_json(rows)
    elif not rows:
        out.print(empty)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in rows[0]:
            table.add_column(name.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(_shown(value) for value in row.values()))
        out.print(table)


def _shown(value: Any) -> str:
    match value:
        case None | "" | [] | ():
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
        case dict():
            return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
        case _:
            return str(value)


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, done: float, doing: str = "") -> None:
        """Say that `done` steps of the work are done; `doing` names the one under way."""


@contextmanager
def progress(title: str, total: float, *, lines_a_step: int = 1) -> Iterator[Advance]:
    """A progress bar on a terminal; elsewhere one plain line a step, or more where a step takes long."""
    if not err.is_terminal:
        last = 0.0

        def line(done: float, doing: str = "") -> None:
            nonlocal last
            whole = int(done * lines_a_step + 1e-6) / lines_a_step
            if whole > last:
                last = whole
                err.print(f"{title}: {last:g} of {total:g} {doing}".rstrip())

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=total)

        def advance(done: float, doing: str = "") -> None:
            bar.update(task, completed=done, description=f"{title} {doing}".rstrip())

        yield advance


def moment(at_ms: int) -> str:
    """A time as commands print it, to the second and in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
