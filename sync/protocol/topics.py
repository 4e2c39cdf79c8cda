"""The topics, and who may use which. They name devices and captures, never a patient (docs/formats/sync.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from capture.identifiers import CaptureId, DeviceId, capture_id, device_id
from sync.errors import Flaw, MessageRefused

PREFIX: Final = "wardlens/v1"
RECEIVERS: Final = f"{PREFIX}/site/receivers"
"""Retained: somebody is listening, or nobody is."""

EVERY_UP: Final = f"{PREFIX}/+/up/#"
SHARED_UP: Final = f"$share/receivers/{EVERY_UP}"
"""What receivers subscribe to: SHARED_UP where the broker shares subscriptions, EVERY_UP where it does not (amqtt)."""

EVERY_STATE: Final = f"{PREFIX}/+/state"


class UpKind(StrEnum):
    """What a device sends about a capture."""

    OFFER = "offer"
    CHUNK = "chunk"


@dataclass(frozen=True, slots=True)
class UpTopic:
    """A parsed topic of the form `wardlens/v1/{device}/up/{capture}/{kind}`."""

    device: DeviceId
    capture: CaptureId
    kind: UpKind


def offer(device: DeviceId, capture: CaptureId) -> str:
    """Where a device offers a capture."""
    return f"{PREFIX}/{device}/up/{capture}/offer"


def chunk(device: DeviceId, capture: CaptureId) -> str:
    """Where a device sends a capture's chunks."""
    return f"{PREFIX}/{device}/up/{capture}/chunk"


def down(device: DeviceId, capture: CaptureId) -> str:
    """Where a receiver answers about a capture."""
    return f"{PREFIX}/{device}/down/{capture}"


def every_down(device: DeviceId) -> str:
    """What a device subscribes to for its answers."""
    return f"{PREFIX}/{device}/down/+"


def state(device: DeviceId) -> str:
    """Where a device's birth and will are kept."""
    return f"{PREFIX}/{device}/state"


def is_state(topic: str) -> bool:
    """Whether a topic has the form of a device's state, whatever it names."""
    return topic.count("/") == 3 and topic.endswith("/state")


def parse_up(topic: str) -> UpTopic:
    """Which device says what about which capture.

    Raises:
        MessageRefused: not a topic of that form.
    """
    match topic.split("/"):
        case ["wardlens", "v1", device, "up", capture, kind]:
            try:
                return UpTopic(device_id(device), capture_id(capture), UpKind(kind))
            except ValueError as error:
                raise MessageRefused(Flaw.TOPIC, "the topic's names are not written as the format asks") from error
        case _:
            raise MessageRefused(Flaw.TOPIC, "the topic is not one of this protocol")


def parse_down(topic: str) -> tuple[DeviceId, CaptureId]:
    """Which device is answered about which capture.

    Raises:
        MessageRefused: not a topic of that form.
    """
    match topic.split("/"):
        case ["wardlens", "v1", device, "down", capture]:
            try:
                return device_id(device), capture_id(capture)
            except ValueError as error:
                raise MessageRefused(Flaw.TOPIC, "the topic's names are not written as the format asks") from error
        case _:
            raise MessageRefused(Flaw.TOPIC, "the topic is not one of this protocol")


def parse_state(topic: str) -> DeviceId:
    """Whose state a topic holds.

    Raises:
        MessageRefused: not a topic of that form.
    """
    match topic.split("/"):
        case ["wardlens", "v1", device, "state"]:
            try:
                return device_id(device)
            except ValueError as error:
                raise MessageRefused(Flaw.TOPIC, "the topic's names are not written as the format asks") from error
        case _:
            raise MessageRefused(Flaw.TOPIC, "the topic is not one of this protocol")


def device_may_publish(device: DeviceId, topic: str) -> bool:
    """Whether a device's certificate gives it this topic to publish to (the broker's ACL, in words of ours)."""
    own = f"{PREFIX}/{device}"
    return (
        topic == f"{own}/state"
        or topic.startswith(f"{own}/up/")
        or (topic.startswith(f"{own}/command/") and topic.endswith("/result"))
    )


def device_may_read(device: DeviceId, topic: str) -> bool:
    """Whether a device's certificate gives it this topic or filter to subscribe to and to be sent."""
    own = f"{PREFIX}/{device}"
    return topic in {RECEIVERS, f"{own}/state"} or topic.startswith((f"{own}/down/", f"{own}/command/"))


def receiver_may_publish(topic: str) -> bool:
    """Whether a receiver's certificate gives it this topic to publish to."""
    if topic == RECEIVERS:
        return True
    parts = topic.split("/")
    return len(parts) == 5 and topic.startswith(f"{PREFIX}/") and parts[3] == "down"


def receiver_may_read(topic: str) -> bool:
    """Whether a receiver's certificate gives it this topic or filter to subscribe to and to be sent."""
    bare = topic.removeprefix("$share/receivers/")
    if bare in {RECEIVERS, EVERY_UP, EVERY_STATE}:
        return True
    parts = bare.split("/")
    return len(parts) >= 4 and bare.startswith(f"{PREFIX}/") and parts[3] in {"up", "state"}
