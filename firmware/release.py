"""Which system runs here: what the image wrote into itself."""

from __future__ import annotations

from pathlib import Path

from provisioning.updates import Version


def read_release(file: Path) -> Version | None:
    """The version of the system that runs; None where the file cannot be read or says nothing of the kind.

    Whoever knows no version of its own takes no update: nobody could say whether it goes forward.
    """
    try:
        with file.open("rb") as opened:
            return Version.parse(opened.read(64).decode("ascii").removesuffix("\n"))
    except (OSError, ValueError):
        return None
