"""Where a broker is, who we are to it, and the TLS that proves both."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from capture.errors import TpmUnusable
from capture.private_files import bytes_and_exposure
from capture.tpm import TpmKey, is_in_tpm
from sync.errors import CertificateUnreadable
from sync.mqtt.held_key import prove_with

Protocol = Literal["auto", 4, 5]
"""4 is MQTT 3.1.1, 5 is MQTT 5; auto asks for 5 and takes 3.1.1 where the broker knows no better."""

MAX_INCOMING: Final = 2 * 1024 * 1024


class _ClosingSocket(ssl.SSLSocket):
    """A TLS socket that is closed when its handshake fails; paho would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of ssl
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: whom to trust, who we are (leaf first, then its CA), and our key, which may be one in the TPM."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A TLS 1.3 client context, read afresh so that a renewed certificate is used at the next connection.

        Raises:
            CertificateUnreadable: a file is absent or damaged, the key is not the certificate's, or others can read it,
                or the TPM that holds it does not sign.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.sslsocket_class = _ClosingSocket
        try:
            pem, exposed = bytes_and_exposure(self.key)
            if exposed:
                raise CertificateUnreadable(exposed)
            context.load_verify_locations(cafile=self.ca)
            if is_in_tpm(pem):
                key = TpmKey(pem)
                key.prove()  # a handshake that fails would not say why
                prove_with(context, self.certificate, key)
            else:
                context.load_cert_chain(self.certificate, self.key)
        except TpmUnusable as error:
            raise CertificateUnreadable(error.sentence) from error
        except (OSError, ValueError) as error:
            raise CertificateUnreadable(
                "This machine's certificate or key cannot be read, so it cannot connect. Call IT: it may need to be "
                "paired again."
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One client of one broker.

    Attributes:
        host, port: where it is; its certificate must name `host`.
        client_id: a device's or a receiver's id; never anything of a patient.
        tls: both sides prove themselves; there is no way to connect without.
        protocol: see :data:`Protocol`.
        keepalive: seconds between signs of life.
        patience: seconds to wait for an answer while connecting or subscribing.
        receive_maximum: messages the broker may send us unacknowledged (MQTT 5).
        max_incoming: bytes of the longest packet the broker may send us (MQTT 5).
    """

    host: str
    port: int
    client_id: str
    tls: TlsFiles
    protocol: Protocol = "auto"
    keepalive: int = 30
    patience: float = 10.0
    receive_maximum: int = 8
    max_incoming: int = MAX_INCOMING


@dataclass(frozen=True, slots=True)
class Retained:
    """A topic and a payload to keep on it: a will."""

    topic: str
    payload: bytes
