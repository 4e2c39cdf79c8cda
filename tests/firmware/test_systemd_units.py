"""The appliance's units: which process may have a network, a device, a key; and how little is left to attack."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.health import FILE as HEALTH
from firmware.settings import load_settings
from firmware.updating.record import ORDER as UPDATE_ORDER
from firmware.wiping import ORDER

UNITS = Path(__file__).parents[2] / "firmware" / "systemd"
SERVICES = ("camera", "panel", "sync")
"""Those of the appliance; the opener is one of the hospital's."""
ROOTS = ("owners", "tpm", "trial", "unpaired", "update", "wipe")
"""What runs as root, for a moment each."""
WORST_EXPOSURE = 2.0
TPM = "/dev/tpmrm0 rw"

NOTHING_NEW_TO_EXECUTE = """
import ctypes, mmap
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    raise SystemExit("hardware: this kernel cannot refuse executable memory")
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    raise SystemExit("not refused")
"""

WHAT_THE_SERVICES_LOAD = """
import argon2, cv2, fastapi, httpx, numpy, paho.mqtt.client, pydantic, simplejpeg, sqlite3, sys, uvicorn
import websockets, zxingcpp
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric import ec
from inference import Deidentifier, Frame
from inference.scenes import draw_scene
pixels = draw_scene(1, (640, 480)).pixels
simplejpeg.encode_jpeg(numpy.ascontiguousarray(pixels)); zxingcpp.read_barcodes(pixels)
ec.generate_private_key(ec.SECP256R1()); argon2.PasswordHasher().hash("1234")
engine = Deidentifier.load(Path(sys.argv[1]))
engine.still(Frame(pixels, 0)); engine.live(Frame(pixels, 0)); engine.close()
print("all of it works")
"""


def settings_of(service: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"wardlens-{service}.service").read_text("utf-8").splitlines():
        if match := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.mark.parametrize("service", [*SERVICES, "indicator", "opener", *ROOTS])
def test_a_service_is_exposed_two_points_of_ten_at_most(service: str, program: Callable[[str], Path]) -> None:
    told = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=yes", "--no-pager", UNITS / f"wardlens-{service}.service"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(exposure) <= WORST_EXPOSURE, told


def test_systemd_knows_every_word_of_the_units(program: Callable[[str], Path]) -> None:
    units = sorted(UNITS.glob("wardlens*.*"))
    assert len(units) == 15
    told = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *units], check=False, capture_output=True, text=True
    )
    complaints = [line for line in told.stderr.splitlines() if "wardlens" in line and "not executable" not in line]
    assert complaints == []


@pytest.mark.parametrize("service", [*SERVICES, "indicator", "opener"])
def test_a_unit_starts_a_command_that_wardlens_has(service: str) -> None:
    (line,) = settings_of(service)["ExecStart"]
    assert line == f"/opt/wardlens/bin/wardlens {'receiver open --follow' if service == 'opener' else f'{service} run'}"
    wardlens = Path(sys.executable).with_name("wardlens")
    subprocess.run([wardlens, *line.split()[1:], "--help"], check=True, capture_output=True)


def test_the_settings_in_the_openers_unit_are_settings_and_its_keys_are_its_own(monkeypatch, tmp_path) -> None:
    opener = settings_of("opener")
    given = dict(pair.split("=", 1) for pair in opener["Environment"])
    config = Path(given.pop("WARDLENS_CONFIG"))
    assert config.is_absolute()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "hospital.toml").write_text("")
    receiver = load_settings(tmp_path / "hospital.toml").receiver
    state = Path("/var/lib") / opener["StateDirectory"][0]
    assert receiver.site.is_relative_to(state)
    assert receiver.archive.is_relative_to(state)
    assert opener["StateDirectoryMode"] == ["0700"]
    assert opener["DynamicUser"] == ["yes"]
    assert opener["RestartPreventExitStatus"] == ["2"], "a refused PIN that is tried again locks the token"


def test_the_process_that_sees_a_patient_has_no_network() -> None:
    camera = settings_of("camera")
    assert camera["PrivateNetwork"] == ["yes"]
    assert camera["RestrictAddressFamilies"] == ["AF_UNIX AF_NETLINK"], "netlink ends at this machine's kernel"
    assert camera["IPAddressDeny"] == ["any"]


