"""Every parser of ours that reads what others wrote: one table, in the order of the rooms.

A new parser gets a row in its room's file here (CONTRIBUTING.md). What is left out, and why, is :data:`EXCEPTIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from parsers import capture, firmware, inference, pictures, provisioning, sync
from parsers.parser import Parser, judge

__all__ = ["EXCEPTIONS", "PARSERS", "Parser", "judge"]

PARSERS: Final[Mapping[str, Parser]] = MappingProxyType(
    {
        parser.name: parser
        for room in (capture, pictures, sync, provisioning, inference, firmware)
        for parser in room.PARSERS
    }
)

_BYTES_AS_THEY_ARE = "gives bytes, and reads nothing in them"
_NUMBERS = "reads an array of numbers that a model of known digest or a camera made"
_SITES_OWN = "reads rows of the site's own database, which nobody else can write: its folder is refused when they could"
_BY_ANOTHER = "opens files; the reading is another parser's of this table"

EXCEPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "capture.camera.v4l2.Capture.read": _NUMBERS,
        "capture.disk.Files.read": _BYTES_AS_THEY_ARE,
        "capture.disk.RealFiles.read": _BYTES_AS_THEY_ARE,
        "capture.vault.envelopes.EnvelopeFolder.read": _BYTES_AS_THEY_ARE,
        "capture.vault.vault.Vault.read": _BYTES_AS_THEY_ARE,
        "firmware.looking.load_deidentifier": _BY_ANOTHER,
        "inference.deidentifier.Deidentifier.load": _BY_ANOTHER,
        "inference.detectors.centerface.decode": _NUMBERS,
        "inference.detectors.centerface.decode_landmarks": _NUMBERS,
        "inference.detectors.codes.read_codes": "zxing-cpp reads the code; its text is given on as it is",
        "inference.detectors.skinmap.decode": _NUMBERS,
        "inference.detectors.textmap.decode": _NUMBERS,
        "inference.manifest.load_manifest": _BY_ANOTHER,
        "inference.manifest.read_model": "reads nothing before its digest is right",
        "inference.models.load_models": _BY_ANOTHER,
        "provisioning.panel.known_identity.load_facts": _BY_ANOTHER,
        "provisioning.publishing.read_broker": _SITES_OWN,
        "provisioning.publishing.read_receivers": _SITES_OWN,
        "provisioning.rows.read_device": _SITES_OWN,
        "provisioning.rows.read_devices": _SITES_OWN,
        "provisioning.rows.read_opening_key_ids": _SITES_OWN,
        "provisioning.rows.read_receipt": _SITES_OWN,
        "provisioning.rows.read_return_days": _SITES_OWN,
        "provisioning.rows.read_roster": _SITES_OWN,
        "provisioning.rows.read_sealing": _SITES_OWN,
        "provisioning.rows.read_setting": _SITES_OWN,
        "provisioning.sealing_keys.read_opening_keys": _BY_ANOTHER,
        "provisioning.site.Site.load": _SITES_OWN,
    }
)
"""Functions whose name says that they read, and that are no parser of what others wrote: name → why."""
