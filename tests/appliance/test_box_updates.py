"""Updates of the box of test_box_story.py: one that cannot start, one that is interrupted, one that stays."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from firmware.bundles import make_bundle
from firmware.image.boards import BOARDS
from provisioning.site_commands import Given
from provisioning.updates import Version
from tests.appliance.building import build
from tests.appliance.hospital import Hospital
from tests.appliance.machine import Machine
from tests.appliance.steps import PLUGS, SLOW_S, release, until_running
from tests.story.desk import wardlens

TRIAL_S = 1800
"""An emulated machine needs minutes for what a device does in a second: its models look at pictures."""


def offer(box: Machine, hospital: Hospital, bundle: Path) -> None:
    """IT offers it, and the box hears of it."""
    (device,) = hospital.site.devices()
    wardlens(hospital.place, "site", "offer-update", device.id, "--bundle", str(bundle))
    box.run("systemctl", "restart", "wardlens-sync", seconds=SLOW_S).good()


def answer(hospital: Hospital) -> Given:
    """What it was last told, and what became of it."""
    (device,) = hospital.site.devices()
    return hospital.site.commands(device.id)[0]


def until_over(box: Machine, hospital: Hospital) -> Given:
    """What became of the update; the box starts anew meanwhile, as often as it likes."""
    end = time.monotonic() + TRIAL_S
    while not over(box, answer(hospital)):
        assert time.monotonic() < end, "the update never ended"
        time.sleep(1)
    if not answer(hospital).outcome:
        box.run("systemctl", "restart", "wardlens-sync", seconds=SLOW_S).good()  # which calls at once
    box.until_so(lambda: bool(answer(hospital).outcome), SLOW_S, "the device's answer")
    return answer(hospital)


def over(box: Machine, given: Given) -> bool:
    """Whether root's record says that it has ended, or it was answered already."""
    if given.outcome:
        return True
    if not box.is_on:
        on_again(box)
    try:
        said = box.run("cat", "/var/lib/wardlens/update.json").out
    except OSError:  # it starts anew at this moment
        box.until_off(SLOW_S)
        return False
    record = json.loads(said or "{}")
    return record.get("number") == given.number and record["step"] in {"confirmed", "failed"}


def slot(box: Machine) -> str:
    """Of the system that runs."""
    return next(word for word in box.run("cat", "/proc/cmdline").good().split() if word.startswith("rauc.slot="))


def on_again(box: Machine) -> None:
    """It has its power, or gets it, and runs; an update may have it start anew meanwhile."""
    while True:
        if not box.is_on:
            box.pull_the_plug()
            box.start()
        with suppress(OSError):
            until_running(box)
            return
        box.until_off(SLOW_S)


@pytest.fixture(scope="session")
def whole(image: Path) -> Path:
    """A bundle with the system of the image, and a newer version."""
    assert build("--bundle", "--version", "1.0.2", out=image.parent) == 0
    return image.parent / "wardlens-1.0.2-amd64.raucb"


def test_a_new_system_that_does_not_start_is_left_again(
    box: Machine, hospital: Hospital, image: Path, tmp_path: Path, note
) -> None:
    root, system, bundle = tmp_path / "root", tmp_path / "empty.squashfs", tmp_path / "empty.raucb"
    (root / "etc").mkdir(parents=True)
    (root / "etc/wardlens-release").write_text("1.0.1\n")
    (root / "no-kernel").write_bytes(os.urandom(1 << 20))  # and nothing to start
    subprocess.run(["mksquashfs", str(root), str(system), "-quiet", "-no-progress"], check=True)
    key, certificate = (str(image.parent / f"development.{kind}.pem") for kind in ("key", "cert"))
    compatible = BOARDS["amd64"].compatible
    make_bundle(system, bundle, version=Version(1, 0, 1), compatible=compatible, key=key, certificate=certificate)
    before, began = (release(box), slot(box)), time.monotonic()

    offer(box, hospital, bundle)
    box.until_off(SLOW_S)  # it starts anew
    note("an update until the restart", f"{time.monotonic() - began:.0f} s")
    box.start()
    until_running(box)
    assert (release(box), slot(box)) == before
    said = until_over(box, hospital)
    assert (said.outcome, "did not start" in said.sentence) == ("failed", True), said


def test_whenever_the_plug_is_pulled_in_an_update_the_old_or_the_new_system_starts(
    box: Machine, hospital: Hospital, whole: Path, note
) -> None:
    chance, found, old = random.Random(11), [], release(box)
    offer(box, hospital, whole)
    for _ in range(PLUGS):
        if answer(hospital).outcome:  # it gave up, as it must after some; it is told again
            offer(box, hospital, whole)
        time.sleep(chance.uniform(0, 150))  # while it is fetched, written, started, tried
        box.pull_the_plug()
        on_again(box)
        found.append(f"{slot(box).removeprefix('rauc.slot=')} {release(box)}")
    note("plug pulled in an update", f"{PLUGS} times; then it ran {', '.join(found)}")
    assert {one.split()[1] for one in found} <= {old, "1.0.2"}


def test_a_whole_new_system_stays_once_it_has_shown_that_it_works(
    box: Machine, hospital: Hospital, whole: Path, note
) -> None:
    began = time.monotonic()
    said = until_over(box, hospital)
    if said.outcome == "failed":
        assert "interrupted" in said.sentence or "did not start" in said.sentence, said
        offer(box, hospital, whole)
        said = until_over(box, hospital)
    assert said.outcome == "done", said
    note("a whole system", f"{time.monotonic() - began:.0f} s until it was kept: {said.sentence}")
    assert release(box) == "1.0.2"
    status = json.loads(box.run("rauc", "status", "--output-format=json").good())
    (running,) = [one for slots in status["slots"] for one in slots.values() if one["state"] == "booted"]
    assert running["boot_status"] == "good"
