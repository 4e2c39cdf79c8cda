"""The style sheet, the ES modules and the icon: read once at start, served from memory under their digest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

MEDIA = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    data: bytes
    media: str


def _read() -> dict[str, Asset]:
    found = {}
    for file in files(__name__).iterdir():
        ending = file.name.rpartition(".")[2]
        if ending in MEDIA:
            found[file.name] = Asset(file.read_bytes(), MEDIA[ending])
    return found


ASSETS = _read()

EDITION = sha256(b"".join(name.encode() + ASSETS[name].data for name in sorted(ASSETS))).hexdigest()[:12]
"""Changes when any asset does. Modules import each other by relative path, so they share one folder of this name."""


def asset_path(name: str) -> str:
    """The path of an asset on this panel.

    Raises:
        KeyError: there is no such asset.
    """
    assert ASSETS[name]
    return f"/assets/{EDITION}/{name}"
