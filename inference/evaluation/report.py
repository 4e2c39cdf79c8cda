"""What an evaluation found: rows, the figures over them, and what they were measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from inference.evaluation.measures import Figure, figures
from inference.evaluation.measuring import GROWN, GROWN_AT_LEAST
from inference.evaluation.rows import BARS, LEGIBLE_HEIGHT, PictureRow
from inference.picture import Kind

FORMAT: Final = "wardlens-evaluation-1"


@dataclass(frozen=True, slots=True)
class Run:
    """One dataset under one degradation: a row for each picture, and a figure for each measure."""

    degradation: str
    rows: tuple[PictureRow, ...]
    figures: tuple[Figure, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", figures(self.rows))

    def figure(self, name: str) -> Figure | None:
        """The figure of that measure; None where no row says anything about it."""
        return next((figure for figure in self.figures if figure.measure.name == name), None)

    @property
    def nobody_looked(self) -> tuple[Kind, ...]:
        """The kinds that no detector looked for in any picture."""
        seen = [row.seen for row in self.rows if row.seen]
        return tuple(kind for kind in Kind if seen and all(kind in one.nobody_looked for one in seen))

    @property
    def tone_sources(self) -> Mapping[str, int]:
        """How many pictures got their bin of skin tones which way: annotated, estimated, unknown."""
        return Counter(row.tone_source or "unknown" for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """The run as JSON has it."""
        return {
            "degradation": self.degradation,
            "pictures": len(self.rows),
            "failed": sum(row.seen is None for row in self.rows),
            "nobody_looked": list(self.nobody_looked),
            "tone_sources": dict(self.tone_sources),
            "measures": {figure.measure.name: figure.to_json() for figure in self.figures},
            "rows": [row.to_json() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """One dataset under every degradation that was asked for.

    Attributes:
        dataset: its name.
        runs: one for each degradation, in order.
        models: manifest name → SHA-256 of every model that looked.
    """

    dataset: str
    runs: tuple[Run, ...]
    models: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))

    def run(self, degradation: str) -> Run:
        """The run under that degradation.

        Raises:
            KeyError: there was none.
        """
        for run in self.runs:
            if run.degradation == degradation:
                return run
        raise KeyError(degradation)


def to_json(reports: tuple[Report, ...]) -> dict[str, Any]:
    """Several reports of one engine as JSON has them, with the rules they were measured by."""
    return {
        "format": FORMAT,
        "rules": {
            "covered_from": dict(BARS),
            "text_from_pixels_high": LEGIBLE_HEIGHT,
            "truths_grown_by_shares_of_height": dict(GROWN),
            "truths_grown_by_at_least_pixels": GROWN_AT_LEAST,
            "interval": "Wilson, 95 %, trials taken as independent; for shares of pixels each picture is one trial",
        },
        "models": dict(reports[0].models) if reports else {},
        "sets": [{"set": report.dataset, "runs": [run.to_json() for run in report.runs]} for report in reports],
    }
