"""The settings of a machine."""

from __future__ import annotations

from firmware.errors import RequestWrong
from firmware.settings import load_settings
from parsers.parser import Parser
from parsers.seeds import as_file


def _files() -> list[bytes]:
    return [
        b'state = "/var/lib/wardlens"\n[camera]\nadapter = "replay"\nthreads = 2\nshow_features = ["ward-lead"]\n',
        b'[panel]\nport = 8470\nlock_seconds = 60\n[log]\nlevel = "info"\n',
        b"[vault]\nreserve_megabytes = 64\n",
    ]


PARSERS = (
    Parser(
        "settings",
        ("firmware.settings.load_settings",),
        _files,
        lambda data: load_settings(as_file("wardlens.toml", data)),
        (RequestWrong,),
    ),
)
