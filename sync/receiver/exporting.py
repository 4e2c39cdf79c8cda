"""Captures out of the archive as files: a picture and its record, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sync.receiver.anatomy import to_dicom, to_fhir
from sync.receiver.archive import Archive, FiledCapture
from sync.receiver.errors import ArchiveDamaged, ExportRefused

FORMATS: Final = ("jpeg+json",)
FORMAT: Final = "wardlens-export/1"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did.

    Attributes:
        written: captures whose files are new or were not as they should be.
        unchanged: captures whose files were there already, byte for byte.
        damaged: captures that the archive could not give whole; nothing was written for them.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    damaged: tuple[str, ...]


def export(
    archive: Archive,
    out: Path,
    format: str = "jpeg+json",  # noqa: A002 - the word of the command line
    *,
    captures: Iterable[FiledCapture] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ExportReport:
    """`{capture}.jpg` and `{capture}.json` in `out` for every capture; docs/formats/export.md.

    One that is not opened gives its envelope, `{capture}.wle`, instead of the picture. Doing it again writes
    only what is new. What has another digest than it was filed with is reported, never written.

    Args:
        archive: from where.
        out: a folder; made if need be.
        format: `jpeg+json`.
        captures: which; all of the archive where not given.
        progress: told how many are done.

    Raises:
        ExportRefused: an unknown format, or a folder that cannot be written.
        ArchiveUnavailable: the archive does not answer; what was written is whole.
    """
    if format not in FORMATS:
        raise ExportRefused(f"The format {format} is not known. Use one of: {', '.join(FORMATS)}.")
    written: list[str] = []
    unchanged: list[str] = []
    damaged: list[str] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for done, filed in enumerate(archive.everything() if captures is None else captures, start=1):
            try:
                content = archive.picture(filed) if filed.opened else archive.envelope(filed)
            except ArchiveDamaged:
                damaged.append(filed.capture)
                continue
            record = json.dumps(capture_record(filed), indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"
            # The picture first: a record names its picture, so it never stands there without one.
            changes = [
                _put(out / (picture_name(filed) if filed.opened else envelope_name(filed)), content),
                _put(out / f"{filed.capture}.json", record),
            ]
            (written if any(changes) else unchanged).append(filed.capture)
            if progress is not None:
                progress(done)
    except OSError as error:
        raise ExportRefused(
            f"The folder {out} cannot be written ({os.strerror(error.errno or 0)}). Choose another, or make room."
        ) from error
    return ExportReport(tuple(written), tuple(unchanged), tuple(damaged))


def picture_name(filed: FiledCapture) -> str:
    """The file of a capture's picture."""
    return f"{filed.capture}.jpg"


def envelope_name(filed: FiledCapture) -> str:
    """The file of a capture's sealed envelope."""
    return f"{filed.capture}.wle"


def capture_record(filed: FiledCapture) -> dict[str, Any]:
    """What is in a capture's JSON file, and behind the view's JSON link."""
    picture = {"file": picture_name(filed), "sha256": filed.picture_digest, "bytes": filed.picture_length}
    return {
        "format": FORMAT,
        "capture": filed.capture,
        "device": filed.device,
        "site": filed.site,
        "counter": filed.counter,
        "received_at_ms": filed.received_at_ms,
        "opening": filed.opening.value,
        "envelope": {"sha256": filed.digest, "bytes": filed.length}
        | ({} if filed.opened else {"file": envelope_name(filed)}),
        "picture": picture if filed.opened else None,
        "wound": wound_record(filed),
        "manifest": json.loads(filed.manifest) if filed.opened else None,
        "receipt": json.loads(filed.receipt),
    }


def wound_record(filed: FiledCapture) -> dict[str, Any] | None:
    """Where the wound is and which pictures are of it, as DICOM and FHIR say it; None unless it is opened."""
    if not filed.opened:
        return None
    return {
        "series": filed.series,
        "dicom": to_dicom(filed.body_site, filed.laterality),
        "fhir": to_fhir(filed.patient, filed.body_site, filed.laterality, filed.series),
    }


def _put(path: Path, data: bytes) -> bool:
    """Whether `path` had to be written to hold `data`; a reader sees the old file or the new one, nothing between."""
    if path.exists() and _digest(path) == hashlib.sha256(data).digest():
        return False
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".export-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
