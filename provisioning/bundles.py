"""RAUC bundles in a site's folder: each under its digest, whole or not there. A shell, and a pure reader of manifests.

A bundle of the verity format ends with a CMS signature and its length in 8 bytes; the manifest is what is signed, so
its version can be read without RAUC. Whether the signature may be believed is decided by each device, by its keyring.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO, Final

from provisioning import durable
from provisioning.errors import NotAccepted, StorageRefused
from provisioning.updates import LARGEST_BUNDLE, Update, Version, is_digest

LARGEST_SIGNATURE: Final = 64 * 1024
"""Bytes, as RAUC itself bounds it."""
_BLOCK: Final = 1024 * 1024
_LENGTH: Final = 8
_TO_THE_MANIFEST: Final = (
    (0x30, 0),  # ContentInfo
    (0xA0, 1),  # its content, behind the object identifier
    (0x30, 0),  # SignedData
    (0x30, 2),  # encapContentInfo, behind version and digest algorithms
    (0xA0, 1),  # eContent, behind the object identifier
    (0x04, 0),  # the octets
)
"""RFC 5652, sections 3 and 5: the tag that is looked for, and how many elements stand before it."""


def parse_bundle_version(signature: bytes) -> Version:
    """The version in the manifest that a bundle's CMS signature encloses (DER).

    Raises:
        ValueError: it encloses no manifest with a version of ours, as in the format `plain`.
    """
    inside = signature
    for tag, before in _TO_THE_MANIFEST:
        for _ in range(before):
            _, _, inside = _element(inside)
        found, inside, _ = _element(inside)
        if found != tag:
            raise ValueError("no manifest is in this signature")
    manifest = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    try:
        manifest.read_string(inside.decode("utf-8"))
        return Version.parse(manifest["update"]["version"])
    except (configparser.Error, KeyError) as error:
        raise ValueError("no manifest with a version is in this signature") from error


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """The tag of the first element of `der`, its content, and what follows it."""
    if len(der) < 2:
        raise ValueError("the signature is cut short")
    tag, length, at = der[0], der[1], 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(der) < at + count:
            raise ValueError("a length in the signature is none")
        length, at = int.from_bytes(der[at : at + count], "big"), at + count
    if len(der) < at + length:
        raise ValueError("the signature is cut short")
    return tag, der[at : at + length], der[at + length :]


def publish(folder: Path, bundle: Path, version: Version | None) -> Update:
    """What is offered, once a copy of the file `bundle` lies in `folder` under its digest.

    Args:
        folder: of the site's bundles; made if it is not there.
        bundle: the file that `rauc bundle` made, in the format `verity`.
        version: what it is said to be; it must agree with the manifest.

    Raises:
        NotAccepted: it is no such bundle, or of another version than is said.
        StorageRefused: it cannot be read, or the copy cannot be written.
    """
    try:
        with bundle.open("rb") as source:
            found = _version_in(source, bundle)
            if version is not None and version != found:
                raise NotAccepted(f"The manifest in {bundle} says {found}, not {version}.")
            durable.private_folder(folder)
            return _copied(source, folder, found)
    except OSError as error:
        raise StorageRefused(f"{error.filename or bundle}: {error.strerror or error}. Nothing was offered.") from error


def _version_in(source: BinaryIO, bundle: Path) -> Version:
    size = source.seek(0, os.SEEK_END)
    try:
        if not _LENGTH < size <= LARGEST_BUNDLE:
            raise ValueError("it is empty, or too large")
        source.seek(size - _LENGTH)
        length = int.from_bytes(source.read(_LENGTH), "big")
        if not 1 <= length <= min(LARGEST_SIGNATURE, size - _LENGTH):
            raise ValueError("it does not end with a signature")
        source.seek(size - _LENGTH - length)
        return parse_bundle_version(source.read(length))
    except ValueError as error:
        raise NotAccepted(
            f"{bundle} is no bundle that can be offered: {error}. Make it with `rauc bundle`, in the format verity, "
            "with a version such as 2026.48.1 in its manifest."
        ) from error


def _copied(source: BinaryIO, folder: Path, version: Version) -> Update:
    digest, size = hashlib.sha256(), 0
    aside = folder / f".{secrets.token_hex(8)}"
    source.seek(0)
    try:
        with aside.open("xb") as copy:
            os.fchmod(copy.fileno(), durable.PRIVATE)
            while block := source.read(_BLOCK):
                digest.update(block)
                size += copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        update = Update(version, size, digest.hexdigest())
        aside.replace(path_of(folder, update.sha256))
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    durable.sync_folder(folder)
    return update


def path_of(folder: Path, sha256: str) -> Path:
    """Where the bundle with this digest lies.

    Raises:
        ValueError: it is no digest.
    """
    if not is_digest(sha256):
        raise ValueError("not a digest")
    return folder / f"{sha256}.raucb"


def piece_of(folder: Path, sha256: str, start: int, count: int) -> tuple[bytes, int] | None:
    """At most `count` bytes of a bundle from `start`, and how long it is in all; None where there is no such bundle.

    Raises:
        OSError: the disk refused.
    """
    try:
        with path_of(folder, sha256).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return os.pread(file.fileno(), count, start), size
    except (FileNotFoundError, ValueError):
        return None
