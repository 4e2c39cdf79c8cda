"""A code held to the camera, through the real service: read twice alike, for the caller alone."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest
import zxingcpp

from capture.errors import CameraServiceRefused, CodesDiffer
from capture.service.scanning import ScannedCode, agreed

CANARY = "CANARY4711"
ONE, OTHER = ScannedCode("code128", "1"), ScannedCode("code128", "2")


def _shows(device, *codes):
    """The camera sees nothing but these codes, one above the other, off the edges that the replay drifts over."""
    for old in device.pictures.iterdir():
        old.unlink()
    scene = np.full((600, 800, 3), 230, np.uint8)
    for place, (symbology, text) in enumerate(codes):
        made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(symbology))
        drawn = np.asarray(made.to_image(scale=3), np.uint8)[:200, :, None]
        top, left = 90 + 220 * place, (800 - drawn.shape[1]) // 2
        scene[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    assert cv2.imwrite(str(device.pictures / "codes.png"), scene)


@pytest.mark.parametrize("symbology", ["Code128", "DataMatrix", "QRCode"])
def test_a_wristbands_code_is_read_and_is_in_no_log_and_no_file(device, symbology, capfd, tmp_path):
    _shows(device, (symbology, CANARY))
    assert device.story(lambda client: client.scan("wristband")) == {"symbology": symbology.lower(), "text": CANARY}
    assert CANARY not in "".join(capfd.readouterr())
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == []


def test_a_badge_may_be_code_39_and_a_wristband_may_not(device):
    _shows(device, ("Code39", CANARY), ("QRCode", "OTHER"))

    async def scan(client):
        return await client.scan("wristband")

    assert device.story(scan)["text"] == "OTHER"


@pytest.mark.parametrize("kind", ["badge", "wristband"])
def test_pdf417_is_passed_over_because_it_may_be_misread(device, kind):
    _shows(device, ("PDF417", CANARY), ("QRCode", "OTHER"))

    async def scan(client):
        return await client.scan(kind)

    assert device.story(scan)["text"] == "OTHER"


def test_two_different_codes_are_refused_without_saying_what_they_are(device):
    _shows(device, ("QRCode", CANARY), ("DataMatrix", "OTHER"))
    with pytest.raises(CameraServiceRefused, match="Several codes") as refused:
        device.story(lambda client: client.scan("badge"))
    assert refused.value.error == "codes_differ"
    assert CANARY not in repr(refused.value)


def test_one_scan_at_a_time_and_it_can_be_stopped(device):
    async def act(client):
        scans = [asyncio.create_task(client.scan("badge")) for _ in range(2)]
        (refused,), (running,) = await asyncio.wait(scans, return_when=asyncio.FIRST_COMPLETED)
        await client.stop_scan()
        await asyncio.wait([running])
        return [scan.exception().error for scan in (refused, running)]

    assert device.story(act) == ["scan_busy", "scan_stopped"]


def test_a_kind_that_is_none_is_refused(device):
    with pytest.raises(CameraServiceRefused) as refused:
        device.story(lambda client: client.scan("passport"))
    assert refused.value.error == "request_wrong"


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [((), (), None), ((), (ONE,), None), ((OTHER,), (ONE,), None), ((ONE,), (ONE,), ONE), ((ONE, OTHER), (ONE,), None)],
)
def test_a_code_counts_once_it_was_read_twice_alike(before, now, code):
    assert agreed(frozenset(before), frozenset(now)) == code


def test_the_same_two_codes_twice_are_too_many():
    with pytest.raises(CodesDiffer):
        agreed(frozenset({ONE, OTHER}), frozenset({ONE, OTHER}))
