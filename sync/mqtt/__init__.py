"""The one shell around paho-mqtt, for both ends of the protocol.

One thread owns a connection and drives it by :meth:`Connection.step`; paho's callbacks only put what arrived into a
list. A lost connection is never repaired: it raises, and whoever owns it opens a new one with a clean start. paho's own
queue, retries and threads stay unused (docs/adr/0006-own-window-no-paho-queue.md). It decides nothing about captures.
"""

from __future__ import annotations

from sync.mqtt.arrivals import Acknowledged, Arrival, Message
from sync.mqtt.connection import Connection, Terms, open_connection
from sync.mqtt.settings import BrokerSettings, Retained, TlsFiles

__all__ = [
    "Acknowledged",
    "Arrival",
    "BrokerSettings",
    "Connection",
    "Message",
    "Retained",
    "Terms",
    "TlsFiles",
    "open_connection",
]
