"""One TLS connection to an enrolment server: bounded answers, refusals as errors. A shell."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from provisioning.enrolment import wire
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, EnrolmentUnreachable, SiteNotProven
from provisioning.invitation import Address

TIMEOUT = 10.0
KEPT_SECONDS = 5.0
"""A connection that was silent for longer is made anew before the next request: the server gives one up after 10 s."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, when it did not refuse."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def unverified_context() -> ssl.SSLContext:
    """For reading public certificates from whoever answers: nothing is believed and nothing secret is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def verified_context(authorities_pem: str) -> ssl.SSLContext:
    """For talking to a server whose certificate comes from these authorities and names the host asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authorities_pem)
    return context


class Line:
    """A connection that is verified, by the context's rules, before the first byte of a request leaves."""

    def __init__(
        self,
        address: Address,
        context: ssl.SSLContext,
        timeout: float = TIMEOUT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)
        self._address = address
        self._monotonic = monotonic
        self._used = monotonic()
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def server_hash(self) -> bytes:
        """The hash of the certificate that the server proved in this very connection."""
        sock = self._connection.sock
        der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        if not der:
            raise EnrolmentUnreachable
        return wire.certificate_hash(der)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The server's answer.

        Raises:
            SiteNotProven: the connection was made anew, and whoever answers is not the site.
            EnrolmentRefused: the server says no, and why.
            EnrolmentUnreachable: no answer, or none that makes sense.
        """
        if self._monotonic() - self._used > KEPT_SECONDS:
            self._connection.close()
            self._connect()
        try:
            self._connection.request(method, path, body or None, dict(headers))
            response = self._connection.getresponse()
            answer = response.read(wire.MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise EnrolmentUnreachable from error
        self._used = self._monotonic()
        if len(answer) > wire.MAX_ANSWER:
            raise EnrolmentUnreachable("The hospital's enrolment server sends more than it should. Call IT.")
        status, fields = response.status, {name.lower(): value for name, value in response.getheaders()}
        if status >= 400 and not (status == 401 and wire.NONCE_HEADER in fields):
            raise _refused(status, answer)
        return Answer(status, fields, answer)

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise SiteNotProven from error
        except (OSError, http.client.HTTPException) as error:
            raise EnrolmentUnreachable(
                f"The hospital's enrolment server at {self._address} does not answer. "
                "Check the network, then try again."
            ) from error


def _refused(status: int, answer: bytes) -> EnrolmentRefused | EnrolmentUnreachable:
    try:
        return EnrolmentRefused(EnrolmentRefusal(json.loads(answer)["error"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return EnrolmentUnreachable(f"The hospital's enrolment server answered {status}. Tell IT, then try again.")
