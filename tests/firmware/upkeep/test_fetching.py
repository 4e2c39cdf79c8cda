"""A bundle fetched in pieces: resumed after anything, never at the cost of pictures or commands, whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from firmware.demo.place import free_ports
from firmware.errors import WorkFailed
from firmware.updating.bundle import partial, whole
from firmware.updating.record import ORDER
from firmware.upkeep import fetching
from firmware.upkeep.fetching import Fetching
from firmware.upkeep.running import Upkeep
from provisioning.commands import CommandName
from provisioning.enrolment import SiteCall, calling, wire
from provisioning.enrolment.waiting import signed_headers
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, EnrolmentUnreachable
from provisioning.updates import Update
from tests.firmware.upkeep.conftest import offer
from tests.firmware.upkeep.machines import NEWER

PIECE = 256 * 1024


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(fetching, "PIECE", PIECE)


@pytest.fixture
def upkeep(world):
    return Upkeep(world.settings, lambda: (True, "All is well."))


@pytest.fixture
def update(site, device, offered):
    return Update.parse(site.commands(device.device)[0].argument)


@pytest.fixture
def pieces(monkeypatch):
    """Where each piece began that was asked for; a call may be told to be cut instead of asking."""
    real, asked = SiteCall.piece, Asked()

    def piece(call, sha256, start, count):
        if len(asked) in asked.cut:
            asked.cut.discard(len(asked))
            raise EnrolmentUnreachable
        asked.append(start)
        return real(call, sha256, start, count)

    monkeypatch.setattr(SiteCall, "piece", piece)
    return asked


class Asked(list):
    """Starts of pieces, and before which of them the line is cut."""

    def __init__(self):
        super().__init__()
        self.cut = set()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def answer(site, device):
    given = site.commands(device.device)[0]
    return given.outcome, given.sentence


def test_a_bundle_that_is_cut_off_after_each_piece_is_resumed_where_it_was(*, upkeep, update, device, pieces):
    count = -(-update.size // PIECE)
    pieces.cut = set(range(count))
    for _ in range(count):
        with pytest.raises(EnrolmentUnreachable):
            upkeep.call()
    upkeep.call()
    assert pieces == [number * PIECE for number in range(count)]
    assert digest(whole(device.state, update)) == update.sha256
    assert (device.state / ORDER).exists()


@pytest.mark.parametrize(("hole", "behind", "resumed"), [(PIECE, 0, 3), (0, 1, 4), (0, PIECE - 1, 4), (0, PIECE, 4)])
def test_what_was_written_when_the_power_went_is_fetched_again(*, hole, behind, resumed, world, update, device, pieces):
    """The file has its length, and what was not synced may be anything: its last piece, or the one behind it."""
    pieces.cut = {4}
    with pytest.raises(EnrolmentUnreachable):
        Upkeep(world.settings, lambda: (True, "")).call()
    with partial(device.state, update).open("r+b") as file:
        file.seek(4 * PIECE - hole)
        file.write(bytes(hole) + bytes(behind))
    Upkeep(world.settings, lambda: (True, "")).call()
    assert pieces[4] == resumed * PIECE
    assert digest(whole(device.state, update)) == update.sha256


def test_commands_are_heard_between_turns(*, world, update, site, device, pieces, monkeypatch):
    monkeypatch.setattr(fetching, "TURN_SECONDS", 0.0)
    ran = []
    upkeep = Upkeep(world.settings, lambda: (ran.append(len(pieces)), (True, "All is well."))[1])
    upkeep.call()
    assert len(pieces) == 1
    assert upkeep.pace.wait(upkeep._monotonic()) == 0.0
    site.command(device.device, CommandName.SELF_TEST)
    upkeep.call()
    assert ran == [1]
    assert answer(site, device) == ("done", "All is well.")
    while not (device.state / ORDER).exists():
        upkeep.call()
    assert upkeep.pace.wait(upkeep._monotonic()) > 1.0


def test_a_turn_ends_with_its_piece_when_the_service_stops(*, upkeep, update, device, pieces):
    upkeep.call(lambda: True)
    assert len(pieces) == 1
    assert not (device.state / ORDER).exists()


def test_two_calls_do_not_fetch_at_once(*, world, update, device, upkeep):
    other = Fetching(world.settings)
    (device.state / "updates").mkdir()
    with other._alone(), pytest.raises(WorkFailed, match="already"):
        upkeep.call()
    upkeep.call()
    assert whole(device.state, update).exists()


def test_what_comes_and_is_not_what_was_offered_is_removed_and_answered(*, upkeep, update, site, device):
    (stored,) = site.layout.updates.iterdir()
    raw = bytearray(stored.read_bytes())
    raw[len(raw) // 2] ^= 1
    stored.write_bytes(raw)
    upkeep.call()
    assert answer(site, device) == ("failed", "What the hospital sent is not what it offered.")
    assert list((device.state / "updates").iterdir()) == []
    assert not (device.state / ORDER).exists()


def test_a_bundle_that_the_site_has_lost_is_answered(*, upkeep, update, site, device):
    shutil.rmtree(site.layout.updates)
    upkeep.call()
    assert answer(site, device) == ("failed", "The hospital does not have the bundle that it offered.")


def free(monkeypatch, megabytes):
    usage = SimpleNamespace(free=megabytes * 10**6)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _path: usage)


def test_an_update_for_which_there_is_no_room_beside_pictures_is_refused_at_once(
    *, world, upkeep, update, site, device, pieces, monkeypatch
):
    free(monkeypatch, 66)  # 64 for pictures, and less than the bundle's 2.5
    upkeep.call()
    outcome, sentence = answer(site, device)
    assert outcome == "refused"
    assert "66 MB free" in sentence
    assert pieces == []


def test_when_pictures_need_the_room_the_update_gives_it_back(
    *, world, upkeep, update, site, device, pieces, monkeypatch
):
    pieces.cut = {3}
    with pytest.raises(EnrolmentUnreachable):
        upkeep.call()
    assert partial(device.state, update).exists()
    free(monkeypatch, 64)
    upkeep.call()
    assert answer(site, device)[0] == "failed"
    assert "rest for pictures" in answer(site, device)[1]
    assert list((device.state / "updates").iterdir()) == []


def test_a_disk_that_is_full_after_all_is_answered_and_nothing_is_left(*, upkeep, update, site, device, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = device.state / "updates"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("hardware: no disk can be mounted here")
    try:
        upkeep.call()
        assert answer(site, device) == ("failed", "Its disk is full.")
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_newer_offer_takes_the_place_of_one_that_is_still_fetched(*, upkeep, update, site, device, pieces, vendor):
    pieces.cut = {2}
    with pytest.raises(EnrolmentUnreachable):
        upkeep.call()
    offer(site, device, vendor.bundle(NEWER, size=300_000))
    upkeep.call()
    newer, older = site.commands(device.device)
    assert (newer.outcome, older.outcome) == ("", "failed")
    assert "Another update" in older.sentence
    assert NEWER.encode() in (device.state / ORDER).read_bytes()
    assert not partial(device.state, update).exists()


def test_an_offer_while_another_is_installed_is_refused(*, world, upkeep, update, site, device, vendor):
    upkeep.call()
    world.install()
    offer(site, device, vendor.bundle(NEWER, size=300_000))
    upkeep.call()
    newer, older = site.commands(device.device)
    assert (newer.outcome, older.outcome) == ("refused", "")


def test_a_server_that_is_killed_while_it_sends_is_found_again_and_nothing_is_fetched_twice(
    *, world, update, site, device, pieces, monkeypatch
):
    (port,) = free_ports(1)
    facts = (device.state / "device.json").read_text()
    (device.state / "device.json").write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", facts))
    upkeep = Upkeep(world.settings, lambda: (True, ""))

    def served():
        command = [sys.executable, "-m", "firmware", "site", "serve", "--site", site.folder]
        server = subprocess.Popen(
            command,
            env=os.environ | {"WARDLENS_ENROLMENT__PORT": str(port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in server.stderr:
            if "enrolment server on" in line:
                return server
        raise AssertionError("the server did not come up")

    server = served()
    real = SiteCall.piece

    def killed(call, sha256, start, count):
        if len(pieces) == 5:
            server.kill()
            server.wait()
        return real(call, sha256, start, count)

    with monkeypatch.context() as patched:
        patched.setattr(SiteCall, "piece", killed)
        with pytest.raises(EnrolmentUnreachable):
            upkeep.call()
    again = served()
    upkeep.call()
    again.terminate()
    again.wait()
    for one in (server, again):
        one.stderr.close()
    assert digest(whole(device.state, update)) == update.sha256
    assert sorted(set(pieces)) == [number * PIECE for number in range(-(-update.size // PIECE))]
    assert len(pieces) == len(set(pieces)) + 1  # the one that the server died of


def test_only_a_device_of_the_site_is_given_a_bundle(*, update, site, device, enrolment):
    with calling(device) as call:
        assert len(call.piece(update.sha256, 0, 100)) == 100
        with pytest.raises(EnrolmentRefused) as unknown:
            call.piece("0" * 64, 0, 100)
        assert unknown.value.reason is EnrolmentRefusal.UPDATE_UNKNOWN
        site.revoke(device.device)
        with pytest.raises(EnrolmentRefused) as revoked:
            call.piece(update.sha256, 0, 100)
        assert revoked.value.reason is EnrolmentRefusal.DEVICE_REVOKED


def test_a_signature_for_another_bundle_or_another_request_gives_none(*, update, device):
    with calling(device) as call:
        for words in (
            lambda nonce, server: wire.update_words(device.device, nonce, server, "0" * 64),
            lambda nonce, server: wire.command_words(device.device, nonce, server),
        ):
            nonce = call._fresh()
            headers = signed_headers(call._key, nonce, words(nonce, call._server.server_hash)) | {"range": "bytes=0-9"}
            with pytest.raises(EnrolmentRefused) as refused:
                call._server.ask("GET", f"{wire.UPDATE}/{update.sha256}", headers)
            assert refused.value.reason is EnrolmentRefusal.SIGNATURE_WRONG


@pytest.mark.parametrize(
    "asked", ["", "bytes=0-", "bytes=-5", "bytes=5-4", "bytes=0-1,3-4", f"bytes=0-{4 * 1024 * 1024}"]
)
def test_a_piece_is_one_range_of_four_mebibytes_at_most(*, asked, update, device):
    with calling(device) as call:
        nonce = call._fresh()
        words = wire.update_words(device.device, nonce, call._server.server_hash, update.sha256)
        headers = signed_headers(call._key, nonce, words) | ({"range": asked} if asked else {})
        with pytest.raises(EnrolmentRefused) as refused:
            call._server.ask("GET", f"{wire.UPDATE}/{update.sha256}", headers)
        assert refused.value.reason is EnrolmentRefusal.REQUEST_DAMAGED


def test_a_piece_beyond_the_end_is_none(*, update, device):
    with calling(device) as call, pytest.raises(EnrolmentUnreachable):
        call.piece(update.sha256, update.size, 10)
