"""The object store: bytes under a name made of their digest, in a folder or in a bucket.

A folder is written here, because the library beneath renames without an fsync: a receipt that follows frees the only
other copy, and the same bytes may lie under that name already, filed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, S3Store

from sync.receiver.archive.database import make_private_folder
from sync.receiver.errors import ArchiveDamaged, ArchiveFull, ArchiveUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

ENVELOPES: Final = "envelopes"
PICTURES: Final = "pictures"
QUARANTINE: Final = "quarantine"
_SUFFIX: Final = {ENVELOPES: "wle", PICTURES: "jpg", QUARANTINE: "wle"}


def object_key(folder: str, digest: str) -> str:
    """Where the bytes with `digest` lie: two digits of it spread them over folders."""
    return f"{folder}/{digest[:2]}/{digest}.{_SUFFIX[folder]}"


class Objects:
    """Puts and gets bytes by their SHA-256; what it has answered is durable."""

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self._store = store
        self._folder = folder
        self._named: set[Path] = set()

    @classmethod
    def open(cls, location: str, options: Mapping[str, str]) -> Objects:
        """The store at `location`: a folder's path, or `s3://bucket/prefix` (with `options` such as `endpoint`).

        Raises:
            ArchiveUnavailable: the folder cannot be made, or the URL is none that Wardlens can use.
        """
        if location.startswith("s3://"):
            return cls(_bucket(location, dict(options)), None)
        if "://" in location:
            raise ArchiveUnavailable(
                "The archive keeps its objects in a folder or in a bucket: write s3://BUCKET/PREFIX."
            )
        folder = Path(location).absolute()
        make_private_folder(folder)
        with _translated():
            return cls(LocalStore(folder), folder)

    def put(self, folder: str, digest: str, data: bytes) -> None:
        """`data` lies under its digest and survives a power cut. Doing it again changes nothing.

        Raises:
            ArchiveUnavailable: the store does not answer.
            ArchiveFull: it has no room left.
        """
        key = object_key(folder, digest)
        self._there()
        with _translated():
            if self._folder is None:
                self._store.put(key, data)
            else:
                self._write(self._folder / key, data)

    def get(self, folder: str, digest: str) -> bytes:
        """The bytes under `digest`, checked against it.

        Raises:
            ArchiveDamaged: they are gone, or are not what was put.
            ArchiveUnavailable: the store does not answer.
        """
        key = object_key(folder, digest)
        with _translated():
            try:
                data = self._store.get(key).bytes().to_bytes()
            except FileNotFoundError as error:
                raise ArchiveDamaged(f"{key} is missing from the archive. Restore it from the backup.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise ArchiveDamaged(f"{key} was changed in the archive. Restore it from the backup.")
        return data

    def check(self) -> None:
        """The store answers.

        Raises:
            ArchiveUnavailable: it does not.
        """
        self._there()
        with _translated():
            self._store.list_with_delimiter()

    def _there(self) -> None:
        """The folder is there. The library would list one that is gone as empty, and make it anew to write into it."""
        if self._folder is not None and not self._folder.is_dir():
            raise ArchiveUnavailable(f"The archive's object folder {self._folder} is gone. Mount it again.")

    def _write(self, path: Path, data: bytes) -> None:
        """The bytes are on the disk before they have their name; then it is, and those of the folders above."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _fsync(path.parent)
        if path.parent not in self._named:
            assert self._folder is not None
            for parent in path.parent.parents:
                _fsync(parent)
                if parent == self._folder.parent:
                    break
            self._named.add(path.parent)


def _bucket(location: str, options: dict[str, str]) -> S3Store:
    # Not by the library's from_url: with any option beside the URL it panics (obstore 0.12.1).
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    client: dict[str, Any] = {"allow_http": options.pop("allow_http", "false") == "true", "timeout": "30s"}
    if "root_certificate" in options:
        client["root_certificate"] = options.pop("root_certificate")
    with _translated():
        return S3Store(
            bucket,
            prefix=prefix or None,
            config=cast("S3Config", options),
            client_options=cast("ClientConfig", client),
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise ArchiveUnavailable(
            "The object store refuses these credentials, which must be allowed to put, get and list. "
            "Correct s3.credentials; devices keep their pictures until then."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            raise ArchiveFull from error
        raise ArchiveUnavailable from error
    except BaseError as error:
        if "No space left" in str(error):
            raise ArchiveFull from error
        raise ArchiveUnavailable from error