def test_the_process_that_has_a_network_reaches_no_camera_no_live_picture_and_no_signing_key() -> None:
    sync = settings_of("sync")
    assert sync["DevicePolicy"] == ["closed"]
    assert sync["DeviceAllow"] == [TPM]
    assert "-/run/wardlens" in sync["InaccessiblePaths"][0].split()
    assert "-/var/lib/wardlens/keys/signing.pem" in sync["InaccessiblePaths"][0].split()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_use_the_tpm_that_holds_its_key_and_beside_the_camera_no_other_device(service: str) -> None:
    unit = settings_of(service)
    assert unit["DevicePolicy"] == ["closed"]
    assert TPM in unit["DeviceAllow"]
    assert "tss" in unit["SupplementaryGroups"][0].split()
    assert f"\nm wl-{service} tss\n" in (UNITS / "sysusers.conf").read_text("utf-8")
    assert unit["MemoryDenyWriteExecute"] == ["yes"]
    assert service == "camera" or unit["DeviceAllow"] == [TPM]


def test_the_light_has_pins_and_one_ear_and_only_the_camera_service_speaks_to_it() -> None:
    unit = settings_of("indicator")
    assert unit["DeviceAllow"] == ["char-gpiochip rw"]
    assert unit["PrivateNetwork"] == ["yes"]
    assert {"-/var/lib/wardlens", "-/run/wardlens"} <= set(" ".join(unit["InaccessiblePaths"]).split())
    assert "SupplementaryGroups" not in unit
    assert (unit["WorkingDirectory"], unit["PrivateTmp"]) == (["/tmp"], ["yes"]), "lgpio makes a pipe where it works"
    assert "ProcSubset" not in unit, "gpiozero asks /proc which board this is"
    declared = (UNITS / "sysusers.conf").read_text("utf-8")
    assert re.findall(r"^m (\S+) wl-light$", declared, re.MULTILINE) == ["wl-camera"]
    default = load_settings(None).indicator.socket
    assert default.parent == Path("/run") / unit["RuntimeDirectory"][0]


def test_each_service_has_a_user_of_its_own() -> None:
    users = [settings_of(service)["User"] for service in SERVICES]
    assert users == [[f"wl-{service}"] for service in SERVICES]
    declared = (UNITS / "sysusers.conf").read_text("utf-8")
    assert all(f"\nu wl-{service} " in declared for service in SERVICES)


def test_what_one_system_wrote_belongs_to_the_same_services_in_the_next() -> None:
    rows = [line.split() for line in (UNITS / "sysusers.conf").read_text("utf-8").splitlines()]
    numbers = [int(words[2]) for words in rows if words[:1] in (["u"], ["g"]) and words[1] != "tss"]
    assert len(set(numbers)) == len(numbers) == 6
    assert all(100 <= number < 1000 for number in numbers)


def test_only_camera_and_panel_share_the_group_of_the_live_view() -> None:
    def groups(service: str) -> set[str]:
        unit = settings_of(service)
        return set(unit["Group"]) | set(" ".join(unit.get("SupplementaryGroups", [])).split())

    assert {service for service in SERVICES if "wl-live" in groups(service)} == {"camera", "panel"}
    assert {service for service in SERVICES if "wl-vault" in groups(service)} == set(SERVICES)


@pytest.mark.models
def test_everything_the_services_load_runs_where_no_memory_can_become_code(models_folder: Path) -> None:
    script = NOTHING_NEW_TO_EXECUTE + WHAT_THE_SERVICES_LOAD
    ran = subprocess.run([sys.executable, "-c", script, models_folder], check=False, capture_output=True, text=True)
    if "hardware:" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    assert ran.stdout.strip() == "all of it works", ran.stderr


