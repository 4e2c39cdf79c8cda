"""An accepted still becomes an envelope that is durable in the vault and on the ledger, and only then is it "taken"."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from cryptography import x509

from capture.encoding import encode_jpeg
from capture.encounter import Encounter
from capture.envelope import Body, Envelope, SealingContext, seal, verify_envelope
from capture.errors import FeaturesForbidden, StillStored
from capture.events import Event
from capture.identifiers import CaptureId
from capture.ledger import Fact, Ledger, LedgerError, LedgerEvent, fits
from capture.sealing import Capture, DeviceFacts, seal_capture
from capture.service.stills import HeldStill
from capture.vault import Entry, Vault
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


@dataclass(frozen=True, slots=True)
class _Owed:
    """A line that the ledger owes, and of what encounter, where somebody may ask again."""

    facts: Mapping[str, str | int]
    encounter: Encounter | None = field(default=None, repr=False)


class Keeper:
    """Seals and stores. What is stored before the ledger could say so is owed to it, and said before anything else."""

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
        self._telling = threading.RLock()
        self._owed: dict[CaptureId, _Owed] = {}
        self._log = structlog.get_logger()

    def settled(self, capture: str, encounter: Encounter) -> Kept | None:
        """What was answered for this capture lately, once the ledger says so too; None when it was not stored.

        Raises:
            StillStored: it is stored, and as something else than this encounter says.
            LedgerError: the ledger still could not say so; ask again.
        """
        known = CaptureId(capture)
        with self._lock:
            stored = self._stored.get(known)
        if stored is None:
            return None
        with self._telling:
            if known in self._owed:
                if self._owed[known].encounter != encounter:
                    raise StillStored
                self._settle()
        return stored

    def keep(self, still: HeldStill, encounter: Encounter) -> Kept:
        """`still`, durable in the vault and on the ledger; kept twice, it is stored once.

        Raises:
            StillUnanswered: a question about it is open.
            FeaturesForbidden: it shows eyes or mouth, and the patient did not agree to that.
            VaultError: it could not be stored; nothing of it is in the vault.
            StillStored: it is stored already, of another encounter.
            LedgerError: it is stored, and the ledger could not say so; keep it again.
        """
        if still.photo.redaction.shows_features and not encounter.consent.recognisable:
            raise FeaturesForbidden
        known = self.settled(still.capture, encounter)
        if known is not None:
            return known
        with self._lock:
            stored = self._store(still, encounter)
        with self._telling:
            facts = _facts(stored) | {"decisions": len(still.photo.redaction.decisions)} | _badge(encounter.clinician)
            self._owed[stored.capture] = _Owed(facts, encounter)
            self._settle()
        return stored

    def catch_up(self) -> None:
        """Puts on the ledger what an earlier run stored, and could not say before the power went.

        Raises:
            VaultError: nobody knows what was stored.
            LedgerError: it is owed to the ledger, before the next line.
        """
        with self._telling:
            last = self._ledger.last(LedgerEvent.CAPTURE_SEALED)
            if last is None and self._ledger.last(LedgerEvent.LEDGER_BEGUN_ANEW) is not None:
                return  # what was said is in the old file
            said = 0 if last is None else int(last.facts["counter"])
            for entry in self._vault.entries():
                if entry.counter > said:
                    self._owed.setdefault(entry.capture, _Owed(_facts(entry)))
            self._settle()

    def overridden(self, capture: CaptureId, decision: Decision) -> None:
        """Puts it on the ledger that a person uncovers something.

        Raises:
            LedgerError: the ledger could not say so.
        """
        what = f"{decision.action}-features" if decision.features else decision.action.value
        self._tell(LedgerEvent.OVERRIDE, capture=capture, action=what, kind=decision.kind.value, **_badge(decision.by))

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
            self._tell(LedgerEvent.STILL_DISCARDED)

    def _note(self, event: LedgerEvent, **facts: str | int) -> None:
        """A ledger that cannot say it holds nobody up: what is sealed needs a line of its own, and waits for it."""
        try:
            self._tell(event, **facts)
        except LedgerError as error:
            self._log.error(Event.LEDGER_FAILED, about=event.value, error=type(error).__name__)

    def _tell(self, event: LedgerEvent, **facts: str | int) -> None:
        """`event` on the ledger, after what it is owed."""
        with self._telling:
            self._settle()
            self._ledger.append(event, **facts)

    def _settle(self) -> None:
        """The ledger says of every envelope that it is sealed, in their order. Needs the lock of the telling."""
        while self._owed:
            capture, owed = next(iter(self._owed.items()))
            self._ledger.append(LedgerEvent.CAPTURE_SEALED, **owed.facts)
            del self._owed[capture]

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
        while len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)
        self._log.info(Event.CAPTURE_SEALED, counter=kept.counter, bytes=kept.length)
        return kept


def _badge(said: str) -> dict[str, str]:
    """Who did it, for the ledger; nothing where it is no badge, as of a picture that came from a file."""
    return {"clinician": said} if fits(said, Fact.STAFF) else {}


def _facts(of: Kept | Entry) -> dict[str, str | int]:
    return {"capture": of.capture, "digest": of.digest, "length": of.length, "counter": of.counter}
