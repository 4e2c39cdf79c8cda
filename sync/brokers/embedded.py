"""amqtt as a broker for a first look: no root, no server, the same TLS and the same rights for each device.

amqtt speaks MQTT 3.1.1 only and delivers nothing to shared subscriptions, so receivers subscribe plainly here. It keeps
nothing on disk. It is for a demo on one machine; docs say what a hospital runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError

from capture.private_files import exposed_file
from sync.brokers.rights import identity_of, is_denied
from sync.errors import BrokerNotStarted
from sync.events import SyncEvent

LOOK_SECONDS: Final = 2.0
"""How often it is asked who is turned away; a revocation has to reach the broker within seconds."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """What :func:`run_embedded_broker` needs.

    Attributes:
        site: the site whose certificates it takes.
        host, port: where it listens; loopback unless somebody decides otherwise.
        authorities: PEM file of the CAs that sign client certificates.
        certificate, key: PEM files of the broker's own certificate (leaf first) and key.
        denied: gives the ids of the devices to turn away, revoked ones for instance; asked again every two seconds.
    """

    site: str
    host: str
    port: int
    authorities: Path
    certificate: Path
    key: Path
    denied: Callable[[], Collection[str]] = frozenset


class _StrictBroker(Broker):  # type: ignore[misc]
    """amqtt with TLS 1.3 and a client certificate that is required, where it would take TLS 1.2 and none."""

    @staticmethod
    def _create_ssl_context(listener: ListenerConfig) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=listener.cafile)
        context.load_cert_chain(str(listener.certfile), str(listener.keyfile))
        return context


class _Denials:
    """Who is turned away, as far as the last look showed."""

    def __init__(self, settings: EmbeddedBroker) -> None:
        self._settings = settings
        self.now: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Asks; not in the broker's own thread, because a registry lies on a disk."""
        self.now = frozenset(await asyncio.to_thread(self._settings.denied))

    async def enforce(self, broker: Broker) -> None:
        """Looks again and again, and ends the connection of whoever is turned away since."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
            for session, handler in list(broker.sessions.values()):
                if session.client_id in self.now and session.transitions.is_connected():
                    identity = identity_of(session.ssl_object, self._settings.site)
                    if identity is not None and is_denied(identity, self.now):
                        await handler.handle_connection_closed()
                        _log.warning(SyncEvent.DEVICE_TURNED_AWAY, device=identity.name)


def _configuration(settings: EmbeddedBroker, denials: _Denials) -> BrokerConfig:
    listener = ListenerConfig(
        bind=f"{settings.host}:{settings.port}",
        ssl=True,
        cafile=settings.authorities,
        certfile=settings.certificate,
        keyfile=settings.key,
    )
    place = "sync.brokers.rights"
    rights: dict[str, Any] = {"site": settings.site, "denied": lambda: denials.now}
    return BrokerConfig(
        listeners={"default": listener},
        plugins={f"{place}.CertificateAuthentication": rights, f"{place}.CertificateRights": rights},
    )


async def serve_embedded_broker(settings: EmbeddedBroker, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
    """Nothing, after serving until `stop` is set; `ready` is called once it listens.

    Raises:
        BrokerNotStarted: the port is taken, a file is unreadable, or others can read the key.
    """
    try:
        if exposed := exposed_file(settings.key):
            raise BrokerNotStarted(exposed)
        denials = _Denials(settings)
        await denials.look()
        broker = _StrictBroker(_configuration(settings, denials))
        await broker.start()
    except (BrokerError, OSError) as error:
        raise BrokerNotStarted(
            f"The embedded broker could not start at {settings.host}:{settings.port}: {error.__cause__ or error}"
        ) from error
    _log.info(SyncEvent.BROKER_STARTED, broker="amqtt", port=settings.port)
    ready()
    enforcing, stopping = asyncio.ensure_future(denials.enforce(broker)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((enforcing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if enforcing.done():  # Who may not speak is not known any more: nobody may.
            enforcing.result()
    finally:
        for task in (enforcing, stopping):
            task.cancel()
        await asyncio.gather(enforcing, stopping, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), timeout=2.0)
        _log.info(SyncEvent.BROKER_STOPPED, broker="amqtt", port=settings.port)


def run_embedded_broker(settings: EmbeddedBroker, *, ready: Callable[[], None] = lambda: None) -> None:
    """Nothing, after serving in this process until SIGTERM or SIGINT.

    Raises:
        BrokerNotStarted: the port is taken, a file is unreadable, or others can read the key.
    """
    # amqtt logs client ids and topics at every level; a first look needs none of it.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await serve_embedded_broker(settings, stop, ready=ready)

    asyncio.run(serve())
