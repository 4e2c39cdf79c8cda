"""The camera service whose libcamera hangs: it ends by its deadline, and whoever started it starts it again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from capture.errors import CameraServiceAway
from capture.service import CameraClient

SERVICE = Path(__file__).parent / "hanging_service.py"
LIMIT_S = 4.0


@contextmanager
def service(folder, pictures):
    """The service as a process; its words are in `folder`."""
    with (folder / "said").open("ab") as said:
        command = [sys.executable, SERVICE, folder, pictures, str(LIMIT_S)]
        with subprocess.Popen(command, stderr=said, stdout=said, env={**os.environ, "TMPDIR": str(folder)}) as started:
            try:
                yield started
            finally:
                started.kill()


async def live(socket):
    """Waits until the service has a camera and shows a live view."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with CameraClient(socket) as client:
                    health = await client.health()
                    if health["camera"]["state"] == "ready" and health["live_fps"] > 0:
                        return health
            except CameraServiceAway:
                pass
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("trouble", [signal.SIGUSR1, signal.SIGUSR2], ids=["frozen", "blocked"])
def test_a_camera_that_hangs_ends_the_service_in_seconds_and_the_next_one_has_it_back(tmp_path, pictures, trouble):
    socket = tmp_path / "run" / "camera.sock"
    with service(tmp_path, pictures) as first:
        asyncio.run(live(socket))
        begun = time.monotonic()
        first.send_signal(trouble)
        assert first.wait(30) == 1
        ended = time.monotonic() - begun
        assert ended < 3 * LIMIT_S
    with service(tmp_path, pictures):
        asyncio.run(live(socket))
    back = time.monotonic() - begun
    sys.stderr.write(f"\n{signal.Signals(trouble).name}: ended after {ended:.1f} s, live again after {back:.1f} s\n")
    words = (tmp_path / "said").read_text("utf-8")
    assert ("Timeout" in words and "Thread" in words) or "The camera hangs." in words


def test_a_service_whose_camera_is_well_takes_a_still_and_ends_when_told(tmp_path, pictures):
    socket = tmp_path / "run" / "camera.sock"

    async def photograph():
        await live(socket)
        async with CameraClient(socket) as client:
            return await client.take()

    with service(tmp_path, pictures) as started:
        still = asyncio.run(photograph())
        assert (still["width"], still["height"]) == (1920, 1440)
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
