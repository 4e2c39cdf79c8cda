"""The camera's real software: these tests run in the root that `make test-camera` makes, and are no tests elsewhere."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from capture.camera import CameraSettings
from capture.camera.picamera import PiCamera
from inference.scenes import draw_scene

IN_ROOT = Path("/etc/wardlens-camera-root").exists()
collect_ignore_glob = [] if IN_ROOT else ["test_real_*.py"]

STILL, LORES, LARGE = (1920, 1440), (640, 480), (4056, 3040)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the virtual camera sees: two drawn scenes."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(2):
        scene = cv2.GaussianBlur(draw_scene(number + 1, STILL).pixels, (0, 0), 6)  # the same however it is shrunk
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="session")
def one_large_picture(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A folder with one of them, for who compares a still with the viewfinder."""
    folder = tmp_path_factory.mktemp("one-large")
    (folder / "0.jpg").write_bytes((pictures / "0.jpg").read_bytes())
    return folder


@pytest.fixture(scope="session")
def one_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one drawn scene, as large as the viewfinder."""
    folder = tmp_path_factory.mktemp("one")
    cv2.imwrite(str(folder / "0.jpg"), cv2.cvtColor(draw_scene(7, LORES).pixels, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="session")
def _connected(pictures: Path, one_large_picture: Path, one_picture: Path) -> Iterator[object]:
    import virtual_camera  # noqa: PLC0415 - it needs the camera's software

    virtual_camera.stand_in()
    manager = virtual_camera.connect(
        (pictures, (STILL, LORES)),
        (pictures, (STILL,)),
        (pictures, (LARGE, (640, 478))),
        (one_picture, (LORES,)),
        (one_large_picture, (LARGE, (640, 478))),
    )
    yield virtual_camera
    del manager


@pytest.fixture
def virtual(_connected: object) -> Iterator[object]:
    """The virtual cameras without trouble, 30 frames a second.

    Camera 0 has two sizes, 1 has one, 2 has 12 megapixels; 3 is small and looks at one picture all the time, as does 4,
    which is as large as 2.
    """
    with warnings.catch_warnings():
        # picamera2 starts its threads with setDaemon, which Python has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield _connected
        _connected.TROUBLE.over()
        _connected.TROUBLE.frames_per_second = 30.0


class FullRange(PiCamera):
    """Knows of the virtual camera what it says wrongly: that its YUV is in full range."""

    def open(self) -> None:
        super().open()
        self._full_range = True


@pytest.fixture
def make_camera(virtual: object) -> Iterator[Callable[..., PiCamera]]:
    """Makes cameras that are closed afterwards."""
    made: list[PiCamera] = []

    def make(**settings: object) -> PiCamera:
        given = {"still_size": STILL, "frames_per_second": 1000.0, **settings}
        made.append(FullRange(CameraSettings("picamera", **given)))
        return made[-1]

    yield make
    for camera in made:
        camera.close()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until something is so."""

    def wait(so: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.005)

    return wait
