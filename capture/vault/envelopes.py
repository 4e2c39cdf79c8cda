"""The envelope files: `envelopes/<first two digits>/<capture>.wle`, each whole or not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from capture.disk import Files, write_durably
from capture.envelope import MAX_ENVELOPE, Envelope
from capture.identifiers import CaptureId, capture_id
from capture.vault.translation import disk_in_our_words

_FILE: Final = re.compile(r"([0-9a-f]{32})\.wle", re.ASCII)
_SHARD: Final = re.compile(r"[0-9a-f]{2}", re.ASCII)
_SUFFIX: Final = ".wle"
_PART: Final = ".part"


class EnvelopeFolder:
    """Envelopes as files. Every method may raise VaultError for what the disk says, `read` an OSError."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.folder = folder
        self._files = files
        self._durable_shards: set[str] = set()

    def captures(self) -> list[CaptureId]:
        """The captures whose files are there. A name that is no envelope's is not ours to touch."""
        with disk_in_our_words():
            return [
                CaptureId(found[1])
                for shard in self._shards()
                for name in self._files.names(shard)
                if (found := _FILE.fullmatch(name)) and found[1].startswith(shard.name)
            ]

    def write(self, envelope: Envelope) -> None:
        """`envelope` in its file, durably, or no file."""
        target = self._path(envelope.capture)
        shard = target.parent
        with disk_in_our_words():
            self._files.make_folder(shard)
            if shard.name not in self._durable_shards:
                # Once in a process, even if the folder was there: who made it may have died before this.
                self._files.sync_folder(self.folder)
                self._durable_shards.add(shard.name)
            write_durably(self._files, target.with_suffix(_PART), target, envelope.raw)

    def read(self, capture: CaptureId, offset: int = 0, length: int = MAX_ENVELOPE) -> bytes:
        """Up to `length` bytes of a file from `offset`.

        Raises:
            OSError: it is not there, or the disk.
        """
        return self._files.read(self._path(capture), offset, length)

    def remove(self, capture: CaptureId) -> None:
        """Its file is gone for good."""
        path = self._path(capture)
        with disk_in_our_words():
            self._files.unlink(path)
            self._files.sync_folder(path.parent)

    def sweep(self) -> None:
        """What was being written when the power went is gone. Only for who holds the vault's lock."""
        with disk_in_our_words():
            for shard in self._shards():
                for name in self._files.names(shard):
                    if name.endswith(_PART):
                        self._files.unlink(shard / name)

    def _shards(self) -> list[Path]:
        return [self.folder / name for name in self._files.names(self.folder) if _SHARD.fullmatch(name)]

    def _path(self, capture: CaptureId) -> Path:
        name = capture_id(capture)
        return self.folder / name[:2] / f"{name}{_SUFFIX}"
