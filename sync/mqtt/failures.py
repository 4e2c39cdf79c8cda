"""From what sockets, TLS and MQTT say to one sentence that says what to do."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from sync.errors import BrokerNotThere, BrokerNotTrusted, BrokerRefuses, BrokerUnavailable

_UNSUPPORTED_VERSION: Final = 132
_BUSY: Final = frozenset({136, 137, 151, 159})


def connecting_failed(error: OSError, host: str, port: int) -> BrokerUnavailable:
    """What an exception while connecting means for a person."""
    where = f"{host}:{port}"
    match error:
        case ssl.SSLCertVerificationError():
            return BrokerNotTrusted(
                f"The broker at {where} could not prove that it belongs to this site ({error.verify_message}). "
                "Call IT: wrong address, certificate or clock."
            )
        case ssl.SSLError():
            return BrokerNotTrusted(
                f"No secure connection with {where}: {error.reason or 'TLS failed'}. Call IT: the broker must speak "
                "TLS 1.3 and know this site's certificates."
            )
        case socket.gaierror():
            return BrokerNotThere(f"The name {host} is not known on this network. Check the broker's address.")
        case TimeoutError():
            return BrokerNotThere(f"The broker at {where} does not answer. Check the network, then the broker.")
        case ConnectionRefusedError():
            return BrokerNotThere(f"No broker listens at {where}. Start it, or check its address and port.")
        case ConnectionError():
            return closed_unheard(host, port)
        case _:
            return BrokerNotThere(f"The broker at {where} cannot be reached ({error.strerror or error}).")


def closed_unheard(host: str, port: int) -> BrokerRefuses:
    """The broker closed the connection without a word: with TLS 1.3 that is how it refuses a certificate."""
    return BrokerRefuses(
        f"The broker at {host}:{port} closed the connection without an answer. Call IT: it may not accept this "
        "machine's certificate."
    )


def not_accepted(reason: int, words: str, host: str, port: int) -> BrokerUnavailable:
    """What a refusal in CONNACK means for a person.

    Args:
        reason: an MQTT 5 reason code; paho gives the same codes for 3.1.1.
        words: the code's name.
        host: of the broker.
        port: of the broker.
    """
    if reason in _BUSY:
        return BrokerUnavailable(f"The broker at {host}:{port} is busy ({words}). The device tries again by itself.")
    return BrokerRefuses(
        f"The broker at {host}:{port} does not let this machine in ({words}). Call IT: it may be revoked, or its "
        "certificate out of date."
    )


def is_unsupported_version(reason: int) -> bool:
    """Whether CONNACK says that the protocol version is not known."""
    return reason == _UNSUPPORTED_VERSION


def connection_lost(host: str, port: int, words: str = "") -> BrokerUnavailable:
    """An open connection ended."""
    where = f"{host}:{port}"
    if words:
        return BrokerUnavailable(
            f"The connection with the broker at {where} was lost ({words}). The device tries again by itself; pictures "
            "are safe in it until then."
        )
    return BrokerUnavailable(
        f"The connection with the broker at {where} was lost. The device tries again by itself; pictures are safe in "
        "it until then."
    )
