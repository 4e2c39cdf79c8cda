"""Which files, and under which names their redacted copies go. Looks at folders; reads and writes no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from capture.encoding import written_suffix
from capture.pictures import FOREIGN_SUFFIXES, PICTURE_SUFFIXES

VIDEO_SUFFIXES: Final = frozenset({".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_FOREIGN_VIDEOS: Final = frozenset({".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".ogv", ".wmv"})
_SEARCHED: Final = PICTURE_SUFFIXES | FOREIGN_SUFFIXES | VIDEO_SUFFIXES | _FOREIGN_VIDEOS
_FILM: Final = ".mp4"


@dataclass(frozen=True, slots=True)
class Planned:
    """One input and its output.

    Attributes:
        source: the file to read.
        name: how the report calls it: relative to the folder it was found in, else its own name.
        target: the file to write.
        output: the same, relative to the output folder.
    """

    source: Path
    name: str
    target: Path
    output: str

    @property
    def is_video(self) -> bool:
        """Whether it is read as a video, by its name."""
        return self.source.suffix.lower() in VIDEO_SUFFIXES | _FOREIGN_VIDEOS


def plan(inputs: Sequence[Path], out: Path) -> tuple[Planned, ...]:
    """What is to be done, in order. Folders are searched to their bottom, without the output folder and hidden files.

    Pictures and videos of kinds that are not read are in the plan too, to be refused by name. Pictures keep their name
    (JPEG, PNG, WebP, TIFF and BMP are written as what they are called; anything else becomes .jpg), videos become .mp4.
    No two inputs share an output, and no output is an input: the second gets a number. Nor is it anything else that
    lies beside an input: that is somebody's original too.
    """
    found = [(source, name) for entry in inputs for source, name in _files(entry, out)]
    taken = {_key(source) for source, _ in found}
    for folder in {source.parent.resolve() for source, _ in found}:
        with suppress(OSError):
            taken.update(_key(file) for file in folder.iterdir())
    planned = []
    for source, name in found:
        output = _free(_wanted(name), out, taken)
        taken.add(_key(out / output))
        planned.append(Planned(source, name, out / output, output))
    return tuple(planned)


def _files(entry: Path, out: Path) -> Iterator[tuple[Path, str]]:
    if not entry.is_dir():
        yield entry, entry.name
        return
    outputs = out.resolve()
    for file in sorted(entry.rglob("*")):
        relative = file.relative_to(entry)
        hidden = any(part.startswith(".") for part in relative.parts)
        known = file.suffix.lower() in _SEARCHED
        inside = entry.resolve() != outputs and file.resolve().is_relative_to(outputs)
        if known and not hidden and not inside and file.is_file():
            yield file, relative.as_posix()


def _wanted(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.suffix.lower() in VIDEO_SUFFIXES | _FOREIGN_VIDEOS:
        return path.with_suffix(_FILM)
    suffix = written_suffix(path.suffix)
    return path if suffix == path.suffix else path.with_suffix(suffix)


def _free(wanted: PurePosixPath, out: Path, taken: set[str]) -> str:
    candidate, number = wanted, 1
    while _key(out / candidate) in taken:
        number += 1
        candidate = wanted.with_stem(f"{wanted.stem}-{number}")
    return candidate.as_posix()


def _key(path: Path) -> str:
    """Where a path leads, spelled so that a file system that ignores case does not surprise us."""
    return str(path.resolve()).casefold()
