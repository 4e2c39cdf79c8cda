"""`wardlens camera run` with libcamera's virtual camera, on a machine that is emulated and slow."""

import dataclasses
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore", DeprecationWarning)

import libcamera
import virtual_camera

from capture.camera import picamera
from firmware.command import main
from firmware.last_resort import LastResort
from inference.deidentifier import Deidentifier

SIZE, PATIENCE_S, LOOK_S = (1280, 960), 30.0, 3600.0

virtual_camera.stand_in()
virtual_camera.TROUBLE.frames_per_second = 5.0
manager = (
    libcamera.CameraManager.singleton()
)  # the pipeline shows its cameras to a process's first, and to no later one


class VirtualBoard(picamera.PiCamera):
    """Says what the virtual camera says wrongly: that its YUV is in full range."""

    def __init__(self, settings, **given):
        super().__init__(dataclasses.replace(settings, still_size=SIZE, deadline_s=PATIENCE_S), **given)

    def open(self):
        super().open()
        self._full_range = True


picamera.PiCamera = VirtualBoard
Deidentifier.__init__.__kwdefaults__.update(still_deadline_seconds=LOOK_S, live_deadline_seconds=LOOK_S)
LastResort.__init__.__defaults__ = (4 * PATIENCE_S, *LastResort.__init__.__defaults__[1:])
sys.argv[0] = "wardlens"
main()
