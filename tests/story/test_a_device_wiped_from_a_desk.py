"""The life of a device, told from IT's desk, with real processes: commands, another name, a wipe, the next pairing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from firmware.demo.place import DemoPlace, make_place
from firmware.demo.story import Story
from firmware.supervision import Supervisor
from inference.scenes import draw_scene
from provisioning.commands import CommandName
from provisioning.devices import DeviceState
from provisioning.enrolment import pair
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from tests.story.desk import wait_until, wardlens

pytestmark = pytest.mark.models


@pytest.fixture
def place(models_folder: Path, tmp_path: Path, program: Callable[[str], Path]) -> DemoPlace:
    program("mosquitto")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    scene = draw_scene(7, (640, 480)).pixels  # what its camera sees: without a picture its test of itself fails
    assert cv2.imwrite(str(pictures / "scene.png"), cv2.cvtColor(scene, cv2.COLOR_RGB2BGR))
    return make_place(tmp_path, pictures, models=models_folder, mqtt="auto")


def left(state: Path) -> set[str]:
    return {path.name for path in state.iterdir()}


def test_a_device_is_asked_renamed_wiped_and_paired_anew(place: DemoPlace) -> None:
    state = place.settings.state
    with Supervisor(place.logs) as services:
        paired = Story(place, services, lambda _said: None, embedded=False).begin()
        device = paired.identity.device
        # Off, as a device in a cupboard is: what it is told meanwhile it does with its first call, in this order.
        sync = next(child for child in services.children if child.name == "sync")
        sync.process.terminate()
        sync.process.wait(20)
        wardlens(place, "site", "command", device, "self-test")
        wardlens(place, "site", "rename", device, "Ward 9, cart A")
        wardlens(place, "site", "wipe", device)
        command = [sys.executable, "-m", "firmware", "sync", "run", "--config", str(place.file)]
        sync = services.start("sync-again", command)
        # Camera and panel end by themselves, and the sync service waits for the next pairing; nobody stops them.
        site = Site.load(place.site)
        wait_until(lambda: site.device(device).state is DeviceState.WIPED, "the device's word that it is wiped")
        ended = {child.name: child for child in services.children}
        wait_until(lambda: not ended["camera"].running and not ended["panel"].running, "its services to end")
        assert sync.running
        assert "device.json" not in left(state)
        assert not list(state.rglob("identity.pem")) + list(state.rglob("signing.pem")) + list(state.rglob("*.wle"))
        told = json.loads(wardlens(place, "site", "commands", device, "--json"))
        assert [(one["command"], one["outcome"]) for one in told] == [
            ("wipe", "done"),
            ("rename Ward 9, cart A", "done"),
            ("self-test", "done"),
        ]
        assert told[-1]["said"].startswith("It has tested itself anew, and all is well")
        (shown,) = json.loads(wardlens(place, "site", "show", "--json"))["devices"]
        assert (shown["state"], shown["name"]) == ("wiped", "Ward 9, cart A")
        again = pair_again(place, site)
        assert again.device != device
        wait_until(lambda: site.commands(again.device)[0].outcome == "done", "the command's result")


def pair_again(place: DemoPlace, site: Site) -> DeviceIdentity:
    line = site.invite(f"127.0.0.1:{place.settings.enrolment.port}").line
    return pair(line, place.settings.state, on_digits=lambda digits: approve(site, digits))


def approve(site: Site, digits: str) -> None:
    (waiting,) = site.pending()
    site.approve(waiting.id, digits)
    # Now, and not a moment after the device's first call, which comes within seconds of its pairing.
    site.command(waiting.id, CommandName.RENEW)