@pytest.mark.parametrize("folder", ["/var/lib/wardlens", "/var/lib/wardlens/certificates", "/var/lib/wardlens/keys"])
def test_no_service_can_replace_what_another_one_is_trusted_by(folder: str) -> None:
    lines = [line.split() for line in (UNITS / "tmpfiles.conf").read_text("utf-8").splitlines()]
    (mode,) = [int(words[2], 8) for words in lines if words[:2] == ["d", folder]]
    assert mode & stat.S_ISVTX
    assert not mode & stat.S_IWOTH


def owners() -> dict[str, tuple[str, str]]:
    """Each file that the tmpfiles name → its mode and its owner."""
    lines = [line.split() for line in (UNITS / "tmpfiles.conf").read_text("utf-8").splitlines()]
    return {words[1].removeprefix("/var/lib/wardlens/"): (words[2], words[3]) for words in lines if words[:1] == ["z"]}


def test_the_sync_service_renews_what_it_owns_and_root_keeps_what_the_device_is_trusted_by() -> None:
    found = owners()
    for renewed in ("certificates/identity.pem", "certificates/signing.pem", "site-manifest.json"):
        assert found[renewed][1] == "wl-sync"
    for pinned in ("certificates/root.pem", "certificates/signing.csr", "device.json"):
        assert found[pinned][1] == "root"
    assert not any("*" in name for name in found if name.startswith("certificates"))


def test_what_runs_as_root_has_no_network_and_little_to_do() -> None:
    for name in ROOTS:
        unit = settings_of(name)
        assert unit["PrivateNetwork"] == ["yes"]
        start = ["-/start"] if name in {"update", "trial"} else []
        assert unit.get("ReadWritePaths", ["/var/lib/wardlens"]) == ["/var/lib/wardlens", *start]
        assert set(unit["CapabilityBoundingSet"][0].split()) <= {
            *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID"),
        }


def test_root_wipes_by_a_command_that_wardlens_has_and_only_when_no_service_runs() -> None:
    unit = settings_of("wipe")
    assert unit["ExecStart"] == ["/opt/wardlens/bin/wardlens device wipe --ordered"]
    told = subprocess.run(
        [Path(sys.executable).with_name("wardlens"), "device", "wipe", "--ordered", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "--ordered" in told.stdout
    before = unit["ExecStartPre"][0].removeprefix("+/usr/bin/systemctl stop ")
    assert set(before.split()) == {f"wardlens-{service}.service" for service in SERVICES}
    watched = (UNITS / "wardlens-wipe.path").read_text("utf-8")
    assert f"PathChanged=/var/lib/wardlens/{ORDER}" in watched


@pytest.mark.parametrize(
    ("name", "words"), [("update", ["device", "update", "--ordered"]), ("trial", ["device", "trial"])]
)
def test_root_updates_by_a_command_that_wardlens_has_and_is_begun_again_until_it_is_done(
    name: str, words: list[str]
) -> None:
    unit = settings_of(name)
    assert unit["ExecStart"] == [f"/opt/wardlens/bin/wardlens {' '.join(words)}"]
    subprocess.run([sys.executable, "-m", "firmware", *words, "--help"], check=True, capture_output=True)
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "/etc/rauc/system.conf" in unit["ConditionPathExists"]


def test_an_update_that_is_ordered_starts_its_unit_and_one_that_was_cut_off_does_at_the_next_start() -> None:
    watched = (UNITS / "wardlens-update.path").read_text("utf-8")
    assert f"PathChanged=/var/lib/wardlens/{UPDATE_ORDER}" in watched
    conditions = settings_of("update")["ConditionPathExists"]
    assert f"/var/lib/wardlens/{UPDATE_ORDER}" in conditions
    assert not any(ORDER in one for one in conditions), "a wipe that is only still to be told stops no update"
    wanted = (UNITS / "wardlens.target").read_text("utf-8")
    assert all(unit in wanted for unit in ("wardlens-update.path", "wardlens-update.service", "wardlens-trial.service"))


def test_what_the_last_start_found_of_itself_is_gone_before_a_system_is_tried() -> None:
    lines = (UNITS / "tmpfiles.conf").read_text("utf-8").splitlines()
    assert f"r! /var/lib/wardlens/{HEALTH}" in lines
    for service in ("camera", "trial"):
        assert "systemd-tmpfiles-setup.service" in settings_of(service)["After"][0]
