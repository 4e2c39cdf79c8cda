"""A box from its carton to its end, in the order of its life: each test stands on those before it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import cv2
import numpy as np

from inference.scenes import SceneSpec, draw_scene
from provisioning.devices import DeviceState
from provisioning.qr import qr_png
from tests.appliance.hospital import Hospital
from tests.appliance.machine import Machine

LAYER = "/usr/lib/wardlens-virtual"
PYTHON = "/opt/wardlens/bin/python"
AS_PANEL = ("setpriv", "--reuid=wl-panel", "--regid=wl-live", "--groups=wl-vault,tss")
SERVICES = ("camera", "panel", "sync")
PATIENT = "CANARY-PATIENT-7731"
BOOT_S, SLOW_S = 400, 400


def until_running(box: Machine) -> None:
    """It is started, and nothing has failed."""
    box.until_it_answers(BOOT_S)
    state = box.run("systemctl", "is-system-running", "--wait", seconds=BOOT_S).out.strip()
    assert state == "running", box.run("systemctl", "--failed", "--no-pager").out


def show(box: Machine, pictures: list[bytes]) -> None:
    """The camera sees these from now on, one after the other."""
    box.run("sh", "-c", "rm -f /run/wardlens-virtual/*").good()
    for number, picture in enumerate(pictures):
        box.run("sh", "-c", f"cat > /run/wardlens-virtual/{number}.jpg", given=picture).good()
    box.run("systemctl", "restart", "wardlens-camera", seconds=SLOW_S).good()


def photograph(box: Machine, count: int) -> list[str]:
    """Pictures of our patient that the device says it has taken."""
    command = (*AS_PANEL, PYTHON, f"{LAYER}/at_the_box.py", "photograph", PATIENT, str(count))
    lines = [json.loads(line) for line in box.run(*command, seconds=SLOW_S).good().splitlines()]
    taken = [line["capture"] for line in lines if "capture" in line]
    assert len(taken) == count, lines
    return taken


def jpeg(pixels) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def test_out_of_its_carton_it_starts_and_nothing_fails(box: Machine, note) -> None:
    until_running(box)
    said = box.run("systemd-analyze", "--no-pager").out.splitlines()[0]
    note("boot", f"{said}; load {Path('/proc/loadavg').read_text().split()[0]}")
    mounted = box.run("findmnt", "--noheadings", "--output", "SOURCE,FSTYPE,OPTIONS", "/").good()
    assert "squashfs" in mounted
    assert "ro" in mounted.split()[2].split(",")


def test_what_it_writes_is_encrypted_to_its_tpm(box: Machine) -> None:
    assert (
        box.run("findmnt", "--noheadings", "--output", "SOURCE", "/var").good().strip() == "/dev/mapper/wardlens-data"
    )
    assert "tpm2" in box.run("systemd-cryptenroll", "/dev/disk/by-partlabel/wardlens-data").good()


def test_it_listens_for_nobody_but_itself(box: Machine) -> None:
    outside = []
    for line in box.run("ss", "--no-header", "-lntu").good().splitlines():
        address = line.split()[4]
        if not re.match(r"(127\.|\[::1\]|\[::ffff:127)", address):
            outside.append(address)
    # DHCP's client is answered at its own port.
    assert [one for one in outside if not one.endswith(":68")] == []


def test_nobody_can_log_in(box: Machine) -> None:
    shadow = box.run("cat", "/etc/shadow").good()
    assert all(line.split(":")[1][:1] in {"*", "!"} for line in shadow.splitlines())
    processes = box.run("ps", "-eo", "comm").out
    assert not {"agetty", "login", "sshd"} & set(processes.split())
    assert box.run("sh", "-c", "command -v apt gcc cc pip ssh sshd").status != 0
    assert box.run("find", "/", "-xdev", "-perm", "/6000", "-type", "f").good() == ""


def test_it_is_paired_by_the_invitation_before_its_camera(box: Machine, hospital: Hospital, note) -> None:
    invitation = hospital.site.invite(hospital.enrolment)
    code = cv2.imdecode(np.frombuffer(qr_png(invitation.line), np.uint8), cv2.IMREAD_COLOR)
    seen = np.full((960, 1280, 3), 40, np.uint8)
    seen[120:840, 280:1000] = cv2.resize(code, (720, 720), interpolation=cv2.INTER_NEAREST)
    show(box, [jpeg(seen)])
    began = time.monotonic()
    box.run("sh", "-c", f"{PYTHON} {LAYER}/at_the_box.py pair > /run/pairing.jsonl 2>&1 &").good()

    def said() -> list[dict[str, str]]:
        return [json.loads(line) for line in box.run("cat", "/run/pairing.jsonl").out.splitlines() if line[:1] == "{"]

    box.until_so(lambda: any("digits" in line or "error" in line for line in said()), SLOW_S, "the digits")
    digits = next((line["digits"] for line in said() if "digits" in line), None)
    assert digits, box.run("cat", "/run/pairing.jsonl").out
    (waiting,) = hospital.site.pending()
    assert waiting.digits == digits.replace(" ", "")
    hospital.site.approve(waiting.id, waiting.digits)
    box.until_so(lambda: any(line.get("step") == "paired" for line in said()), SLOW_S, "the pairing")
    note("pairing", f"{time.monotonic() - began:.0f} s")
    (device,) = hospital.site.devices()
    assert device.state is DeviceState.ACTIVE


def test_each_key_belongs_to_the_one_service_that_uses_it(box: Machine) -> None:
    def owners() -> dict[str, str]:
        listed = box.run("sh", "-c", "stat -c '%n %U %a' /var/lib/wardlens/keys/*.pem").good()
        return {Path(line.split()[0]).name: " ".join(line.split()[1:]) for line in listed.splitlines()}

    wanted = {"identity.pem": "wl-sync 400", "panel.pem": "wl-panel 400", "signing.pem": "wl-camera 400"}
    box.until_so(lambda: owners() == wanted, 60, "the keys' owners")
    for key in ("identity", "signing"):
        assert "TSS2 PRIVATE KEY" in box.run("cat", f"/var/lib/wardlens/keys/{key}.pem").good()


def test_a_paired_panel_reaches_nobody_outside(box: Machine) -> None:
    allowed = box.run("systemctl", "show", "wardlens-panel", "-p", "IPAddressAllow").good()
    assert allowed.strip() in {"IPAddressAllow=127.0.0.0/8 ::1/128", "IPAddressAllow=::1/128 127.0.0.0/8"}


def test_pictures_arrive_at_the_hospital(box: Machine, hospital: Hospital, note) -> None:
    show(box, [jpeg(draw_scene(SceneSpec(seed), (1280, 960)).pixels) for seed in (11, 12)])
    began = time.monotonic()
    taken = photograph(box, 2)
    box.until_so(lambda: set(taken) <= set(hospital.received()), SLOW_S, "the receipt of every picture")
    note("two pictures", f"{time.monotonic() - began:.0f} s")
    assert {hospital.received()[capture] for capture in taken} == {PATIENT}
