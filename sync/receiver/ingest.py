"""Messages in, answers out, everything between them durable. Carries out what the protocol's receiver machine decides.

The caller owns the broker: it hands over what arrived, and may acknowledge it once :meth:`Ingest.handle` has returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog
from cryptography import x509

from capture.envelope import Envelope
from capture.identifiers import DeviceId, SiteId
from sync.errors import MessageRefused
from sync.events import SyncEvent
from sync.protocol import (
    MAX_LENGTH,
    Accepted,
    Chunk,
    DropChunks,
    Offer,
    Postponed,
    Quarantine,
    ReceiverMachine,
    Refusal,
    RefusalReason,
    Rejected,
    SendReceipt,
    SendRefusal,
    Verdict,
    decode_up,
    sign_receipt,
    topics,
)
from sync.receiver.alarms import AlarmKind, raised_by
from sync.receiver.archive import Archive, Arrival, Filing, Intake, NewCapture, NewReceipt, Raised
from sync.receiver.errors import ArchiveUnavailable, SiteUnreadable
from sync.receiver.judging import Disproven, Proven, judge, judge_sealed, refusal_for_status
from sync.receiver.ledgers import keep_heads
from sync.receiver.opening import OpeningKey
from sync.receiver.patience import Patience
from sync.receiver.record import capture_to_file
from sync.receiver.trust import DeviceTrust, ReceiptSigner
from sync.receiver.turn import Answer, Tally, Turn, Work, alarm

LATER_SECONDS: Final = 30
"""How long a device waits when the hospital's side cannot take it now."""

