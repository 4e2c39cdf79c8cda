"""Who may ask what. Pure: the facts of a request in, a refusal or None out; and the headers every answer carries.

Closed by default: a path is for signed-in people unless it is in the short table below. See docs/adr/0009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

CUSTOM_HEADER = "x-wardlens"
COOKIE = "__Host-wardlens"
BODY_LIMIT = 32 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD"})

OPEN_PATHS = frozenset({"/", "/healthz", "/look", "/metrics", "/pairing/progress"})
OPEN_FOLDER = "/assets/"
WAY_IN = frozenset({"/sign-in", "/scan/badge", "/scan/stop"})
"""For a paired device's next person."""
PAIRING = frozenset({"/pairing", "/pairing/live", "/pairing/scan", "/pairing/stop"})
"""For a device that has no hospital, and for no other."""

QUIET_PATHS = frozenset({"/status", "/queue/entries", "/live", "/scan/badge", "/scan/wristband", "/scan/stop"})
"""Asked by the page on its own; they never keep a session awake."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), usb=(), serial=()"),
)
NO_STORE = (b"cache-control", b"no-store")


class Refusal(Enum):
    """Why a request is not answered: (status, slug, sentence)."""

    HOST = (HTTPStatus.MISDIRECTED_REQUEST, "host", "This address is not one of the panel's.")
    METHOD = (HTTPStatus.METHOD_NOT_ALLOWED, "method", "The panel does not do that.")
    ORIGIN = (HTTPStatus.FORBIDDEN, "origin", "This request does not come from the panel's own page.")
    HEADER = (HTTPStatus.FORBIDDEN, "header", "This request does not come from the panel's own page.")
    MEDIA = (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media", "The panel reads JSON only.")
    TOO_LARGE = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "That is more than the panel takes at once.")
    TOO_SLOW = (HTTPStatus.REQUEST_TIMEOUT, "too-slow", "The request did not arrive in time. Try again.")
    SESSION = (HTTPStatus.UNAUTHORIZED, "session", "Signed out. Sign in again.")
    UNPAIRED = (HTTPStatus.CONFLICT, "unpaired", "This device is not paired yet.")
    PAIRED = (HTTPStatus.CONFLICT, "paired", "This device is paired already.")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[0])

    @property
    def slug(self) -> str:
        """A short fixed word for programs."""
        return self.value[1]

    @property
    def sentence(self) -> str:
        """The sentence for the screen."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts of a request that decide whether it is answered.

    Attributes:
        method: in capitals; "WEBSOCKET" for a WebSocket handshake.
        scheme: http or https, as this server sees it.
        hosts, origins: every Host and Origin header that came.
        custom: the value of X-Wardlens.
        media: the Content-Type.
        length: the Content-Length, -1 when it is not a number, None without one.
        fetch_site: the Sec-Fetch-Site, empty without one.
    """

    method: str
    path: str
    scheme: str
    hosts: Sequence[str]
    origins: Sequence[str] = ()
    custom: str = ""
    media: str = ""
    length: int | None = None
    fetch_site: str = ""


def host_name(host: str) -> str:
    """The name in a Host header, without its port, lowercase."""
    if host.startswith("["):
        return host[: host.find("]") + 1].lower()
    return host.partition(":")[0].lower()


def refusal(asked: Asked, *, names: frozenset[str], paired: bool, signed_in: bool) -> Refusal | None:
    """Why this request is not answered, or None when it may be."""
    if len(asked.hosts) != 1 or host_name(asked.hosts[0]) not in names:
        return Refusal.HOST
    websocket = asked.method == "WEBSOCKET"
    if not websocket and asked.method not in SAFE_METHODS | {"POST", "PUT", "DELETE"}:
        return Refusal.METHOD
    if (websocket or asked.method not in SAFE_METHODS) and (why := _foreign(asked, websocket=websocket)):
        return why
    return _not_now(asked.path, paired=paired, signed_in=signed_in)


def _foreign(asked: Asked, *, websocket: bool) -> Refusal | None:
    if list(asked.origins) != [f"{asked.scheme}://{asked.hosts[0]}"] or asked.fetch_site not in {"", "same-origin"}:
        return Refusal.ORIGIN
    if websocket:
        return None  # a browser cannot add a header to a WebSocket handshake; Origin and session decide
    if asked.custom != "1":
        return Refusal.HEADER
    if asked.length is not None and not 0 <= asked.length <= BODY_LIMIT:
        return Refusal.TOO_LARGE
    if asked.length != 0 and asked.media.partition(";")[0].strip().lower() not in {"", "application/json"}:
        return Refusal.MEDIA
    return None


def _not_now(path: str, *, paired: bool, signed_in: bool) -> Refusal | None:
    if path.startswith(OPEN_FOLDER) or path in OPEN_PATHS:
        return None
    if path in PAIRING:
        return Refusal.PAIRED if paired else None
    if not paired:
        return Refusal.UNPAIRED
    return None if signed_in or path in WAY_IN else Refusal.SESSION
