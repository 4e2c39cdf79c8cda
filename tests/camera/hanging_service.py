"""A camera service with the virtual camera, as a process: SIGUSR1 freezes its camera, SIGUSR2 blocks it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import virtual_camera

FOLDER, PICTURES, LIMIT_S = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
STILL = (1920, 1440)


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parents[1] / "capture" / "service"))
    from conftest import device_in  # noqa: PLC0415 - the device of those tests

    from capture.camera import CameraSettings  # noqa: PLC0415
    from capture.camera.picamera import PiCamera  # noqa: PLC0415
    from firmware.last_resort import LastResort, served  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    virtual_camera.stand_in()
    manager = virtual_camera.connect((PICTURES, (STILL, (640, 480))))
    stop, resort = threading.Event(), LastResort(LIMIT_S)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGUSR1, lambda *_: virtual_camera.TROUBLE.freeze())
    signal.signal(signal.SIGUSR2, lambda *_: virtual_camera.TROUBLE.block())
    camera = PiCamera(CameraSettings("picamera", still_size=STILL, deadline_s=1.0))
    with device_in(FOLDER) as device:
        status = served(device.with_parts(camera=camera, beat=resort.beat).parts, device.socket, stop)
    del manager
    return status


if __name__ == "__main__":
    os._exit(main())  # as `wardlens camera run` ends: what hangs must not hold up the end
