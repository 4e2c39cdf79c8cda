"""The appliance's users over a real state folder with the owners and modes of the tmpfiles: who can do what."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware.errors import WorkFailed
from firmware.self_test import ANSWER, ASKED, answering_self_tests, ask_for_self_test
from firmware.settings import Settings
from firmware.updating import Machine, install_ordered
from firmware.updating.bundle import taken_over, whole
from firmware.updating.record import FILE as RECORD
from firmware.updating.record import ORDER, Record, Step, read_record, write_record
from firmware.upkeep import finish_ordered_wipe
from firmware.upkeep.orders import WipeBegins
from firmware.upkeep.running import Upkeep
from firmware.upkeep.wipe_order import tell_of_wipe
from firmware.wiping import wipe_ordered
from provisioning import durable
from provisioning.bundles import path_of
from provisioning.commands import CommandName
from provisioning.devices import DeviceState
from provisioning.enrolment import RunningEnrolment, calling, pair, renew
from provisioning.errors import SigningRequestMissing, StorageRefused
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.site import Site
from provisioning.updates import Update, Version

TMPFILES = Path(__file__).parents[3] / "firmware" / "systemd" / "tmpfiles.conf"
USERS = {"root": 0, "wl-camera": 61001, "wl-sync": 61002, "wl-panel": 61003}
GROUPS = {"wl-vault": 61010, **USERS}
NOBODY = Path("/nonexistent/camera.sock")


@pytest.fixture
def appliance(site: Site, enrolment: RunningEnrolment, approving: Callable[[str], None]) -> Iterator[DeviceIdentity]:
    """A paired device in a folder that other users can reach, as `systemd-tmpfiles --create` leaves it."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    above = Path(tempfile.mkdtemp(prefix="wardlens-appliance-"))
    above.chmod(0o755)
    device = pair(site.invite(f"127.0.0.1:{enrolment.port}").line, above / "state", on_digits=approving)
    apply_tmpfiles(device.state)
    yield device
    shutil.rmtree(above)


def apply_tmpfiles(state: Path) -> None:
    """What `systemd-tmpfiles --create wardlens.conf` does, at each start and after each pairing."""
    for line in TMPFILES.read_text("utf-8").splitlines():
        words = line.split()
        if words[:1] in (["d"], ["z"]):
            path = state / Path(words[1]).relative_to("/var/lib/wardlens")
            if words[0] == "d":
                path.mkdir(parents=True, exist_ok=True)
            if path.exists():
                os.chown(path, USERS[words[3]], GROUPS[words[4]])
                path.chmod(int(words[2], 8))


def take_leftovers_away(state: Path) -> None:
    """What wardlens-unpaired.service does to files, as a root without capabilities: they lie in folders of root's."""
    for line in (TMPFILES.parent / "wardlens-unpaired.service").read_text("utf-8").splitlines():
        command = line.removeprefix("ExecStart=-/usr/bin/rm -f ")
        if command != line:
            for path in command.split():
                (state / Path(path).relative_to("/var/lib/wardlens")).unlink(missing_ok=True)


