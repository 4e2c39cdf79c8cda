"""What arrives on a connection."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """A message for a topic we subscribed to. It stays unacknowledged until :meth:`Connection.acknowledge`."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool
    packet: int
    qos: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker took a message of ours (PUBACK), or said why not.

    Attributes:
        ticket: what :meth:`Connection.publish` gave.
        reason: 0; 16 where nobody is subscribed (MQTT 5); 128 and above where it was refused.
    """

    ticket: int
    reason: int

    @property
    def nobody(self) -> bool:
        """Whether the broker said that nobody listens (MQTT 5, 3.4.2.1: no matching subscribers)."""
        return self.reason == 16

    @property
    def refused(self) -> bool:
        """Whether the broker did not take it."""
        return self.reason >= 128


Arrival = Message | Acknowledged
