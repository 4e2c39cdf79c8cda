"""The camera service as a process: it ends when told, and a kill harms nothing."""

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

from capture.encounter import BODY_SITES
from capture.errors import CameraServiceAway, CaptureError
from capture.service import CameraClient, run_camera_service

SERVICE = """
import signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import device_in
from capture.service import run_camera_service
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with device_in(Path(sys.argv[2])) as device:
    run_camera_service(device.parts, device.socket, stop)
"""

ENCOUNTER = {
    "patient": "PAT-4711",
    "clinician": "nurse-7",
    "body_site": next(iter(BODY_SITES)),
    "consent": {"record": True},
}


@contextmanager
def process(folder):
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-c", SERVICE, str(Path(__file__).parent), str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as started:
        try:
            yield started
        finally:
            started.kill()


async def health_when_ready(client):
    async with asyncio.timeout(30):
        while True:
            try:
                health = await client.health()
            except CameraServiceAway:
                await asyncio.sleep(0.05)
                continue
            if health["camera"]["state"] == health["engine"]["state"] == "ready":
                return health
            await asyncio.sleep(0.05)


async def one_kept(socket):
    async with CameraClient(socket) as client:
        await health_when_ready(client)
        return await client.accept((await client.take())["id"], ENCOUNTER)


def test_told_to_stop_it_ends_within_two_seconds_though_somebody_watches(tmp_path):
    socket = tmp_path / "run" / "camera.sock"

    async def stopped_while_watched(service):
        async with CameraClient(socket) as client:
            await health_when_ready(client)
            async with client.live() as stream:
                await stream.next_message()
                await client.take()
                begin = time.monotonic()
                service.send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(service.wait, 10)
                return code, time.monotonic() - begin

    with process(tmp_path) as service:
        code, took = asyncio.run(stopped_while_watched(service))
    assert code == 0
    assert took < 2.0
    assert not socket.exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_after_a_kill_the_next_start_takes_the_socket_and_finds_what_was_taken(tmp_path):
    socket = tmp_path / "run" / "camera.sock"
    with process(tmp_path) as service:
        first = asyncio.run(one_kept(socket))
        service.kill()
        service.wait(10)
    assert socket.exists(), "a killed process leaves its socket"
    with process(tmp_path):
        second = asyncio.run(one_kept(socket))
    assert second["counter"] > first["counter"]
    assert len(list((tmp_path / "vault" / "envelopes").rglob("*.wle"))) == 2
    assert list((tmp_path / "tmp").iterdir()) == [], "frames live in memory only"


def test_a_second_service_on_the_same_socket_is_refused(device):
    async def act(_client):
        with pytest.raises(CaptureError, match="already runs"):
            await asyncio.to_thread(run_camera_service, device.parts, device.socket, None)
        return device.socket.exists()

    assert device.story(act)


def test_a_socket_folder_that_cannot_be_is_said(device, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CaptureError, match="cannot listen"):
        run_camera_service(device.parts, tmp_path / "file" / "camera.sock", None)
