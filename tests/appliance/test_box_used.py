"""The box of test_box_story.py, updated, is photographed with; an emulated one takes minutes for a picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from firmware.demo.story import BADGE
from firmware.hospital import open_archive
from sync.receiver import export
from tests.appliance.building import SIZE
from tests.appliance.hospital import Hospital
from tests.appliance.machine import Machine
from tests.appliance.steps import SLOW_S, release, until_running

PICTURE_S = 3600
AS_PANEL = ("setpriv", "--reuid=wl-panel", "--regid=wl-live", "--init-groups")
PHOTOGRAPH = ("/opt/wardlens/bin/python", "/usr/lib/wardlens-virtual/photograph.py")


def received(hospital: Hospital, out: Path) -> set[str]:
    """The names of all that the hospital has, which lies in `out` then."""
    archive = open_archive(hospital.place.settings, new=False)
    try:
        export(archive, out)
    finally:
        archive.close()
    return {path.name for path in out.iterdir()}


def test_a_picture_that_is_taken_with_it_is_received_de_identified(
    box: Machine, hospital: Hospital, tmp_path: Path, note
) -> None:
    taken = json.loads(box.run(*AS_PANEL, *PHOTOGRAPH, BADGE, seconds=PICTURE_S).good())
    assert "capture" in taken, taken
    note("a picture in an emulated box", json.dumps(taken))
    assert taken["regions"] > 0, "the scene has a wristband, a badge and a label"
    name = f"{taken['capture']}.jpg"
    box.until_so(lambda: name in received(hospital, tmp_path), SLOW_S, "the picture at the hospital")
    picture = cv2.imread(str(tmp_path / name))
    assert picture.shape[1::-1] == SIZE
    box.until_so(
        lambda: box.run("find", "/var/lib/wardlens/vault", "-name", "*.wle").good() == "", SLOW_S, "its erasure"
    )


def test_its_services_fit_into_the_memory_of_a_small_board(box: Machine, note) -> None:
    used = {}
    for service in ("camera", "panel", "sync"):
        said = box.run("systemctl", "show", "--value", "--property=MemoryCurrent", f"wardlens-{service}").good()
        used[service] = int(said) >> 20
    free = box.run("free", "--mebi").good().splitlines()[1].split()
    note("memory", f"{used} MiB of each service, with what it read of its files; of the whole system {free[2]} MiB")
    assert int(free[2]) <= 900


def test_its_screen_shows_the_panel_and_nothing_else(box: Machine, tmp_path: Path) -> None:
    box.run("systemctl", "start", "wardlens-kiosk", seconds=SLOW_S).good()

    def connected() -> bool:
        return box.run("sh", "-c", "ss -Htnp state established dport = :8470 | grep -q chromium").status == 0

    box.until_so(connected, SLOW_S, "the browser at the panel")

    def colours() -> int:
        box.screen(tmp_path / "screen.ppm")
        return len({tuple(pixel) for pixel in cv2.imread(str(tmp_path / "screen.ppm")).reshape(-1, 3)[::97]})

    box.until_so(lambda: colours() > 8, SLOW_S, "something on its screen")
    box.run("systemctl", "stop", "wardlens-kiosk", seconds=SLOW_S).good()


def test_it_is_the_same_after_its_plug_was_pulled(box: Machine, hospital: Hospital) -> None:
    before, session = release(box), hospital.session()
    box.pull_the_plug()
    box.start()
    until_running(box)
    assert release(box) == before
    box.until_so(lambda: hospital.session() > session, SLOW_S, "its state at the hospital")
