"""What an uplink needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capture.identifiers import DeviceId, SiteId
from sync.mqtt import BrokerSettings, TlsFiles
from sync.mqtt.settings import Protocol
from sync.protocol import DEFAULT_CHUNK
from sync.protocol.canonical import is_plain
from sync.protocol.messages import LONGEST_MODEL, LONGEST_PART, MAX_COUNTER, MOST_MODELS, MOST_PARTS


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """What the fleet's page hears of the device beside the uplink's own: what is not known stays empty.

    Attributes:
        models: names and digests of the models in use.
        self_test: each part of the device's last test of itself → "passed" or "failed".
        self_test_at_ms: when it ended, Unix milliseconds.
        celsius: of the device's warmest part.
        system: the version of its system, where that is more than this software.

    Raises:
        TypeError, ValueError: a field of another kind.
    """

    models: Mapping[str, str] = field(default_factory=dict)
    self_test: Mapping[str, str] = field(default_factory=dict)
    self_test_at_ms: int = 0
    celsius: int | None = None
    system: str = ""

    def __post_init__(self) -> None:
        bounds = ((self.models, MOST_MODELS, LONGEST_MODEL), (self.self_test, MOST_PARTS, LONGEST_PART))
        for texts, most, longest in bounds:
            said = [text for pair in texts.items() for text in pair] if isinstance(texts, Mapping) else [None]
            if not all(isinstance(text, str) for text in said):
                raise TypeError("models and self_test map texts to texts")
            if len(texts) > most or any(len(text) > longest or not is_plain(text) for text in said if text):
                raise ValueError(f"at most {most} texts of {longest} characters of plain ASCII are said to the fleet")
        if type(self.self_test_at_ms) is not int or not 0 <= self.self_test_at_ms <= MAX_COUNTER:
            raise ValueError("self_test_at_ms is a whole number")


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Where the broker is, who we are, and where the panel reads how it goes.

    Attributes:
        host, port: of the broker; its certificate must name `host`.
        device, site: who we are; `device` is also the MQTT client id.
        tls: the site's CA, and this device's network certificate and key.
        state: the device's state folder: `sync-status.json` and `sync-session` live in it.
        protocol: "auto", 4 (MQTT 3.1.1) or 5.
        chunk_size: bytes of a chunk, unless the broker takes less.
        version: of this software, for the fleet's page.
        health: how the device is beside the uplink, for the fleet's page.
        poll_seconds: how soon a new envelope in the vault is noticed.
    """

    host: str
    port: int
    device: DeviceId
    site: SiteId
    tls: TlsFiles
    state: Path
    protocol: Protocol = "auto"
    chunk_size: int = DEFAULT_CHUNK
    version: str = ""
    health: Callable[[], DeviceHealth] = DeviceHealth
    poll_seconds: float = 0.25

    @property
    def broker(self) -> BrokerSettings:
        """The same, as the MQTT shell wants it."""
        return BrokerSettings(self.host, self.port, self.device, self.tls, self.protocol, max_incoming=64 * 1024)
