"""Where everything of a site lies in its folder, and whether it is as private as it must be."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from provisioning.durable import is_private
from provisioning.errors import SiteMissing, SiteUnsafe

BROKER = "broker"
ENROLMENT = "enrolment"
SERVERS = (BROKER, ENROLMENT)
ISSUING = "issuing"


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """What one end of a TLS connection needs: whom it believes, who it is, and the key that proves it."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class SiteLayout:
    """The paths of one site."""

    folder: Path

    @property
    def facts(self) -> Path:
        """What the site is called and since when."""
        return self.folder / "site.json"

    @property
    def registry(self) -> Path:
        """Invitations, devices, certificates, roster and settings."""
        return self.folder / "site.sqlite"

    @property
    def manifest(self) -> Path:
        """The newest site manifest, as devices get it."""
        return self.folder / "manifest.json"

    @property
    def keys(self) -> Path:
        """Everything private but the registry."""
        return self.folder / "keys"

    @property
    def sealing(self) -> Path:
        """The opening keys."""
        return self.keys / "sealing"

    @property
    def receipt(self) -> Path:
        """The keys that sign receipts."""
        return self.keys / "receipt"

    @property
    def certificates(self) -> Path:
        """Public certificates."""
        return self.folder / "certificates"

    @property
    def updates(self) -> Path:
        """The bundles that devices may fetch, each under its digest."""
        return self.folder / "updates"

    def key(self, name: str) -> Path:
        """The private key called `name`."""
        return self.keys / f"{name}.pem"

    def certificate(self, name: str) -> Path:
        """The certificate called `name`, with its chain up to and without the root."""
        return self.certificates / f"{name}.pem"

    def tls(self, name: str) -> TlsPaths:
        """The files of the server or receiver called `name`."""
        return TlsPaths(self.certificate("authorities"), self.certificate(name), self.key(name))

    def check(self) -> None:
        """Nothing, when this is a site folder that only its owner can read.

        Raises:
            SiteMissing: it is not a site folder.
            SiteUnsafe: somebody else could read a key.
        """
        if not self.facts.is_file():
            raise SiteMissing(f"There is no site in {self.folder}. Make one with `wardlens site init`.")
        for path in (self.folder, self.registry, self.keys, *sorted(self.keys.rglob("*"))):
            if not path.exists() or not is_private(path):
                mode = "700" if path.is_dir() else "600"
                raise SiteUnsafe(
                    f"{path} is missing or can be read by others, so the site's keys are not used. "
                    f"Run `chmod {mode} {path}`, and find out who had access."
                )
            if stat.S_ISDIR(path.lstat().st_mode) and not os.access(path, os.X_OK):
                raise SiteUnsafe(f"{path} cannot be entered by this user. Run this as the owner of the site.")
