"""One connection to a real broker: who is let in, what arrives, and what a person reads when it fails."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from sync.errors import (
    BrokerNotThere,
    BrokerNotTrusted,
    BrokerRefuses,
    BrokerUnavailable,
    CertificateUnreadable,
)
from sync.mqtt import Acknowledged, BrokerSettings, Message, Retained, failures, open_connection
from sync.protocol import topics

CAPTURE = "0" * 32
OFFER = f"wardlens/v1/ward-7/up/{CAPTURE}/offer"


@pytest.fixture
def device(certificates):
    """Settings of the device ward-7 for a broker."""
    return lambda broker, name="ward-7", **more: BrokerSettings(
        "localhost", broker.port, name, certificates.client("device", name), more.pop("protocol", broker.speaks), **more
    )


@pytest.fixture
def receiver(certificates):
    """Settings of a receiver for a broker."""
    tls = certificates.client("receiver", "receiver-1")
    return lambda broker: BrokerSettings("localhost", broker.port, "receiver-1", tls, broker.speaks)


def collect(connection, count, kind=Message, seconds=10.0):
    """The next `count` arrivals of a kind."""
    found, deadline = [], time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} arrived"
        found += [arrival for arrival in connection.step(0.05) if isinstance(arrival, kind)]
    return found


def nothing_arrives(connection, seconds=0.5):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert [a for a in connection.step(0.05) if isinstance(a, Message)] == []


def test_what_a_device_says_reaches_the_receiver_and_back(broker, device, receiver):
    hospital, ward = open_connection(receiver(broker)), open_connection(device(broker))
    hospital.subscribe(topics.SHARED_UP if hospital.terms.shares else topics.EVERY_UP)
    ward.subscribe(topics.every_down("ward-7"), topics.RECEIVERS)
    ticket = ward.publish(OFFER, b"hello")
    [message] = collect(hospital, 1)
    assert (message.topic, message.payload, message.retained) == (OFFER, b"hello", False)
    hospital.acknowledge(message)
    assert collect(ward, 1, Acknowledged) == [Acknowledged(ticket, 0)]
    hospital.publish(topics.down("ward-7", CAPTURE), b"yes")
    [answer] = collect(ward, 1)
    ward.acknowledge(answer)
    assert answer.payload == b"yes"
    ward.close()
    hospital.close()


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: connection.publish(OFFER, b"hello"),
        lambda connection: connection.subscribe(topics.RECEIVERS),
        lambda connection: connection.step(10),
    ],
    ids=["publish", "subscribe", "step"],
)
def test_a_socket_that_fails_is_a_lost_connection_and_no_refusal(mosquitto, device, act):
    connection = open_connection(device(mosquitto()))
    unwritable = os.open(os.devnull, os.O_RDONLY)
    os.dup2(unwritable, connection._client.socket().fileno())
    os.close(unwritable)
    with pytest.raises(BrokerUnavailable, match="was lost"):
        act(connection)
    with pytest.raises(BrokerUnavailable, match="was lost"):
        connection.step(0)
    connection.close()


@pytest.mark.parametrize("protocol", ["auto", 4, 5])
def test_a_mosquitto_is_asked_what_it_takes(mosquitto, device, protocol):
    broker = mosquitto(packet=100_000)
    connection = open_connection(device(broker, protocol=protocol))
    assert connection.terms.protocol == (4 if protocol == 4 else 5)
    assert connection.terms.maximum_packet == (None if protocol == 4 else 100_000)
    assert connection.terms.receive_maximum == (65535 if protocol == 4 else 20)
    assert connection.terms.shares == (protocol != 4)
    connection.close()


def test_a_message_longer_than_the_broker_takes_is_never_sent(mosquitto, device):
    broker = mosquitto(packet=10_000)
    connection = open_connection(device(broker))
    with pytest.raises(ValueError, match="more than the 10000"):
        connection.publish(OFFER, bytes(10_000))
    ticket = connection.publish(OFFER, bytes(9_000))
    assert collect(connection, 1, Acknowledged)[0].ticket == ticket, "and the connection lives on"
    connection.close()


def test_mosquitto_says_when_nobody_listens(mosquitto, device):
    connection = open_connection(device(mosquitto()))
    connection.publish(OFFER, b"?")
    [acknowledged] = collect(connection, 1, Acknowledged)
    assert acknowledged.nobody
    assert not acknowledged.refused
    connection.close()


def test_auto_speaks_the_older_mqtt_where_the_broker_knows_no_better(embedded, device):
    broker = embedded()
    connection = open_connection(device(broker, protocol="auto"))
    assert connection.terms.protocol == 4
    assert not connection.terms.shares
    connection.close()
    began = time.monotonic()
    again = open_connection(device(broker, protocol="auto"), prefer=4)
    assert time.monotonic() - began < 2, "and remembers it"
    again.close()


def test_a_will_is_kept_and_a_clean_leave_sends_none(broker, device, receiver):
    hospital = open_connection(receiver(broker))
    hospital.subscribe(topics.EVERY_STATE)
    polite = open_connection(device(broker), will=Retained(topics.state("ward-7"), b"gone"))
    polite.publish(topics.state("ward-7"), b"left", retain=True)
    polite.close()
    assert collect(hospital, 1)[0].payload == b"left"
    nothing_arrives(hospital)
    rude = open_connection(device(broker), will=Retained(topics.state("ward-7"), b"gone"))
    rude._client.socket().shutdown(socket.SHUT_RDWR)
    assert collect(hospital, 1)[0].payload == b"gone"
    late = open_connection(replace(receiver(broker), client_id="receiver-1"))
    late.subscribe(topics.EVERY_STATE)
    [kept] = collect(late, 1)
    assert (kept.payload, kept.retained) == (b"gone", True)
    late.close()


def test_what_was_published_goes_out_before_leaving(broker, device, receiver):
    hospital, ward = open_connection(receiver(broker)), open_connection(device(broker))
    hospital.subscribe(topics.EVERY_UP)
    ward.publish(f"wardlens/v1/ward-7/up/{CAPTURE}/chunk", bytes(250_000))
    ward.close()
    assert len(collect(hospital, 1)[0].payload) == 250_000
    hospital.close()


def test_a_killed_broker_is_noticed_and_what_had_arrived_is_still_given(broker, device, receiver):
    hospital, ward = open_connection(receiver(broker)), open_connection(device(broker))
    hospital.subscribe(topics.EVERY_UP)
    ward.publish(OFFER, b"last words")
    collect(ward, 1, Acknowledged)
    time.sleep(0.2)  # the message lies in the receiver's socket when the broker dies; nothing tells when it got there
    broker.kill()
    assert collect(hospital, 1)[0].payload == b"last words"
    for connection in (hospital, ward):
        with pytest.raises(BrokerUnavailable, match="was lost"):
            collect(connection, 1)
        with pytest.raises(BrokerUnavailable):
            connection.publish(OFFER, b"?")
        with pytest.raises(BrokerUnavailable):
            connection.step(0)
        with pytest.raises(BrokerUnavailable):
            connection.subscribe(topics.RECEIVERS)
        connection.close()


def test_a_device_can_neither_say_nor_hear_anything_of_another(broker, device, receiver):
    hospital = open_connection(receiver(broker))
    hospital.subscribe(topics.EVERY_UP, topics.EVERY_STATE)
    victim, thief = open_connection(device(broker, "ward-8")), open_connection(device(broker))
    victim.subscribe(topics.every_down("ward-8"))
    for topic in (f"wardlens/v1/ward-8/up/{CAPTURE}/offer", "wardlens/v1/ward-8/state", topics.down("ward-8", CAPTURE)):
        thief.publish(topic, b"forged")
    for wanted in (topics.every_down("ward-8"), topics.EVERY_UP, "#"):
        try:
            thief.subscribe(wanted)
        except BrokerRefuses:
            continue
        assert broker.kind == "mosquitto", "mosquitto may grant a filter and then deliver nothing"
    hospital.publish(topics.down("ward-8", CAPTURE), b"secret")
    assert collect(victim, 1)[0].payload == b"secret"
    nothing_arrives(thief)
    nothing_arrives(hospital)
    nothing_arrives(victim, 0.1)
    for connection in (victim, hospital):
        connection.close()


def test_a_receiver_cannot_speak_for_a_device(broker, device, receiver):
    ward, hospital, other = open_connection(device(broker)), open_connection(receiver(broker)), None
    hospital.subscribe(topics.EVERY_UP)
    hospital.publish(OFFER, b"forged")
    ward.publish(OFFER, b"real")
    assert collect(hospital, 1)[0].payload == b"real"
    ward.close()
    hospital.close()
    assert other is None


def test_nobody_gets_in_without_a_certificate_of_the_site(broker, strangers, device):
    stranger = replace(device(broker), tls=replace(strangers.client("device", "ward-7"), ca=device(broker).tls.ca))
    with pytest.raises(BrokerRefuses, match="closed the connection"):
        open_connection(stranger)
    context = ssl.create_default_context(cafile=str(device(broker).tls.ca))
    with (
        socket.create_connection(("localhost", broker.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        heard = b""
        with suppress(OSError):  # with TLS 1.3 the refusal comes at the first read, as an alert or as the end
            tls.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04ward")
            heard = tls.recv(4)
        assert heard == b"", "CONNACK without a certificate"


def test_tls_older_than_1_3_is_not_spoken(broker, device):
    files = device(broker).tls
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("localhost", broker.port), timeout=5) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_amqtt_lets_nobody_use_the_name_of_another(embedded, device):
    broker = embedded()
    with pytest.raises(BrokerRefuses, match="does not let this machine in"):
        open_connection(replace(device(broker), client_id="ward-8"))


def test_a_broker_of_another_site_is_not_trusted(broker, strangers, device):
    fooled = replace(device(broker), tls=replace(device(broker).tls, ca=strangers.ca))
    with pytest.raises(BrokerNotTrusted, match="could not prove"):
        open_connection(fooled)


def test_a_broker_whose_certificate_names_another_host_is_not_trusted(mosquitto, device):
    with pytest.raises(BrokerNotTrusted, match="could not prove"):
        open_connection(device(mosquitto(host="other.example")))


def test_a_broker_that_is_not_there_is_said_to_be_not_there(device, free_port, certificates):
    tls = certificates.client("device", "ward-7")
    with pytest.raises(BrokerNotThere, match="No broker listens at localhost"):
        open_connection(BrokerSettings("localhost", free_port(), "ward-7", tls))
    with pytest.raises(BrokerNotThere, match="not known on this network"):
        open_connection(BrokerSettings("no-such-host.invalid", 8883, "ward-7", tls))


def test_a_server_that_speaks_no_tls_or_nothing_at_all_is_named(certificates):
    tls = certificates.client("device", "ward-7")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet():
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"220 this is not the service you look for\r\n")
                peer.recv(100)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(BrokerNotTrusted, match="No secure connection"):
            open_connection(BrokerSettings("127.0.0.1", port, "ward-7", tls, 4, patience=5))
        thread.join()
        with pytest.raises(BrokerNotThere, match="does not answer"):
            open_connection(BrokerSettings("127.0.0.1", port, "ward-7", tls, 4, patience=0.3))


@pytest.mark.parametrize("says", [b"\x20\x05\x00\x00\x00\x00\x00", b"\x20\x02\x00\x03", b"", b"\xf0\x02ab", None])
def test_a_tls_server_that_is_no_good_broker_is_named(certificates, says):
    files = certificates.server("odd")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            peer, _ = server.accept()
            with peer, context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(1000)
                if says:
                    tls.sendall(says)
                if says is None:
                    tls.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        settings = BrokerSettings("127.0.0.1", port, "ward-7", certificates.client("device", "ward-7"), 4, patience=1)
        with pytest.raises(BrokerUnavailable):
            open_connection(settings)
        thread.join()


def test_a_certificate_that_cannot_be_read_is_said_to_be(broker, device, tmp_path):
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("no certificate")
    for changes in ({"certificate": damaged}, {"key": tmp_path / "absent.pem"}, {"ca": damaged}):
        settings = device(broker)
        with pytest.raises(CertificateUnreadable, match="cannot be read"):
            open_connection(replace(settings, tls=replace(settings.tls, **changes)))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError(113, "No route to host"), BrokerNotThere, "No route to host"),
        (ConnectionResetError(), BrokerRefuses, "closed the connection"),
        (TimeoutError(), BrokerNotThere, "does not answer"),
    ],
)
def test_every_failure_has_a_sentence_that_says_what_to_do(error, kind, says):
    named = failures.connecting_failed(error, "broker.example", 8883)
    assert type(named) is kind
    assert says in str(named)
    assert named.sentence == str(named)


def test_a_busy_broker_is_not_a_refusal():
    assert type(failures.not_accepted(136, "Server unavailable", "b", 1)) is BrokerUnavailable
    assert type(failures.not_accepted(135, "Not authorized", "b", 1)) is BrokerRefuses