def can(user: str, work: Callable[[], object]) -> bool:
    """Whether `work` succeeds as that user of the appliance; only a refusal of rights is a no."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the server's thread is idle while we fork
        child = os.fork()
    if child == 0:
        status = 2
        try:
            os.umask(0o007)
            os.setgroups([])
            os.setresgid(*[GROUPS["wl-vault"]] * 3)
            os.setresuid(*[USERS[user]] * 3)
            work()
            status = 0
        except (PermissionError, SigningRequestMissing):
            status = 1
        except BaseException:  # noqa: BLE001 - whatever it is, the parent says so
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 1}
    return status == 0


def wait_until(so: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until
        time.sleep(0.02)


def keep_up(state: Path) -> None:
    with calling(DeviceIdentity.load(state)) as call:
        assert call.refresh()
        call.renew()


def test_a_pairing_that_the_power_ended_after_any_file_is_begun_again_at_the_screen(
    appliance: DeviceIdentity, site: Site, enrolment: RunningEnrolment, approving: Callable[[str], None]
) -> None:
    """The panel has written some files; then the device starts, and they are given to the services that use them."""
    written = [path.relative_to(appliance.state) for path in sorted(appliance.state.rglob("*")) if path.is_file()]
    left = [path for path in written if path.name not in {"device.json", ".pairing"} and path.parts[0] != "ledger"]
    assert len(left) == 7
    state = appliance.state.parent / "another"
    apply_tmpfiles(state)
    for name in left:
        shutil.copyfile(appliance.state / name, state / name)
        os.chown(state / name, USERS["wl-panel"], GROUPS["wl-vault"])
    apply_tmpfiles(state)
    take_leftovers_away(state)
    line, digits = site.invite(f"127.0.0.1:{enrolment.port}").line, state / "digits"

    def pair_anew() -> None:
        try:
            pair(line, state, on_digits=lambda shown: durable.write(digits, shown.encode()))
        except StorageRefused as refused:
            raise PermissionError from refused

    with ThreadPoolExecutor(1) as panel:
        pairing = panel.submit(can, "wl-panel", pair_anew)
        wait_until(digits.exists)
        approving(digits.read_text())
        assert pairing.result()
    apply_tmpfiles(state)
    assert can("wl-sync", lambda: DeviceIdentity.load(state))


def test_the_sync_service_renews_and_the_others_read_what_it_wrote(appliance: DeviceIdentity, site: Site) -> None:
    state = appliance.state
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    assert can("wl-sync", lambda: keep_up(state))
    assert DeviceIdentity.load(state).signing_chain != appliance.signing_chain
    for user in ("wl-camera", "wl-panel", "wl-sync"):
        assert can(user, lambda: DeviceIdentity.load(state))
    assert StateLayout(state).manifest.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["certificates/root.pem", "certificates/signing.csr", "device.json"])
@pytest.mark.parametrize("user", ["wl-sync", "wl-camera", "wl-panel"])
def test_no_service_replaces_what_the_device_is_trusted_by(appliance: DeviceIdentity, user: str, name: str) -> None:
    assert not can(user, lambda: durable.write(appliance.state / name, b"mine"))


def test_each_key_is_read_by_its_own_service_alone(appliance: DeviceIdentity) -> None:
    for owner, key in (("wl-camera", appliance.signing_key), ("wl-sync", appliance.identity_key)):
        for user in ("wl-camera", "wl-sync", "wl-panel"):
            assert can(user, key.read_bytes) is (user == owner)


def test_the_sync_service_asks_for_a_test_and_the_camera_service_answers(appliance: DeviceIdentity) -> None:
    state = appliance.state

    def answer() -> None:
        with answering_self_tests(state, lambda: ("phantom",)):
            wait_until((state / ANSWER).exists)

    def ask() -> None:
        assert ask_for_self_test(state, threading.Event(), seconds=30) == ("phantom",)

    with ThreadPoolExecutor(1) as camera:
        answering = camera.submit(can, "wl-camera", answer)
        assert can("wl-sync", ask)
        assert answering.result()
    assert not can("wl-sync", lambda: durable.write(state / ANSWER, b"mine"))
    assert can("wl-sync", lambda: durable.write(state / ASKED, b"mine", mode=0o640))
    assert not can("wl-camera", (state / ASKED).unlink)


def test_what_root_renews_by_hand_stays_the_sync_services(appliance: DeviceIdentity, site: Site) -> None:
    """A device that was paired by an older Wardlens: its sync service cannot, root can, and then it can, too."""
    StateLayout(appliance.state).signing_request.unlink()
    assert not can("wl-sync", lambda: renew(appliance.state))
    renew(appliance.state)
    assert appliance.identity_certificate.stat().st_uid == USERS["wl-sync"]
    assert can("wl-sync", lambda: renew(appliance.state))


def test_a_wipe_goes_from_the_sync_service_to_root_and_its_result_back(appliance: DeviceIdentity, site: Site) -> None:
    state = appliance.state
    site.command(appliance.device, CommandName.WIPE)

    def ordered() -> None:
        with pytest.raises(WipeBegins):
            Upkeep(Settings(state=state), lambda: (True, "All is well.")).call()

    assert can("wl-sync", ordered)
    assert wipe_ordered(state)
    assert not can("wl-sync", (state / "keys" / "signing.pem").unlink)
    assert finish_ordered_wipe(state, NOBODY)
    assert [path.name for path in state.iterdir()] == ["wipe-ordered.json"]

    def told() -> None:
        assert tell_of_wipe(state)

    assert can("wl-sync", told)
    assert list(state.iterdir()) == []
    assert site.device(appliance.device).state is DeviceState.WIPED


def test_who_fetched_a_bundle_cannot_write_or_replace_it_once_root_has_it(appliance: DeviceIdentity) -> None:
    state, raw = appliance.state, b"a bundle"
    update = Update(Version(2026, 48, 1), len(raw), hashlib.sha256(raw).hexdigest())
    path = whole(state, update)
    assert can("wl-sync", lambda: path.write_bytes(raw))
    assert can("wl-sync", lambda: path.open("r+b").close())
    assert taken_over(state, update) == path
    other = path.with_name("other")
    assert can("wl-sync", lambda: other.write_bytes(b"an older"))
    for work in (path.unlink, lambda: path.write_bytes(raw), lambda: other.replace(path), lambda: path.chmod(0o600)):
        assert not can("wl-sync", work)
    assert path.read_bytes() == raw


def test_roots_record_is_read_by_the_services_and_written_by_root_alone(appliance: DeviceIdentity) -> None:
    state, old = appliance.state, Version(2026, 40, 0)
    record = Record(Step.INSTALLING, 7, Version(2026, 48, 1), old, old, slot="A", boot="1", tries=1)
    write_record(state, record)

    def known() -> None:
        assert read_record(state) == record

    for user in ("wl-camera", "wl-panel", "wl-sync"):
        assert can(user, known)
        assert not can(user, lambda: write_record_as_oneself(state, record))
        assert not can(user, (state / RECORD).unlink)


def write_record_as_oneself(state: Path, record: Record) -> None:
    try:
        write_record(state, record)
    except WorkFailed as failed:
        raise PermissionError from failed


def test_a_bundle_goes_from_the_sync_service_to_root_and_the_answer_back(
    appliance: DeviceIdentity, site: Site, tmp_path: Path
) -> None:
    """What needs no RAUC: a system that is not newer by the time root looks, because another one runs."""
    state = appliance.state
    system, release = state.parent / "system.conf", state.parent / "release"
    system.write_text("")
    release.write_text("2026.40.0\n")
    settings = Settings(state=state, update={"system": system, "release": release, "room_megabytes": 1})  # type: ignore[arg-type]
    raw = secrets.token_bytes(100_000)
    update = Update(Version(2026, 48, 1), len(raw), hashlib.sha256(raw).hexdigest())
    site.layout.updates.mkdir()
    path_of(site.layout.updates, update.sha256).write_bytes(raw)
    site.command(appliance.device, CommandName.UPDATE, str(update))

    def call() -> None:
        Upkeep(settings, lambda: (True, "All is well.")).call()

    assert can("wl-sync", call)
    assert (state / ORDER).read_bytes() == (state / "updates" / "wanted.json").read_bytes()
    release.write_text("2026.48.1\n")
    install_ordered(settings, Machine(system))
    assert not (state / ORDER).exists()
    assert can("wl-sync", call)
    assert site.commands(appliance.device)[0].outcome == "failed"
    assert list((state / "updates").iterdir()) == []
