"""What the panel reads when something is wrong, and that the uplink comes back by itself."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import VaultUnwritable
from capture.vault import State
from sync.mqtt import BrokerSettings, Message, open_connection
from sync.protocol import decode_state, topics
from sync.protocol.simulated import Hospital
from sync.uplink import STATUS_FILE, DeviceHealth, UplinkStatus, read_status
from sync.uplink.presence import Presence, certificate_days, next_session
from sync.uplink.session import chunk_size
from sync.uplink.status import ALIVE_SECONDS, STALE_SECONDS, WRITE_SECONDS, StatusFile


class Nowhere:
    """A broker that is not there."""

    def __init__(self, port):
        self.port, self.speaks = port, "auto"


@pytest.fixture
def simulated():
    """A hospital that nobody asks."""
    return Hospital("north-hospital", Random(1).random)


def test_a_broker_that_is_not_there_is_named_and_found_when_it_comes(mosquitto, ward_at, hospital_at, eventually):
    broker = mosquitto()
    broker.process.stop()
    ward = ward_at(broker, type("Away", (), {"receipt_keys": {}}))
    ward.take(1000)
    ward.start()
    eventually(lambda: "No broker listens" in ward.uplink.status().sentence, or_say=ward.uplink.status)
    # The file is written twice a second at most, so it may be behind by that much.
    eventually(lambda: "No broker listens" in read_status(ward.folder).sentence, or_say=ward.uplink.status)
    assert ward.states() == {State.SEALED: 1}
    broker.start()
    hospital = hospital_at(broker)
    ward._receipt_keys = hospital.hospital.receipt_keys
    ward.all_erased()
    assert ward.uplink.status().connected


@pytest.mark.parametrize(("what", "says"), [("certificate", "certificate"), ("ca", "could not prove")])
def test_a_wrong_certificate_is_named(  # noqa: PLR0917 - fixtures
    mosquitto, ward_at, simulated, certificates, strangers, eventually, what, says
):
    own, foreign = certificates.client("device", "ward-7"), strangers.client("device", "ward-7")
    tls = replace(foreign, ca=own.ca) if what == "certificate" else replace(own, ca=foreign.ca)
    ward = ward_at(mosquitto(), simulated, tls=tls)
    ward.take(10)
    ward.start()
    eventually(lambda: says in ward.uplink.status().sentence, or_say=ward.uplink.status)
    assert not ward.uplink.status().connected
    assert ward.states() == {State.SEALED: 1}


def test_a_device_that_may_not_read_its_topics_is_told_to_call_it(mosquitto, ward_at, simulated, eventually, tmp_path):
    broker = mosquitto()
    (tmp_path / "rights.acl").write_text("user nobody\ntopic read nothing\n")
    broker.kill()
    broker.start()
    ward = ward_at(broker, simulated, protocol=5)
    ward.take(10)
    ward.start()
    # Mosquitto 2.0 grants any filter and checks at delivery: then an offer is refused instead (PUBACK 135).
    eventually(lambda: ward.uplink.status().connected or "topics" in ward.uplink.status().sentence)
    assert ward.vault.entries()[0].receipt is None


def test_a_vault_that_fails_is_named_and_tried_again(mosquitto, ward_at, hospital_at, eventually, monkeypatch):
    broker = mosquitto()
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.take(1000)
    failing = threading.Event()
    failing.set()
    kept = ward.vault.receipted

    def receipted(*args):
        if failing.is_set():
            raise VaultUnwritable
        return kept(*args)

    monkeypatch.setattr(ward.vault, "receipted", receipted)
    ward.start()
    eventually(lambda: ward.uplink.status().sentence == VaultUnwritable().sentence, or_say=ward.uplink.status)
    assert ward.states() == {State.OFFERED: 1}, "nothing is erased while its receipt cannot be kept"
    failing.clear()
    ward.all_erased()


def offering_fails_first(monkeypatch, vault, *failures):
    """Marking a picture as offered fails with each of these, and then works."""
    left, kept = iter(failures), vault.offered

    def offered(capture):
        for failure in left:
            raise failure
        return kept(capture)

    monkeypatch.setattr(vault, "offered", offered)


def test_a_picture_that_could_not_be_marked_is_marked_before_it_is_offered_again(
    mosquitto, ward_at, hospital_at, eventually, monkeypatch
):
    broker = mosquitto()
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(1000)
    offering_fails_first(monkeypatch, ward.vault, VaultUnwritable())
    ward.start()
    ward.all_erased()
    events = [json.loads(line)["event"] for line in (ward.folder / "sync.jsonl").read_text().splitlines()]
    assert events == ["envelope-offered", "envelope-receipted", "envelope-erased"]
    assert ward.vault.entry(envelope.capture).offers == 1


def test_a_mistake_of_ours_does_not_stop_sending_for_good(mosquitto, ward_at, hospital_at, eventually, monkeypatch):
    broker = mosquitto()
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    offering_fails_first(monkeypatch, ward.vault, ZeroDivisionError("a bug"), KeyError("another"))
    ward.take(1000)
    ward.start()
    ward.all_erased()


def test_a_forged_receipt_from_the_broker_frees_nothing(mosquitto, ward_at, hospital_at, simulated, eventually):
    broker = mosquitto()
    hospital = hospital_at(broker)
    # The device pins the keys of another hospital: everything that this one signs is a forgery to it.
    ward = ward_at(broker, simulated)
    envelope = ward.take(1000)
    ward.start()
    eventually(lambda: envelope.capture in hospital.hospital.receipts)
    eventually(lambda: hospital.got[envelope.capture, "chunk"] == 1)
    time.sleep(0.5)  # long enough for a receipt that counted to have erased it
    assert ward.states() == {State.OFFERED: 1}


def test_garbage_on_its_topics_does_not_disturb_the_uplink(mosquitto, ward_at, hospital_at, certificates, eventually):
    broker = mosquitto()
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.start()
    eventually(lambda: ward.uplink.status().connected)
    noisy = open_connection(
        BrokerSettings("localhost", broker.port, "noisy", certificates.client("receiver", "receiver-1"))
    )
    for payload in (b"", b"{}", b"\xff" * 100, b'{"type":"have"}'):
        noisy.publish(topics.down(ward.device, "0" * 32), payload)
        noisy.publish(topics.RECEIVERS, payload)
    noisy.close()
    ward.take(1000)
    ward.all_erased()


def test_receivers_that_leave_are_seen_on_the_panel(mosquitto, ward_at, hospital_at, certificates, eventually):
    broker = mosquitto()
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.start()
    eventually(lambda: ward.uplink.status().receivers is True, or_say=ward.uplink.status)
    hospital.stop()
    eventually(lambda: ward.uplink.status().receivers is False, or_say=ward.uplink.status)
    assert "wait safely" in ward.uplink.status().sentence


HEALTH = DeviceHealth({"faces": "ab" * 32}, {"phantom": "passed"}, 7, celsius=63, system="2026.48.1")


def test_the_fleet_sees_birth_and_leave_with_one_session_number(broker, ward_at, simulated, certificates, eventually):
    watcher = open_connection(
        BrokerSettings(
            "localhost", broker.port, "receiver-1", certificates.client("receiver", "receiver-1"), broker.speaks
        )
    )
    watcher.subscribe(topics.EVERY_STATE)
    said = []

    def heard(count):
        said.extend(decode_state(a.payload) for a in watcher.step(0.05) if isinstance(a, Message))
        return len(said) >= count

    ward = ward_at(broker, simulated, health=lambda: HEALTH)
    ward.start()
    eventually(lambda: heard(1))
    ward.stop()
    eventually(lambda: heard(2))
    birth, leave = said[:2]
    assert birth.online
    assert (birth.facts.version, birth.facts.queued, dict(birth.facts.models)) == ("0.0", 0, {"faces": "ab" * 32})
    assert (dict(birth.facts.self_test), birth.facts.self_test_at_ms) == ({"phantom": "passed"}, 7)
    assert birth.facts.celsius == 60, "rounded, so that warmth alone is no change worth saying"
    assert birth.facts.system == "2026.48.1"
    assert birth.facts.certificate_days in {1, 2}
    assert not leave.online
    assert birth.session == leave.session == 1
    watcher.close()


def test_session_numbers_grow_and_survive_a_lost_file(tmp_path):
    assert [next_session(tmp_path) for _ in range(3)] == [1, 2, 3]
    (tmp_path / "sync-session").write_text("not a number")
    assert next_session(tmp_path) == 1
    assert next_session(tmp_path / "absent") == 1


def test_the_number_of_a_connection_survives_the_power_before_anybody_hears_of_it(tmp_path, monkeypatch):
    """Used twice, it would be taken for an old one, and the device for away."""
    steps, real, moved = [], os.fsync, os.rename
    kinds = {True: "folder", False: "file"}
    monkeypatch.setattr(os, "fsync", lambda at: (steps.append(kinds[stat.S_ISDIR(os.fstat(at).st_mode)]), real(at)))
    monkeypatch.setattr(os, "rename", lambda *names: (steps.append("rename"), moved(*names)))
    assert next_session(tmp_path) == 1
    assert steps == ["file", "rename", "folder"]


def test_a_certificate_that_cannot_be_read_has_no_days(tmp_path):
    assert certificate_days(tmp_path / "absent.pem") == 0


def test_the_state_is_said_again_when_it_changed_and_now_and_then(ward_at, simulated):
    ward, now = ward_at(Nowhere(1), simulated), [0.0]
    presence = Presence(ward.settings, ward.uplink._storage, 7, lambda: now[0])
    assert decode_state(presence.due().payload).facts.oldest_seconds is None
    assert presence.due() is None
    now[0] = 31
    assert presence.due() is None, "nothing changed"
    ward.take(10)
    facts = decode_state(presence.due().payload).facts
    assert (facts.queued, facts.oldest_seconds) == (1, 0)
    now[0] = 31 + 301
    assert presence.due() is not None


def test_that_a_picture_waits_longer_is_a_change_worth_saying_every_five_minutes_only(ward_at, simulated):
    ward, now = ward_at(Nowhere(1), simulated), [0.0]
    presence = Presence(ward.settings, ward.uplink._storage, 7, lambda: now[0])
    ward.take(10)
    begun = ward.vault.pending()[0].sealed_at_ms
    said = []
    for now[0] in range(0, 900, 20):
        ward.vault._clock = lambda: begun + int(now[0] * 1000)
        if (say := presence.due()) is not None:
            said.append(decode_state(say.payload).facts.oldest_seconds)
    assert said == [0, 300, 600]


@pytest.mark.parametrize(
    ("packet", "size"), [(None, 131072), (300_000, 131072), (131072, 130048), (20_000, 19456), (1536, 1024)]
)
def test_a_chunk_fits_into_the_brokers_packet(packet, size):
    assert chunk_size(131072, packet) == size


# The status file.


def test_the_status_is_written_at_most_twice_a_second_and_as_a_sign_of_life(tmp_path):
    now = [100.0]
    file = StatusFile(tmp_path, clock=lambda: now[0], wall=lambda: now[0])

    def written():
        return read_status(tmp_path, now=lambda: now[0])

    first, second = UplinkStatus(sentence="one"), UplinkStatus(sentence="two")
    file.show(first)
    assert written().sentence == "one"
    file.show(second)
    assert written().sentence == "one"
    now[0] += WRITE_SECONDS
    file.show(second)
    assert (written().sentence, written().updated_at_ms) == ("two", 100_500)
    now[0] += ALIVE_SECONDS
    file.show(second)
    assert written().updated_at_ms == 110_500
    file.show(first, at_once=True)
    assert written().sentence == "one"
    assert file.now == first


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    StatusFile(tmp_path / "absent", clock=lambda: 1.0).show(UplinkStatus(sentence="x"))


def test_a_status_that_is_old_says_that_the_service_does_not_answer(tmp_path):
    file = StatusFile(tmp_path, clock=lambda: 1.0, wall=lambda: 1000.0)
    file.show(UplinkStatus(connected=True, sentence="fine", broker="b:1"))
    assert read_status(tmp_path, now=lambda: 1000.0 + STALE_SECONDS - 1).connected
    old = read_status(tmp_path, now=lambda: 1000.0 + STALE_SECONDS + 1)
    assert not old.connected
    assert "does not answer" in old.sentence
    assert old.broker == "b:1"


@given(
    content=st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=10), st.integers()).map(json.dumps).map(str.encode)
)
def test_a_status_file_of_garbage_is_read_as_none(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("status")
    (folder / STATUS_FILE).write_bytes(content)
    assert not read_status(folder, now=lambda: 0.0).connected


@pytest.mark.parametrize(
    "changes",
    [
        {"connected": 1},
        {"sentence": None},
        {"protocol": True},
        {"receivers": "yes"},
        {"sending": "../../etc"},
        {"sending": 5},
        {"sent": -1},
        {"count": "3"},
    ],
)
def test_a_status_with_a_wrong_value_is_read_as_none(tmp_path, changes):
    good = asdict(UplinkStatus(connected=True, sentence="fine"))
    (tmp_path / STATUS_FILE).write_text(json.dumps(good | changes))
    assert "not said anything" in read_status(tmp_path, now=lambda: 0.0).sentence


def test_the_uplink_loads_nothing_that_sees_pictures_and_stays_small():
    code = (
        "import sync.uplink, sys, pathlib;"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'sqlalchemy', 'fastapi', 'inference', 'amqtt', 'pydantic'};"
        "status = pathlib.Path('/proc/self/status').read_text();"
        "print(sorted(heavy & set(sys.modules)), status.split('VmHWM:')[1].split()[0])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded, kilobytes = said.rsplit(" ", 1)
    assert loaded == "[]"
    assert int(kilobytes) < 80_000
