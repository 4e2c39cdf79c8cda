"""What a power cut would leave of a folder at each moment of a process's life, told from a trace of its system calls.

A disk keeps what was synced. Of the rest this model keeps as little as POSIX promises: data that no fsync or fdatasync
of its file followed may be gone, and a name may be gone, or back, that no fsync of its folder followed (open(2),
fsync(2), rename(2)). SQLite's shared memory is mapped, so no trace shows it, and no power cut leaves it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CALLS = ("openat", "lseek", "write", "writev", "pwrite64", "ftruncate", "?fallocate", "fsync", "fdatasync")
CALLS += ("?rename", "?renameat", "?renameat2", "?link", "?linkat", "?unlink", "?unlinkat", "?mkdir", "?mkdirat")
WAYS = ("names-lost", "data-lost", "both-lost", "torn")
"""What happens to what was not synced: names, data, or both are gone; or any part of the data is there."""
ALL = "nothing-lost"

_CALL = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"|<((?:\\x[0-9a-f]{2})+)>')
_UNFINISHED = " <unfinished ...>"


def _text(found: str) -> bytes:
    return bytes.fromhex(found.replace("\\x", ""))


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that did what it was asked.

    Attributes:
        strings: what was between quotes: paths, or data.
        files: what the descriptors among its arguments and its result stand for.
        words: the rest of it, as strace wrote it.
        result: what it gave.
    """

    name: str
    strings: tuple[bytes, ...]
    files: tuple[str, ...]
    words: str
    result: int


def calls(trace: Path) -> Iterator[Call]:
    """The calls of a trace that did not fail, in the order in which they ended."""
    begun: dict[str, str] = {}
    for line in trace.read_text("ascii").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        pid, resumed, name, rest = found.groups()
        if rest.endswith(_UNFINISHED):
            begun[pid] = rest.removesuffix(_UNFINISHED)
            continue
        whole = begun.pop(pid) + rest if resumed else rest
        asked, _, gave = whole.rpartition(" = ")
        asked = asked.rstrip()  # strace fills up to a column where a call was resumed
        result = re.match(r"(\d+)", gave)
        if result is None:
            continue
        texts = list(_HEX.finditer(asked)) + list(_HEX.finditer(gave))
        yield Call(
            resumed or name,
            tuple(_text(text[1]) for text in texts if text[1] is not None),
            tuple(_text(text[2]).decode() for text in texts if text[2] is not None),
            _HEX.sub("", asked),
            int(result[1]),
        )


@dataclass(eq=False)
class File:
    """A file's bytes, and which of them are safe."""

    now: bytearray
    safe: bytes
    unsynced: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, at: int, data: bytes) -> None:
        self.now.extend(bytes(max(0, at - len(self.now))))
        self.now[at : at + len(data)] = data
        self.unsynced.append((at, data))

    def sync(self) -> None:
        self.safe = bytes(self.now)
        self.unsynced.clear()

    def torn(self, chance: Random) -> bytes:
        """Any of the writes since the last sync, the last of them maybe in part."""
        left = bytearray(self.safe)
        for at, data in self.unsynced:
            part = chance.choice((0, len(data), chance.randint(0, len(data))))
            left.extend(bytes(max(0, at - len(left))) if part else b"")
            left[at : at + part] = data[:part]
        return bytes(left)


Names = dict[str, File | None]
"""What is at each path: a file, or a folder (None)."""


class Disk:
    """A folder and everything in it, as it was when this was made, and then call after call."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.now: Names = {}
        for path in folder.rglob("*"):
            data = None if path.is_dir() else path.read_bytes()
            self.now[str(path)] = None if data is None else File(bytearray(data), data)
        self.safe = dict(self.now)
        self._at: dict[str, int] = {}

    def apply(self, call: Call) -> bool:
        """Whether the call changed this disk, or made something on it safe."""
        match call.name:
            case "openat":
                return self._opened(call)
            case "lseek":
                self._at[_descriptor(call)] = call.result
                return False
            case "mkdir" | "mkdirat":
                return self._named(self._path(call, 0), None)
            case "unlink" | "unlinkat":
                return self._gone(self._path(call, 0))
            case "rename" | "renameat" | "renameat2":
                source, target = self._path(call, 0), self._path(call, 1)
                return self._moved(source, target)
            case "link" | "linkat":
                return self._named(self._path(call, 1), self.now.get(self._path(call, 0)))
            case _:
                return self._changed(call)

    def left(self, way: str, chance: Random) -> dict[str, bytes | None]:
        """What is at each path after a power cut now; see `WAYS`."""
        names = self.safe if way in {"names-lost", "both-lost"} else self.now
        found: dict[str, bytes | None] = {}
        for path, file in sorted(names.items()):
            parent = str(Path(path).parent)
            if path.endswith("-shm") or (parent != self.folder and parent not in found):
                continue
            match file, way:
                case None, _:
                    found[path] = None
                case File(), "names-lost" | "nothing-lost":
                    found[path] = bytes(file.now)
                case File(), "torn":
                    found[path] = file.torn(chance)
                case File(), _:
                    found[path] = file.safe
        return found

    def _inside(self, path: str) -> bool:
        return path.startswith(self.folder + "/")

    def _path(self, call: Call, which: int) -> str:
        path = call.strings[which].decode()
        return path if path.startswith("/") else os.path.join(call.files[0], path)  # noqa: PTH118 - of a text

    def _opened(self, call: Call) -> bool:
        path = self._path(call, 0)
        self._at[str(call.result)] = 0
        if not self._inside(path) or path.endswith("-shm"):
            return False
        file = self.now.get(path)
        if file is None and "O_CREAT" in call.words:
            return self._named(path, File(bytearray(), b""))
        if file is not None and "O_TRUNC" in call.words:
            file.now.clear()
        if file is not None and "O_APPEND" in call.words:
            self._at[str(call.result)] = len(file.now)
        return False

    def _named(self, path: str, file: File | None) -> bool:
        if self._inside(path):
            self.now[path] = file
        return self._inside(path)

    def _gone(self, path: str) -> bool:
        if self._inside(path):
            self.now.pop(path, None)
        return self._inside(path)

    def _moved(self, source: str, target: str) -> bool:
        if source in self.now:
            self.now[target] = self.now.pop(source)
        return self._inside(target)

    def _changed(self, call: Call) -> bool:
        path = call.files[0]
        if not self._inside(path) and path != self.folder:
            return False
        file = self.now.get(path)
        match call.name:
            case "fsync" | "fdatasync" if file is None:
                self._names_are_safe(path)
            case "fsync" | "fdatasync":
                assert file is not None
                file.sync()
            case _ if file is None:
                return False  # it was removed while it was open
            case "write":
                at = self._at.get(_descriptor(call), 0)
                file.write(at, call.strings[0])
                self._at[_descriptor(call)] = at + call.result
            case "pwrite64":
                file.write(_last_number(call), call.strings[0])
            case "ftruncate":
                del file.now[_last_number(call) :]
                file.now.extend(bytes(_last_number(call) - len(file.now)))
            case other:
                raise AssertionError(f"this model does not know what {other} does to {path}")
        return True

    def _names_are_safe(self, folder: str) -> None:
        before, now = ({path for path in names if os.path.dirname(path) == folder} for names in (self.safe, self.now))  # noqa: PTH120 - of many texts
        for path in before - now:
            del self.safe[path]
        self.safe |= {path: self.now[path] for path in now}


def _descriptor(call: Call) -> str:
    return call.words.partition(",")[0].rstrip(")")


def _last_number(call: Call) -> int:
    return int(call.words.rpartition(",")[2].rstrip(")"))
