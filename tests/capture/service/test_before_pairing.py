"""The camera service of a device without a hospital: it shows, it reads an invitation, and it takes no picture."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest

from capture.errors import CameraServiceRefused
from capture.service import CameraClient, UnpairedParts, parse_live_message, run_unpaired_camera_service
from tests.capture.service.conftest import MAGENTA
from tests.capture.service.test_scanning import _shows as shows

LINE = "WARDLENS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@contextmanager
def running(device):
    stop = threading.Event()
    parts = UnpairedParts(device.parts.camera, device.parts.load_engine)
    thread = threading.Thread(target=run_unpaired_camera_service, args=(parts, device.socket, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the service did not stop"


def story(device, act):
    async def play():
        async with CameraClient(device.socket, timeout_s=30) as client:
            await device.healthy(client, lambda h: h["camera"]["state"] == h["engine"]["state"] == "ready")
            return await act(client)

    with running(device):
        return asyncio.run(play())


def test_an_invitation_is_read_before_the_device_has_a_hospital(device):
    shows(device, ("QRCode", LINE))
    assert story(device, lambda client: client.scan("invitation")) == {"symbology": "qrcode", "text": LINE}


@pytest.mark.parametrize("kind", ["badge", "wristband"])
def test_nothing_about_people_is_read_before_the_device_has_a_hospital(device, kind):
    shows(device, ("QRCode", "4711"))
    with pytest.raises(CameraServiceRefused) as refused:
        story(device, lambda client: client.scan(kind))
    assert refused.value.error == "no_hospital"


def test_no_picture_is_taken_before_the_device_has_a_hospital(device, tmp_path):
    async def act(client):
        with pytest.raises(CameraServiceRefused) as refused:
            await client.take()
        with pytest.raises(CameraServiceRefused):
            await client.picture("0" * 32)
        return refused.value, await client.health()

    refused, health = story(device, act)
    assert (refused.error, refused.status) == ("no_hospital", 409)
    assert (health["stills_held"], health["vault"]["writable"], health["self_test"]["state"]) == (0, False, "pending")
    assert device.vault.entries() == ()
    assert (tmp_path / "ledger" / "camera.jsonl").read_bytes() == b""


def test_what_is_shown_before_the_device_has_a_hospital_is_covered_too(device):
    async def act(client):
        async with client.live() as stream:
            while not (message := parse_live_message(await stream.next_message())).jpeg:
                pass
        return message

    message = story(device, act)
    assert [region["kind"] for region in message.facts["regions"]] == ["face"]
    assert bytes(MAGENTA) not in message.jpeg


def test_a_screen_that_begins_by_dropping_all_stills_is_not_refused(device):
    """The panel asks for it at each start and until it is done; a refusal would fill the journal."""
    assert story(device, lambda client: client.discard_all()) is None
