"""`wardlens redact` and `wardlens capture`: pictures from files, de-identified, and in the second case sealed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from capture.encounter import Consent, Encounter, Laterality
from firmware.commands.room_errors import sentence_of
from firmware.errors import RequestWrong, WorkFailed
from firmware.looking import load_deidentifier
from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, StateOption, err, out, print_rows, progress

if TYPE_CHECKING:
    from firmware.from_files import Answers, FileCapturer

UNNAMED: Final = "unnamed"
"""What the record says where nobody gave a badge."""


def redact(
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, videos, or folders of them.")],
    to: Annotated[Path, typer.Option("--out", help="Folder for the redacted copies; made if it is not there.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of the models.")] = None,
    config: ConfigOption = None,
) -> None:
    """De-identify pictures and videos: same size, upright, faces, text and codes filled, all metadata and sound gone.

    What files are read, and what is refused: docs/formats/inputs.md. A video that was interrupted goes on where it was.

    Example: wardlens redact ward-photos/ --out redacted/ --json report.json
    """
    from capture.redact import plan
    from capture.redact import redact as redact_files

    settings = load_settings(config, models=models)
    for path in inputs:
        if not path.exists():
            raise RequestWrong(f"There is no {path}. Name pictures, videos or folders.")
    if json_file is not None:
        json_file.touch()  # a report that cannot be written is found before the work, not after it
    deidentifier = load_deidentifier(settings)
    todo = plan(inputs, to)
    with progress("redact", len(todo), lines_a_step=10 if any(one.is_video for one in todo) else 1) as advance:
        report = redact_files(
            deidentifier,
            inputs,
            to,
            progress=lambda step: advance(step.done + step.share, f"{step.doing} {step.name}".strip()),
        )
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    refused = [entry for entry in report.files if entry.error]
    for entry in refused:
        err.print(f"{entry.file}: {entry.error}")
    out.print(f"{len(report.files) - len(refused)} redacted into {to}, {len(refused)} refused.")
    if refused:
        raise WorkFailed("Some files were refused; nothing was written for them.")


def capture(
    files: Annotated[list[Path], typer.Argument(help="Picture files.")],
    patient: Annotated[str, typer.Option(help="The hospital's patient reference, as on the wristband.")],
    clinician: Annotated[str, typer.Option(help="Badge of who takes the pictures; needed with --confirm.")] = UNNAMED,
    body_site: Annotated[str, typer.Option("--body-site", help="SNOMED CT code of the body site.")] = "39937001",
    laterality: Annotated[str | None, typer.Option(help="left, right or bilateral.")] = None,
    note: Annotated[str, typer.Option(help="A short note.")] = "",
    series: Annotated[str, typer.Option(help="Which wound this is one more picture of.")] = "",
    urgent: Annotated[bool, typer.Option("--urgent", help="Send before the others.")] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="A kind (face, tattoo, text, code) of which you have seen that nothing is left uncovered."),
    ] = None,
    state: StateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take stills from files through the whole device path: de-identified, sealed, into the vault.

    Example: wardlens capture heel.jpg --patient 943-476-5919 --body-site 84607009 --laterality left --confirm tattoo
    """
    from firmware.device import VERSION, camera_service_parts
    from firmware.from_files import Answers, FileCapturer
    from firmware.upkeep import finish_ordered_wipe
    from firmware.wiping import finish_wipe
    from inference import Kind
    from provisioning.identity import DeviceIdentity

    if confirm and clinician == UNNAMED:
        raise RequestWrong("Who has seen that nothing is left uncovered? Add --clinician BADGE to --confirm.")
    encounter = _encounter(patient, clinician, body_site, laterality, note, series, urgent=urgent)
    kinds = tuple(Kind(_one_of(kind, [k.value for k in Kind], "--confirm")) for kind in confirm or [])
    settings = load_settings(config, state=state)
    finish_ordered_wipe(settings.state, settings.socket)
    finish_wipe(settings.state)
    parts = camera_service_parts(settings, DeviceIdentity.load(settings.state))
    deidentifier = load_deidentifier(settings)
    capturer = FileCapturer(parts, deidentifier, VERSION)
    rows: list[dict[str, object]] = []
    with progress("capture", len(files)) as advance:
        for done, file in enumerate(files):
            advance(done, file.name)
            rows.append(_taken(capturer, file, encounter, Answers(clinician, kinds)))
    capturer.ended()
    print_rows(rows, as_json=as_json, empty="No file was named.")
    refused = [row for row in rows if row["error"]]
    for row in refused:
        err.print(f"{row['file']}: {row['error']}", markup=False)
    if refused:
        raise WorkFailed(f"{len(refused)} of {len(rows)} files were not taken; repeat only those.")


def _taken(capturer: FileCapturer, file: Path, encounter: Encounter, answers: Answers) -> dict[str, object]:
    """The row of one file, whatever became of it: what is in the vault is never forgotten over the next one."""
    row: dict[str, object] = {"file": file.name, "capture": None, "digest": None, "bytes": None, "error": ""}
    try:
        kept = capturer.take(file, encounter, answers)
    except Exception as error:
        known = sentence_of(error)
        if known is None:
            raise
        return row | {"error": known[1]}
    return row | {"capture": kept.capture, "digest": kept.digest, "bytes": kept.length}


def _encounter(
    patient: str, clinician: str, body_site: str, laterality: str | None, note: str, series: str, *, urgent: bool
) -> Encounter:
    side = Laterality(_one_of(laterality, [s.value for s in Laterality], "--laterality")) if laterality else None
    try:
        return Encounter(patient, clinician, body_site, side, Consent(record=True), note, series, urgent)
    except ValueError as error:
        raise RequestWrong(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _one_of(value: str, known: list[str], option: str) -> str:
    if value not in known:
        raise RequestWrong(f"{option} takes one of: {', '.join(known)}.")
    return value
