"""`wardlens evaluate`: what is found, missed and damaged on annotated pictures, as tables, JSON and a sheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from firmware.errors import RequestWrong
from firmware.looking import load_deidentifier
from firmware.settings import load_settings
from firmware.terminal import Advance, ConfigOption, err, out, progress

if TYPE_CHECKING:
    from rich.table import Table

    from inference.evaluation import Degradation, Figure, Measure, Report, Run, Share

_TITLE_WIDTH: Final = 42
_LINE_WIDTH: Final = 28
"""Of a share and its interval beside each other."""
_CELL_WIDTH: Final = 16
"""Of a share above its interval."""
_TONES_SHOWN: Final = ("light", "medium", "dark")

Column = tuple[str, "Run"]
"""What stands above it, and whose figures stand in it."""


def evaluate(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET", help="Folders with an annotations.json.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything to this file, row by row.")] = None,
    sheet_file: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write the ten worst cases to this PNG. It shows the test pictures uncovered."),
    ] = None,
    degrade: Annotated[
        list[str] | None,
        typer.Option(
            help="as-is, turn-45 to turn-315, dark, motion, defocus, jpeg, mask, hand, cut, or all; repeat it."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many pictures of each set, spread evenly.")] = None,
    tone_bins: Annotated[bool, typer.Option("--tone-bins", help="Also show every share by skin tone.")] = False,
    models: Annotated[Path | None, typer.Option(help="Folder of the models.")] = None,
    config: ConfigOption = None,
) -> None:
    """Measure de-identification on annotated pictures: covered, missed, damaged, asked, each with its 95 % interval.

    docs/evaluation.md describes the folders and what each measure means.

    Example: wardlens evaluate faces/ wounds/ --degrade as-is --degrade turn-90 --json figures.json --sheet worst.png
    """
    from inference.evaluation import Folder, WorstCases, encoded_sheet, to_json
    from inference.evaluation import evaluate as measure

    degradations = _degradations(degrade or ["as-is"])
    if sheet_file is not None and sheet_file.suffix.lower() != ".png":
        raise RequestWrong("--sheet writes a PNG; give it a name that ends in .png.")
    folders = [Folder(path, limit=limit) for path in datasets]
    for folder in folders:
        folder.check()
    for file in (json_file, sheet_file):
        if file is not None:
            file.touch(mode=0o600)  # a file that cannot be written is found before the work, not after it
    settings = load_settings(config, models=models)
    deidentifier = load_deidentifier(settings)
    worst = WorstCases() if sheet_file is not None else None
    reports: list[Report] = []
    before = 0
    with progress("evaluate", sum(map(len, folders)) * len(degradations)) as advance:
        for folder in folders:
            tell = _from(before, advance)
            reports.append(measure(deidentifier, folder, degradations, witness=worst, progress=tell))
            before += len(folder) * len(degradations)
    if json_file is not None:
        json_file.write_text(json.dumps(to_json(tuple(reports)), indent=1) + "\n", "utf-8")
    if sheet_file is not None and worst is not None:
        sheet_file.write_bytes(encoded_sheet(worst.sheet()))
    _print(reports, tone_bins=tone_bins)
    for file in (json_file, sheet_file):
        if file is not None:
            out.print(f"Written to {file}.", markup=False)


def _from(before: int, advance: Advance) -> Callable[[int, str], None]:
    """Tells the progress of one set of several."""
    return lambda done, name: advance(before + done, name)


def _degradations(names: Sequence[str]) -> tuple[Degradation, ...]:
    from inference.evaluation import ALL, DEGRADATIONS, named

    try:
        return named(name.strip() for listed in names for name in listed.split(","))
    except KeyError as error:
        known = ", ".join((*(degradation.name for degradation in DEGRADATIONS), ALL))
        raise RequestWrong(f"--degrade knows no {error.args[0]!r}; it takes {known}.") from None


def _print(reports: Sequence[Report], *, tone_bins: bool) -> None:
    if all(len(report.runs) == 1 for report in reports):
        columns = [(report.dataset, report.runs[0]) for report in reports]
        _print_table("", columns)
    else:
        for report in reports:
            _print_table(report.dataset, [(run.degradation, run) for run in report.runs])
    for report in reports:
        for run in report.runs:
            for row in run.rows:
                if row.failure:
                    err.print(f"{report.dataset}/{row.file} ({run.degradation}): {row.failure}", markup=False)
            if tone_bins:
                _print_tones(f"{report.dataset}, {run.degradation}", run)
    unlooked = {kind for report in reports for run in report.runs for kind in run.nobody_looked}
    if unlooked:
        out.print(f"No detector looks for {' or '.join(sorted(unlooked))}: that alone asks about every picture.")


def _print_table(title: str, columns: Sequence[Column]) -> None:
    """Measures down, runs across, as many beside each other as the terminal is wide."""
    gap = " " if _TITLE_WIDTH + _LINE_WIDTH * len(columns) <= out.width else "\n"
    at_once = max(1, (out.width - _TITLE_WIDTH) // (_LINE_WIDTH if gap == " " else _CELL_WIDTH))
    for first in range(0, len(columns), at_once):
        shown = columns[first : first + at_once]
        table = _empty_table(title, [name for name, _ in shown])
        table.add_row("pictures", *(str(len(run.rows)) for _, run in shown))
        for measure in _measures_of(columns):
            figures = [run.figure(measure.name) for _, run in shown]
            table.add_row(measure.title, *("–" if f is None else _cell(f.share, f, gap) for f in figures))
        out.print(table)


def _print_tones(title: str, run: Run) -> None:
    gap = " " if _TITLE_WIDTH + _LINE_WIDTH * (len(_TONES_SHOWN) + 1) <= out.width else "\n"
    table = _empty_table(title, [*_TONES_SHOWN, "apart"])
    for figure in run.figures:
        if figure.worst_and_best is not None:
            worst, best = (figure.by_tone[tone].value for tone in figure.worst_and_best)
            shares = {str(tone): share for tone, share in figure.by_tone.items()}
            cells = [_cell(shares[tone], figure, gap) if tone in shares else "–" for tone in _TONES_SHOWN]
            table.add_row(figure.measure.title, *cells, f"{_percent(abs(worst - best))} points")
    if not table.row_count:
        out.print(f"{title}: fewer than two bins of skin tones have any pictures.", markup=False)
        return
    sources = ", ".join(f"{count} {source}" for source, count in sorted(run.tone_sources.items()))
    out.print(table)
    out.print(f"Skin tones of the pictures: {sources}.")


def _empty_table(title: str, columns: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title=title or None, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _measures_of(columns: Sequence[Column]) -> Iterator[Measure]:
    """Every measure that any of the columns has a figure for, in the order of reports."""
    from inference.evaluation import MEASURES

    having = {figure.measure.name for _, run in columns for figure in run.figures}
    return (measure for measure in MEASURES if measure.name in having)


def _cell(share: Share, figure: Figure, gap: str) -> str:
    """The share and what it is of; after the gap, the interval."""
    low, high = share.interval
    of = f" of {share.trials}" if figure.measure.counted else ""
    return f"{_percent(share.value)} %{of}{gap}({_percent(low)}–{_percent(high)})"


def _percent(share: float) -> str:
    """Per cent with one place, and two digits where it is less than one."""
    value = share * 100
    if value in {0.0, 100.0}:
        return f"{value:.0f}"
    if value < 0.001:
        return "<0.001"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"
