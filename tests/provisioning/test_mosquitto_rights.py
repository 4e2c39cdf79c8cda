"""The written Mosquitto configuration, run by a real Mosquitto: who gets in, and to which topics."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from capture.envelope import Envelope, verify_envelope
from capture.identifiers import CaptureId, DeviceId
from firmware.errors import RequestWrong
from firmware.hospital import broker_rights_kept
from firmware.settings import Settings
from provisioning.broker import RIGHTS, mosquitto_config, mosquitto_rights, write_mosquitto, write_rights
from provisioning.broker_rights import RightsKeeper, reload_command
from provisioning.certificates import Use, issue_device, to_pem
from provisioning.clock import utc_now
from provisioning.enrolment import RunningEnrolment, pair, refresh, renew, serving_enrolment
from provisioning.errors import BrokerNotTold, EnrolmentRefusal, EnrolmentRefused, StorageRefused
from provisioning.identity import DeviceIdentity
from provisioning.keys import read_ec_key
from provisioning.site import Site
from provisioning.site_layout import TlsPaths
from sync.protocol import Chunk, Offer, Upload, topics
from sync.receiver import Archive, ArchiveSettings, Ingest
from sync.receiver.ingest import Delivery
from tests.sealing import sealed_by

CAPTURE = "0" * 32


@dataclass
class Broker:
    """A Mosquitto that runs."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def reread(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture
def broker(site: Site, tmp_path: Path, program: Callable[[str], Path]) -> Iterator[Broker]:
    binary = program("mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    folder = tmp_path / "broker"
    configuration = write_mosquitto(site, folder, "127.0.0.1", port)
    if os.geteuid() == 0:
        configuration.write_text("user root\n" + configuration.read_text())
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, "-c", configuration], stdout=log, stderr=log)
    try:
        wait_for(lambda: process.poll() is None and reachable(port))
        yield Broker(port, folder, process)
    finally:
        process.terminate()
        process.wait(10)


