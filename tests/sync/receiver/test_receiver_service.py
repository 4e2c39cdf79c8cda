"""The receiver on a real broker: MQTT 5 with a shared subscription, and MQTT 3.1.1 without."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from capture.envelope import KeySigner
from capture.identifiers import DeviceId, SiteId
from capture.ledger import Ledger
from capture.vault import Vault
from sync.mqtt import Acknowledged, BrokerSettings, Message, Retained, open_connection
from sync.protocol import DeviceFacts, DeviceState, decode_receivers, topics
from sync.receiver import (
    Admission,
    ArchiveSettings,
    Enrolled,
    LoginTokens,
    Receiver,
    ReceiverParts,
    Release,
    Role,
    create_view,
    fleet_of,
    run_receiver,
    status,
    view_served,
)
from sync.receiver.service import State
from sync.uplink import DeviceHealth, Uplink, UplinkSettings

PATIENCE = 20.0


def until(condition, what):
    """Waits for a condition that another thread or process makes true."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


class Device:
    """A device that does what it is told, over the real shell."""

    def __init__(self, port, certificates, name="bed-1"):
        settings = BrokerSettings("localhost", port, name, certificates.client("device", name))
        self.connection = open_connection(settings)
        self.connection.subscribe(topics.every_down(name), topics.RECEIVERS)
        self.heard = []
        self.presence = []

    def say(self, *deliveries):
        for delivery in deliveries:
            self.connection.publish(delivery.topic, delivery.payload)

    def listen(self):
        for arrival in self.connection.step(0.05):
            if isinstance(arrival, Message):
                self.connection.acknowledge(arrival)
                if arrival.topic == topics.RECEIVERS:
                    self.presence.append(decode_receivers(arrival.payload).present)
                else:
                    self.heard.append(json.loads(arrival.payload))
        return self

    def hears(self, kind):
        return until(lambda: next((m for m in self.listen().heard if m["type"] == kind), None), kind)

    def present(self):
        return self.listen().presence[-1:] == [True]


@contextmanager
def receiving(ward, archive, port, certificates, name="receiver-1", **parts):
    """A receiver at work in a thread, until the block ends."""
    stop, states = threading.Event(), []
    # The broker's rights are for receiver-1, so that is every receiver's certificate; client ids differ.
    settings = BrokerSettings("localhost", port, name, certificates.client("receiver", "receiver-1"))
    receiver = Receiver(name, settings, archive, ward.ingest(archive), tell=states.append, **parts)
    thread = threading.Thread(target=receiver.run, args=(stop,))
    thread.start()
    try:
        yield SimpleNamespace(stop=stop, states=states, thread=thread, receiver=receiver)
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_capture_goes_over_a_real_broker_and_its_receipt_comes_back(
    broker, certificates, ward, hospital, small_archive
):
    envelope = ward.envelope()
    with receiving(ward, small_archive, broker.port, certificates):
        device = Device(broker.port, certificates)
        until(device.present, "a receiver")
        device.say(hospital.offer_of(envelope))
        device.hears("have")
        device.say(*hospital.chunks_of(envelope))
        receipt = device.hears("receipt")
        until(lambda: small_archive.counts().unsent == 0, "the outbox to be empty")
        device.connection.close()
    assert receipt["digest"] == envelope.digest
    assert small_archive.counts().captures == 1
    assert status(small_archive).receivers[0].state == "stopped"


def test_a_receiver_that_leaves_says_so_and_one_that_stays_speaks_up(
    mosquitto, certificates, ward, small_archive, make_archive
):
    broker = mosquitto()
    device = Device(broker.port, certificates)
    with receiving(ward, small_archive, broker.port, certificates) as first:
        until(device.present, "the first receiver")
        with receiving(ward, make_archive(), broker.port, certificates, "receiver-2") as second:
            until(lambda: State.LISTENING in second.states, "the second receiver")
        until(lambda: device.listen().presence.count(False) and device.present(), "the first to speak up")
        assert first.states == [State.LISTENING]
    until(lambda: device.listen().presence[-1:] == [False], "nobody to be there")
    device.connection.close()


