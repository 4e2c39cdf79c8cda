"""Which command a device began last, and what it has to say about it: one small file, written before anything is done.

A damaged file makes every command given before now a repeated one: numbers are times, and doing nothing is safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final

from capture.canonical import from_base64, to_base64
from firmware.errors import WorkFailed
from provisioning import canonical, durable
from provisioning.clock import seconds

FILE: Final = "commands.json"
FORMAT: Final = "wardlens-commands/1"
_FIELDS: Final = {"format", "number", "step", "result"}


class Step(Enum):
    """How far the last command got."""

    BEGUN = "begun"
    ANSWERED = "answered"
    POSTED = "posted"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last command: its number (0 for none), how far it got, and its signed result where it has one to post."""

    number: int = 0
    step: Step = Step.POSTED
    result: bytes = b""

    def __post_init__(self) -> None:
        if self.number < 0 or bool(self.result) != (self.step is Step.ANSWERED):
            raise ValueError("a number from 0, and a result where one is to be posted")


def read_memory(state: Path, now: datetime) -> Remembered:
    """What is remembered in the state folder at `now`."""
    try:
        return parse_memory((state / FILE).read_bytes())
    except FileNotFoundError:
        return Remembered()
    except (OSError, ValueError):
        return Remembered(seconds(now))


def write_memory(state: Path, remembered: Remembered) -> None:
    """`remembered`, durably.

    Raises:
        WorkFailed: the disk refused.
    """
    fields = {
        "format": FORMAT,
        "number": remembered.number,
        "step": remembered.step.value,
        "result": to_base64(remembered.result),
    }
    try:
        durable.write(state / FILE, canonical.encode(fields), mode=durable.PRIVATE)
    except OSError as error:
        raise WorkFailed(f"{state / FILE} cannot be written ({error.strerror}). No command is carried out.") from error


def parse_memory(raw: bytes) -> Remembered:
    """What `raw` remembers.

    Raises:
        ValueError: it is not that.
    """
    fields = canonical.decode(raw)
    if fields.keys() != _FIELDS or fields["format"] != FORMAT or type(fields["number"]) is not int:
        raise ValueError("not a device's memory of its commands")
    step, result = fields["step"], fields["result"]
    if type(step) is not str or type(result) is not str:
        raise ValueError("not a device's memory of its commands")
    return Remembered(fields["number"], Step(step), from_base64(result))
