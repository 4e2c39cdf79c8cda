"""What a receiver does with a connection, tried with one that does only what the test says."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from sync.mqtt import Acknowledged, Message
from sync.protocol import Receivers, topics
from sync.receiver import listening
from sync.receiver.archive import Heartbeat
from sync.receiver.ingest import no_step


class SlowBroker:
    """Gives what it has as far as the window that brokers have, and takes answers only when it is told to."""

    WINDOW = 20

    def __init__(self, deliveries):
        self.terms = SimpleNamespace(protocol=4, maximum_packet=None, receive_maximum=65535, shares=False)
        self.waiting = [Message(d.topic, d.payload, False, n, 1) for n, d in enumerate(deliveries, start=1)]
        self.given = {}
        self.taken = []
        self._tickets = itertools.count(1)
        self._owed = []

    def subscribe(self, *_filters):
        """Granted."""

    def publish(self, topic, payload, *, retain=False):
        ticket = next(self._tickets)
        self.taken.append((topic, payload))
        self._owed.append(ticket)
        return ticket

    def acknowledge(self, message):
        del self.given[message.packet]

    def step(self, _timeout):
        arrived = []
        while self.waiting and len(self.given) < self.WINDOW:
            message = self.waiting.pop(0)
            self.given[message.packet] = message
            arrived.append(message)
        return arrived

    def takes(self):
        """Every answer so far is acknowledged."""
        owed, self._owed = self._owed, []
        return [Acknowledged(ticket, 0) for ticket in owed]


@pytest.fixture
def listening_to(ward, small_archive):
    """Begins listening on a broker."""

    def begin(broker):
        present = Receivers(present=True, receiver="receiver-1", session=1)
        receiver = listening.Listening(
            broker,
            small_archive,
            ward.ingest(small_archive),
            present,
            heartbeat=lambda: Heartbeat("receiver-1", "here", 1, "there", 1, 1, "listening", 0, 0),
            step=no_step,
        )
        receiver.begin()
        return receiver

    return begin


def test_a_broker_that_takes_no_answers_gives_no_questions_after_a_while(listening_to, ward, hospital, monkeypatch):
    monkeypatch.setattr(listening, "MOST_WAITING", 30)
    envelope = ward.envelope()
    offers = [hospital.offer_of(envelope, chunk_size=1024 + number) for number in range(120)]
    broker = SlowBroker(offers)
    receiver = listening_to(broker)
    for _ in range(12):
        receiver.turn()
    assert 30 <= len(receiver._waiting) <= 30 + 2 * broker.WINDOW
    assert len(broker.given) == broker.WINDOW
    assert broker.waiting

    # It takes them again, and all that was asked is answered.
    give = broker.step
    broker.step = lambda timeout: [*broker.takes(), *give(timeout)]
    for _ in range(30):
        receiver.turn()
    down = topics.down(envelope.device, envelope.capture)
    assert len([topic for topic, _ in broker.taken if topic == down]) == len(offers)
    assert broker.given == {}


def test_answers_are_never_more_than_the_window(listening_to, ward, hospital):
    broker = SlowBroker([hospital.offer_of(ward.envelope(), chunk_size=1024 + number) for number in range(64)])
    receiver = listening_to(broker)
    for _ in range(10):
        receiver.turn()
    assert len(broker.taken) == listening.WINDOW