def reachable(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Client:
    """A paho client that notes what happens to it."""

    mqtt: mqtt.Client
    connected: list[ReasonCode] = field(default_factory=list)
    lost: list[ReasonCode] = field(default_factory=list)
    granted: dict[int, ReasonCode] = field(default_factory=dict)
    acknowledged: dict[int, ReasonCode] = field(default_factory=dict)
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def publishes(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """Whether the broker takes it."""
        sent = self.mqtt.publish(topic, payload, qos=1, retain=retain)
        wait_for(lambda: sent.mid in self.acknowledged)
        return not self.acknowledged[sent.mid].is_failure

    def subscribes(self, topic: str) -> bool:
        """Whether the broker grants it. Mosquitto grants every filter and withholds the messages: see `hears`."""
        _, mid = self.mqtt.subscribe(topic, qos=1)
        wait_for(lambda: mid in self.granted)
        return not self.granted[mid].is_failure


@contextmanager
def connected(port: int, tls: TlsPaths, client_id: str) -> Iterator[Client]:
    raw = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.load_cert_chain(tls.certificate, tls.key)
    raw.tls_set_context(context)
    client = Client(raw)

    def noted(notes: list[ReasonCode]) -> Callable[..., None]:
        return lambda *arguments: notes.append(next(one for one in arguments if isinstance(one, ReasonCode)))

    def subscribed(_c: object, _u: object, mid: int, codes: list[ReasonCode], _p: Properties) -> None:
        client.granted[mid] = codes[0]

    def published(_c: object, _u: object, mid: int, code: ReasonCode, _p: Properties) -> None:
        client.acknowledged[mid] = code

    def heard(_c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        client.heard.append((message.topic, message.payload))

    raw.on_connect = noted(client.connected)
    raw.on_disconnect = noted(client.lost)
    raw.on_subscribe = subscribed
    raw.on_publish = published
    raw.on_message = heard
    raw.connect("127.0.0.1", port)
    raw.loop_start()
    try:
        wait_for(lambda: bool(client.connected) or bool(client.lost))
        yield client
    finally:
        raw.disconnect()
        raw.loop_stop()


def tls_of(device: DeviceIdentity) -> TlsPaths:
    return TlsPaths(device.root_certificate, device.identity_certificate, device.identity_key)


@pytest.fixture
def pairing(site: Site, enrolment: RunningEnrolment, tmp_path: Path, approving) -> Callable[[str], DeviceIdentity]:
    def paired(name: str) -> DeviceIdentity:
        return pair(site.invite(f"127.0.0.1:{enrolment.port}").line, tmp_path / name, on_digits=approving)

    return paired


def test_a_device_cannot_write_another_devices_topics(broker, pairing):
    a, b = pairing("a"), pairing("b")
    with connected(broker.port, tls_of(a), a.device) as client:
        for own in (f"up/{CAPTURE}/offer", f"up/{CAPTURE}/chunk", "state", "command/renew/result"):
            assert client.publishes(f"wardlens/v1/{a.device}/{own}")
            assert not client.publishes(f"wardlens/v1/{b.device}/{own}")
        for forbidden in (
            f"wardlens/v1/{a.device}/down/{CAPTURE}",
            f"wardlens/v1/{a.device}/command/wipe",
            "wardlens/v1/site/receivers",
            f"other/{a.device}",
        ):
            assert not client.publishes(forbidden)


def test_a_device_hears_its_own_answers_and_nobody_elses(broker, pairing, site):
    a, b = pairing("a"), pairing("b")
    with (
        connected(broker.port, site.receiver_tls(), "any") as receiver,
        connected(broker.port, tls_of(a), a.device) as first,
        connected(broker.port, tls_of(b), b.device) as second,
    ):
        for client in (first, second):
            client.subscribes("wardlens/#")
            client.subscribes(f"wardlens/v1/{a.device}/down/+")
        assert receiver.publishes(f"wardlens/v1/{a.device}/down/{CAPTURE}", b"receipt")
        assert receiver.publishes("wardlens/v1/site/receivers", b"here", retain=True)
        assert first.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer", b"offer")
        # What the second may hear comes after what it may not: once it is there, the rest was withheld.
        assert receiver.publishes(f"wardlens/v1/{b.device}/down/{CAPTURE}", b"last")
        wait_for(lambda: (f"wardlens/v1/{b.device}/down/{CAPTURE}", b"last") in second.heard)
        wait_for(lambda: (f"wardlens/v1/{a.device}/down/{CAPTURE}", b"receipt") in first.heard)
    assert set(second.heard) == {
        ("wardlens/v1/site/receivers", b"here"),
        (f"wardlens/v1/{b.device}/down/{CAPTURE}", b"last"),
    }


def test_a_receiver_hears_every_offer_and_answers_every_device(broker, pairing, site):
    a = pairing("a")
    with (
        connected(broker.port, site.receiver_tls(), "any") as receiver,
        connected(broker.port, tls_of(a), a.device) as client,
    ):
        assert receiver.subscribes("$share/receivers/wardlens/v1/+/up/#")
        assert receiver.subscribes("wardlens/v1/+/state")
        assert client.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer", b"offer")
        assert client.publishes(f"wardlens/v1/{a.device}/state", b"online", retain=True)
        wait_for(lambda: len(receiver.heard) == 2)
        assert not receiver.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer")
        assert not receiver.publishes(f"wardlens/v1/{a.device}/state")


def test_a_device_cannot_push_another_out_by_its_client_id(broker, pairing):
    a, b = pairing("a"), pairing("b")
    with connected(broker.port, tls_of(a), a.device) as victim, connected(broker.port, tls_of(b), a.device) as rude:
        assert not rude.publishes(f"wardlens/v1/{a.device}/state")
        assert rude.publishes(f"wardlens/v1/{b.device}/state")
        assert victim.publishes(f"wardlens/v1/{a.device}/state")
        assert not victim.lost


def test_a_revoked_device_is_denied_as_soon_as_the_rights_are_read_again(broker, pairing, site):
    a, b = pairing("a"), pairing("b")
    with connected(broker.port, tls_of(a), a.device) as client, connected(broker.port, tls_of(b), b.device) as other:
        assert client.publishes(f"wardlens/v1/{a.device}/state")
        site.revoke(a.device)
        write_rights(site, broker.folder)
        broker.reread()
        wait_for(lambda: not client.publishes(f"wardlens/v1/{a.device}/state"))
        assert not client.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer")
        assert other.publishes(f"wardlens/v1/{b.device}/state")
    assert site.status(a.device) == "revoked"


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether the broker ends the connection instead of answering a CONNECT: TLS 1.3 tells only after the handshake."""
    connect = bytes.fromhex("101100044d5154540502003c000000047465737400")[:19]
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(connect)
            return tls.recv(1) == b""
    except OSError:
        return True


def anonymous_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_nobody_gets_in_without_a_certificate_of_this_site_for_clients(broker, pairing, site, tmp_path):
    device = pairing("a")
    other = Site.create(tmp_path / "other", site.id, "The same name and another root")
    for certificate, key in (
        (device.signing_certificate, device.signing_key),
        (site.tls("broker").certificate, site.tls("broker").key),
        (other.receiver_tls().certificate, other.receiver_tls().key),
    ):
        context = anonymous_context()
        context.load_cert_chain(certificate, key)
        assert refused(broker.port, context)
    assert refused(broker.port, anonymous_context())
    good = anonymous_context()
    good.load_cert_chain(device.identity_certificate, device.identity_key)
    assert not refused(broker.port, good)


def test_nothing_older_than_tls_1_3_gets_in(broker, pairing):
    device = pairing("a")
    context = anonymous_context()
    context.load_cert_chain(device.identity_certificate, device.identity_key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert refused(broker.port, context)


def test_the_brokers_folder_holds_the_brokers_key_and_no_other(site, tmp_path):
    text = mosquitto_config(site, tmp_path / "broker", 8883)
    assert text == (tmp_path / "broker" / "mosquitto.conf").read_text()
    assert "listener 8883 0.0.0.0" in text
    keys = [path.name for path in (tmp_path / "broker").iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert keys == ["broker.key"]
    assert (tmp_path / "broker" / "broker.key").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_a_sentence(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageRefused, match="cannot be written"):
        mosquitto_config(site, tmp_path / "file" / "broker", 8883)


def test_the_rights_name_every_receiver_and_every_denied_device():
    text = mosquitto_rights(["main", "second"], ["wl-0123456789"])
    assert [line for line in text.splitlines() if line.startswith("user ")] == [
        "user receiver.main",
        "user receiver.second",
        "user wl-0123456789",
    ]
    # Patterns come first: in Mosquitto's file, what follows a user line belongs to that user.
    assert text.index("pattern") < text.index("user")


@dataclass
class Told:
    """A broker that notes what its rights were each time it was told, and may refuse to listen."""

    folder: Path
    deaf: bool = False
    rights: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        if self.deaf:
            raise BrokerNotTold
        self.rights.append((self.folder / RIGHTS).read_text())


def denied(text: str) -> list[str]:
    return [line.removeprefix("user ") for line in text.splitlines() if line.startswith("user wl-")]


def test_a_revocation_reaches_the_broker_within_a_minute_and_nobody_is_asked_to(broker, pairing, site):
    a, b = pairing("a"), pairing("b")
    hup = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGHUP)"
    reload = (sys.executable, "-c", hup, str(broker.process.pid))
    settings = Settings(broker={"rights": broker.folder, "reload": reload})
    with (
        broker_rights_kept(settings, site),
        connected(broker.port, tls_of(a), a.device) as client,
        connected(broker.port, tls_of(b), b.device) as other,
    ):
        assert client.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer")
        site.revoke(a.device)
        wait_for(lambda: not client.publishes(f"wardlens/v1/{a.device}/up/{CAPTURE}/offer"), seconds=60)
        assert not client.publishes(f"wardlens/v1/{a.device}/state")
        assert other.publishes(f"wardlens/v1/{b.device}/up/{CAPTURE}/offer")
    assert denied((broker.folder / RIGHTS).read_text()) == [a.device]


def test_a_revoked_device_is_refused_everywhere_within_a_minute(broker, pairing, site, receiver, record_property):
    """The whole way: renewal, manifest, receiver and broker, from the moment of IT's command."""
    a, b = pairing("a"), pairing("b")
    hup = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGHUP)"
    settings = Settings(
        broker={"rights": broker.folder, "reload": (sys.executable, "-c", hup, str(broker.process.pid))}
    )
    with broker_rights_kept(settings, site), connected(broker.port, tls_of(a), a.device) as client:
        wait_for(lambda: client.publishes(offer_topic(a.device)))
        site.revoke(a.device)
        began = time.monotonic()
        for ask in (renew, refresh):
            with pytest.raises(EnrolmentRefused) as caught:
                ask(a.state)
            assert caught.value.reason is EnrolmentRefusal.DEVICE_REVOKED
        assert answered(receiver, sealed_by(a), a.device) == "revoked-device"
        wait_for(lambda: not client.publishes(offer_topic(a.device)), seconds=60)
        took = time.monotonic() - began
    record_property("seconds_until_refused_everywhere", round(took, 2))
    assert took < 60
    assert renew(b.state).device == b.device


def test_a_broker_that_has_just_begun_is_told_of_changes_only(site, device, tmp_path):
    folder = tmp_path / "broker"
    mosquitto_config(site, folder, 8883)
    told = Told(folder)
    keeper = RightsKeeper(site, folder, told, told=True)
    assert not keeper.look()
    site.revoke(device.device)
    assert keeper.look()
    assert [denied(text) for text in told.rights] == [[device.device]]


def test_a_broker_that_could_not_be_told_is_told_again(site, device, tmp_path):
    folder = tmp_path / "broker"
    mosquitto_config(site, folder, 8883)
    told = Told(folder, deaf=True)
    keeper = RightsKeeper(site, folder, told)
    with pytest.raises(BrokerNotTold):
        keeper.look()  # Whoever wrote the file may have ended before the broker was told.
    told.deaf = False
    assert keeper.look()
    assert not keeper.look()
    site.revoke(device.device)
    told.deaf = True
    for _ in range(2):
        with pytest.raises(BrokerNotTold):
            keeper.look()
    told.deaf = False
    assert keeper.look()
    assert not keeper.look()
    assert [denied(text) for text in told.rights] == [[], [device.device]]


def test_rights_that_somebody_else_changed_are_put_right(site, tmp_path):
    folder = tmp_path / "broker"
    mosquitto_config(site, folder, 8883)
    told = Told(folder)
    keeper = RightsKeeper(site, folder, told)
    keeper.look()
    (folder / RIGHTS).write_text("pattern readwrite #\n")
    assert keeper.look()
    assert told.rights[1] == told.rights[0]


@pytest.mark.parametrize("command", [("/nowhere/reload",), (sys.executable, "-c", "raise SystemExit(3)")])
def test_a_reload_command_that_fails_is_said(command):
    with pytest.raises(BrokerNotTold, match=r"broker\.reload"):
        reload_command(command)()


@pytest.mark.parametrize("half", [{"rights": "/srv/broker"}, {"reload": ["true"]}])
def test_half_of_the_two_settings_is_refused(half, site):
    with pytest.raises(RequestWrong, match="go together"), broker_rights_kept(Settings(broker=half), site):
        pass


@pytest.fixture
def receiver(site: Site, tmp_path: Path) -> Iterator[Ingest]:
    """A receiver of the site that is handed what a broker should have refused."""
    archive = Archive.open(ArchiveSettings.in_folder(tmp_path / "archive"))
    yield Ingest(archive, site=site.id, trust=site, keys=site.opening_keys, signer=site.receipt_signer)
    assert archive.counts().captures == 0
    archive.close()


def answered(receiver: Ingest, envelope: Envelope, device: DeviceId) -> str:
    """Why the receiver refuses this envelope, offered and sent on this device's topics."""
    upload = Upload.cut(envelope.capture, envelope.digest, len(envelope.raw), len(envelope.raw))
    offer = Delivery(topics.offer(device, envelope.capture), Offer(upload, 1, ()).encode())
    chunk = Delivery(topics.chunk(device, envelope.capture), Chunk(upload, 0, envelope.raw).encode())
    answers, work = receiver.handle([offer, chunk])
    for item in work:
        answers += receiver.complete(item)
    said = json.loads(answers[-1].payload)
    assert (said["type"], said["kind"]) == ("refusal", "permanent")
    return str(said["reason"])


def offer_topic(device: DeviceId) -> str:
    return topics.offer(device, CaptureId(CAPTURE))


def test_a_device_on_anothers_topics_is_refused_by_the_broker_and_by_the_receiver(broker, pairing, receiver):
    a, b = pairing("a"), pairing("b")
    with connected(broker.port, tls_of(a), a.device) as client:
        assert not client.publishes(offer_topic(b.device))
    assert answered(receiver, sealed_by(a), b.device) == "bad-signature"


def test_another_sites_device_is_refused_by_the_broker_and_by_the_receiver(broker, receiver, tmp_path, device, site):
    other = Site.create(tmp_path / "other", site.id, "The same name and another root", hosts=["localhost", "127.0.0.1"])
    with serving_enrolment(other) as running:
        line = other.invite(f"127.0.0.1:{running.port}").line
        stranger = pair(line, tmp_path / "b", on_digits=lambda six: other.approve(other.pending()[0].id, six))
    assert refused(broker.port, context_of(stranger.identity_certificate, stranger.identity_key))
    assert answered(receiver, sealed_by(stranger), stranger.device) == "unknown-device"
    # As a device of this site, too: its envelope names itself, and its authority is none.
    assert answered(receiver, sealed_by(stranger), device.device) == "bad-signature"


def test_nobody_without_a_certificate_is_heard_by_the_broker_or_by_the_receiver(broker, receiver, device):
    assert refused(broker.port, anonymous_context())
    assert answered(receiver, sealed_by(device), DeviceId("wl-nobody")) == "unknown-device"


def test_an_expired_certificate_is_refused_by_the_broker_and_what_was_sealed_stays_a_record(
    broker, device, site, tmp_path
):
    """At the receiver no clock decides: a device that was away for long still has records, and is the site's own."""
    key = read_ec_key(device.identity_key)
    issuer = site.keys.issuer
    long_ago = utc_now() - timedelta(days=31)
    expired = issue_device(issuer, key.public_key(), Use.IDENTITY, site.id, device.device, now=long_ago)
    (tmp_path / "expired.pem").write_bytes(to_pem(expired, issuer.certificate))
    assert refused(broker.port, context_of(tmp_path / "expired.pem", device.identity_key))
    assert not refused(broker.port, context_of(device.identity_certificate, device.identity_key))
    verify_envelope(sealed_by(device), site=site.id, authorities=site.authorities())


def test_a_revoked_device_is_refused_by_the_broker_and_by_the_receiver(broker, device, site, receiver):
    envelope = sealed_by(device)
    with connected(broker.port, tls_of(device), device.device) as client:
        site.revoke(device.device)
        RightsKeeper(site, broker.folder, broker.reread).look()
        wait_for(lambda: not client.publishes(offer_topic(device.device)))
    assert answered(receiver, envelope, device.device) == "revoked-device"


def context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    context = anonymous_context()
    context.load_cert_chain(certificate, key)
    return context
