"""An accepted still becomes an envelope that is durable in the vault and on the ledger, and only then is it "taken"."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography import x509

from capture.encoding import encode_jpeg
from capture.encounter import Encounter
from capture.envelope import Body, Envelope, SealingContext, seal, verify_envelope
from capture.errors import FeaturesForbidden
from capture.events import Event
from capture.identifiers import CaptureId
from capture.ledger import Fact, Ledger, LedgerError, LedgerEvent, fits
from capture.sealing import Capture, DeviceFacts, seal_capture
from capture.service.stills import HeldStill
from capture.vault import Vault
from inference.picture import Decision, Photo

_REMEMBERED: Final = 16
_OF_NOTHING: Final = CaptureId("0" * 32)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a picture once it is taken.

    Attributes:
        capture: its id.
        digest: SHA-256 of its envelope, hex.
        length: of its envelope, bytes.
        counter: the device's.
        milliseconds: stage → what it took, from the shutter on, without the time a person looked; and their sum.
    """

    capture: CaptureId
    digest: str
    length: int
    counter: int
    milliseconds: Mapping[str, float]


class Keeper:
    """Seals and stores. A still that is kept twice is stored once: the same answer is given again."""

    def __init__(
        self,
        vault: Vault,
        ledger: Ledger,
        sealing_context: Callable[[CaptureId, int], SealingContext],
        *,
        quality: int,
        software: str,
        camera: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._vault = vault
        self._ledger = ledger
        self._sealing_context = sealing_context
        self._quality = quality
        self._software = software
        self._camera = camera
        self._clock = clock
        self._lock = threading.Lock()
        self._stored: OrderedDict[CaptureId, Kept] = OrderedDict()
        self._unrecorded: set[CaptureId] = set()
        self._log = structlog.get_logger()

    def kept(self, capture: str) -> Kept | None:
        """What was answered for this capture lately; None when it was not kept, or long ago."""
        with self._lock:
            known = CaptureId(capture)
            return None if known in self._unrecorded else self._stored.get(known)

    def keep(self, still: HeldStill, encounter: Encounter) -> Kept:
        """`still`, durable in the vault and on the ledger.

        Raises:
            StillUnanswered: a question about it is open.
            FeaturesForbidden: it shows eyes or mouth, and the patient did not agree to that.
            VaultError: it could not be stored; nothing of it is in the vault.
            LedgerError: it is stored, and the ledger could not say so; keep it again.
        """
        if still.photo.redaction.shows_features and not encounter.consent.recognisable:
            raise FeaturesForbidden
        with self._lock:
            stored = self._stored.get(still.capture)
            if stored is None:
                stored = self._store(still, encounter)
            if still.capture in self._unrecorded:
                self._ledger.append(
                    LedgerEvent.CAPTURE_SEALED,
                    capture=stored.capture,
                    digest=stored.digest,
                    length=stored.length,
                    counter=stored.counter,
                    decisions=len(still.photo.redaction.decisions),
                    **_badge(encounter.clinician),
                )
                self._unrecorded.discard(still.capture)
            return stored

    def overridden(self, capture: CaptureId, decision: Decision) -> None:
        """Puts it on the ledger that a person uncovers something.

        Raises:
            LedgerError: the ledger could not say so.
        """
        what = f"{decision.action}-features" if decision.features else decision.action.value
        self._ledger.append(
            LedgerEvent.OVERRIDE, capture=capture, action=what, kind=decision.kind.value, **_badge(decision.by)
        )

    def self_tested(self, failed: tuple[str, ...], models: int) -> None:
        """Puts it on the ledger how the device's test of itself ended, and how many models are in use."""
        part = {"part": failed[0]} if failed else {}
        self._note(LedgerEvent.SELF_TESTED, result="failed" if failed else "passed", models=models, **part)

    def prove_sealing(self, photo: Photo) -> None:
        """Nothing, when this picture could be sealed for the hospital with the device's key; it is not kept.

        Raises:
            EnvelopeRefused, SigningKeyUnusable: the hospital would not believe it.
        """
        context = self._sealing_context(_OF_NOTHING, 1)
        envelope = seal(Body(b"{}", encode_jpeg(photo, quality=self._quality).data), context)
        certificates = [x509.load_der_x509_certificate(der) for der in context.certificates]
        verify_envelope(envelope, site=context.site, authorities=certificates)

    def stopped(self) -> None:
        """Puts it on the ledger that the service ended in order."""
        self._note(LedgerEvent.SERVICE_STOPPED)

    def discarded(self, count: int) -> None:
        """Puts it on the ledger that `count` stills were discarded.

        Raises:
            LedgerError: the ledger could not say so; the stills are gone all the same.
        """
        for _ in range(count):
            self._ledger.append(LedgerEvent.STILL_DISCARDED)

    def _note(self, event: LedgerEvent, **facts: str | int) -> None:
        """A ledger that cannot say it holds nobody up: what is sealed needs a line of its own, and waits for it."""
        try:
            self._ledger.append(event, **facts)
        except LedgerError as error:
            self._log.error(Event.LEDGER_FAILED, about=event.value, error=type(error).__name__)

    def _store(self, still: HeldStill, encounter: Encounter) -> Kept:
        began = self._clock()
        encoding = 0.0

        def encode(photo: Photo) -> bytes:
            nonlocal encoding
            start = self._clock()
            data = encode_jpeg(photo, quality=self._quality).data
            encoding = self._clock() - start
            return data

        context = self._sealing_context(still.capture, self._vault.next_counter())
        facts = DeviceFacts(context.device, self._software, self._camera)
        capture = Capture(still.capture, still.photo, encounter, still.taken_at_ms, facts, still.marker)
        envelope = seal_capture(capture, context, encode=encode)
        sealed = self._clock()
        self._vault.put(envelope, urgent=encounter.urgent)
        stored = self._clock()
        stages = {"encode": encoding, "seal": sealed - began - encoding, "store": stored - sealed}
        ours = {**still.milliseconds, **{stage: round(took * 1000, 1) for stage, took in stages.items()}}
        return self._remember(envelope, {**still.within, **ours, "total_ms": round(sum(ours.values()), 1)})

    def _remember(self, envelope: Envelope, milliseconds: Mapping[str, float]) -> Kept:
        kept = Kept(envelope.capture, envelope.digest, len(envelope.raw), envelope.counter, milliseconds)
        self._stored[kept.capture] = kept
        self._unrecorded.add(kept.capture)
        while len(self._stored) > _REMEMBERED:
            self._unrecorded.discard(self._stored.popitem(last=False)[0])
        self._log.info(Event.CAPTURE_SEALED, counter=kept.counter, bytes=kept.length)
        return kept


def _badge(said: str) -> dict[str, str]:
    """Who did it, for the ledger; nothing where it is no badge, as of a picture that came from a file."""
    return {"clinician": said} if fits(said, Fact.STAFF) else {}