def test_two_receivers_share_the_work_and_file_each_capture_once(  # noqa: PLR0917 - pytest passes by name
    mosquitto, certificates, ward, hospital, small_archive, make_archive
):
    broker = mosquitto()
    envelopes = [ward.envelope(number) for number in range(1, 9)]
    with (
        receiving(ward, small_archive, broker.port, certificates) as one,
        receiving(ward, make_archive(), broker.port, certificates, "receiver-2") as two,
    ):
        until(lambda: one.states and two.states, "both receivers")
        device = Device(broker.port, certificates)
        device.say(*(delivery for e in envelopes for delivery in (hospital.offer_of(e), *hospital.chunks_of(e))))
        until(lambda: sum(m["type"] == "receipt" for m in device.listen().heard) >= 8, "eight receipts")
        device.connection.close()
    assert small_archive.counts().captures == 8
    receipts = {m["capture"]: m for m in device.heard if m["type"] == "receipt"}
    assert all(m == receipts[m["capture"]] for m in device.heard if m["type"] == "receipt")


def test_a_receiver_that_waits_for_its_broker_goes_on_when_it_comes_back(
    mosquitto, certificates, ward, hospital, small_archive
):
    broker = mosquitto()
    envelope = ward.envelope()
    with receiving(ward, small_archive, broker.port, certificates) as running:
        until(lambda: status(small_archive).alive, "the receiver")
        assert status(small_archive).alive == ("receiver-1",)
        broker.kill()
        until(lambda: running.states[-1:] == [State.NO_BROKER], "the loss to be seen")
        assert status(small_archive).alive == ()
        broker.start()
        until(lambda: running.states[-1:] == [State.LISTENING], "the receiver to come back")
        device = Device(broker.port, certificates)
        device.say(hospital.offer_of(envelope), *hospital.chunks_of(envelope))
        assert device.hears("receipt")["digest"] == envelope.digest
        device.connection.close()


def test_nobody_is_said_to_listen_while_the_archive_is_away(  # noqa: PLR0917 - pytest passes by name
    mosquitto, certificates, ward, hospital, small_archive, tmp_path
):
    broker = mosquitto()
    envelope = ward.envelope()
    objects, aside = tmp_path / "archive/objects", tmp_path / "aside"
    device = Device(broker.port, certificates)
    objects.rename(aside)
    with receiving(ward, small_archive, broker.port, certificates) as running:
        until(lambda: running.states[-1:] == [State.NO_ARCHIVE], "the archive to be missed")
        assert device.listen().presence == []
        aside.rename(objects)
        until(device.present, "the receiver")
        device.say(hospital.offer_of(envelope), *hospital.chunks_of(envelope))
        assert device.hears("receipt")["digest"] == envelope.digest
    device.connection.close()


def test_a_receipt_that_a_dead_receiver_never_sent_is_sent_by_the_next(
    mosquitto, certificates, ward, hospital, make_archive
):
    now = [1_000_000]
    archive = make_archive(clock=lambda: now[0])
    envelope = ward.envelope()
    hospital.drive(ward.ingest(archive), envelope)
    now[0] += 60_000
    broker = mosquitto()
    device = Device(broker.port, certificates)
    with receiving(ward, archive, broker.port, certificates):
        assert device.hears("receipt")["digest"] == envelope.digest
        until(lambda: archive.counts().unsent == 0, "the outbox to be empty")
    device.connection.close()


