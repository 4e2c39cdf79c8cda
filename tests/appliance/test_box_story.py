"""A box from its carton to its daily life, in order: each test stands on those before it. Then come its updates
(test_box_updates.py), and its end (test_box_wiped.py).

An emulated machine computes a hundred times slower than the one that emulates it: a model takes minutes for a picture.
So nobody photographs here; tests/camera and tests/story do that. All else of a box is as it is.
"""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest

from provisioning.devices import DeviceState
from tests.appliance.hospital import Hospital
from tests.appliance.machine import HOSPITAL, Machine
from tests.appliance.steps import PLUGS, SLOW_S, show, until_running

LAYER = "/usr/lib/wardlens-virtual"
PYTHON = "/opt/wardlens/bin/python"
SERVICES = ("camera", "panel", "sync")


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


def test_it_is_paired_from_its_screen(box: Machine, hospital: Hospital, note) -> None:
    invitation, began = hospital.site.invite(hospital.enrolment), time.monotonic()
    box.run("sh", "-c", f"{PYTHON} {LAYER}/at_the_box.py {invitation.line} > /run/pairing.jsonl 2>&1 &").good()

    def said(word: str) -> str:
        lines = [json.loads(line) for line in box.run("cat", "/run/pairing.jsonl").out.splitlines()]
        return next((line[word] for line in lines if word in line), "")

    box.until_so(lambda: bool(said("digits") or said("step")), SLOW_S, "the digits")
    (waiting,) = hospital.site.pending()
    assert waiting.digits == said("digits"), box.run("cat", "/run/pairing.jsonl").out
    hospital.site.approve(waiting.id, waiting.digits)
    box.until_so(lambda: bool(said("step")), SLOW_S, "the pairing")
    assert said("step") == "paired", box.run("cat", "/run/pairing.jsonl").out
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
    def allowed() -> set[str]:
        return set(show(box, "wardlens-panel", "IPAddressAllow"))

    box.until_so(lambda: allowed() == {"127.0.0.0/8", "::1/128"}, 60, "the panel's closing")


def test_it_reports_to_the_hospital_by_a_key_of_its_tpm(box: Machine, hospital: Hospital) -> None:
    box.until_so(lambda: hospital.session() > 0, SLOW_S, "its state at the hospital")


MAY = {
    "camera": {"read_the_signing_key", "see_the_cameras_socket", "write_to_the_vault"},
    "panel": {"read_the_panels_key", "see_the_cameras_socket", "write_to_the_vault", "make_a_network_socket"},
    "sync": {"read_the_identity_key", "write_to_the_vault", "make_a_network_socket", "reach_the_hospital"},
}
"""Of all that is tried from inside each service, what succeeds."""


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_takes_over_a_service_can_do_no_more_than_it_needs(
    box: Machine, hospital: Hospital, service: str
) -> None:
    unit = box.run("cat", f"/usr/lib/systemd/system/wardlens-{service}.service").good()
    kept = [
        line
        for line in unit.splitlines()
        if not re.match(r"(ExecStart|Type|Restart|RestartSec|Watchdog\w+|RuntimeDirectory\w*)=", line)
    ]
    at = kept.index("[Service]") + 1
    kept[at:at] = [
        "Type=oneshot", f"ExecStart={PYTHON} {LAYER}/inside.py", f"StandardOutput=file:/run/inside-{service}.json",
        f"Environment=HOSPITAL={HOSPITAL} HOSPITAL_PORT={hospital.ports[1]}",
    ]  # fmt: skip
    name = f"inside-{service}.service"
    box.run(
        "sh", "-c", f"cat > /run/systemd/system/{name} && systemctl daemon-reload", given="\n".join(kept).encode()
    ).good()
    box.until_so(lambda: box.run("test", "-S", "/run/wardlens/camera.sock").status == 0, SLOW_S, "the camera service")
    box.run("systemctl", "start", name, seconds=SLOW_S).good()
    could = json.loads(box.run("cat", f"/run/inside-{service}.json").good())
    assert {way for way, done in could.items() if done} == MAY[service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_frozen_service_is_ended_and_begins_anew(box: Machine, service: str, note) -> None:
    unit = f"wardlens-{service}.service"
    box.until_so(lambda: show(box, unit, "ActiveState") == ["active"], SLOW_S, f"the {service} service")
    (before,) = show(box, unit, "MainPID")
    box.run("kill", "-STOP", before).good()
    began = time.monotonic()
    box.until_so(lambda: show(box, unit, "MainPID") not in ([before], ["0"]), SLOW_S, "another process")
    note(
        f"frozen {service}",
        f"another process after {time.monotonic() - began:.1f} s (limit {show(box, unit, 'WatchdogUSec')})",
    )
    assert "Watchdog timeout" in box.run("journalctl", "-b", "-u", unit, "--no-pager").out
    box.until_so(lambda: show(box, unit, "ActiveState") == ["active"], SLOW_S, f"the {service} service")


def test_whenever_its_plug_is_pulled_it_starts_again_and_is_there(box: Machine, hospital: Hospital, note) -> None:
    chance, back = random.Random(7), []
    for _ in range(PLUGS):
        time.sleep(chance.uniform(0, 20))  # at any moment, while it starts or while it works
        before = hospital.session()
        box.pull_the_plug()
        box.start()
        until_running(box)
        box.until_so(lambda before=before: hospital.session() > before, SLOW_S, "its state at the hospital")
        back.append(time.monotonic() - box.began)
    note("plug pulled", f"{PLUGS} times; back at the hospital after {', '.join(f'{s:.0f}' for s in back)} s")
