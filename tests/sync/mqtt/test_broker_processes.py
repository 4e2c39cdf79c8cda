"""Brokers that we start ourselves."""

from __future__ import annotations

import asyncio
import socket

import pytest
from amqtt.contexts import Action

from sync.brokers import PrivateMosquitto
from sync.brokers import mosquitto as mosquitto_module
from sync.brokers.embedded import EmbeddedBroker, serve_embedded_broker
from sync.brokers.rights import CertificateRights, Identity, identity_of, may
from sync.errors import BrokerNotStarted


class Peer:
    """What TLS says of a client certificate."""

    def __init__(self, *names):
        self._names = tuple(("URI", name) for name in names)

    def getpeercert(self):
        return {"subjectAltName": self._names}


def test_a_mosquitto_that_cannot_start_says_why(tmp_path, free_port, program):
    program("mosquitto")
    broken = PrivateMosquitto("this is no configuration\n", tmp_path, host="127.0.0.1", port=free_port())
    with pytest.raises(BrokerNotStarted, match="ended at once"):
        broken.start()
    assert broken.pid is None


def test_a_mosquitto_that_listens_elsewhere_is_ended(tmp_path, free_port, program):
    program("mosquitto")
    text = f"listener {free_port()} 127.0.0.1\nallow_anonymous true\n"
    lost = PrivateMosquitto(text, tmp_path, host="127.0.0.1", port=free_port(), patience=0.5)
    with pytest.raises(BrokerNotStarted, match="does not listen"):
        lost.start()
    assert lost.pid is None


def test_without_mosquitto_the_sentence_names_the_way_out(tmp_path, free_port, monkeypatch):
    monkeypatch.setattr(mosquitto_module, "_PLACES", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerNotStarted, match="apt install mosquitto"):
        PrivateMosquitto("", tmp_path, host="127.0.0.1", port=free_port()).start()


def test_a_private_mosquitto_leaves_nothing_running(tmp_path, free_port, program):
    program("mosquitto")
    port = free_port()
    with PrivateMosquitto(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n", tmp_path, host="127.0.0.1", port=port
    ) as running:
        assert running.pid
    running.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_an_embedded_broker_whose_port_is_taken_says_so(certificates):
    server = certificates.server()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = EmbeddedBroker(
            "north-hospital", "127.0.0.1", taken.getsockname()[1], server.ca, server.certificate, server.key
        )
        with pytest.raises(BrokerNotStarted, match="could not start"):
            asyncio.run(serve_embedded_broker(settings, asyncio.Event(), ready=lambda: None))


@pytest.mark.parametrize(
    ("names", "identity"),
    [
        (["spiffe://north-hospital/device/ward-7"], Identity("device", "ward-7")),
        (["spiffe://north-hospital/receiver/receiver-1"], Identity("receiver", "receiver-1")),
        (["spiffe://other-hospital/device/ward-7"], None),
        (["spiffe://north-hospital/device/ward-7/more"], None),
        (["spiffe://north-hospital/site/ward-7"], None),
        (["spiffe://north-hospitalx/device/ward-7"], None),
        (["spiffe://north-hospital/device/a", "spiffe://north-hospital/device/b"], None),
        ([], None),
    ],
)
def test_a_certificate_is_somebody_of_the_site_or_nobody(names, identity):
    assert identity_of(Peer(*names), "north-hospital") == identity


def test_nobody_has_rights():
    assert identity_of(None, "north-hospital") is None
    plugin = CertificateRights.__new__(CertificateRights)
    assert asyncio.run(plugin.topic_filtering()) is False


def test_a_device_is_not_a_receiver():

    device, receiver = Identity("device", "ward-7"), Identity("receiver", "receiver-1")
    assert may(device, "wardlens/v1/ward-7/up/x/offer", Action.PUBLISH)
    assert not may(device, "wardlens/v1/ward-7/up/x/offer", Action.SUBSCRIBE)
    assert may(receiver, "wardlens/v1/ward-7/up/x/offer", Action.RECEIVE)
    assert not may(receiver, "wardlens/v1/ward-7/up/x/offer", Action.PUBLISH)
