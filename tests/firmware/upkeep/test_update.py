"""A new system, from the offer at a desk to its answer: on trial, confirmed or gone back, through any power cut."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from firmware.errors import WorkFailed
from firmware.updating import programs
from firmware.updating.installing import NotNow
from firmware.updating.record import FILE, ORDER, Reason, Step, read_record
from firmware.upkeep import finish_ordered_wipe
from firmware.upkeep.orders import WipeBegins
from firmware.upkeep.running import Upkeep
from firmware.wiping import MARK, wipe_state
from firmware.wiping import ORDER as WIPE_ORDER
from provisioning.commands import CommandName, sign_command
from provisioning.enrolment import pair, serving_enrolment
from provisioning.errors import EnrolmentRefused
from provisioning.identity import StateLayout
from provisioning.site import Site
from provisioning.updates import Update
from tests.firmware.upkeep.conftest import offer
from tests.firmware.upkeep.machines import NEW, NEWER, OLD, Pi, Vendor, World, copy_of, without_signature_byte

BOOTED = """
import sys
from pathlib import Path
from firmware.settings import load_settings
from firmware.updating import Machine, install_ordered
settings = load_settings(Path(sys.argv[1]))
install_ordered(settings, Machine(settings.update.system, *map(Path, sys.argv[2:])))
"""


class PowerCut(BaseException):
    """The power is gone: nothing after it runs."""


@pytest.fixture(params=[World, Pi])
def kind(request):
    """Each kind of machine."""
    return request.param


@pytest.fixture
def upkeep(world):
    return Upkeep(world.settings, lambda: (True, "All is well."))


@pytest.fixture
def installed(world, offered, upkeep):
    """The new system is in the other slot, and the machine is about to restart."""
    upkeep.call()
    world.install()
    assert world.restarts_asked() == 1
    return world


def answers(site, device):
    return [(one.name, one.outcome, one.sentence) for one in site.commands(device.device)]


def answer(site, device):
    return answers(site, device)[0][1:]


def left(device):
    """What is left of updates in the state folder, but for root's record."""
    return sorted(path.name for path in [*device.state.glob("updates/*"), *device.state.glob(ORDER)])


def test_a_new_system_is_fetched_installed_tried_confirmed_and_answered(*, world, offered, site, device, upkeep):
    upkeep.call()
    assert (device.state / ORDER).exists()
    assert answer(site, device) == ("", "")
    world.install()
    assert world.restarts_asked() == 1
    assert world.runs == OLD
    world.boot()
    assert world.runs == NEW
    world.trial()
    assert read_record(device.state).step is Step.CONFIRMED
    upkeep.call()
    assert answers(site, device) == [("update", "done", f"It runs {NEW}, and has shown that it works.")]
    assert left(device) == []
    for _ in range(5):
        world.boot()
        assert world.runs == NEW
        world.trial()
        world.install()
    assert world.now["installs"] == 1


def test_a_system_that_is_not_well_goes_back_and_the_site_hears_why(*, world, installed, site, device, upkeep):
    world.well = False
    world.boot()
    world.trial()
    assert world.clock >= world.settings.update.trial_minutes * 60
    assert world.restarts_asked() == 2
    world.boot()
    assert world.runs == OLD
    world.trial()
    upkeep.call()
    outcome, sentence = answer(site, device)
    assert outcome == "failed"
    assert "test of itself did not end" in sentence
    assert f"runs {OLD} again" in sentence
    assert left(device) == []


def test_a_system_whose_service_does_not_stay_up_goes_back_and_names_it(*, world, installed, site, device, upkeep):
    world.boot()
    world.change(services={"wardlens-panel.service": ["activating", 7]})
    world.trial()
    world.boot()
    world.trial()
    upkeep.call()
    assert "wardlens-panel.service" in answer(site, device)[1]
    assert world.runs == OLD


def test_a_system_that_does_not_start_is_answered_by_the_one_before(*, world, installed, site, device, upkeep):
    world.dead = {NEW}
    world.boot()
    assert world.runs == OLD
    world.trial()
    upkeep.call()
    assert answer(site, device) == ("failed", f"The new system did not start. It runs {OLD} again.")


