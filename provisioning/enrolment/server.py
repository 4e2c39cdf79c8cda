"""The site's enrolment server: EST (RFC 7030) for certificates, and the manifest once IT has confirmed a device.

The invitation's secret stands in for EST's password and never travels; docs/formats/enrolment.md says what does. Bodies
are bounded, peers are slowed, refusals are JSON with a reason and a sentence, and nothing else is answered.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import structlog
from cryptography import x509
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioning.bundles import piece_of
from provisioning.certificates import to_der
from provisioning.devices import DeviceState
from provisioning.enrolment import wire
from provisioning.enrolment.desk import Desk
from provisioning.enrolment.limits import RateLimit
from provisioning.enrolment.nonces import Nonces
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused
from provisioning.events import Event
from provisioning.site import Site
from provisioning.site_layout import ENROLMENT

_log = structlog.get_logger(__name__)
MAX_DIGITS = 16
MAX_AUTHORITIES = wire.MAX_CERTIFICATES - 1

STATUS: dict[EnrolmentRefusal, int] = {
    EnrolmentRefusal.REQUEST_DAMAGED: 400,
    EnrolmentRefusal.INVITATION_UNKNOWN: 403,
    EnrolmentRefusal.INVITATION_USED: 403,
    EnrolmentRefusal.INVITATION_EXPIRED: 403,
    EnrolmentRefusal.INVITATION_NOT_YET_VALID: 403,
    EnrolmentRefusal.PROOF_WRONG: 403,
    EnrolmentRefusal.DEVICE_UNKNOWN: 403,
    EnrolmentRefusal.DEVICE_REFUSED: 403,
    EnrolmentRefusal.DEVICE_REVOKED: 403,
    EnrolmentRefusal.DEVICE_WIPED: 403,
    EnrolmentRefusal.DEVICE_AWAY_TOO_LONG: 403,
    EnrolmentRefusal.COMMAND_UNKNOWN: 403,
    EnrolmentRefusal.UPDATE_UNKNOWN: 404,
    EnrolmentRefusal.SIGNATURE_WRONG: 401,
    EnrolmentRefusal.DEVICE_EXISTS: 409,
    EnrolmentRefusal.REQUEST_TOO_LARGE: 413,
    EnrolmentRefusal.TOO_MANY_REQUESTS: 429,
}


def create_enrolment_app(site: Site, *, monotonic: Callable[[], float] = time.monotonic) -> Starlette:
    """The application that `run_enrolment` serves over TLS with the site's enrolment certificate."""
    counter = _Counter(site, monotonic)
    return Starlette(
        routes=[
            Route(wire.CACERTS, counter.cacerts, methods=["GET"]),
            Route(wire.SIMPLE_ENROLL, counter.enrol, methods=["POST"]),
            Route(wire.SIMPLE_REENROLL, counter.renew, methods=["POST"]),
            Route(wire.MANIFEST, counter.manifest, methods=["GET"]),
            Route(wire.COMMAND, counter.command, methods=["GET"]),
            Route(wire.RESULT, counter.result, methods=["POST"]),
            Route(f"{wire.UPDATE}/{{sha256}}", counter.update, methods=["GET"]),
        ],
        exception_handlers={EnrolmentRefused: _refusal},
    )


