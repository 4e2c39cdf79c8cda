"""What the routes share: the ports, who is signed in, and the few acts that more than one route needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog

from capture.errors import CaptureError
from capture.identifiers import CaptureId
from capture.scanned import NO_BADGE, parse_badge, parse_patient
from capture.vault import Entry
from capture.wounds import Wound
from provisioning import durable
from provisioning.errors import ProvisioningError
from provisioning.panel.counters import Count, Counters
from provisioning.panel.draft import Draft
from provisioning.panel.errors import CodeRefused, NotYours, SignInLocked, SignInRefused
from provisioning.panel.events import Event
from provisioning.panel.known_identity import KnownIdentity
from provisioning.panel.known_wounds import KnownWounds, wound_of
from provisioning.panel.languages import Language
from provisioning.panel.lockout import SignInTries
from provisioning.panel.pairing_attempt import PairingAttempt
from provisioning.panel.ports import CameraPort, Json, Pair, QueuePort, Record, UplinkView
from provisioning.panel.queue_view import Visible, may_see, visible
from provisioning.panel.sessions import Ending, Session, Sessions
from provisioning.panel.settings import PanelSettings
from provisioning.panel.takers import Takers
from provisioning.panel.troubles import Trouble, troubles

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Desk:
    """Everything that the routes share. One for each application."""

    camera: CameraPort
    queue: QueuePort
    uplink: Callable[[], UplinkView | None]
    identity: KnownIdentity
    pair: InitVar[Pair]
    settings: PanelSettings
    sessions: Sessions
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    record: Record
    version: str
    counters: Counters = field(default_factory=Counters)
    tries: SignInTries = field(default_factory=SignInTries)
    wounds: KnownWounds = field(default_factory=KnownWounds)
    ledger_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    sign_in_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    pairing_tries: SignInTries = field(default_factory=SignInTries)
    discard_owed: bool = False
    lock_notice: tuple[str, ...] = ()
    pairing: PairingAttempt = field(init=False)
    takers: Takers = field(init=False)

    def __post_init__(self, pair: Pair) -> None:
        self.takers = Takers(self.settings.ledger)
        self.pairing = PairingAttempt(pair, families=(ProvisioningError, OSError), done=self.paired)

    async def health(self) -> Json | None:
        """What the camera service says, or None when it does not answer."""
        try:
            return await self.camera.health()
        except CaptureError:
            return None

    async def entries(self) -> tuple[Entry, ...]:
        """The queue, read in a thread: the vault's lock may be held by another process for a moment."""
        return tuple(await asyncio.to_thread(self.queue.entries))

    async def visible(self, session: Session) -> Visible:
        """What whoever is signed in sees of the queue."""
        entries = await self.entries()
        await asyncio.to_thread(self.takers.refresh)
        return visible(entries, session.badge, session.role, self.takers.taker)

    async def retry(self, session: Session, capture: CaptureId) -> None:
        """A parked picture waits for sending again, and the ledger says who wanted that.

        Raises:
            NotYours: it is not theirs to send; a picture that is not here is answered the same.
            CaptureError: the vault or its table of states says no.
        """
        await asyncio.to_thread(self.takers.refresh)
        if not may_see(session.badge, session.role, self.takers.taker(capture)):
            raise NotYours
        await asyncio.to_thread(self.queue.retry, capture)
        await self.note("retried", {"capture": capture, "clinician": session.badge})

    def troubles(self, health: Mapping[str, Any] | None, said: Language) -> tuple[Trouble, ...]:
        """All that is wrong now, the gravest first."""
        facts = self.identity.facts
        return troubles(
            said,
            health,
            self.uplink(),
            clock_early=self._clock_early(),
            certificate_days=(facts.certificate_until - self.wall()).total_seconds() / 86400 if facts else None,
            identity=self.identity.sentence,
            known=facts is not None,
        )

    def _clock_early(self) -> bool:
        """Whether the clock shows a time before this device was the site's: then it is wrong."""
        facts = self.identity.facts
        return facts is not None and self.wall() < facts.certificate_from

    def today(self) -> date | None:
        """The day, as the ward has it; None where the clock is known to be wrong."""
        return None if self._clock_early() else self.wall().astimezone().date()

    def wound(self, draft: Draft) -> Wound | None:
        """Which wound the draft is of, as far as somebody said or this device remembers."""
        return wound_of(draft, self.wounds.of(draft.patient, self.clock()), self.today())

    def may_recognise(self, role: str) -> bool:
        """Whether who has this role may show a patient's eyes or mouth. The camera service asks the roster again."""
        return role in self.settings.show_features

    async def sign_in(self, badge: str, pin: str) -> str:
        """The token of a new session.

        Raises:
            SignInLocked: too many wrong tries; the PIN was not looked at.
            SignInRefused: badge or PIN is wrong.
        """
        async with self.sign_in_turn:  # one argon2id at a time: it takes 64 MiB
            return await self._signed_in(badge, pin)

    async def _signed_in(self, badge: str, pin: str) -> str:
        facts = self.identity.facts
        if facts is None:
            raise SignInRefused
        if (wait := self.tries.wait(badge, self.clock())) > 0:
            self.counters.add(Count.SIGN_INS_REFUSED)
            raise SignInLocked(wait)
        # Counted before the slow look, so that tries sent at once cannot slip past the count.
        self._remember(self.tries.wrong(badge, self.clock(), known=facts.knows(badge)))
        clinician = await asyncio.to_thread(facts.verify_pin, badge, pin)
        if clinician is None:
            self.counters.add(Count.SIGN_INS_REFUSED)
            _log.info(Event.SIGN_IN_REFUSED)
            await self.note("sign-in-refused", {})
            if (wait := self.tries.wait(badge, self.clock())) > 0:
                raise SignInLocked(wait)
            raise SignInRefused
        self._remember(self.tries.right(badge))
        await self.end_session(Ending.REPLACED)
        await self._noted("signed-in", {"clinician": clinician.badge})  # nobody works here unseen by the ledger
        token = self.sessions.open(badge=clinician.badge, name=clinician.name, role=clinician.role, now=self.clock())
        self.counters.add(Count.SIGN_INS)
        _log.info(Event.SIGNED_IN)
        self.lock_notice = ()
        return token

    def patient(self, said: str) -> str:
        """The patient's reference that a wristband's code or a person says.

        Raises:
            CodeRefused: it is none, or its check digit is wrong.
        """
        try:
            return parse_patient(said, self.settings.patient_check)
        except ValueError as wrong:
            raise CodeRefused(str(wrong)) from None

    def badge(self, said: str) -> str:
        """The badge that a code says, if it is one of the roster; a wristband that lies in view is none.

        Raises:
            CodeRefused: it is none.
        """
        try:
            badge = parse_badge(said, self.settings.badges)
        except ValueError as wrong:
            raise CodeRefused(str(wrong)) from None
        facts = self.identity.facts
        if facts is None or not facts.knows(badge):
            raise CodeRefused(NO_BADGE)
        return badge

    async def end_session(self, ending: Ending) -> None:
        """Ends the session, if there is one, and discards every still that is held."""
        session = self.sessions.end()
        if session is None:
            return
        self.counters.add(Count.LOCKS)
        if ending is Ending.IDLE:
            self.lock_notice = (
                "sign-in.locked-idle",
                *(["sign-in.picture-gone"] if session.still and not session.is_stored else []),
            )
        _log.info(Event.LOCKED, why=ending.value)
        self.discard_owed = True
        await self.discard_what_is_owed()
        await self.note("locked", {"clinician": session.badge, "why": ending.value})

    async def discard_what_is_owed(self) -> None:
        """Tells the camera service to drop all stills; owed until it has answered."""
        if not self.discard_owed:
            return
        try:
            await self.camera.discard_all()
        except CaptureError as error:
            _log.warning(Event.DISCARD_FAILED, error=type(error).__name__)
            return
        self.discard_owed = False

    async def note(self, event: str, facts: Mapping[str, Any]) -> None:
        """Puts an event on the ledger; where that fails, the log says so and the work goes on."""
        try:
            await self._noted(event, facts)
        except CaptureError as error:
            _log.error(Event.LEDGER_FAILED, about=event, error=type(error).__name__)

    async def _noted(self, event: str, facts: Mapping[str, Any]) -> None:
        async with self.ledger_turn:
            await asyncio.to_thread(self.record, event, facts)

    async def paired(self) -> None:
        """A pairing ended: reads the identity, and puts it on the ledger when there is one."""
        await asyncio.to_thread(self.identity.refresh)
        _log.info(Event.PAIRING_ENDED, paired=self.identity.paired)
        if facts := self.identity.facts:
            await self.note("paired", {"site": facts.site, "device": facts.device})
        else:
            self.counters.add(Count.PAIRINGS_FAILED)
            await self.note("pairing-failed", {})

    async def watch(self) -> None:
        """One look of the watch: locks what is idle, or whose the site took off its roster, discards what is owed."""
        session, facts = self.sessions.current, self.identity.facts
        if session and self.sessions.remaining(self.clock()) <= 0:
            await self.end_session(Ending.IDLE)
        elif session and facts and not facts.knows(session.badge):
            await self.end_session(Ending.OFF_ROSTER)
        self.wounds.forget_old(self.clock())
        await self.discard_what_is_owed()

    def _remember(self, tries: SignInTries) -> None:
        before, self.tries = self.tries, tries
        if self.settings.memory and before.counts() != tries.counts():
            try:
                write_memory(self.settings.memory, tries)
            except OSError as error:
                _log.warning(Event.MEMORY_UNWRITABLE, errno=error.errno)


def write_memory(file: Path, tries: SignInTries) -> None:
    """Keeps the counts of wrong PINs, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    durable.write(file, json.dumps(tries.counts()).encode(), mode=durable.PRIVATE)


def read_memory(file: Path | None, now: float) -> SignInTries:
    """The counts of wrong PINs from before the restart; none when the file is not there or is not ours."""
    counts: object = {}
    if file is not None:
        with suppress(OSError, ValueError, RecursionError):
            counts = json.loads(file.read_text("utf-8"))
    if not isinstance(counts, dict):
        counts = {}
    good = {badge: wrong for badge, wrong in counts.items() if isinstance(badge, str) and type(wrong) is int}
    return SignInTries.remembered(good, now)
