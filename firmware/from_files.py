"""Stills from files, through the whole device path into the vault: read, look, answer, seal, store."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from capture.encounter import Encounter
from capture.identifiers import CaptureId
from capture.pictures import read_picture
from capture.quality import assess
from capture.scale_marker import look_for_marker
from capture.service import CameraServiceParts, HeldStill, Keeper, Kept
from firmware.errors import WorkFailed
from inference import Action, Decision, Deidentifier, Frame, Kind


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person who runs the command has seen with their own eyes.

    Attributes:
        by: their badge.
        nothing_else: the kinds of which they confirm that nothing is left uncovered in any of the pictures, and that no
            wound is hidden.
    """

    by: str
    nothing_else: tuple[Kind, ...] = ()


class FileCapturer:
    """Takes one file after the other into the vault of a paired device.

    Raises:
        VaultError, LedgerError: the ledger cannot say what is in the vault already.
    """

    def __init__(self, parts: CameraServiceParts, deidentifier: Deidentifier, software: str) -> None:
        self._deidentifier = deidentifier
        self._keeper = Keeper(
            parts.vault,
            parts.ledger,
            parts.sealing_context,
            quality=parts.still_quality,
            software=software,
            camera="files",
        )
        self._keeper.catch_up()

    def ended(self) -> None:
        """Puts it on the ledger that this ended in order."""
        self._keeper.stopped()

    def take(self, file: Path, encounter: Encounter, answers: Answers) -> Kept:
        """The file, sealed and durable in the vault.

        Raises:
            PictureUnreadable, DetectionFailed, VaultError: nothing of it was kept.
            WorkFailed: it asks something that was not answered; nothing of it was kept.
        """
        frame = Frame(read_picture(_bytes(file)), time.monotonic_ns())
        photo = self._deidentifier.still(frame)
        asked, hiding = photo.redaction.unanswered, photo.redaction.hiding
        left = [kind for kind in asked if kind not in answers.nothing_else]
        if left:
            raise WorkFailed(_question(file, left, hiding))
        if asked:
            now = time.time_ns() // 1_000_000
            decided = [(Action.LEAVE, kind) for kind in hiding] + [(Action.CONFIRM, kind) for kind in asked]
            photo = self._deidentifier.revise(
                frame, photo.redaction, [Decision(action, kind, answers.by, now) for action, kind in decided]
            )
        still = HeldStill(
            capture=CaptureId(secrets.token_hex(16)),
            frame=frame,
            photo=photo,
            quality=assess(frame.pixels),
            marker=look_for_marker(frame.pixels),
            taken_at_ms=time.time_ns() // 1_000_000,
            milliseconds={"deidentify": photo.milliseconds["total"]},
            within=photo.milliseconds,
        )
        return self._keeper.keep(still, encounter)


def _question(file: Path, kinds: Sequence[Kind], hiding: Sequence[Kind]) -> str:
    words = ", ".join(kinds)
    confirms = " ".join(f"--confirm {kind}" for kind in kinds)
    on_wound = ", ".join(kind for kind in kinds if kind in hiding)
    wound = f" What it covers as {on_wound} may lie on the wound: make sure that it hides none." if on_wound else ""
    return (
        f"{file.name} needs a person's answer about: {words}. Nothing of it was kept. Look at the picture: if it shows "
        f"none that `wardlens redact` leaves uncovered, repeat with {confirms} --clinician BADGE.{wound}"
    )


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WorkFailed(f"{file} cannot be read ({error.strerror}). Name a picture file.") from None
