"""Which of two systems a Raspberry Pi starts: RAUC's custom boot loader backend over the firmware's `autoboot.txt`.

The firmware starts the partition under `[all]`; only a restart with the argument `0 tryboot` starts the one under
`[tryboot]`, once. So a new system is tried by such a restart, and whatever ends the trial (a power cut, the watchdog, a
panic) starts the system from before. The new one becomes the first only by its own word, once it has shown that it
works: docs/adr/0026.

All that is known is in this one file, which is always equally long and shorter than a sector, and is written in place:
so a power cut leaves the old text or the new one, and FAT's own tables are never written. It is run as
`python -m firmware.tryboot`, by RAUC and by `firmware.updating`, and imports nothing that they do not need.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

FILE: Final = Path("/start/autoboot.txt")
COMMAND_LINE: Final = Path("/proc/cmdline")
ARGUMENT: Final = "0 tryboot"
"""Of the restart that tries the other system: the partition that is always asked first, and once the other choice."""
MOST_BYTES: Final = 512
"""What the firmware reads of the file, and what a disk writes whole."""


class Slot(Enum):
    """A system, by RAUC's name; its boot partition's number is what the firmware goes by."""

    A = 2
    B = 3

    @property
    def other(self) -> Slot:
        """The one that this is not."""
        return Slot.B if self is Slot.A else Slot.A


class Other(Enum):
    """What is known of the system that is not the first, in words of the same length."""

    GOOD = "sound"
    """It has shown that it works, earlier."""
    BAD = "unfit"
    """It is being written, or did not pass."""
    WAITS = "waits"
    """It was written, and is to be tried."""
    TRIED = "tried"
    """The machine was restarted to try it."""


class NothingToGoTo(Exception):  # noqa: N818 - named for what is known
    """The first system cannot be called bad: the other one is not known to be good."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What starts.

    Attributes:
        first: the system that every start takes but a trial. It was found good once.
        other: what is known of the other one.
    """

    first: Slot
    other: Other

    @property
    def text(self) -> str:
        """The file; of the same length for each choice."""
        return (
            f"[all]\ntryboot_a_b=1\nboot_partition={self.first.value}\n"
            f"[tryboot]\nboot_partition={self.first.other.value}\n"
            f"# Written by firmware.tryboot. The other system: {self.other.value}\n"
        )

    @property
    def starts(self) -> Slot:
        """The system that the next restart is meant for."""
        return self.first.other if self.other is Other.WAITS else self.first

    def good(self, slot: Slot) -> bool:
        """Whether a system may be relied on: the first, one from before, and, as RAUC sees it, what was installed."""
        return slot is self.first or self.other in {Other.GOOD, Other.WAITS}

    def activated(self, slot: Slot) -> Choice:
        """What RAUC wants to start next is tried; naming the first one withdraws what was to be tried."""
        if slot is not self.first:
            return replace(self, other=Other.WAITS)
        return self if self.other is Other.GOOD else replace(self, other=Other.BAD)

    def found_good(self, slot: Slot, running: Slot) -> Choice:
        """The system that runs and was found good is the first from now on."""
        if slot is self.first:
            return self
        return Choice(slot, Other.GOOD) if slot is running else replace(self, other=Other.GOOD)

    def found_bad(self, slot: Slot) -> Choice:
        """That system is not started any more.

        Raises:
            NothingToGoTo: it is the first, and the other one is not known to be good.
        """
        if slot is not self.first:
            return replace(self, other=Other.BAD)
        if self.other is not Other.GOOD:
            raise NothingToGoTo
        return Choice(slot.other, Other.BAD)

    def begun(self) -> Choice:
        """The machine restarts: what waited is tried."""
        return replace(self, other=Other.TRIED) if self.other is Other.WAITS else self


_CHOICES: Final = {Choice(first, other).text: Choice(first, other) for first in Slot for other in Other}


def parse_choice(text: str) -> Choice:
    """The choice in the file's text.

    Raises:
        ValueError: it is not one that this writes.
    """
    try:
        return _CHOICES[text]
    except KeyError:
        raise ValueError("autoboot.txt is not as this system writes it") from None


def parse_running(command_line: str) -> Slot:
    """The system that runs, from the kernel's command line, which its boot partition holds.

    Raises:
        ValueError: it does not say.
    """
    found = re.search(r"(?:^|\s)rauc\.slot=([AB])(?:\s|$)", command_line)
    if found is None:
        raise ValueError("the kernel's command line names no system")
    return Slot[found[1]]


def read_choice(file: Path, running: Slot) -> Choice:
    """What starts. A damaged file says nothing, and the firmware then starts what runs: so that one is the first."""
    try:
        return parse_choice(file.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return Choice(running, Other.BAD)


def write_choice(file: Path, choice: Choice) -> None:
    """`choice`, durably, by one write of one sector; nothing where the file has it already.

    Raises:
        OSError: the disk refused.
    """
    raw = choice.text.encode("ascii")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.pread(descriptor, MOST_BYTES + 1, 0) != raw:
            os.pwrite(descriptor, raw, 0)
            if os.fstat(descriptor).st_size != len(raw):  # only of a file that was damaged
                os.ftruncate(descriptor, len(raw))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(words: Sequence[str], file: Path = FILE, command_line: Path = COMMAND_LINE) -> int:
    """Answer what RAUC asks of a custom backend, and two words of ours.

    `trial` gives the argument of the restart that tries what waits, or nothing; `begin` is said right before it.

    Returns:
        The exit status: 0; 1 with a sentence if it could not be done; 2 for words that are none.
    """
    after: Choice | None
    try:
        running = parse_running(command_line.read_text("utf-8"))
        choice = read_choice(file, running)
        match list(words):
            case ["get-primary"]:
                said, after = choice.starts.name, None
            case ["get-current"]:
                said, after = running.name, None
            case ["get-state", "A" | "B" as name]:
                said, after = "good" if choice.good(Slot[name]) else "bad", None
            case ["set-primary", "A" | "B" as name]:
                said, after = "", choice.activated(Slot[name])
            case ["set-state", "A" | "B" as name, "good"]:
                said, after = "", choice.found_good(Slot[name], running)
            case ["set-state", "A" | "B" as name, "bad"]:
                said, after = "", choice.found_bad(Slot[name])
            case ["trial"]:
                said, after = ARGUMENT if choice.other is Other.WAITS else "", None
            case ["begin"]:
                said, after = "", choice.begun()
            case _:
                sys.stderr.write("What RAUC asks of a custom backend, or: trial, begin\n")
                return 2
        if after is not None:
            write_choice(file, after)
    except NothingToGoTo:
        sys.stderr.write("The first system stays: the other one is not known to be good.\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Which system starts cannot be said or changed: {error}\n")
        return 1
    if said:
        sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
