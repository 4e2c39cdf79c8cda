"""Brokers that Wardlens can start itself: a private Mosquitto, and one that needs no root and no server.

:class:`PrivateMosquitto` runs the machine's Mosquitto as a child with a configuration given to it.
:mod:`sync.brokers.embedded` runs amqtt in the calling process for a first look; it is imported by its own name, so that
nothing but a demo needs amqtt. A hospital's own broker is neither: it is set up by IT.
"""

from __future__ import annotations

from sync.brokers.mosquitto import PrivateMosquitto, find_mosquitto

__all__ = ["PrivateMosquitto", "find_mosquitto"]
