"""A de-identifier whose one detector looks for magenta, so that a test knows what must be covered; and drawn films."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.redact import redact
from inference import Deidentifier, Kind, Region
from inference.guard import Guarded
from inference.picture import Pixels, Polygon

MAGENTA = (255, 0, 255)
SKIN = (170, 130, 110)


class MagentaDetector:
    """Finds what is magenta and calls it a face; looks for all kinds but tattoos. Blind at the looks it is told."""

    name = "magenta"
    kinds = frozenset(Kind) - {Kind.TATTOO}
    models: Mapping[str, str] = {"magenta": "0" * 64}

    def __init__(self, blind: Iterable[int] = ()) -> None:
        self.looked = 0
        self._blind = frozenset(blind)

    def detect(self, image: Pixels) -> list[Region]:
        self.looked += 1
        if image.shape[0] == 66:
            raise RuntimeError("a picture 66 high breaks this detector")
        near = np.abs(image.astype(np.int16) - np.array(MAGENTA)).max(axis=2) < 90
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if rows.size == 0 or self.looked - 1 in self._blind:
            return []
        left, right, top, bottom = columns[0] - 2, columns[-1] + 3, rows[0] - 2, rows[-1] + 3
        return [Region(Kind.FACE, ((left, top), (right, top), (right, bottom), (left, bottom)), 0.9, "magenta")]


def engine_of(detector: MagentaDetector) -> Deidentifier:
    """A de-identifier that has only this detector, and in a film counts one look a frame."""
    return Deidentifier(still=[], live=[detector], second_look=[], threads=1)


@pytest.fixture(scope="session")
def deidentifier() -> Deidentifier:
    detector = MagentaDetector()
    return Deidentifier(still=[detector], live=[detector], second_look=[detector], threads=1)


class SeesOneWound:
    """A guard that sees a wound where the test says."""

    name = "wound"
    kinds: frozenset[Kind] = frozenset()
    models: Mapping[str, str] = {"wound": "0" * 64}

    def __init__(self, wound: Polygon) -> None:
        self._wound = wound

    def prepare(self) -> None:
        """Nothing to warm."""

    def guarded(self, _image: Pixels) -> Guarded:
        return Guarded([], [self._wound])


@pytest.fixture
def guarding() -> Callable[[Polygon], Deidentifier]:
    """A de-identifier with a guard that sees this wound."""
    return lambda wound: Deidentifier(
        still=[], live=[MagentaDetector()], second_look=[], guard=SeesOneWound(wound), threads=1
    )


@pytest.fixture
def refused(deidentifier: Deidentifier) -> Callable[[Path], str]:
    """Proves that a file is refused and nothing is written, and gives the sentence."""

    def sentence(source: Path) -> str:
        out = source.parent / "out"
        (entry,) = redact(deidentifier, [source], out).files
        assert not out.exists() or list(out.iterdir()) == []
        assert entry.error.endswith(".")
        assert "\n" not in entry.error
        assert set(entry.to_json()["outcomes"].values()) == {"unsure"}
        return entry.error

    return sentence


@pytest.fixture
def blinking() -> Callable[..., tuple[MagentaDetector, Deidentifier]]:
    """Makes a detector that is blind at some looks, and a de-identifier with it."""

    def make(blind: Iterable[int] = ()) -> tuple[MagentaDetector, Deidentifier]:
        detector = MagentaDetector(blind)
        return detector, engine_of(detector)

    return make


class Films:
    """Writes, draws and reads films of RGB frames."""

    def write(self, path: Path, frames: Iterable[Pixels], rate: float = 25) -> Path:
        """The frames as a video whose container is its name's."""
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = None
        for pixels in frames:
            if writer is None:
                size = pixels.shape[1], pixels.shape[0]
                fourcc = cv2.VideoWriter.fourcc(*("HFYU" if path.suffix == ".avi" else "mp4v"))
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, rate, size)
                assert writer.isOpened()
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        assert writer is not None
        writer.release()
        return path

    def walk(self, count: int = 20, step: float = 5) -> Iterator[Pixels]:
        """A magenta square walks over skin, so many pixels a frame."""
        for place in range(count):
            pixels = np.full((120, 160, 3), SKIN, np.uint8)
            left = 10 + int(step * place)
            pixels[30:70, left : left + 40] = MAGENTA
            yield pixels

    def frames(self, path: Path) -> Iterator[Pixels]:
        """The frames of a video."""
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        while (got := capture.read())[0]:
            yield np.asarray(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB), dtype=np.uint8)
        capture.release()

    def shown(self, path: Path) -> list[bool]:
        """For each frame, whether anything of the square can still be seen."""
        return [magenta_in(frame) for frame in self.frames(path)]


@pytest.fixture(scope="session")
def films() -> Films:
    return Films()


def magenta_in(pixels: Pixels) -> bool:
    return bool(((pixels[:, :, 0] > 180) & (pixels[:, :, 1] < 80) & (pixels[:, :, 2] > 180)).any())


@pytest.fixture(scope="session")
def magenta_left() -> Callable[[Pixels], bool]:
    """Whether anything of what identifies can still be seen."""
    return magenta_in
