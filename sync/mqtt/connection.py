"""One connection to a broker, from CONNECT until it is lost or closed; then it is thrown away."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync.errors import BrokerNotThere, BrokerRefuses, BrokerUnavailable
from sync.mqtt import failures
from sync.mqtt.arrivals import Acknowledged, Arrival, Message
from sync.mqtt.settings import BrokerSettings, Retained

_BROKEN_PACKET: Final = (ValueError, IndexError, KeyError, struct.error, MQTTException)
"""What paho raises from its loop when a broker sends what is not MQTT."""

_RECEIVE_MAXIMUM: Final = 65535
_DRAIN_SECONDS: Final = 1.0

_FIRST_PATIENCE: Final = 3.0
"""Seconds to wait for CONNACK while there is another version to try."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the broker said when it let us in.

    Attributes:
        protocol: 4 (MQTT 3.1.1) or 5.
        maximum_packet: bytes of the longest packet it takes, where it says so.
        receive_maximum: how many messages it takes unacknowledged.
        shares: whether a shared subscription works. Asked only of MQTT 5: some 3.1.1 brokers accept one and then
            deliver nothing.
    """

    protocol: Literal[4, 5]
    maximum_packet: int | None
    receive_maximum: int
    shares: bool


class _VersionUnknown(BrokerUnavailable):
    """The broker does not know this version of MQTT."""


class _Silent(BrokerNotThere):
    """The broker took the connection and then said nothing: some old brokers choke on MQTT 5 without a word."""


def open_connection(
    settings: BrokerSettings,
    *,
    will: Retained | None = None,
    prefer: Literal[4, 5] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Connection:
    """A connection that the broker has accepted, with a clean start.

    Args:
        settings: where, who and how.
        will: what the broker is to publish, retained, if we vanish.
        prefer: under "auto", the version to try first (what worked last time).
        clock: seconds that only grow.

    Raises:
        BrokerUnavailable: one of its kinds; its text says what to do.
    """
    versions: tuple[Literal[4, 5], ...] = (5, 4) if settings.protocol == "auto" else (settings.protocol,)
    if settings.protocol == "auto" and prefer == 4:
        versions = (4, 5)
    for version in versions[:-1]:
        try:
            return Connection(settings, version, will, clock).open(min(_FIRST_PATIENCE, settings.patience))
        except (_VersionUnknown, _Silent, BrokerRefuses):
            # An old broker may close or fall silent instead of answering, so the other version gets its chance at once.
            continue
    return Connection(settings, versions[-1], will, clock).open(settings.patience)


class Connection:
    """One MQTT connection, owned by one thread. Make it with :func:`open_connection`.

    Attributes:
        terms: what the broker said when it let us in.
    """

    terms: Terms

    def __init__(
        self,
        settings: BrokerSettings,
        version: Literal[4, 5],
        will: Retained | None,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._version: Literal[4, 5] = version
        self._clock = clock
        self._arrived: list[Arrival] = []
        self._connack: tuple[int, str, Properties | None] | None = None
        self._subacks: dict[int, list[int]] = {}
        self._lost: str | None = None
        self._owed: set[int] = set()
        self._client = self._make_client(will)

    def _make_client(self, will: Retained | None) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=MQTTProtocolVersion(self._version),
            clean_session=True if self._version == 4 else None,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = self._settings.patience
        client.tls_set_context(self._settings.tls.context())
        # Everything in flight is counted by our own windows; paho must never hold a message back in silence.
        client.max_inflight_messages_set(0)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        return client

    # Callbacks: they only note what arrived. An exception in here would end the loop.

    def _on_socket_open(self, _c: paho.Client, _u: Any, opened: Any) -> None:
        # An acknowledgement is a small packet after a small packet: Nagle's algorithm would hold it for 40 ms.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(self, _c: paho.Client, _u: Any, _f: Any, reason: Any, properties: Properties | None) -> None:
        self._connack = (reason.value, str(reason), properties)

    def _on_disconnect(self, _c: paho.Client, _u: Any, flags: Any, reason: Any, _p: Properties | None) -> None:
        self._lost = str(reason) if flags.is_disconnect_packet_from_server else ""

    def _on_message(self, _c: paho.Client, _u: Any, message: paho.MQTTMessage) -> None:
        self._arrived.append(Message(message.topic, bytes(message.payload), message.retain, message.mid, message.qos))

    def _on_publish(self, _c: paho.Client, _u: Any, mid: int, reason: Any, _p: Properties | None) -> None:
        self._owed.discard(mid)
        self._arrived.append(Acknowledged(mid, reason.value))

    def _on_subscribe(self, _c: paho.Client, _u: Any, mid: int, reasons: Sequence[Any], _p: Properties | None) -> None:
        self._subacks[mid] = [reason.value for reason in reasons]

    def open(self, patience: float) -> Connection:
        """This connection, accepted by the broker within `patience` seconds.

        Raises:
            BrokerUnavailable: one of its kinds.
        """
        host, port = self._settings.host, self._settings.port
        try:
            if self._version == 5:
                wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                wishes.ReceiveMaximum = self._settings.receive_maximum
                wishes.MaximumPacketSize = self._settings.max_incoming
                wishes.SessionExpiryInterval = 0
                self._client.connect(host, port, self._settings.keepalive, clean_start=True, properties=wishes)
            else:
                self._client.connect(host, port, self._settings.keepalive)
            self._wait(lambda: self._connack is not None, patience)
        except OSError as error:
            raise failures.connecting_failed(error, host, port) from error
        except BrokerUnavailable as error:
            if self._connack is None and self._lost is not None:
                raise failures.closed_unheard(host, port) from error
            raise
        finally:
            if self._connack is None or self._connack[0] != 0:
                self._drop()
        self.terms = self._agreed()
        return self

    def _agreed(self) -> Terms:
        assert self._connack is not None
        reason, words, properties = self._connack
        host, port = self._settings.host, self._settings.port
        if failures.is_unsupported_version(reason):
            raise _VersionUnknown(f"The broker at {host}:{port} does not know MQTT version {self._version}.")
        if reason != 0:
            raise failures.not_accepted(reason, words, host, port)
        return Terms(
            self._version,
            getattr(properties, "MaximumPacketSize", None),
            getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM),
            self._version == 5 and bool(getattr(properties, "SharedSubscriptionAvailable", 1)),
        )

    def subscribe(self, *filters: str) -> None:
        """Nothing, once the broker has granted all these filters at QoS 1. What arrives meanwhile is kept.

        Raises:
            BrokerRefuses: it does not grant one.
            BrokerUnavailable: it does not answer, or is gone.
        """
        code, packet = self._client.subscribe([(name, 1) for name in filters])
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS or packet is None:
            raise failures.connection_lost(self._settings.host, self._settings.port, self._lost or "")
        self._wait(lambda: packet in self._subacks, self._settings.patience)
        granted = self._subacks.pop(packet)
        if len(granted) != len(filters) or any(reason >= 128 for reason in granted):
            raise BrokerRefuses(
                f"The broker at {self._settings.host}:{self._settings.port} does not let this machine read its own "
                "topics. Call IT: its access list is not this site's."
            )

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """The ticket under which the broker's acknowledgement will arrive (QoS 1).

        Raises:
            BrokerUnavailable: the connection is gone.
            ValueError: the packet is longer than the broker takes.
        """
        most = self.terms.maximum_packet
        if most is not None and len(payload) + len(topic) + 16 > most:
            raise ValueError(f"a packet of {len(payload)} bytes is more than the {most} that this broker takes")
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN}:
            raise failures.connection_lost(self._settings.host, self._settings.port, self._lost or "")
        self._owed.add(info.mid)
        return info.mid

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that this message is dealt with (PUBACK). Call it in the thread that owns the connection."""
        if message.qos:
            self._client.ack(message.packet, message.qos)

    def step(self, timeout: float) -> list[Arrival]:
        """What arrived, after waiting at most `timeout` seconds for the first of it.

        Raises:
            BrokerUnavailable: the connection is gone, and all that arrived before has been given.
        """
        deadline = self._clock() + timeout
        # paho also wakes for every part of a long message that the socket takes; that is nothing to decide about.
        while not self._arrived and self._lost is None:
            self._turn(max(0.0, deadline - self._clock()))
            if self._clock() >= deadline:
                break
        arrived, self._arrived = self._arrived, []
        if not arrived and self._lost is not None:
            raise failures.connection_lost(self._settings.host, self._settings.port, self._lost)
        return arrived

    def close(self) -> None:
        """Leave cleanly: what was published is taken by the broker first (#597), then DISCONNECT; no will is sent."""
        deadline = self._clock() + _DRAIN_SECONDS
        while self._lost is None and self._owed and self._clock() < deadline:
            self._turn(0.05)
        self._drop()

    def _drop(self) -> None:
        """The socket is closed, and nothing keeps paho's client alive: it closes its own socket pair when it goes."""
        self._client.disconnect()
        client, self._client = self._client, paho.Client(CallbackAPIVersion.VERSION2)
        client.on_connect = client.on_disconnect = client.on_message = client.on_publish = client.on_subscribe = None
        client.on_socket_open = None

    def _turn(self, timeout: float) -> None:
        if self._lost is not None:
            return
        try:
            code = self._client.loop(timeout)
        except _BROKEN_PACKET as error:
            self._lost = f"it sent what is not MQTT: {type(error).__name__}"
            return
        except OSError as error:
            self._lost = str(error.strerror or error)
            return
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS and self._lost is None:
            self._lost = ""

    def _wait(self, done: Callable[[], bool], patience: float) -> None:
        deadline = self._clock() + patience
        while not done():
            if self._lost is not None:
                raise failures.connection_lost(self._settings.host, self._settings.port, self._lost)
            left = deadline - self._clock()
            if left <= 0:
                raise _Silent(str(failures.connecting_failed(TimeoutError(), self._settings.host, self._settings.port)))
            self._turn(min(left, 0.25))