RUN = """
import sys
from pathlib import Path
from sync.mqtt import BrokerSettings, TlsFiles
from sync.receiver import ArchiveSettings, FixedTrust, ReceiptKey, ReceiverParts, run_receiver
folder, port, *tls = sys.argv[1:]
run_receiver(ReceiverParts(
    site="north-hospital", archive=ArchiveSettings.in_folder(Path(folder)),
    broker=BrokerSettings("localhost", int(port), "receiver-1", TlsFiles(*map(Path, tls))),
    trust=FixedTrust((), {}), opening_keys=tuple, receipt_signer=lambda: None,
    tell=lambda state: print(state.value, flush=True),
))
print("ended", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_receiver_process_ends_within_two_seconds_of_a_signal(mosquitto, certificates, tmp_path, how):
    broker = mosquitto()
    tls = certificates.client("receiver", "receiver-1")
    command = [sys.executable, "-c", RUN, tmp_path / "archive", str(broker.port), tls.ca, tls.certificate, tls.key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert any(line == "listening\n" for line in process.stdout)
        begin = time.monotonic()
        process.send_signal(how)
        # The receiver's own end; what Python then takes to leave is not the receiver's.
        assert any(line == "ended\n" for line in process.stdout)
        assert time.monotonic() - begin < 2.0
        assert process.stdout.read() == ""
        assert process.wait() == 0


def test_a_receiver_without_a_broker_ends_when_told_too(certificates, ward, small_archive, free_port, tmp_path):
    stop = threading.Event()
    states = []

    def tell(state):
        states.append(state)
        stop.set()

    tls = certificates.client("receiver", "receiver-1")
    run_receiver(
        ReceiverParts(
            site="north-hospital",
            archive=ArchiveSettings.in_folder(tmp_path / "archive"),
            broker=BrokerSettings("localhost", free_port(), "receiver-1", tls),
            trust=ward.trust,
            opening_keys=lambda: (ward.opening,),
            receipt_signer=lambda: ward.receipt_key,
            tell=tell,
        ),
        stop,
    )
    assert states[0] is State.NO_BROKER


# What devices say of themselves


@contextmanager
def working(broker, certificates, folder, name="bed-1", **settings):
    """A device's own sync service, with its vault and ledger, until it leaves in order."""
    tls = certificates.client("device", name)
    vault = Vault(folder / "vault", reserve_bytes=1024 * 1024)
    ledger = Ledger(folder, "sync", KeySigner(ec.generate_private_key(ec.SECP256R1())))
    facts = {"version": "7.1", "protocol": broker.speaks, "health": lambda: HEALTH} | settings
    uplink = Uplink(
        vault,
        ledger,
        UplinkSettings("localhost", broker.port, DeviceId(name), SiteId("st-mary"), tls, folder, **facts),
        receipt_keys=dict,
        heads=tuple,
        chance=lambda: 0.05,
    )
    stop = threading.Event()
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        yield vault
    finally:
        stop.set()
        thread.join(PATIENCE)
        uplink.close()
        assert not thread.is_alive()


HEALTH = DeviceHealth({"centerface": "ab" * 32}, {"phantom": "passed"}, 1_790_000_000_000, celsius=63)
RELEASE = Release("7.1", {"centerface": "ab" * 32})


def presence(archive):
    return [(found.device, found.presence.value) for found in fleet_of(archive)]


def test_what_a_device_says_of_itself_is_a_row_of_the_page_and_its_leaving_too(
    broker, certificates, ward, small_archive, tmp_path
):
    tokens = LoginTokens(tmp_path / "links")
    listed = [Enrolled("bed-1", "Ward 9, cart A"), Enrolled("bed-2", "Ward 3")]
    parts = {"site": "St Mary", "receipt_keys": dict, "tokens": tokens, "enrolled": lambda: listed, "release": RELEASE}
    with (
        view_served(create_view(small_archive, **parts)) as address,
        httpx.Client(base_url=address) as client,
        receiving(ward, small_archive, broker.port, certificates),
    ):
        client.get("/login", params={"token": tokens.issue(Admission("Ada", frozenset({Role.IT})))})

        def row(name):
            return client.get("/devices").text.partition(f"<h2>{name}</h2>")[2].partition("<h2>")[0]

        assert "Never heard of" in row("Ward 9, cart A")
        with working(broker, certificates, tmp_path / "device"):
            shown = until(lambda: "Online since" in (found := row("Ward 9, cart A")) and found, "the device")
            for words in ("version 7.1", "0 waiting", "60 °C", "1 day left", "passed", "1 known", "own clock"):
                assert words in shown, words
            assert "Never heard of" in row("Ward 3")
        until(lambda: "Away since" in row("Ward 9, cart A"), "its good-bye")
        assert "version 7.1" in row("Ward 9, cart A")
        metrics = client.get("/metrics").text
        assert "\nwardlens_fleet_devices 2\n" in metrics
        assert "\nwardlens_fleet_online 0\n" in metrics


