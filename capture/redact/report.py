"""What `wardlens redact` says of each file, in the shape of its JSON report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capture.record import redaction_to_json
from inference.picture import Kind, Outcome, Photo, Region

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileReport:
    """One input and what became of it.

    Attributes:
        file: its name, relative to the folder it was found in.
        output: the output's name, relative to the output folder; "" where there is none.
        width, height: of the upright picture, pixels; 0 where it could not be read.
        outcomes: the answer for each kind; UNSURE for all where nothing could look.
        regions: what was covered, as JSON values.
        milliseconds: stage → what it took.
        error: one sentence, where nothing was written.
        film: of a video, as JSON values: `frames`, `rate` (a second), `covered` (frames in which something is), and
            `busiest`, the frame that `regions` are of, counted from 0.
    """

    file: str
    output: str = ""
    width: int = 0
    height: int = 0
    outcomes: Mapping[Kind, Outcome] = field(default_factory=lambda: dict.fromkeys(Kind, Outcome.UNSURE))
    regions: Sequence[Json] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    film: Mapping[str, float] = field(default_factory=dict)

    @property
    def unsure(self) -> tuple[Kind, ...]:
        """The kinds that a person has to look for."""
        return tuple(kind for kind in Kind if self.outcomes[kind] is Outcome.UNSURE)

    def to_json(self) -> Json:
        """The entry in the report; `output`, `film` and `error` only where they say something."""
        entry: Json = {
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "outcomes": {kind.value: self.outcomes[kind].value for kind in Kind},
            "regions": list(self.regions),
            "milliseconds": {stage: round(took, 1) for stage, took in self.milliseconds.items()},
        }
        if self.output and self.output != self.file:
            entry["output"] = self.output
        if self.film:
            entry["film"] = dict(self.film)
        if self.error:
            entry["error"] = self.error
        return entry


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every input, in the order they were given."""

    files: tuple[FileReport, ...]

    @property
    def failed(self) -> tuple[FileReport, ...]:
        """Those of which nothing was written."""
        return tuple(file for file in self.files if file.error)

    def to_json(self) -> Json:
        """The whole report."""
        return {"files": [file.to_json() for file in self.files]}


def of_photo(file: str, output: str, photo: Photo, milliseconds: Mapping[str, float]) -> FileReport:
    """The entry of a picture that was redacted."""
    redaction = photo.redaction
    return FileReport(
        file=file,
        output=output,
        width=redaction.width,
        height=redaction.height,
        outcomes=redaction.outcomes,
        regions=redaction_to_json(redaction)["regions"],
        milliseconds={**photo.milliseconds, **milliseconds},
    )


def region_to_json(region: Region) -> Json:
    """A region as the report has it."""
    polygon = [[round(float(x), 1), round(float(y), 1)] for x, y in region.polygon]
    return {
        "kind": region.kind.value,
        "polygon": polygon,
        "score": round(float(region.score), 4),
        "model": region.model,
    }
