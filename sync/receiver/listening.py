"""One connection of a receiver, from its first subscription to its end."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from sync.errors import MessageRefused
from sync.events import SyncEvent
from sync.mqtt import Acknowledged, Connection, Message
from sync.protocol import Receivers, decode_receivers, topics
from sync.receiver.archive import Archive, Heartbeat
from sync.receiver.ingest import Delivery, Ingest
from sync.receiver.states import StateKeeper
from sync.receiver.turn import Answer

BATCH: Final = 32
"""Messages that share one commit at most. MQTT 5 gives us 8 at a time; MQTT 3.1.1 as many as the broker likes."""
WINDOW: Final = 8
"""Answers of ours that the broker has not acknowledged."""
MOST_WAITING: Final = 256
"""Answers that wait for the window. Beyond so many nothing is acknowledged, and the broker's own window fills: without
this, devices that ask faster than the broker takes answers would fill the receiver's memory."""
BEAT_SECONDS: Final = 10.0
SWEEP_SECONDS: Final = 30.0
UNSENT_AFTER_MS: Final = 5_000

log: Final = structlog.get_logger("wardlens.receiver")


class Listening:
    """What a receiver does while a connection lasts. Owned by the thread that owns the connection.

    Every method raises :class:`~sync.errors.BrokerUnavailable` or :class:`~sync.receiver.errors.ArchiveUnavailable`;
    then this is thrown away, and what was not acknowledged is another receiver's, or comes again.
    """

    def __init__(
        self,
        connection: Connection,
        archive: Archive,
        ingest: Ingest,
        present: Receivers,
        *,
        heartbeat: Callable[[], Heartbeat],
        step: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._ingest = ingest
        self._states = StateKeeper(archive, ingest.trust, ingest.patience, ingest.tally)
        self._present = present
        self._heartbeat = heartbeat
        self._step = step
        self._waiting: collections.deque[Answer] = collections.deque()
        self._in_flight: dict[int, int | None] = {}
        self._committed: collections.deque[Message] = collections.deque()
        self._sent: list[int] = []
        self._window = min(WINDOW, connection.terms.receive_maximum)
        self._next_beat = self._next_sweep = 0.0

    def begin(self) -> None:
        """Subscribed, and everybody is told that somebody listens."""
        shares = self._connection.terms.shares
        # States are not shared: the broker gives retained messages only to subscriptions that are not.
        self._connection.subscribe(
            topics.SHARED_UP if shares else topics.EVERY_UP, topics.RECEIVERS, topics.EVERY_STATE
        )
        self._say_present()
        log.info(SyncEvent.BROKER_CONNECTED, protocol=self._connection.terms.protocol, shared=shares)

    def turn(self) -> None:
        """What has arrived is committed, then acknowledged, then answered; complete sets are filed."""
        self._housekeeping()
        messages = self._arrived()
        others = [m for m in messages if m.topic != topics.RECEIVERS]
        self._states.hear([m for m in others if topics.is_state(m.topic)])
        deliveries = [Delivery(m.topic, m.payload) for m in others if not topics.is_state(m.topic)]
        sent, self._sent = self._sent, []
        answers, work = self._ingest.handle(deliveries, sent) if deliveries or sent else ([], [])
        self._step("before-ack")
        self._committed.extend(messages)
        while self._committed and len(self._waiting) < MOST_WAITING:
            self._connection.acknowledge(self._committed.popleft())
        self._say(answers)
        for item in work:
            self._say(self._ingest.complete(item))

    def _arrived(self) -> list[Message]:
        """What is there, at most a batch: what arrives together is committed together."""
        messages: list[Message] = []
        arrivals = self._connection.step(0.2)
        while arrivals:
            for arrival in arrivals:
                match arrival:
                    case Message():
                        messages.append(arrival)
                        if arrival.topic == topics.RECEIVERS:
                            self._heard(arrival.payload)
                    case Acknowledged(ticket):
                        outbox = self._in_flight.pop(ticket, None)
                        if outbox is not None and not arrival.refused:
                            self._sent.append(outbox)
            arrivals = self._connection.step(0) if len(messages) < BATCH else []
        self._say([])
        return messages

    def _heard(self, payload: bytes) -> None:
        """Another receiver left, or a will of ours came late: devices must not think that nobody is here."""
        try:
            said = decode_receivers(payload)
        except MessageRefused as error:
            log.warning(SyncEvent.MESSAGE_REFUSED, flaw=error.flaw.value, bytes=len(payload))
            return
        if not said.present:
            self._say_present()

    def _say_present(self) -> None:
        ticket = self._connection.publish(topics.RECEIVERS, self._present.encode(), retain=True)
        self._in_flight[ticket] = None

    def _say(self, answers: Sequence[Answer]) -> None:
        """Answers leave as far as the window is open; the broker may drop us for more."""
        self._waiting.extend(answers)
        while self._waiting and len(self._in_flight) < self._window:
            answer = self._waiting.popleft()
            self._in_flight[self._connection.publish(answer.topic, answer.payload)] = answer.outbox

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_SECONDS
            self._archive.beat(self._heartbeat())
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._archive.forget_stale_uploads()
            under_way = {*self._in_flight.values(), *(answer.outbox for answer in self._waiting)}
            self._say([a for a in self._ingest.unsent(UNSENT_AFTER_MS) if a.outbox not in under_way])
