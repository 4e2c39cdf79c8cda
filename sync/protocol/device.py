"""The device's side: which capture is offered, which chunk goes next, and what frees an envelope.

Pure: works, answers, acknowledgements and ticks go in, each with the time; effects come out. It keeps nothing that the
vault does not know better, so it may be thrown away at any moment. Only :class:`~sync.protocol.effects.MarkReceipted`
frees an envelope, and only a receipt that names exactly this envelope and that a receipt key of the site signed leads
to it (docs/formats/sync.md, "The device").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.errors import Flaw, MessageRefused
from sync.protocol.backoff import Chance, delay
from sync.protocol.effects import (
    DeviceEffect,
    DeviceEffects,
    Erase,
    Ignore,
    Ignored,
    MarkOffered,
    MarkReceipted,
    Park,
    Reconnect,
    SendChunk,
    SendOffer,
    Work,
)
from sync.protocol.journey import Journey, Progress
from sync.protocol.messages import Have, Offer, Refusal
from sync.protocol.phases import Phase, Step
from sync.protocol.pieces import Upload
from sync.protocol.receipts import Receipt

WINDOW: Final = 4
"""The most messages of ours that the broker has not acknowledged."""

MOST_UNRECEIPTED: Final = 8
"""Captures that may be sent and wait for their receipts while the next one goes."""

OFFER_AHEAD: Final = 4 * WINDOW
"""Chunks that are still to go when the next capture may be offered, so that nothing stands still for the answer."""

AHEAD: Final = 16
"""Captures that wait for their turn and are known; the vault knows the others."""

ANSWER_SECONDS: Final = 20.0
STALL_SECONDS: Final = 60.0
RECEIPT_SECONDS: Final = 30.0
RESUME_SECONDS: Final = 2.0
"""A fleet that learns at one moment that receivers are back spreads itself over this long."""

ReceiptKeys = Callable[[], Mapping[str, Ed25519PublicKey]]
"""Gives the receipt keys in force, by the names the site manifest gives them."""


class DeviceMachine:
    """Decides for one device.

    Args:
        device: who we are.
        site: whose receipts count.
        receipt_keys: the site's receipt keys, pinned by its manifest.
        chance: uniform in [0, 1), for jitter.
    """

    def __init__(self, device: DeviceId, site: SiteId, receipt_keys: ReceiptKeys, chance: Chance) -> None:
        self._device = device
        self._site = site
        self._receipt_keys = receipt_keys
        self._chance = chance
        self._journeys: dict[CaptureId, Journey] = {}
        self._tickets: dict[int, tuple[CaptureId, int | None]] = {}
        self._last_ticket = 0
        self._heard = 0.0
        self._last = 0.0
        self._chunk_size: int | None = None
        self._window = WINDOW
        self._more = False
        self._paused_until = 0.0
        self._pauses = 0

    # What may be asked.

    @property
    def in_flight(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._tickets)

    @property
    def paused(self) -> bool:
        """Whether it is known that no receiver listens."""
        return self._pauses > 0

    def phase(self, capture: CaptureId) -> Phase | None:
        """What is known of a capture, or None where it is not (or no longer) waiting."""
        journey = self._journeys.get(capture)
        return journey.phase if journey else None

    def progress(self) -> Progress | None:
        """The capture that is on its way now, for the screen."""
        going = [j for j in self._journeys.values() if j.phase is Phase.SENDING]
        return min(going, key=lambda j: j.work.rank).progress() if going else None

    def next_wake(self) -> float | None:
        """When :meth:`tick` has something to do, or None where only a message or new work changes anything."""
        if self._chunk_size is None:
            return None
        times = [j.deadline for j in self._journeys.values() if j.phase is not Phase.WAITING]
        times += [max(j.not_before, self._paused_until) for j in self._journeys.values() if j.phase is Phase.WAITING]
        if self._tickets:
            times.append(self._heard + STALL_SECONDS)
        # What is due already waits for an answer or an acknowledgement, and those come by themselves.
        return min((time for time in times if time > self._last), default=None)

    def reach(self) -> int:
        """How many works :meth:`plan` has to see: what is under way or has to wait, and those whose turn may come next.

        A queue of any length costs no more memory and no more time than that.
        """
        held = sum(j.phase is not Phase.WAITING or j.not_before > self._last for j in self._journeys.values())
        return held + AHEAD

    @property
    def runs_short(self) -> bool:
        """Whether there is more in the vault than is known here, and what is known will soon have had its turn."""
        return self._more and sum(j.phase is Phase.WAITING for j in self._journeys.values()) < AHEAD // 2

    # What may happen.

    def plan(self, works: Sequence[Work], now: float) -> DeviceEffects:
        """What the vault holds for sending now: all of it, or the first :meth:`reach` of it by rank.

        What is no longer in it is forgotten. Of what comes after the last of so many, nothing is known.
        """
        wanted = {work.capture: work for work in works}
        self._more = len(works) >= self.reach()
        end = works[-1].rank if self._more else None
        for capture, journey in list(self._journeys.items()):
            if capture not in wanted and (end is None or journey.work.rank < end):
                self._forget(capture)
        for capture, work in wanted.items():
            if capture not in self._journeys:
                self._journeys[capture] = Journey(work)
        return self._go(now)

    def connected(self, now: float, *, chunk_size: int, window: int = WINDOW) -> DeviceEffects:
        """The broker let us in; chunks may have `chunk_size` bytes, and `window` messages may be unacknowledged."""
        self._chunk_size = chunk_size
        self._window = max(1, min(WINDOW, window))
        self._paused_until, self._pauses = now, 0
        return self._go(now)

    def disconnected(self, now: float) -> DeviceEffects:
        """The connection is gone, and with it all that was not acknowledged."""
        self._chunk_size = None
        self._tickets.clear()
        for journey in self._journeys.values():
            journey.apply(Step.LOST)
            journey.asked = False
            journey.not_before = min(journey.not_before, now) if not journey.told_to_wait else journey.not_before
        return ()

    def receivers(self, now: float, *, present: bool, just_now: bool = False) -> DeviceEffects:
        """Somebody listens, or nobody does.

        Args:
            now: the time.
            present: which.
            just_now: whether this was said now, not kept from before: then what was sent earlier may have met nobody.
        """
        if not present:
            self._pause(now)
            for journey in self._journeys.values():
                self._wait(journey, Step.NOBODY, now)
        elif self._pauses or just_now:
            self._pauses, self._paused_until = 0, now + self._chance() * RESUME_SECONDS
            for journey in self._journeys.values():
                if just_now and journey.phase in {Phase.OFFERED, Phase.SENT}:
                    journey.apply(Step.NOBODY)
                if not journey.told_to_wait:
                    journey.attempts, journey.not_before = 0, min(journey.not_before, self._paused_until)
        return self._go(now)

    def acknowledged(self, ticket: int, now: float, *, nobody: bool = False, refused: bool = False) -> DeviceEffects:
        """The broker took a message of ours; or said that nobody listens; or did not take it."""
        self._heard = now
        capture, index = self._tickets.pop(ticket, (None, None))
        journey = self._journeys.get(capture) if capture is not None else None
        if journey is None:
            return self._go(now)
        if nobody:
            self._pause(now)
            self._wait(journey, Step.NOBODY, now)
        elif refused:
            self._wait(journey, Step.TIMEOUT, now)
        elif index is not None and journey.phase is Phase.SENDING:
            for going in self._journeys.values():
                if going.phase is Phase.SENDING and going.unsent:
                    # Whoever was offered ahead waits for the window, not for the hospital.
                    going.deadline = now + STALL_SECONDS
            journey.deadline = now + STALL_SECONDS
            if not journey.unsent and not self._has_tickets(journey.work.capture):
                journey.apply(Step.DRAINED)
                journey.deadline = now + RECEIPT_SECONDS
        return self._go(now)

    def answered(self, device: DeviceId, message: Have | Receipt | Refusal, now: float) -> DeviceEffects:
        """A receiver answered on one of our topics."""
        if device != self._device:
            return (Ignore(Ignored.NOT_OURS),)
        if self._pauses:
            # Somebody who answers is there, whatever a retained message or an acknowledgement said before.
            self._pauses, self._paused_until = 0, now
        match message:
            case Receipt():
                effects = self._receipt(message)
            case Have():
                effects = self._have(message, now)
            case _:
                effects = self._refusal(message, now)
        return effects + self._go(now)

    def unreadable(self, ticket: int, now: float) -> DeviceEffects:
        """The vault could not give the chunk with this ticket, so that it never left: nobody will acknowledge it."""
        capture, _ = self._tickets.pop(ticket, (None, None))
        if capture not in self._journeys:
            return self._go(now)
        self._forget(capture)
        return (Park(capture, "unreadable"), *self._go(now))

    def tick(self, now: float) -> DeviceEffects:
        """Time passed."""
        for journey in self._journeys.values():
            if journey.deadline <= now:
                self._wait(journey, Step.TIMEOUT, now)
        if self._tickets and self._heard + STALL_SECONDS <= now:
            return (Reconnect(),)
        return self._go(now)

    # How an answer is judged.

    def _receipt(self, receipt: Receipt) -> DeviceEffects:
        journey = self._journeys.get(receipt.capture)
        if journey is None:
            return (Ignore(Ignored.UNKNOWN_CAPTURE),)
        work = journey.work
        for reason, differs in (
            (Ignored.OTHER_SITE, receipt.site != self._site),
            (Ignored.OTHER_DEVICE, receipt.device != self._device),
            (Ignored.OTHER_DIGEST, receipt.digest != work.digest),
            (Ignored.OTHER_LENGTH, receipt.length != work.length),
        ):
            if differs:
                return (Ignore(reason),)
        try:
            receipt.verify(self._receipt_keys())
        except MessageRefused as error:
            return (Ignore(Ignored.UNKNOWN_KEY if error.flaw is Flaw.UNKNOWN_KEY else Ignored.SIGNATURE),)
        journey.apply(Step.RECEIPT)
        self._forget(work.capture)
        return (MarkReceipted(work.capture, work.digest, receipt.encode()), Erase(work.capture))

    def _have(self, have: Have, now: float) -> DeviceEffects:
        journey = self._journeys.get(have.upload.capture)
        if journey is None:
            return (Ignore(Ignored.UNKNOWN_CAPTURE),)
        if have.upload != journey.upload:
            same = have.upload.digest == journey.work.digest
            return (Ignore(Ignored.OTHER_GEOMETRY if same else Ignored.OTHER_DIGEST),)
        if not journey.asked:
            return (Ignore(Ignored.UNASKED),)
        journey.asked = False
        journey.told_to_wait = False
        if have.pieces.complete:
            journey.apply(Step.COMPLETE)
            journey.deadline = now + RECEIPT_SECONDS
        else:
            journey.learn_missing(have.pieces)
            journey.apply(Step.MISSING)
            journey.deadline = now + STALL_SECONDS
        return ()

    def _refusal(self, refusal: Refusal, now: float) -> DeviceEffects:
        journey = self._journeys.get(refusal.capture)
        if journey is None:
            return (Ignore(Ignored.UNKNOWN_CAPTURE),)
        if refusal.digest != journey.work.digest:
            return (Ignore(Ignored.OTHER_DIGEST),)
        if refusal.reason is not None:
            journey.apply(Step.REFUSED)
            self._forget(refusal.capture)
            return (Park(refusal.capture, refusal.reason),)
        assert refusal.seconds is not None
        journey.apply(Step.LATER)
        journey.asked = False
        journey.told_to_wait = True
        # A little later than told, each device its own little: a receiver that was busy gets them one by one.
        journey.not_before = now + refusal.seconds * (1.0 + 0.1 * self._chance())
        return ()

    # How it goes on.

    def _wait(self, journey: Journey, step: Step, now: float) -> None:
        if journey.apply(step):
            journey.attempts += 1
            journey.told_to_wait = False
            journey.not_before = now + delay(journey.attempts, self._chance)

    def _pause(self, now: float) -> None:
        if not self._pauses or now >= self._paused_until:
            self._pauses += 1
            self._paused_until = now + delay(self._pauses, self._chance)

    def _has_tickets(self, capture: CaptureId) -> bool:
        return any(owner == capture for owner, _ in self._tickets.values())

    def _forget(self, capture: CaptureId) -> None:
        # Its tickets stay until the broker acknowledges them: they still fill the window.
        self._journeys.pop(capture, None)

    def _ticket(self, capture: CaptureId, index: int | None, now: float) -> int:
        if not self._tickets:
            self._heard = now
        self._last_ticket += 1
        self._tickets[self._last_ticket] = (capture, index)
        return self._last_ticket

    def _go(self, now: float) -> DeviceEffects:
        """All that may be sent now."""
        effects: list[DeviceEffect] = []
        self._last = now
        if self._chunk_size is None:
            return ()
        while len(self._tickets) < self._window:
            sending = min(
                (j for j in self._journeys.values() if j.phase is Phase.SENDING and j.unsent),
                key=lambda j: j.work.rank,
                default=None,
            )
            turn = self._whose_turn(sending, now)
            if turn is not None:
                effects += self._offer(turn, self._chunk_size, now)
            elif sending is not None and not self.paused:
                effects.append(self._next_chunk(sending, now))
            else:
                break
        return tuple(effects)

    def _whose_turn(self, sending: Journey | None, now: float) -> Journey | None:
        """Who may be offered now: one at a time, and not while more than the end of another one is still to go.

        Unless it is urgent and that is not. An offer that leaves before the end is answered at the end.
        """
        if now < self._paused_until:
            return None
        journeys = self._journeys.values()
        unreceipted = sum(j.phase in {Phase.SENDING, Phase.SENT} for j in journeys)
        if unreceipted >= MOST_UNRECEIPTED or any(j.phase is Phase.OFFERED for j in journeys):
            return None
        ready = (j for j in journeys if j.phase is Phase.WAITING and j.not_before <= now)
        if sending is not None and len(sending.unsent) > OFFER_AHEAD:
            ready = (j for j in ready if j.work.urgent and not sending.work.urgent)
        return min(ready, key=lambda j: j.work.rank, default=None)

    def _offer(self, journey: Journey, chunk_size: int, now: float) -> DeviceEffects:
        work = journey.work
        journey.begin(Upload.cut(work.capture, work.digest, work.length, chunk_size))
        journey.apply(Step.TURN)
        journey.deadline = now + ANSWER_SECONDS
        mark = () if journey.marked else (MarkOffered(work.capture),)
        journey.marked = True
        ticket = self._ticket(work.capture, None, now)
        return (*mark, SendOffer(Offer(journey.upload_now, work.counter), ticket))

    def _next_chunk(self, journey: Journey, now: float) -> SendChunk:
        index = journey.unsent.popleft()
        return SendChunk(journey.upload_now, index, self._ticket(journey.work.capture, index, now))
