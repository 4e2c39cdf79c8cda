"""Opens what was filed sealed: another process, and often another machine, than the one that receives.

It has the opening keys and no broker; the receiver has the broker and no opening key (docs/adr/0005). What either needs
of the other lies in the archive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography import x509

from capture.identifiers import SiteId
from sync.events import SyncEvent
from sync.receiver.alarms import AlarmKind
from sync.receiver.archive import Archive, Arrival, Contents, FiledCapture, Raised
from sync.receiver.errors import ArchiveDamaged, ArchiveUnavailable
from sync.receiver.ingest import no_step
from sync.receiver.judging import Disproven, judge
from sync.receiver.opening import OpeningKey
from sync.receiver.record import contents_to_file

LOOK_SECONDS: Final = 2.0
"""How often one that follows looks for what has arrived."""
RETRY_SECONDS: Final = 10.0

log: Final = structlog.get_logger("wardlens.opener")


@dataclass(frozen=True, slots=True)
class OpeningReport:
    """What one pass over the waiting captures did.

    Attributes:
        opened: the captures that are open now.
        not_openable: those that could not be opened, each with a short fixed word that says why.
    """

    opened: tuple[str, ...]
    not_openable: tuple[tuple[str, str], ...]


class Opener:
    """Looks into sealed captures, any number of openers beside each other.

    One capture is worked on in the order: counted as tried, opened, its picture put, its row changed. Whoever dies
    between two of these leaves a sealed capture and perhaps a picture that the next one writes again.

    Args:
        archive: where they lie.
        site: whose they are.
        authorities: the issuing certificates that devices' certificates must come from. The signature is checked
            again: whoever can write to the archive must not be able to put a picture into it.
        keys: what opens them; asked for before each, because keys rotate.
        alarm: what is raised about the device of each capture before its picture is put; nothing in everyday life.
        step: told the name of each step it is about to leave, for tests that kill the process there.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        site: SiteId,
        authorities: Callable[[], Sequence[x509.Certificate]],
        keys: Callable[[], Sequence[OpeningKey]],
        alarm: AlarmKind | None = None,
        step: Callable[[str], None] = no_step,
    ) -> None:
        self._archive = archive
        self._site = site
        self._authorities = authorities
        self._keys = keys
        self._alarm = alarm
        self._step = step

    def open_waiting(self, stop: threading.Event | None = None) -> OpeningReport:
        """What came of every capture that waits, or of those up to `stop`. Doing it again opens nothing twice.

        Raises:
            ArchiveUnavailable: the archive does not answer; what was opened is, and the rest goes on waiting.
        """
        opened: list[str] = []
        shut: list[tuple[str, str]] = []
        for filed in self._archive.sealed():
            if stop is not None and stop.is_set():
                break
            outcome = self._open(filed)
            if isinstance(outcome, Contents):
                opened.append(filed.capture)
            elif outcome is not None:
                shut.append((filed.capture, outcome))
        return OpeningReport(tuple(opened), tuple(shut))

    def follow(self, stop: threading.Event, *, look_seconds: float = LOOK_SECONDS) -> None:
        """Opens what waits and what comes, until `stop` is set; an archive that is away is waited for."""
        while not stop.is_set():
            try:
                self.open_waiting(stop)
                stop.wait(look_seconds)
            except ArchiveUnavailable as error:
                log.error(  # noqa: TRY400 - what to do is the sentence; a traceback helps nobody
                    SyncEvent.ARCHIVE_AWAY, reason=type(error).__name__, sentence=error.sentence, alarm=True
                )
                stop.wait(RETRY_SECONDS)

    def _open(self, filed: FiledCapture) -> Contents | str | None:
        """What was in it, or why it cannot be opened; None when another opener has ended it."""
        # Before it is counted: a key file that cannot be read is no capture's fault.
        keys, authorities = self._keys(), self._authorities()
        # Counted before it is tried: a capture that kills its opener is known by that.
        tries = self._archive.begin_opening(filed.capture)
        if tries is None:
            return None
        self._step("counted")
        try:
            outcome = (
                self._looked_into(filed, keys, authorities)
                if tries <= self._archive.limits.attempts
                else "too-many-tries"
            )
            ended = self._archive.end_opening(filed.capture, outcome, self._step)
        except ArchiveUnavailable:
            with suppress(ArchiveUnavailable):
                self._archive.forgive_opening(filed.capture)
            raise
        self._step("after-commit")
        if not ended:
            return None
        if isinstance(outcome, Contents):
            log.info(SyncEvent.CAPTURE_OPENED, device=filed.device, capture=filed.capture)
        else:
            log.error(
                SyncEvent.CAPTURE_NOT_OPENABLE,
                device=filed.device,
                capture=filed.capture,
                reason=outcome,
                alarm=True,
            )
        return outcome

    def _looked_into(
        self, filed: FiledCapture, keys: Sequence[OpeningKey], authorities: Sequence[x509.Certificate]
    ) -> Contents | str:
        try:
            data = self._archive.envelope(filed)
        except ArchiveDamaged:
            return "damaged"
        arrival = Arrival(filed.device, filed.capture, filed.digest)
        judged = judge(data, arrival, site=self._site, authorities=authorities, keys=keys)
        if isinstance(judged, Disproven):
            return judged.detail
        contents = contents_to_file(judged.opened)
        if self._alarm is not None:
            self._archive.alarm(Raised(filed.device, self._alarm, hash=filed.digest, capture=filed.capture))
        self._step("before-put")
        self._archive.put_picture(contents.picture_digest, judged.opened.jpeg)
        self._step("after-put")
        return contents
