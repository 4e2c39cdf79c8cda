"""The camera service's client: for the panel, the demo and `wardlens capture`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import WebSocketException

from capture.errors import CameraServiceAway, CameraServiceRefused
from capture.service.wire import Json, LiveMessage, parse_live_message

_MOST_LIVE_BYTES: Final = 4 << 20


class LiveStream:
    """A live view that gives one message for each time it is asked, always the latest. Also an async iterator."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._asked = True  # the service sends the first by itself

    async def next_message(self) -> bytes:
        """The latest moment as it is on the wire: 4 bytes length, JSON, JPEG.

        Raises:
            CameraServiceAway: the stream is over.
        """
        try:
            if not self._asked:
                await self._connection.send("next")
            self._asked = False
            message = await self._connection.recv()
        except (WebSocketException, OSError) as gone:
            raise CameraServiceAway from gone
        return message if isinstance(message, bytes) else message.encode()

    async def __aiter__(self) -> AsyncIterator[LiveMessage]:
        """Every moment that is asked for, taken apart, until the service goes away (which raises)."""
        while True:
            yield parse_live_message(await self.next_message())


class CameraClient:
    """Speaks with the camera service on `socket`. Every call may raise CameraServiceAway or CameraServiceRefused.

    Use it as an async context manager, or call :meth:`close`.
    """

    def __init__(self, socket: Path, *, timeout_s: float = 60.0) -> None:
        self._socket = socket
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._http = httpx.AsyncClient(
            transport=transport,
            base_url="http://camera",
            timeout=httpx.Timeout(timeout_s, connect=2.0),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def health(self) -> Json:
        """Camera, engine and vault as the service sees them."""
        return _json(await self._ask("GET", "/health"))

    async def self_test(self) -> Json:
        """The result of a test of the device that begins now."""
        return _json(await self._ask("POST", "/self-test"))

    @asynccontextmanager
    async def live(self) -> AsyncIterator[LiveStream]:
        """The live view, pull by pull."""
        try:
            connection = await unix_connect(
                str(self._socket), "ws://camera/live", max_size=_MOST_LIVE_BYTES, compression=None, open_timeout=5
            )
        except (OSError, WebSocketException) as gone:
            raise CameraServiceAway from gone
        async with connection:
            yield LiveStream(connection)

    async def scan(self, kind: str) -> Json:
        """The code of this kind (badge, wristband or invitation) in view: `symbology` and `text`. Never log it."""
        return _json(await self._ask("POST", "/scan", body={"kind": kind}))

    async def stop_scan(self) -> None:
        """Ends the scan that runs, if any."""
        await self._ask("DELETE", "/scan")

    async def take(self) -> Json:
        """A new still in review."""
        return _json(await self._ask("POST", "/stills"))

    async def still(self, still: str) -> Json:
        """A still in review, as it is now."""
        return _json(await self._ask("GET", f"/stills/{still}"))

    async def picture(self, still: str, *, width: int | None = None) -> bytes:
        """The still's Photo as a JPEG, at most `width` pixels across."""
        query = {} if width is None else {"width": width}
        return (await self._ask("GET", f"/stills/{still}.jpg", params=query)).content

    async def decide(self, still: str, decisions: Sequence[Mapping[str, Any]], *, after: int | None = None) -> Json:
        """The still after these decisions; refused where it has not as many before as `after` says."""
        path, query = f"/stills/{still}/decisions", {} if after is None else {"after": after}
        return _json(await self._ask("POST", path, body=[dict(one) for one in decisions], params=query))

    async def accept(self, still: str, encounter: Mapping[str, Any]) -> Json:
        """Seals it; the answer comes only after the envelope is durable. Asking again gives the same answer."""
        return _json(await self._ask("POST", f"/stills/{still}/accept", body={"encounter": dict(encounter)}))

    async def discard(self, still: str) -> None:
        """Drops it."""
        await self._ask("DELETE", f"/stills/{still}")

    async def discard_all(self) -> None:
        """Drops every still that is held, and the one that is being taken."""
        await self._ask("DELETE", "/stills")

    async def _ask(
        self, method: str, path: str, *, body: object = None, params: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            answer = await self._http.request(method, path, content=content, headers=headers, params=params)
        except httpx.TransportError as gone:
            raise CameraServiceAway from gone
        if answer.is_success:
            return answer
        raise _refusal(answer)


def _json(answer: httpx.Response) -> Json:
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        raise CameraServiceAway from None
    if not isinstance(said, dict):
        raise CameraServiceAway
    return said


def _refusal(answer: httpx.Response) -> CameraServiceRefused:
    said = _json(answer)
    return CameraServiceRefused(
        str(said.get("sentence", "")),
        status=answer.status_code,
        error=str(said.get("error", "failed")),
        unanswered=_words(said.get("unanswered")),
        hiding=_words(said.get("hiding")),
    )


def _words(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, list) else ()


def as_found(still: Json, by: str) -> list[dict[str, str]]:
    """What somebody decides who finds a still right as it is: each doubt confirmed, each wound left covered."""
    answers = (("confirm", still["unanswered"]), ("leave", still["hiding"]))
    return [{"action": how, "kind": kind, "by": by} for how, kinds in answers for kind in kinds]
