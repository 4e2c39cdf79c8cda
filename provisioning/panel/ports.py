"""What the panel is given. Everything it reaches outside itself is one of these, so that firmware composes it.

The real ones are `capture.service.CameraClient`, `capture.vault.Vault`, `provisioning.enrolment.pair`, and
:func:`provisioning.panel.load_facts` over the device's state. :mod:`provisioning.panel.simulated` has a small camera
for tests of the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from capture.identifiers import CaptureId
from capture.vault import Entry

Json = dict[str, Any]


class LiveStream(Protocol):
    """A live view that gives one message for each time it is asked, always the latest."""

    async def next_message(self) -> bytes:
        """The latest moment: 4 bytes length, JSON, JPEG. Raises CameraServiceAway when the stream is over."""
        ...


class CameraPort(Protocol):
    """The camera service as the panel sees it. Every method may raise CameraServiceAway or CameraServiceRefused."""

    async def health(self) -> Json:
        """Camera, engine and vault as the service sees them."""
        ...

    def live(self) -> AbstractAsyncContextManager[LiveStream]:
        """The live view, pull by pull."""
        ...

    async def scan(self, kind: str) -> Json:
        """The code of this kind (badge or wristband) in view: `symbology` and `text`. Never logged."""
        ...

    async def stop_scan(self) -> None:
        """Ends the scan that runs, if any."""
        ...

    async def take(self) -> Json:
        """A new still in review."""
        ...

    async def picture(self, still: str, *, width: int | None = None) -> bytes:
        """Its JPEG."""
        ...

    async def still(self, still: str) -> Json:
        """A still in review, as it is now."""
        ...

    async def decide(self, still: str, decisions: Sequence[Mapping[str, Any]], *, after: int | None = None) -> Json:
        """The still after these decisions; refused (`still_changed`) where it has had more or fewer than `after`."""
        ...

    async def accept(self, still: str, encounter: Mapping[str, Any]) -> Json:
        """Seals it; the answer comes only after the envelope is durable."""
        ...

    async def discard(self, still: str) -> None:
        """Drops it."""
        ...

    async def discard_all(self) -> None:
        """Drops every still that is held."""
        ...

    async def close(self) -> None:
        """Gives its connections back; the panel does so when it ends."""
        ...


@dataclass(frozen=True, slots=True)
class UplinkView:
    """What the sync service last said of itself.

    Attributes:
        connected: the hospital's broker is reached and somebody listens.
        sentence: one sentence for the screen; says what to do when not connected.
        progress: capture id → share already sent, 0..1, of what is on its way.
    """

    connected: bool
    sentence: str
    progress: Mapping[str, float] = field(default_factory=dict)


class QueuePort(Protocol):
    """The vault as the panel sees it: it reads the queue and lets a person send a parked picture again."""

    def entries(self) -> Iterable[Entry]:
        """Every entry, in any order."""
        ...

    def retry(self, capture: CaptureId) -> Entry:
        """A parked envelope waits for sending again."""
        ...

    def free_bytes(self) -> int:
        """Room left."""
        ...


@dataclass(frozen=True, slots=True)
class Clinician:
    """Who signed in, as the roster has them."""

    badge: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the panel shows and checks of the device's identity. No key, no secret.

    Attributes:
        device, site: ids.
        site_name: the hospital as people call it.
        certificate_from, certificate_until: while all of the device's certificates are good, UTC.
        broker: host and port, for the device page.
        verify_pin: the roster's answer for a badge and a PIN: the clinician, or None. Slow on purpose (argon2id).
        knows: whether the roster has the badge.
        called: the name of a badge, as the roster has it; empty where it has it not.
        name: what people call this device; empty where nobody named it.
        lock_seconds: the site's policy; the shorter of it and the panel's setting counts.
        keys: where its private keys are: `file` or `tpm`.
    """

    device: str
    site: str
    site_name: str
    certificate_from: datetime
    certificate_until: datetime
    broker: str
    verify_pin: Callable[[str, str], Clinician | None]
    knows: Callable[[str], bool]
    called: Callable[[str], str] = lambda _badge: ""
    name: str = ""
    lock_seconds: float = 3600.0
    keys: str = "file"


Pair = Callable[[str, Callable[[str], None]], object]
"""Pairs the device by an invitation line; calls back with the six digits; returns when IT confirmed them."""

Record = Callable[[str, Mapping[str, Any]], None]
"""Puts one event on the panel's ledger chain. Called in a thread, one at a time. Raises CaptureError."""
