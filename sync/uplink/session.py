"""One connection's life: arrivals to the machine, its effects to the broker and the vault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import structlog

from capture.ledger import LedgerError, LedgerHead
from capture.vault import NotInVault, VaultDamaged
from sync.errors import BrokerTooSmall, BrokerUnavailable, MessageRefused
from sync.events import SyncEvent
from sync.mqtt import Acknowledged, Connection, Message
from sync.protocol import Chunk, Offer, decode_down, decode_receivers, topics
from sync.protocol.device import WINDOW, DeviceMachine
from sync.protocol.effects import (
    DeviceEffect,
    Erase,
    Ignore,
    Keep,
    MarkOffered,
    MarkReceipted,
    Park,
    Reconnect,
    SendChunk,
    SendOffer,
)
from sync.protocol.pieces import MIN_CHUNK, OVERHEAD
from sync.uplink.keeping import Keeping, Then
from sync.uplink.presence import Presence
from sync.uplink.settings import UplinkSettings
from sync.uplink.status import StatusFile, UplinkStatus
from sync.uplink.storage import Storage

Heads = Callable[[], Sequence[LedgerHead]]
"""Gives the signed heads of this device's ledger chains."""

_KILOBYTE: Final = 1024
_LOOK_COST: Final = 20.0
_KEEPING_SECONDS: Final = 0.002
"""How long the network is waited for while something is being kept that more may follow from."""
_log = structlog.get_logger()


def chunk_size(wanted: int, maximum_packet: int | None) -> int:
    """The chunk size to use with a broker that takes packets of at most `maximum_packet` bytes.

    Raises:
        BrokerTooSmall: not even the smallest chunk fits.
    """
    if maximum_packet is None:
        return wanted
    fits = (maximum_packet - OVERHEAD) // _KILOBYTE * _KILOBYTE
    if fits < MIN_CHUNK:
        raise BrokerTooSmall(
            f"The broker takes packets of at most {maximum_packet} bytes, too small for a picture. Call IT: raise its "
            "packet limit to 256 KiB or more."
        )
    return min(wanted, fits)


