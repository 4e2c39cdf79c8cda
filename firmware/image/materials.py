"""What a system is made of: Debian's packages, Python's, and the models, as CycloneDX 1.6 says it."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from inference import load_manifest


@dataclass(frozen=True, slots=True)
class Materials:
    """What :func:`read_materials` found.

    Attributes:
        version: of the system.
        components: as CycloneDX has them, sorted.
    """

    version: str
    components: tuple[dict[str, Any], ...]

    def cyclonedx(self) -> bytes:
        """The bill of materials as a JSON document; the same for the same materials."""
        parts = list(self.components)
        named = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(json.dumps(parts).encode()).hexdigest())
        document = {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{named}",
            "version": 1,
            "metadata": {"component": {"type": "operating-system", "name": "wardlens", "version": self.version}},
            "components": parts,
        }
        return json.dumps(document, indent=1).encode() + b"\n"


def read_materials(root: Path, venv: str, version: str) -> Materials:
    """The materials of the system in `root`, whose virtual environment is at `venv`."""
    found = [*_debian(root), *_python(root / venv.lstrip("/")), *_models()]
    return Materials(version, tuple(sorted(found, key=lambda one: str(one["bom-ref"]))))


def _debian(root: Path) -> list[dict[str, Any]]:
    status = (root / "var/lib/dpkg/status").read_text("utf-8")
    packages = [HeaderParser().parsestr(one) for one in status.strip().split("\n\n")]
    return [
        _part("library", one["Package"], one["Version"], "deb/debian", f"?arch={one['Architecture']}")
        for one in packages
    ]


def _python(venv: Path) -> list[dict[str, Any]]:
    parts = []
    for file in venv.glob("lib/python3*/site-packages/*.dist-info/METADATA"):
        told = HeaderParser().parsestr(file.read_text("utf-8", "replace").partition("\n\n")[0])
        part = _part("library", re.sub(r"[-_.]+", "-", told["Name"]).lower(), told["Version"], "pypi")
        if licence := told.get("License-Expression"):
            part["licenses"] = [{"expression": licence}]
        parts.append(part)
    return parts


def _models() -> list[dict[str, Any]]:
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"model/{one.name}@{one.version}",
            "name": one.name,
            "version": str(one.version),
            "hashes": [{"alg": "SHA-256", "content": one.sha256}],
            "licenses": [{"license": {"name": one.licence}}],
        }
        for one in load_manifest().models
    ]


def _part(kind: str, name: str, version: str, where: str, more: str = "") -> dict[str, Any]:
    purl = f"pkg:{where}/{name}@{version.replace('+', '%2B').replace(':', '%3A')}{more}"
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