log: Final = structlog.get_logger("wardlens.receiver")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the broker gave it."""

    topic: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _SiteNow:
    """What the site's keys and registry say at the moment at which a set is judged.

    Attributes:
        barred: why nothing is taken from the set's device; None where it may send.
        keys: what opens envelopes; None where they are filed sealed.
        key_ids: what envelopes that are filed sealed have to be sealed to.
    """

    barred: RefusalReason | None
    authorities: Sequence[x509.Certificate]
    keys: Sequence[OpeningKey] | None = field(repr=False)
    key_ids: Container[str]
    signer: ReceiptSigner


def no_step(_name: str) -> None:
    """The fault bench puts itself here; nothing else does."""


class Ingest:
    """One receiver's hands.

    Args:
        archive: where everything goes; shared with the other receivers.
        site: whose hospital this is.
        trust: which devices are its own.
        keys: what opens envelopes, the newest first; asked for at each capture, because keys rotate. None files
            envelopes sealed, and somebody else opens them.
        key_ids: what envelopes have to be sealed to where they are filed sealed; asked for at each capture.
        signer: signs receipts.
        machine: decides; by default one that takes what a device may have under way.
        patience: how much nonsense of one device is listened to.
        step: told the name of each step it is about to leave, for tests that kill the process there.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        site: SiteId,
        trust: DeviceTrust,
        keys: Callable[[], Sequence[OpeningKey]] | None,
        key_ids: Callable[[], Container[str]] = frozenset,
        signer: Callable[[], ReceiptSigner],
        machine: ReceiverMachine | None = None,
        patience: Patience | None = None,
        step: Callable[[str], None] = no_step,
    ) -> None:
        self._archive = archive
        self._site = site
        self.trust = trust
        self._keys = keys
        self._key_ids = key_ids
        self._signer = signer
        # An envelope for which there is never room would be told to wait for ever.
        self._machine = machine or ReceiverMachine(min(MAX_LENGTH, archive.limits.open_bytes))
        self.patience = patience or Patience(time.monotonic)
        self._step = step
        self._raised: set[Raised] = set()
        self.tally = Tally()

    def handle(self, deliveries: Iterable[Delivery], sent: Sequence[int] = ()) -> tuple[list[Answer], list[Work]]:
        """The answers to `deliveries`, and the sets that they made complete, once all of it is committed.

        Args:
            deliveries: in the order they came.
            sent: outbox rows whose messages the broker has taken meanwhile.

        Raises:
            ArchiveUnavailable: nothing was stored, so nothing may be acknowledged.
        """
        arrived = self._decoded(deliveries)
        barred = {arrival: refusal_for_status(self.trust.status(arrival.device)) for arrival in arrived}
        answers: list[Answer] = []
        work: list[Work] = []
        ignored = refused = 0
        with self._archive.intake() as intake:
            intake.sent(sent)
            # In one order everywhere, and all heads before any upload is locked: two receivers then never wait for
            # each other's rows in a ring.
            for arrival, messages in sorted(arrived.items()):
                if barred[arrival] is None:
                    ignored += self._keep_heads(intake, arrival.device, messages)
            for arrival, messages in sorted(arrived.items()):
                turn = Turn(intake, self._machine, arrival)
                turn.take(messages, barred[arrival])
                answers += turn.answers
                work += turn.work
                ignored, refused = ignored + turn.ignored, refused + turn.refused
                self._raised.update(turn.alarms)
                self._spend(arrival.device, turn.refused)
            # Last, for the same reason as above.
            for raised in sorted(self._raised):
                intake.alarm(raised)
        self._raised.clear()
        self.tally.ignored += ignored
        self.tally.refused += refused
        self._step("chunks-committed")
        return answers, work

    def _keep_heads(self, intake: Intake, device: DeviceId, messages: Iterable[Offer | Chunk]) -> int:
        """How many of the heads that came with these offers were none."""
        offers = [message for message in messages if isinstance(message, Offer)]
        if not offers:
            return 0
        keys, ledger = self.trust.ledger_keys(device), intake.ledger(device)
        return sum(keep_heads(ledger, device, offer.heads, keys, intake.now_ms) for offer in offers)

    def complete(self, work: Work) -> list[Answer]:
        """The answer to a complete set: its receipt if it is filed now or was before, else a refusal."""
        filed: list[int] = []
        try:
            verdict = self._verdict(work, self._site_now(work.arrival.device), filed)
            effects = self._machine.judged(work.upload, verdict)
            return list(self._after_verdict(work, effects, filed))
        except ArchiveUnavailable as error:
            log.warning(SyncEvent.ARCHIVE_AWAY, reason=type(error).__name__)
            self._forgive(work)
        except SiteUnreadable as error:
            log.exception(SyncEvent.SITE_UNREADABLE, reason=type(error.__cause__).__name__, alarm=True)
            self._forgive(work)
        except Exception:
            # Whatever it was, a capture that nobody foresaw must not stop those that come after it.
            log.exception(SyncEvent.FILING_FAILED, device=work.arrival.device, attempt=work.attempt, alarm=True)
        refusal = Refusal(work.upload.capture, work.upload.digest, seconds=LATER_SECONDS)
        return [Answer(_down(work.arrival), refusal.encode())]

    def unsent(self, older_than_ms: int) -> list[Answer]:
        """Receipts of captures that are filed and whose message nobody has seen leave."""
        pending = self._archive.unsent_receipts(older_than_ms=older_than_ms)
        return [Answer(message.topic, message.payload, message.id) for message in pending]

    def _decoded(self, deliveries: Iterable[Delivery]) -> dict[Arrival, list[Offer | Chunk]]:
        arrived: dict[Arrival, list[Offer | Chunk]] = {}
        for delivery in deliveries:
            device = None
            try:
                device = topics.parse_up(delivery.topic).device
                if not self.patience.has(device):
                    self.tally.unheard += 1
                    continue
                device, message = decode_up(delivery.topic, delivery.payload)
            except MessageRefused as error:
                self.tally.malformed += 1
                if device is not None:
                    self._spend(device, 1)
                log.warning(SyncEvent.MESSAGE_REFUSED, flaw=error.flaw.value, bytes=len(delivery.payload))
                continue
            arrival = Arrival(device, message.upload.capture, message.upload.digest)
            arrived.setdefault(arrival, []).append(message)
        return arrived

    def _spend(self, device: DeviceId, messages: int) -> None:
        """So many messages of this device were for nothing; said once when that was too many."""
        if self.patience.spend(device, messages):
            log.error(SyncEvent.DEVICE_UNHEARD, device=device, alarm=True)
            self._raised.add(Raised(device, AlarmKind.NONSENSE))

    def _forgive(self, work: Work) -> None:
        """It was the hospital's side that failed, so this try does not count."""
        with suppress(ArchiveUnavailable):
            self._archive.forgive(work.arrival)

    def _site_now(self, device: DeviceId) -> _SiteNow:
        """What a set of `device` is judged with.

        Raises:
            SiteUnreadable: a key file or the registry cannot be read, which is no capture's fault.
        """
        try:
            return _SiteNow(
                refusal_for_status(self.trust.status(device)),
                self.trust.authorities(),
                None if self._keys is None else self._keys(),
                self._key_ids() if self._keys is None else frozenset(),
                self._signer(),
            )
        except Exception as error:
            raise SiteUnreadable from error

    def _verdict(self, work: Work, site: _SiteNow, filed: list[int]) -> Verdict:
        data = self._archive.assembled(work.arrival, work.upload)
        if data is None:
            first = self._archive.receipt(work.arrival.capture)
            if first is None or first.device != work.arrival.device or first.digest != work.arrival.digest:
                return Postponed(LATER_SECONDS)
            return Accepted(first.receipt)
        if work.attempt > self._archive.limits.attempts:
            return Rejected(RefusalReason.UNFILEABLE)
        judged = Disproven(site.barred, "status") if site.barred else self._judged(data, work.arrival, site)
        if isinstance(judged, Disproven):
            log.warning(
                SyncEvent.ENVELOPE_REFUSED,
                device=work.arrival.device,
                capture=work.arrival.capture,
                reason=judged.reason.value,
                detail=judged.detail,
            )
            return Rejected(judged.reason)
        new = self._put(judged, data)
        what, receipt = self._archive.file(new, work.arrival, lambda: _receipt(new, site.signer), self._step)
        self._step("after-commit")
        if what is Filing.CONFLICT or receipt.device != new.device:
            return Rejected(RefusalReason.CAPTURE_CONFLICT)
        if receipt.outbox is not None:
            self.tally.filed += 1
            filed.append(receipt.outbox)
            log.info(SyncEvent.CAPTURE_FILED, device=new.device, capture=new.capture, bytes=new.length)
        return Accepted(receipt.receipt)

    def _judged(self, data: bytes, arrival: Arrival, site: _SiteNow) -> Proven | Envelope | Disproven:
        if site.keys is None:
            return judge_sealed(data, arrival, site=self._site, authorities=site.authorities, key_ids=site.key_ids)
        return judge(data, arrival, site=self._site, authorities=site.authorities, keys=site.keys)

    def _put(self, judged: Proven | Envelope, data: bytes) -> NewCapture:
        """The row for what was judged, once its objects are durable."""
        self._step("before-put")
        if isinstance(judged, Envelope):
            new = capture_to_file(judged, None, self._archive.clock())
            self._archive.put_envelope(new.digest, data)
        else:
            new = capture_to_file(judged.envelope, judged.opened, self._archive.clock())
            assert new.contents is not None
            self._archive.put_objects(
                digest=new.digest,
                envelope=data,
                picture_digest=new.contents.picture_digest,
                picture=judged.opened.jpeg,
            )
        self._step("after-put")
        return new

    def _after_verdict(self, work: Work, effects: Iterable[object], filed: list[int]) -> Iterator[Answer]:
        for effect in effects:
            match effect:
                case SendReceipt(payload):
                    yield Answer(_down(work.arrival), payload, filed[0] if filed else None)
                case SendRefusal(refusal):
                    self.tally.refused += 1
                    if refusal.reason is not None:
                        self._spend(work.arrival.device, 1)
                    yield Answer(_down(work.arrival), effect.payload)
                case Quarantine(upload, reason):
                    alarm(work.arrival, reason)
                    data = self._archive.assembled(work.arrival, upload)
                    raised = raised_by(work.arrival, reason)
                    self._archive.refuse(work.arrival, upload.length, reason, data, raised)
                case DropChunks():
                    with self._archive.intake() as intake:
                        intake.drop(work.arrival)
                case _:
                    raise AssertionError(f"the machine asks for {type(effect).__name__} after a verdict")


def _receipt(new: NewCapture, signer: ReceiptSigner) -> NewReceipt:
    receipt = sign_receipt(
        signer.sign,
        site=new.site,
        device=new.device,
        capture=new.capture,
        digest=new.digest,
        length=new.length,
        received_at_ms=new.received_at_ms,
        key=signer.key_id,
    )
    return NewReceipt(signer.key_id, receipt.encode(), topics.down(new.device, new.capture))


def _down(arrival: Arrival) -> str:
    return topics.down(arrival.device, arrival.capture)