class Session:
    """From the broker's welcome until the connection is lost. Owned by the thread that owns the connection."""

    def __init__(  # noqa: PLR0917 - one caller, and each is one collaborator
        self,
        connection: Connection,
        machine: DeviceMachine,
        storage: Storage,
        presence: Presence,
        settings: UplinkSettings,
        status: StatusFile,
        heads: Heads,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._machine = machine
        self._storage = storage
        self._keeping = Keeping(storage)
        self._presence = presence
        self._settings = settings
        self._status = status
        self._heads = heads
        self._clock = clock
        self._tickets: dict[int, int] = {}
        self._receivers: bool | None = None
        self._next_look = 0.0

    def serve(self, stop: threading.Event) -> None:
        """Nothing, once `stop` is set and the broker was told that we leave.

        Raises:
            BrokerUnavailable: the connection is gone.
            CaptureError: the vault or the ledger failed.
        """
        device = self._settings.device
        self._connection.subscribe(topics.every_down(device), topics.RECEIVERS)
        terms = self._connection.terms
        size = chunk_size(self._settings.chunk_size, terms.maximum_packet)
        # One place of the broker's window stays free for what we say about ourselves.
        window = min(WINDOW, max(1, terms.receive_maximum - 1))
        self._do(self._machine.connected(self._clock(), chunk_size=size, window=window))
        with self._keeping:
            while not stop.is_set():
                self._turn()
                self._do(self._machine.tick(self._clock()))
                self._show()
            self._keeping.kept(all_of_it=True)
        will = self._presence.will
        self._connection.publish(will.topic, will.payload, retain=True)

    def _turn(self) -> None:
        now = self._clock()
        self._follow(self._keeping.kept())
        if now >= self._next_look or self._machine.runs_short:
            # What is still being kept would be found waiting, and offered again.
            self._follow(self._keeping.kept(all_of_it=True))
            self._do(self._machine.plan(self._storage.works(self._machine.reach()), now))
            # A long queue is looked at less often, so that looking never costs more than a twentieth of the time.
            took = self._clock() - now
            self._next_look = self._clock() + max(self._settings.poll_seconds, took * _LOOK_COST)
        say = self._presence.due()
        if say is not None:
            self._connection.publish(say.topic, say.payload, retain=True)
        wake = self._machine.next_wake()
        until = self._next_look if wake is None else min(wake, self._next_look)
        patience = _KEEPING_SECONDS if self._keeping.busy else self._settings.poll_seconds
        for arrival in self._connection.step(max(0.0, min(until - self._clock(), patience))):
            match arrival:
                case Acknowledged(mid):
                    self._acknowledged(mid, arrival)
                case Message():
                    self._hear(arrival)

    def _acknowledged(self, mid: int, arrival: Acknowledged) -> None:
        ticket = self._tickets.pop(mid, None)
        if ticket is not None:
            now = self._clock()
            self._do(self._machine.acknowledged(ticket, now, nobody=arrival.nobody, refused=arrival.refused))

    @staticmethod
    def _follow(follows: Iterable[Then]) -> None:
        for then in follows:
            then()

    def _hear(self, message: Message) -> None:
        """It is dealt with, and acknowledged: at once, or when what it leads to is kept."""
        effects: Iterable[DeviceEffect] = ()
        try:
            if message.topic == topics.RECEIVERS:
                present = decode_receivers(message.payload).present
                if present != self._receivers:
                    _log.info(SyncEvent.RECEIVERS_CHANGED, present=present)
                self._receivers = present
                now = not message.retained
                effects = self._machine.receivers(self._clock(), present=present, just_now=now)
            else:
                device, answer = decode_down(message.topic, message.payload)
                effects = self._machine.answered(device, answer, self._clock())
        except MessageRefused as refused:
            _log.warning(SyncEvent.MESSAGE_REFUSED, flaw=refused.flaw.value, bytes=len(message.payload))
        self._do(effects, partial(self._connection.acknowledge, message))

    def _do(self, effects: Iterable[DeviceEffect], *last: Then) -> None:
        """Chunks leave at once; an offer and what comes `last` when all that is to be kept before them is durable."""
        to_keep: list[Keep] = []
        then: list[Then] = []
        for effect in effects:
            match effect:
                case SendOffer(offer, ticket):
                    then.append(partial(self._send_offer, offer, ticket))
                case SendChunk():
                    self._send_chunk(effect)
                case MarkOffered() | MarkReceipted() | Erase() | Park():
                    to_keep.append(effect)
                case Reconnect():
                    raise BrokerUnavailable(
                        f"The broker at {self._settings.host}:{self._settings.port} stopped answering. The device "
                        "connects again by itself; pictures are safe in it until then."
                    )
                case Ignore(reason):
                    _log.info(SyncEvent.MESSAGE_IGNORED, reason=reason.value)
        then += last
        if to_keep:
            self._keeping.begin(to_keep, then)
        else:
            self._follow(then)

    def _send_offer(self, offer: Offer, ticket: int) -> None:
        topic = topics.offer(self._settings.device, offer.upload.capture)
        whole = Offer(offer.upload, offer.counter, tuple(head.to_json() for head in self._readable_heads()))
        self._tickets[self._connection.publish(topic, whole.encode())] = ticket

    def _readable_heads(self) -> Sequence[LedgerHead]:
        """The heads; none where one cannot be read: pictures go on, and the hospital sees that heads are missing."""
        try:
            return self._heads()
        except LedgerError as error:
            _log.error(SyncEvent.LEDGER_UNREADABLE, kind=type(error).__name__)
            return ()

    def _send_chunk(self, effect: SendChunk) -> None:
        upload = effect.upload
        offset, size = upload.span(effect.index)
        try:
            data = self._storage.chunk(upload.capture, offset, size)
        except (NotInVault, VaultDamaged) as error:
            _log.error(SyncEvent.CAPTURE_UNREADABLE, capture=upload.capture, why=type(error).__name__)
            self._do(self._machine.unreadable(effect.ticket, self._clock()))
            return
        topic = topics.chunk(self._settings.device, upload.capture)
        payload = Chunk(upload, effect.index, data).encode()
        self._tickets[self._connection.publish(topic, payload)] = effect.ticket

    def _show(self) -> None:
        progress = self._machine.progress()
        if self._receivers is False or self._machine.paused:
            sentence = "The hospital's receiver is not there right now. Pictures wait safely on the device."
        elif progress is not None:
            sentence = f"Sending a picture: {progress.sent} of {progress.count} parts."
        else:
            sentence = "Connected to the hospital."
        self._status.show(
            UplinkStatus(
                connected=True,
                sentence=sentence,
                broker=f"{self._settings.host}:{self._settings.port}",
                protocol=self._connection.terms.protocol,
                receivers=self._receivers,
                sending=progress.capture if progress else "",
                sent=progress.sent if progress else 0,
                count=progress.count if progress else 0,
            )
        )
