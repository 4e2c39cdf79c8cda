"""Who may do what at the embedded broker: identity from the certificate, rights from the identity.

A client certificate names `spiffe://{site}/device/{id}` or `spiffe://{site}/receiver/{id}` in its SAN. The MQTT client
id must be that id, so that two certificates can never share a session. A device gets its own topics, a receiver gets
what it reads and answers (:mod:`sync.protocol.topics`), and everybody else gets nothing.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from capture.identifiers import DeviceId
from sync.protocol import topics

Role = Literal["device", "receiver"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate says it is."""

    role: Role
    name: str


def identity_of(peer: ssl.SSLObject | None, site: str) -> Identity | None:
    """Whom the TLS handshake proved, or None if it is nobody of this site."""
    certificate: Any = peer.getpeercert() if peer is not None else None
    names = [value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "URI"]
    if len(names) != 1:
        return None
    match = re.fullmatch(rf"spiffe://{re.escape(site)}/(device|receiver)/([a-z0-9-]{{1,63}})", names[0], re.ASCII)
    if match is None:
        return None
    return Identity("device" if match[1] == "device" else "receiver", match[2])


def may(identity: Identity, topic: str, action: Action) -> bool:
    """Whether this identity may do this with this topic or filter."""
    if identity.role == "device":
        device = DeviceId(identity.name)
        writes, reads = topics.device_may_publish(device, topic), topics.device_may_read(device, topic)
    else:
        writes, reads = topics.receiver_may_publish(topic), topics.receiver_may_read(topic)
    return writes if action is Action.PUBLISH else reads


def is_denied(identity: Identity, denied: Container[str]) -> bool:
    """Whether this is one of the `denied` devices; a receiver is none, whatever it is called."""
    return identity.role == "device" and identity.name in denied


@dataclass
class _Config:
    site: str
    denied: Any
    """A function that gives the ids of the devices that are turned away now."""


class CertificateAuthentication(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in whoever has a certificate of this site, uses its name as the client id, and is not turned away."""

    Config = _Config

    async def authenticate(self, *, session: Session) -> bool:
        """Whether the certificate is of this site and names the client id."""
        identity = identity_of(session.ssl_object, self.config.site)
        if identity is None or identity.name != session.client_id:
            return False
        return not is_denied(identity, self.config.denied())


class CertificateRights(BaseTopicPlugin):  # type: ignore[misc]
    """Gives each certificate its own topics, and none to a device that is turned away."""

    Config = _Config

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether this session may do this with this topic."""
        if session is None or topic is None or action is None:
            return False
        identity = identity_of(session.ssl_object, self.config.site)
        if identity is None or is_denied(identity, self.config.denied()):
            return False
        return may(identity, topic, action)
