"""What libcamera's virtual camera lacks and picamera2 wants. Everything else in these tests is the real library.

- Memory: a chroot has no /dev/dma_heap, so buffers are memfds (:class:`MemfdAllocator`).
- Raw modes: it has no sensor, so its processed modes stand in for them.
- The status of a frame: libcamera 0.4.0 leaves it unset, so it is always success here, and errors cannot be tried.
- The range of YUV: it delivers JPEG's full range, whatever is asked and said.
- A pace: frames come as fast as they are taken. :data:`TROUBLE` holds them to a rate, and stops them in three ways.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time
from functools import cache
from pathlib import Path

import libcamera
import picamera2.picamera2
from picamera2 import Picamera2
from picamera2.allocators.allocator import Allocator

CONFIGURATION = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
PAGE = mmap.PAGESIZE


class MemfdAllocator(Allocator):
    """Buffers for NV12 in anonymous files."""

    def __init__(self):
        super().__init__()
        self.sync = _Mapped
        self.mapped_buffers = {}
        self.frame_buffers = {}

    def allocate(self, configuration, _use_case):
        self.close()
        for stream in configuration:
            self.frame_buffers[stream.stream] = [self._buffer(stream) for _ in range(stream.buffer_count)]

    def _buffer(self, stream):
        assert str(stream.pixel_format) == "NV12"
        luma, length = stream.stride * stream.size.height, stream.frame_size
        descriptor = os.memfd_create("frame")
        os.ftruncate(descriptor, -(-length // PAGE) * PAGE)
        planes = []
        for offset, size in ((0, luma), (luma, length - luma)):
            plane = libcamera.FrameBuffer.Plane()
            plane.fd, plane.offset, plane.length = descriptor, offset, size
            planes.append(plane)
        buffer = libcamera.FrameBuffer(planes)  # keeps duplicates of the descriptor
        self.mapped_buffers[buffer] = mmap.mmap(descriptor, length)
        os.close(descriptor)
        return buffer

    def buffers(self, stream):
        return self.frame_buffers[stream]

    def close(self):
        self.frame_buffers = {}
        self.mapped_buffers = {}


class _Mapped:
    def __init__(self, allocator, buffer, _write):
        self._memory = allocator.mapped_buffers[buffer]

    def __enter__(self):
        return self._memory

    def __exit__(self, *_):
        pass


class Trouble:
    """The pace of frames, and what is wrong with them: each of it as picamera2's own event loop would meet it."""

    def __init__(self):
        self.frames_per_second = 30.0
        self.unplugged = False
        self._silent = False
        self._held = []
        self._due = 0.0

    def silence(self):
        """Frames stop, everything else answers: the frontend that has timed out."""
        self._silent = True

    def unplug(self):
        """Frames stop, and there is no camera; the pipeline itself cannot take one away."""
        self._silent = self.unplugged = True

    def block(self):
        """The event loop hangs in a call that lets other Python threads run."""
        self._hang = threading.Event().wait

    def freeze(self):
        """The event loop hangs in a call of C that holds the interpreter, as a call into libcamera would."""
        self._hang = ctypes.PyDLL(None).pause  # PyDLL, unlike CDLL, does not let go of the interpreter

    def over(self):
        """All is well with the next camera that is opened."""
        self._silent = self.unplugged = False
        self.let_go()

    def let_go(self):
        """Give back what was held back."""
        for request in self._held:
            request.release()
        self._held = []

    def before_frame(self, camera):
        """Waits, holds back and hangs as told."""
        self._hang()
        if self._silent:
            with camera._requestslock:
                self._held, camera._requests = self._held + camera._requests, []
        elif self.frames_per_second:
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due = max(time.monotonic(), self._due) + 1 / self.frames_per_second

    def _hang(self):
        """Nothing."""


TROUBLE = Trouble()


@cache
def stand_in():
    """Put the stand-ins in place, once for the process."""
    process_requests, stop, listed = Picamera2.process_requests, Picamera2.stop_, Picamera2.global_camera_info

    def troubled(self, display):
        TROUBLE.before_frame(self)
        process_requests(self, display)

    def stopped(self, request=None):
        result = stop(self, request)
        TROUBLE.let_go()
        return result

    def processed_modes(self):
        formats = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
        return [
            {"format": str(pixels), "size": (size.width, size.height)}
            for pixels in formats.pixel_formats
            for size in formats.sizes(pixels)
        ]

    def cameras():
        return [] if TROUBLE.unplugged else listed()

    Picamera2.global_camera_info = staticmethod(cameras)
    Picamera2.process_requests, Picamera2.stop_ = troubled, stopped
    Picamera2._get_raw_modes = processed_modes
    picamera2.picamera2.DmaAllocator = MemfdAllocator
    libcamera.FrameMetadata.status = property(lambda _: libcamera.FrameMetadata.Status.Success)


def connect(*cameras: tuple[Path, tuple[tuple[int, int], ...]]) -> libcamera.CameraManager:
    """Cameras 0, 1, …, each with the folder whose 0.jpg, 1.jpg, … it shows in turn and the sizes that it delivers.

    Hold on to the manager that this gives: the pipeline shows its cameras to a process's first and to no later one.
    """
    lines = ["%YAML 1.1", "---"]
    for number, (pictures, sizes) in enumerate(cameras):
        lines += [
            f'"ward{len(cameras) - number}":',
            "  supported_formats:",
        ]  # picamera2 numbers them from the last name on
        for width, height in sizes:
            lines += [f"  - width: {width}", f"    height: {height}", "    frame_rates: [15, 30]"]
        lines += ["  frames:", f'    path: "{pictures}/"', '  location: "CameraLocationBack"', '  model: "virtual"']
    CONFIGURATION.write_text("\n".join(lines) + "\n", "ascii")
    return libcamera.CameraManager.singleton()
