"""What an uplink needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capture.identifiers import DeviceId, SiteId
from sync.mqtt import BrokerSettings, TlsFiles
from sync.mqtt.settings import Protocol
from sync.protocol import DEFAULT_CHUNK


def _no_models() -> Mapping[str, str]:
    return {}


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
        models: names and digests of the models this device uses, for the fleet's page.
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
    models: Callable[[], Mapping[str, str]] = field(default=_no_models)
    poll_seconds: float = 0.25

    @property
    def broker(self) -> BrokerSettings:
        """The same, as the MQTT shell wants it."""
        return BrokerSettings(self.host, self.port, self.device, self.tls, self.protocol, max_incoming=64 * 1024)