def test_a_device_that_vanishes_is_away_by_its_will_and_one_that_is_revoked_says_nothing_more(
    mosquitto, certificates, ward, small_archive
):
    broker = mosquitto()
    with receiving(ward, small_archive, broker.port, certificates):
        tls = certificates.client("device", "bed-1")
        here = BrokerSettings("localhost", broker.port, "bed-1", tls)
        will = Retained(topics.state("bed-1"), DeviceState(4).encode())
        facts = DeviceFacts("7.1", 0, 0, 10**10, 20)
        device = open_connection(here, will=will)
        device.publish(topics.state("bed-1"), DeviceState(4, facts).encode(), retain=True)
        until(lambda: (device.step(0.05), presence(small_archive))[1] == [("bed-1", "online")], "its birth")
        device._client.socket().shutdown(socket.SHUT_RDWR)  # as when the power goes: no good-bye
        until(lambda: presence(small_archive) == [("bed-1", "away")], "its will")
        device.close()
        ward.devices["bed-1"] = "revoked"
        device = open_connection(here)
        # The broker gives it to the receiver before what the other device says after it.
        device.publish(topics.state("bed-1"), DeviceState(5, facts).encode(), retain=True)
        until(lambda: any(isinstance(arrival, Acknowledged) for arrival in device.step(0.05)), "the broker to take it")
        other = Device(broker.port, certificates, "bed-2")
        other.connection.publish(topics.state("bed-2"), DeviceState(1, facts).encode(), retain=True)
        until(lambda: other.listen() and len(presence(small_archive)) == 2, "the other device")
        assert presence(small_archive) == [("bed-1", "away"), ("bed-2", "online")]
        device.close()
        other.connection.close()


def test_every_receiver_hears_every_state_and_one_that_starts_later_hears_what_the_broker_kept(  # noqa: PLR0917
    mosquitto, certificates, ward, make_archive, tmp_path, hospital
):
    broker = mosquitto()
    apart = [hospital.open_archive(tmp_path / name) for name in ("one", "two", "late")]
    states = [lambda archive=archive: presence(archive) for archive in apart]
    with (
        receiving(ward, apart[0], broker.port, certificates),
        receiving(ward, apart[1], broker.port, certificates, "receiver-2"),
        working(broker, certificates, tmp_path / "device"),
    ):
        for found in states[:2]:
            until(lambda found=found: found() == [("bed-1", "online")], "each receiver to hear it")
        with receiving(ward, apart[2], broker.port, certificates, "receiver-3"):
            until(lambda: states[2]() == [("bed-1", "online")], "the late one to hear it")
    for archive in apart:
        archive.close()


def test_a_receiver_that_was_away_learns_at_its_restart_who_left_meanwhile(
    mosquitto, certificates, ward, small_archive, tmp_path
):
    broker = mosquitto()
    with working(broker, certificates, tmp_path / "device"):
        with receiving(ward, small_archive, broker.port, certificates):
            until(lambda: presence(small_archive) == [("bed-1", "online")], "the device")
        (before,) = small_archive.states()
    assert presence(small_archive) == [("bed-1", "online")], "nobody has heard otherwise yet"
    with receiving(ward, small_archive, broker.port, certificates):
        until(lambda: presence(small_archive) == [("bed-1", "away")], "what the broker kept")
    assert small_archive.states()[0].birth == before.birth


def test_a_hostile_state_stops_no_picture_and_no_other_device(mosquitto, certificates, ward, hospital, small_archive):
    broker = mosquitto()
    envelope = ward.envelope()
    with receiving(ward, small_archive, broker.port, certificates) as running:
        device = Device(broker.port, certificates)
        until(device.present, "a receiver")
        for payload in (b"", b"{" * 200_000, b"\x00", b'{"online":true}'):
            device.connection.publish(topics.state("bed-1"), payload)
        device.say(hospital.offer_of(envelope), *hospital.chunks_of(envelope))
        assert device.hears("receipt")["digest"] == envelope.digest
        assert (running.receiver._ingest.tally.malformed, small_archive.states()) == (4, ())
        device.connection.close()