def test_a_system_that_says_it_is_another_goes_back(*, world, installed, site, device, upkeep):
    world.boot()
    (world.folder / "release").write_text(NEWER)
    world.trial()
    world.boot()
    world.trial()
    upkeep.call()
    assert f"says it is {NEWER}" in answer(site, device)[1]


def test_a_system_in_which_rauc_is_broken_goes_back_by_the_count_of_its_starts(
    *, world, installed, site, device, upkeep
):
    world.change(broken=True)
    for _ in range(6):
        world.boot()
        world.change(broken=world.runs == NEW)
        if world.runs == OLD:
            break
        world.trial()
    assert world.runs == OLD
    world.trial()
    upkeep.call()
    assert answer(site, device)[0] == "failed"


@contextmanager
def camera_service(path, held):
    """What the camera service says of itself on its socket, as far as it is asked."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"stills_held": held.pop(0)}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self):
            return "the panel"

        def log_message(self, *_):
            pass

    path.parent.mkdir(exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Health) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_the_restart_waits_while_a_picture_is_reviewed(*, world, offered, upkeep):
    upkeep.call()
    with camera_service(world.settings.socket, [1, 3, 0]):
        for _ in range(2):
            with pytest.raises(NotNow, match="being reviewed"):
                world.install()
            assert world.restarts_asked() == 0
        world.install()
    assert world.restarts_asked() == 1
    assert world.now["installs"] == 1


def test_an_older_or_equal_system_is_refused_before_anything_is_fetched(*, world, site, device, upkeep, vendor):
    for version in (OLD, "2026.39.9", "0.0.1"):
        offer(site, device, vendor.bundle(version, size=20_000))
        upkeep.call()
        assert answer(site, device) == ("refused", f"It runs {OLD}, and {version} is not newer.")
    assert left(device) == []


def test_what_was_confirmed_once_is_never_gone_below_though_an_older_system_runs(
    *, world, installed, site, device, upkeep, vendor
):
    world.boot()
    world.trial()
    upkeep.call()
    (world.folder / "release").write_text(OLD)  # somebody started the other slot by hand
    offer(site, device, vendor.bundle("2026.48.0", size=20_000))
    upkeep.call()
    assert answer(site, device) == ("refused", f"It runs {OLD} and had {NEW}, and 2026.48.0 is not newer.")


def test_root_looks_at_the_versions_again(*, world, offered, site, device, upkeep):
    upkeep.call()
    (world.folder / "release").write_text(NEW)
    world.install()
    upkeep.call()
    assert world.now["installs"] == 0
    assert answer(site, device) == ("failed", f"It runs {NEW}, and {NEW} is not newer.")


@pytest.mark.parametrize("how", ["renamed", "forged", "foreign", "altered"])
def test_the_process_with_the_network_updates_nothing_by_its_own_word(
    *, how, world, offered, site, device, upkeep, tmp_path
):
    upkeep.call()
    order = device.state / ORDER
    given = site.command(device.device, CommandName.SELF_TEST)
    update = replace(
        given, name=CommandName.UPDATE, argument=str(Update.parse(site.commands(device.device)[1].argument))
    )
    other = Site.create(tmp_path / "other", site.id, "The same name and another root")
    raw = {
        "renamed": sign_command(given, site.keys.root_key),
        "forged": sign_command(update, other.keys.root_key),
        "foreign": sign_command(replace(update, device="wl-0000000000"), site.keys.root_key),
        "altered": order.read_bytes().replace(b"2026.48.1", b"2026.48.9"),
    }[how]
    order.write_bytes(raw)
    world.install()
    assert world.now["installs"] == 0
    assert world.restarts_asked() == 0
    assert not order.exists()
    assert read_record(device.state) is None


def test_an_order_that_was_carried_out_is_not_carried_out_again(*, world, installed, device):
    raw = (device.state / ORDER).read_bytes()
    world.well = False
    world.boot()
    world.trial()
    world.boot()
    world.trial()
    (device.state / ORDER).write_bytes(raw)
    world.install()
    assert world.now["installs"] == 1
    assert not (device.state / ORDER).exists()


def test_while_a_system_is_on_trial_the_one_to_go_back_to_is_not_written(*, world, installed, site, device, vendor):
    """Though the process with the network lays down another genuine order then."""
    bundle = vendor.bundle(NEWER)
    offer(site, device, bundle)
    world.boot()
    with site.registry.reading() as rows:
        raw = bytes(rows.execute("SELECT signed FROM command ORDER BY number DESC LIMIT 1").fetchone()[0])
    update = Update.parse(site.commands(device.device)[0].argument)
    shutil.copyfile(bundle, device.state / "updates" / f"{update.sha256}.raucb")
    (device.state / ORDER).write_bytes(raw)
    world.install()
    assert world.now["installs"] == 1
    assert world.now["slots"]["A"]["version"] == OLD
    assert not (device.state / ORDER).exists()
    world.trial()
    assert read_record(device.state).step is Step.CONFIRMED


def test_a_bundle_for_another_kind_of_device_is_not_installed_and_never_starts(
    *, world, site, device, upkeep, vendor, tmp_path
):
    world.change(refuses="Compatible mismatch: Expected 'wardlens-test' but bundle manifest has 'other'")
    offer(site, device, vendor.bundle(NEW, size=20_000))
    upkeep.call()
    world.install()
    upkeep.call()
    assert answer(site, device)[0] == "failed"
    assert "Compatible mismatch" in answer(site, device)[1]
    assert world.never_starts("B")
    assert world.restarts_asked() == 0


def test_another_bundle_than_the_site_offered_is_not_installed(*, world, offered, site, device, upkeep, vendor):
    upkeep.call()
    (bundle,) = (device.state / "updates").glob("*.raucb")
    bundle.write_bytes(vendor.bundle(NEWER, size=2_500_000).read_bytes()[: bundle.stat().st_size])
    world.install()
    assert world.now["installs"] == 0
    assert read_record(device.state).reason is Reason.BUNDLE_DAMAGED
    upkeep.call()
    assert answer(site, device)[0] == "failed"
    assert left(device) == []


def test_a_bundle_that_somebody_still_has_open_to_write_is_not_installed(*, world, offered, device, upkeep):
    upkeep.call()
    (bundle,) = (device.state / "updates").glob("*.raucb")
    with bundle.open("r+b"):
        world.install()
    assert read_record(device.state).reason is Reason.BUNDLE_DAMAGED
    assert world.now["installs"] == 0


@pytest.mark.parametrize("what", ["pipe", "link", "symlink", "folder"])
def test_what_is_no_file_of_its_own_is_not_taken_for_a_bundle(*, what, world, offered, device, upkeep):
    upkeep.call()
    (bundle,) = (device.state / "updates").glob("*.raucb")
    other = device.state / "other"
    bundle.rename(other)
    {
        "pipe": lambda: os.mkfifo(bundle),
        "link": lambda: bundle.hardlink_to(other),
        "symlink": lambda: bundle.symlink_to(other),
        "folder": bundle.mkdir,
    }[what]()
    mode = other.stat().st_mode
    if what == "folder":
        with pytest.raises(WorkFailed, match="cannot be removed"):
            world.install()
    else:
        world.install()
    assert read_record(device.state).reason is Reason.BUNDLE_DAMAGED
    assert world.now["installs"] == 0
    assert other.stat().st_mode == mode


def test_an_offer_right_after_an_update_was_confirmed_does_not_make_it_a_failed_one(
    *, world, installed, site, device, upkeep, vendor
):
    world.boot()
    world.trial()
    offer(site, device, vendor.bundle(NEWER, size=20_000))
    upkeep.call()
    newer, older = site.commands(device.device)
    assert (newer.outcome, older.outcome) == ("", "done")


def test_the_answer_that_a_busy_site_refused_is_posted_at_the_next_call(
    *, world, installed, site, device, upkeep, busy
):
    world.boot()
    world.trial()
    with busy(), pytest.raises(EnrolmentRefused):
        upkeep.call()
    assert answer(site, device) == ("", "")
    upkeep.call()
    assert answer(site, device)[0] == "done"
    assert left(device) == []


def test_a_bundle_that_another_key_signed_is_refused_by_rauc(*, world, site, device, upkeep, tmp_path):
    offer(site, device, Vendor(tmp_path / "stranger").bundle(NEW))
    upkeep.call()
    world.install()
    upkeep.call()
    assert world.now["installs"] == 0
    assert read_record(device.state).reason is Reason.BUNDLE_REFUSED
    assert "signature" in answer(site, device)[1].lower() or "certificate" in answer(site, device)[1].lower()


def test_a_bundle_with_an_altered_manifest_is_refused_by_rauc(*, world, site, device, upkeep, newer):
    bundle = copy_of(newer)
    without_signature_byte(bundle)
    offer(site, device, bundle)
    upkeep.call()
    world.install()
    assert world.now["installs"] == 0
    assert read_record(device.state).reason is Reason.BUNDLE_REFUSED


def test_a_bundle_whose_contents_were_altered_is_refused_by_what_its_manifest_signs(newer, vendor, tmp_path, program):
    bundle = copy_of(newer)
    raw = bytearray(bundle.read_bytes())
    raw[1_000_000] ^= 1
    bundle.write_bytes(raw)
    for file, works in ((newer, True), (bundle, False)):
        out = tmp_path / file.stem
        told = subprocess.run(
            [program("rauc"), f"--keyring={vendor.certificate}", "extract", file, out], check=False, capture_output=True
        )
        assert (told.returncode == 0) is works, told.stderr


def test_an_interrupted_writing_is_begun_again_and_given_up_after_three(*, world, offered, site, device, upkeep):
    upkeep.call()
    for _ in range(3):
        world.change(cut="writing")
        killed_while_installing(world)
        world.boot()
        assert world.runs == OLD
        world.trial()
    world.install()
    upkeep.call()
    assert answer(site, device) == ("failed", f"Writing it was interrupted 3 times. It runs {OLD}.")
    assert world.restarts_asked() == 0


@pytest.mark.parametrize("moment", ["writing", "written", "activated"])
def test_power_that_goes_while_rauc_works_leads_to_the_new_system_all_the_same(
    *, moment, world, offered, site, device, upkeep
):
    upkeep.call()
    world.change(cut=moment)
    killed_while_installing(world)
    world.boot()
    assert world.runs == (NEW if moment == "activated" and world.tries else OLD)
    live(world, site, device)
    assert world.runs == NEW
    assert answer(site, device)[0] == "done"


def killed_while_installing(world):
    config = world.folder / "wardlens.toml"
    settings = world.settings
    config.write_text(
        f'state = "{settings.state}"\n[update]\nrelease = "{settings.update.release}"\n'
        f'system = "{settings.update.system}"\nroom_megabytes = 1\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", BOOTED, config, world.machine.boot, world.machine.bootloader],
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def live(world, site, device, *, starts=12):
    """The device lives on, start after start, until the site has its answer."""
    for _ in range(starts):
        asked = world.restarts_asked()
        world.trial()
        if world.restarts_asked() == asked:
            world.install()
        if world.restarts_asked() == asked:
            Upkeep(world.settings, lambda: (True, "")).call()
            world.install()
        if world.restarts_asked() > asked:
            world.boot()
        if answer(site, device)[0]:
            return
    raise AssertionError("the site never heard of it")


def until_the_power_goes(world, site, device, monkeypatch, survives):
    """Whether the power went: at the step with that number of those that change the disk."""
    steps = 0
    real = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}

    def step(name):
        def taken(*arguments, **options):
            nonlocal steps
            if threading.current_thread() is threading.main_thread():
                steps += 1
                if steps == survives:
                    raise PowerCut
            return real[name](*arguments, **options)

        return taken

    with monkeypatch.context() as patched:
        for name in real:
            patched.setattr(os, name, step(name))
        try:
            live(world, site, device)
        except PowerCut:
            return True
    return False


@pytest.mark.parametrize("end", ["well", "not-well", "dead"])
def test_power_that_goes_at_any_write_leaves_the_old_or_the_new_system_and_always_an_answer(
    *, end, world, site, device, vendor, monkeypatch
):
    monkeypatch.setattr("firmware.upkeep.fetching.PIECE", 700_000)
    world.well = end != "not-well"
    ended = set()
    for survives in range(1, 200):
        before, version = world.runs, f"2026.48.{survives}"
        bundle = vendor.bundle(version, size=1_000_000)
        world.dead = {version} if end == "dead" else set()
        offer(site, device, bundle)
        went = until_the_power_goes(world, site, device, monkeypatch, survives)
        if went:
            world.boot()
            live(world, site, device)
        outcome, said = answer(site, device)
        assert outcome in {"done", "failed"}
        assert world.runs == (version if outcome == "done" else before), said
        live(world, site, device)
        assert left(device) == []
        assert outcome == "failed" if end != "well" else True
        ended.add(outcome)
        bundle.unlink()
        shutil.rmtree(site.layout.updates)
        if not went:
            break
    assert survives > 20
    assert ended >= ({"done"} if end == "well" else {"failed"})


def without_power_from(survives):
    """A way to run programs that the power ends at the one with that number."""
    real, words = programs._run, itertools.count(1)

    def said(command, seconds):
        if next(words) == survives:
            raise PowerCut
        return real(command, seconds)

    return said


def test_power_that_goes_before_any_word_to_rauc_the_boot_loader_or_systemd_leaves_a_system_and_an_answer(
    *, world, site, device, vendor, monkeypatch
):
    for survives in range(1, 60):
        before, version = world.runs, f"2026.48.{survives}"
        bundle = vendor.bundle(version, size=20_000)
        offer(site, device, bundle)
        went = False
        with monkeypatch.context() as patched:
            patched.setattr(programs, "_run", without_power_from(survives))
            try:
                live(world, site, device)
            except PowerCut:
                went = True
        if went:
            world.boot()
            live(world, site, device)
        outcome, sentence = answer(site, device)
        assert outcome in {"done", "failed"}
        assert world.runs == (version if outcome == "done" else before), sentence
        live(world, site, device)
        assert left(device) == []
        bundle.unlink()
        shutil.rmtree(site.layout.updates)
        if not went:
            break
    assert outcome == "done"
    assert survives > 8


def test_a_system_that_waits_for_its_trial_gets_it_after_a_power_cut(*, world, offered, site, device, upkeep):
    """The restart waited for somebody at a picture, and the plug was pulled meanwhile."""
    upkeep.call()
    with camera_service(world.settings.socket, [1]), pytest.raises(NotNow):
        world.install()
    world.boot()
    live(world, site, device)
    assert world.runs == NEW
    assert answer(site, device)[0] == "done"
    assert world.now["installs"] == 1


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_to_be_wiped_is_not_updated(*, world, offered, site, device, upkeep, begun):
    upkeep.call()
    site.command(device.device, CommandName.WIPE)
    with pytest.raises(WipeBegins):
        upkeep.call()
    if begun:
        StateLayout(device.state).facts.unlink()
        (device.state / MARK).touch()
    with pytest.raises(NotNow, match="to be wiped"):
        world.install()
    assert world.now["installs"] == 0
    assert (device.state / ORDER).exists(), "a wipe that is called off leaves the update as it was"


def test_a_box_that_was_paired_anew_is_updated_though_its_old_site_never_heard_of_the_wipe(
    *, world, site, device, upkeep, newer, approving
):
    site.command(device.device, CommandName.WIPE)
    with pytest.raises(WipeBegins):
        upkeep.call()
    assert finish_ordered_wipe(device.state, world.settings.socket)
    with serving_enrolment(site) as server:
        again = pair(site.invite(f"127.0.0.1:{server.port}").line, device.state, on_digits=approving)
        offer(site, again, newer)
        live(world, site, again)
    assert world.runs == NEW
    assert (device.state / WIPE_ORDER).exists(), "the old site is still to hear of the wipe"


def only_the_record(device):
    return [path.name for path in device.state.iterdir()] == [FILE]


def starts(world):
    """The device is started, and again for as long as it restarts itself; no site and no sync service is there."""
    world.boot()
    for _ in range(5):
        asked = world.restarts_asked()
        world.trial()
        world.install()
        if world.restarts_asked() == asked:
            return
        world.boot()
    raise AssertionError("it restarts for ever")


PLUGS = 3
"""How often somebody pulls the plug before the system that starts has said that it is well."""


def test_starts_that_are_cut_short_do_not_put_a_confirmed_system_aside(*, world, installed, capsys):
    world.boot()
    world.trial()
    for _ in range(PLUGS):
        world.boot()
        assert world.runs == NEW
    capsys.readouterr()
    for _ in range(2):
        world.boot()
        fell_back = world.runs == OLD
        world.trial()
        assert ("confirmed-not-started" in capsys.readouterr().out) is fell_back
    assert world.runs == NEW
    for _ in range(5):
        world.boot()
        world.trial()
        assert world.runs == NEW


@pytest.mark.parametrize("answers_after", [1, 3, None])
def test_an_ordinary_start_is_called_good_though_rauc_does_not_answer_at_once(*, world, answers_after):
    world.boot()
    world.change(broken=True)
    waits = []

    def later(seconds):
        waits.append(seconds)
        world.change(broken=len(waits) != answers_after)

    world._later = later
    world.trial()
    if answers_after is None:
        assert sum(waits) >= 60, "a RAUC that does not come up in a minute is broken"
    else:
        assert len(waits) == answers_after
        assert world.now["grubenv"]["A_TRY"] == "0"


def test_starts_that_are_cut_short_do_not_bring_back_a_system_that_failed(*, world, installed, device):
    world.well = False
    starts(world)
    assert read_record(device.state).step is Step.FAILED
    for _ in range(PLUGS + 1):
        world.boot()
        assert world.runs == OLD
    world.trial()
    world.boot()
    assert world.runs == OLD
    assert world.never_starts("B")


def test_a_wipe_in_the_middle_of_an_update_leaves_a_wiped_device(*, world, installed, device):
    wipe_state(device.state)
    assert only_the_record(device)
    world.well = False
    starts(world)
    assert world.runs == OLD, "what was never found good does not stay"
    assert world.never_starts("B")
    assert read_record(device.state).reason is Reason.NOT_WELL
    assert only_the_record(device)


def test_a_wipe_while_a_system_is_on_trial_leaves_it_on_trial(*, world, installed, device):
    world.boot()
    wiped = []

    def meanwhile(seconds):
        world.clock += seconds
        if not wiped:
            wipe_state(device.state)
            wiped.append(only_the_record(device))

    world._later = meanwhile
    world.trial()
    assert wiped == [True]
    starts(world)
    assert world.runs == OLD
    assert world.never_starts("B")


@pytest.mark.parametrize("moment", ["writing", "written", "activated"])
def test_a_wipe_while_a_system_is_being_written_leaves_none_that_starts_untested(
    *, moment, world, offered, site, device, upkeep, newer, approving
):
    upkeep.call()
    world.change(cut=moment)
    killed_while_installing(world)
    wipe_state(device.state)
    world.well = False
    starts(world)
    assert world.runs == OLD
    assert world.never_starts("B")
    assert read_record(device.state).ended, "else each later update would find the device busy"
    world.well = True
    with serving_enrolment(site) as server:
        again = pair(site.invite(f"127.0.0.1:{server.port}").line, device.state, on_digits=approving)
        offer(site, again, newer)
        live(world, site, again)
    assert world.runs == NEW


def test_a_wipe_does_not_forget_what_was_confirmed(*, world, installed, site, device, vendor, approving):
    world.boot()
    world.trial()
    wipe_state(device.state)
    (world.folder / "release").write_text(OLD)  # somebody started the other slot by hand
    with serving_enrolment(site) as server:
        again = pair(site.invite(f"127.0.0.1:{server.port}").line, device.state, on_digits=approving)
        offer(site, again, vendor.bundle("2026.48.0", size=20_000))
        Upkeep(world.settings, lambda: (True, "")).call()
    assert answer(site, again) == ("refused", f"It runs {OLD} and had {NEW}, and 2026.48.0 is not newer.")