class _Counter:
    """The routes, with what they share."""

    def __init__(self, site: Site, monotonic: Callable[[], float]) -> None:
        self._site = site
        self._desk = Desk(site)
        self._server_hash = wire.certificate_hash(to_der(site.keys.chain(ENROLMENT)[0]))
        self._nonces = Nonces(secrets.token_bytes(32), monotonic)
        self._attempts = RateLimit(10, 0.2, monotonic)
        self._reads = RateLimit(300, 60, monotonic)

    async def cacerts(self, request: Request) -> Response:
        self._slow(self._reads, request)
        return _certificates([*self._site.keys.authorities[:MAX_AUTHORITIES], self._site.keys.root])

    async def enrol(self, request: Request) -> Response:
        self._slow(self._attempts, request)
        body = await _body(request)
        application = wire.Application(
            invitation=_header(request, wire.INVITATION_HEADER),
            identity_request=_base64(body),
            signing_request=_base64(_header(request, wire.SIGNING_HEADER).encode()),
            name=_text(_header(request, wire.NAME_HEADER)),
        )
        proof = _hex(_header(request, wire.PROOF_HEADER))
        return _certificates(await run_in_threadpool(self._desk.enrol, application, proof, self._server_hash))

    async def renew(self, request: Request) -> Response:
        self._slow(self._attempts, request)
        identity_request = _base64(await _body(request))
        signing_request = _base64(_header(request, wire.SIGNING_HEADER).encode())
        device, nonce, signature = self._signed(request)
        words = wire.renewal_words(device, nonce, self._server_hash, identity_request, signing_request)
        if not self._nonces.knows(device, nonce):
            return self._ask(device)
        return _certificates(
            await run_in_threadpool(self._desk.renew, device, identity_request, signing_request, words, signature)
        )

    async def manifest(self, request: Request) -> Response:
        self._slow(self._reads, request)
        device, nonce, signature = self._signed(request)
        if not self._nonces.knows(device, nonce):
            return self._ask(device)
        words = wire.manifest_words(device, nonce, self._server_hash)
        known = {DeviceState.WAITING, DeviceState.ACTIVE}
        state = await run_in_threadpool(self._desk.recognise, device, words, signature, known)
        if state is DeviceState.WAITING:
            return JSONResponse({"state": state.value}, 202, {"retry-after": "1"})
        await run_in_threadpool(self._desk.check_absence, device)
        if _known(request) == await run_in_threadpool(lambda: self._site.manifest_version):
            return Response(status_code=304)
        _log.info(Event.MANIFEST_GIVEN.value, device=device)
        return Response(await run_in_threadpool(lambda: self._site.manifest_raw), media_type="application/json")

    async def command(self, request: Request) -> Response:
        self._slow(self._reads, request)
        device, nonce, signature = self._signed(request)
        if not self._nonces.knows(device, nonce):
            return self._ask(device)
        words = wire.command_words(device, nonce, self._server_hash)
        # A revoked device is told, too: it may have been stolen, and be wiped at its next contact.
        known = {DeviceState.ACTIVE, DeviceState.REVOKED}
        await run_in_threadpool(self._desk.recognise, device, words, signature, known)
        raw = await run_in_threadpool(self._site.next_command, device, _known(request))
        return Response(status_code=204) if raw is None else Response(raw, media_type="application/json")

    async def result(self, request: Request) -> Response:
        self._slow(self._reads, request)
        device, body = _header(request, wire.DEVICE_HEADER), await _body(request)
        await run_in_threadpool(self._site.take_result, device, body)
        return Response(status_code=204)

    async def update(self, request: Request) -> Response:
        self._slow(self._reads, request)
        device, nonce, signature = self._signed(request)
        if not self._nonces.knows(device, nonce):
            return self._ask(device)
        sha256 = request.path_params["sha256"]
        words = wire.update_words(device, nonce, self._server_hash, sha256)
        await run_in_threadpool(self._desk.recognise, device, words, signature, {DeviceState.ACTIVE})
        try:
            start, count = wire.parse_range(_header(request, "range"))
        except ValueError as error:
            raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error
        found = await run_in_threadpool(piece_of, self._site.layout.updates, sha256, start, count)
        if found is None:
            raise EnrolmentRefused(EnrolmentRefusal.UPDATE_UNKNOWN)
        piece, size = found
        if not piece:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        where = {"content-range": f"bytes {start}-{start + len(piece) - 1}/{size}"}
        return Response(piece, 206, where, "application/vnd.rauc.bundle")

    def _ask(self, device: str) -> Response:
        """What a device gets that has not signed a nonce of ours: one to sign."""
        headers = {wire.NONCE_HEADER: self._nonces.give(device)}
        return JSONResponse({"error": "sign-this", "sentence": "Sign the nonce and ask again."}, 401, headers)

    def _signed(self, request: Request) -> tuple[str, str, bytes]:
        device = _header(request, wire.DEVICE_HEADER)
        nonce = request.headers.get(wire.NONCE_HEADER, "")
        return device, nonce, _base64(request.headers.get(wire.SIGNATURE_HEADER, "").encode())

    def _slow(self, limit: RateLimit, request: Request) -> None:
        if not limit.allows(request.client.host if request.client else ""):
            raise EnrolmentRefused(EnrolmentRefusal.TOO_MANY_REQUESTS)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, EnrolmentRefused)
    _log.warning(Event.ENROLMENT_REFUSED.value, reason=error.reason.value, path=request.url.path)
    return JSONResponse({"error": error.reason.value, "sentence": str(error)}, STATUS[error.reason])


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > wire.MAX_BODY:
            raise EnrolmentRefused(EnrolmentRefusal.REQUEST_TOO_LARGE)
    return body


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name, "")
    if not value or len(value) > wire.MAX_BODY or not value.isascii():
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED)
    return value


def _known(request: Request) -> int:
    text = request.headers.get(wire.KNOWN_HEADER, "0")
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED)
    return int(text)


def _base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except ValueError as error:
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error


def _text(quoted: str) -> str:
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError as error:
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error


def _certificates(certificates: list[x509.Certificate]) -> Response:
    headers = {"content-transfer-encoding": "base64"}
    return Response(
        wire.encode_certificates(certificates), 200, headers, "application/pkcs7-mime; smime-type=certs-only"
    )
