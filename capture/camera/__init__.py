"""Where light comes in: the camera port, its adapters, and the supervisor that opens, watches and reopens one.

A camera gives Frames and nothing else; it never encodes, writes or sends. A new kind of camera is one file here and one
line in :mod:`capture.camera.adapters`.
"""

from capture.camera.adapters import ADAPTERS, open_camera
from capture.camera.latest import Latest
from capture.camera.port import PREVIEW_SIZE, Camera, CameraSettings
from capture.camera.replay import ReplayCamera
from capture.camera.states import CameraState, CameraStatus
from capture.camera.supervisor import CameraSupervisor

__all__ = [
    "ADAPTERS",
    "PREVIEW_SIZE",
    "Camera",
    "CameraSettings",
    "CameraState",
    "CameraStatus",
    "CameraSupervisor",
    "Latest",
    "ReplayCamera",
    "open_camera",
]
