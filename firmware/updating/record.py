"""What root remembers of an update: how far it got, from where, and which version was last confirmed. One small file.

It is written before anything is done and after it was done, whole each time, so that a power cut leaves the step before
or the step after. Root owns it: the process with the network reads it, and can neither write nor remove it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from firmware.errors import WorkFailed
from firmware.wiping import RECORD
from provisioning import canonical, durable
from provisioning.canonical import field
from provisioning.updates import Version

FILE: Final = RECORD
ORDER: Final = "update-ordered.json"
"""The site's signed command, as received: whoever laid it there, only its signature counts."""
BUNDLES: Final = "updates"
"""The folder in which the process with the network lays a bundle."""
FORMAT: Final = "wardlens-update/1"
_FIELDS: Final = {
    "format",
    "step",
    "number",
    "version",
    "before",
    "slot",
    "boot",
    "tries",
    "reason",
    "said",
    "confirmed",
}
_MODE: Final = 0o640


class Step(Enum):
    """How far an update got."""

    INSTALLING = "installing"
    """The other slot is being written."""
    INSTALLED = "installed"
    """The other slot is the one to start, on trial."""
    REJECTED = "rejected"
    """The new system did not pass, and goes back."""
    CONFIRMED = "confirmed"
    """It passed, and stays."""
    FAILED = "failed"
    """The system before it runs."""


ENDED: Final = frozenset({Step.CONFIRMED, Step.FAILED})
TRANSITIONS: Final[Mapping[Step, frozenset[Step]]] = MappingProxyType(
    {
        Step.INSTALLING: frozenset({Step.INSTALLING, Step.INSTALLED, Step.FAILED}),
        Step.INSTALLED: frozenset({Step.CONFIRMED, Step.REJECTED, Step.FAILED}),
        Step.REJECTED: frozenset({Step.REJECTED, Step.FAILED}),
        Step.CONFIRMED: frozenset(),
        Step.FAILED: frozenset(),
    }
)
"""What may follow for the same command; whatever has ended is followed by the next command's record."""


class Reason(Enum):
    """Why the system from before runs."""

    NOT_NEWER = "not-newer"
    BUNDLE_DAMAGED = "bundle-damaged"
    BUNDLE_REFUSED = "bundle-refused"
    OTHER_VERSION = "other-version"
    NOT_INSTALLED = "not-installed"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not-started"
    NOT_WELL = "not-well"
    NOT_BACK = "not-back"


@dataclass(frozen=True, slots=True)
class Record:
    """One update.

    Attributes:
        step: how far it got.
        number: of the site's command.
        version: what is to be taken.
        before: what ran when it began.
        confirmed: the newest version that was ever confirmed here; nothing that is not beyond it is taken.
        slot: what RAUC called the slot that ran when it began; empty where it never began.
        boot: the kernel's id of the boot in which it was begun.
        tries: how often the step was begun.
        reason: why it failed, or does not pass.
        said: the same as a sentence for IT.
    """

    step: Step
    number: int
    version: Version
    before: Version
    confirmed: Version
    slot: str = ""
    boot: str = ""
    tries: int = 0
    reason: Reason | None = None
    said: str = ""

    def __post_init__(self) -> None:
        if self.number < 1 or self.tries < 0:
            raise ValueError("an update has a command's number, and tries from 0")
        if (self.step in {Step.FAILED, Step.REJECTED}) != (self.reason is not None) or bool(self.reason) != bool(
            self.said
        ):
            raise ValueError("what failed or was rejected has a reason and a sentence, and nothing else has")

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be done about it."""
        return self.step in ENDED


def read_record(state: Path) -> Record | None:
    """What is remembered in the state folder; None where there was no update, or where the file is damaged.

    A damaged one is as good as none: the running version still forbids what is older, and the slot that runs stays.
    """
    try:
        return parse_record((state / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def parse_record(raw: bytes) -> Record:
    """The record in `raw`.

    Raises:
        ValueError: it is none.
    """
    fields = canonical.decode(raw)
    if fields.keys() != _FIELDS or fields["format"] != FORMAT:
        raise ValueError("not a record of an update")
    reason = field(fields, "reason", str)
    return Record(
        step=Step(field(fields, "step", str)),
        number=field(fields, "number", int),
        version=Version.parse(field(fields, "version", str)),
        before=Version.parse(field(fields, "before", str)),
        confirmed=Version.parse(field(fields, "confirmed", str)),
        slot=field(fields, "slot", str),
        boot=field(fields, "boot", str),
        tries=field(fields, "tries", int),
        reason=Reason(reason) if reason else None,
        said=field(fields, "said", str),
    )


def write_record(state: Path, record: Record) -> None:
    """`record`, durably, readable by the group of the state folder.

    Raises:
        WorkFailed: the disk refused; what was remembered before still is.
    """
    fields = {
        "format": FORMAT,
        "step": record.step.value,
        "number": record.number,
        "version": str(record.version),
        "before": str(record.before),
        "confirmed": str(record.confirmed),
        "slot": record.slot,
        "boot": record.boot,
        "tries": record.tries,
        "reason": record.reason.value if record.reason else "",
        "said": record.said,
    }
    try:
        durable.write(state / FILE, canonical.encode(fields), mode=_MODE)
    except OSError as error:
        raise WorkFailed(f"{state / FILE} cannot be written ({error.strerror}). It is tried again.") from error


def move(
    state: Path, record: Record, step: Step, reason: Reason | None = None, said: str = "", *, boot: str = ""
) -> Record:
    """`record` one step further, durably; a rejected one keeps its reason until it has failed.

    Raises:
        WorkFailed: the disk refused, or the record is another one meanwhile.
    """
    if step not in TRANSITIONS[record.step]:
        raise AssertionError(f"{record.step} does not lead to {step}")
    if read_record(state) != record:
        raise WorkFailed("Another update began while this one was under way.")
    again = step is record.step
    moved = replace(
        record,
        step=step,
        confirmed=max(record.confirmed, record.version) if step is Step.CONFIRMED else record.confirmed,
        tries=record.tries + 1 if again else 1,
        boot=boot or record.boot,
        reason=record.reason if again else reason,
        said=record.said if again else said,
    )
    write_record(state, moved)
    return moved
