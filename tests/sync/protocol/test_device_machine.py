"""The device's machine, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.protocol import backoff
from sync.protocol.device import (
    AHEAD,
    ANSWER_SECONDS,
    MOST_UNRECEIPTED,
    OFFER_AHEAD,
    RECEIPT_SECONDS,
    STALL_SECONDS,
    WINDOW,
    DeviceMachine,
)
from sync.protocol.effects import (
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
from sync.protocol.journey import Progress
from sync.protocol.messages import Have, Refusal
from sync.protocol.phases import TRANSITIONS, Phase, Step, advance
from sync.protocol.pieces import Pieces, Upload
from sync.protocol.receipts import sign_receipt

DEVICE, SITE = DeviceId("ward-7"), SiteId("north")
KEY = Ed25519PrivateKey.generate()
SIZE = 1024
FORMAT_PAGE = Path(__file__).parents[3] / "docs" / "formats" / "sync.md"


def capture(number):
    return CaptureId(f"{number:032x}")


def work(number=1, chunks=6, **more):
    return Work(capture(number), f"{number:064x}", chunks * SIZE, number, **more)


def upload(one):
    return Upload(one.capture, one.digest, one.length, SIZE)


def have(one, *indexes):
    return Have(upload(one), Pieces.of(upload(one).count, indexes))


def receipt(one, signer=KEY, **changes):
    fields = {"site": SITE, "device": DEVICE, "capture": one.capture, "digest": one.digest, "length": one.length}
    return sign_receipt(signer.sign, **{**fields, "received_at_ms": 1, "key": "receipt-1", **changes})


class Bench:
    """A machine with a clock that the test turns, connected."""

    def __init__(self, *works, chance=0.5, window=WINDOW):
        self.now = 1000.0
        self.machine = DeviceMachine(DEVICE, SITE, lambda: {"receipt-1": KEY.public_key()}, lambda: chance)
        self.works = list(works)
        self.effects = [*self.machine.plan(self.works, self.now)]
        assert self.effects == [], "nothing leaves before the broker let us in"
        self.did(self.machine.connected(self.now, chunk_size=SIZE, window=window))

    def did(self, effects):
        self.effects += effects
        assert self.machine.in_flight <= WINDOW
        return effects

    def plan(self, *works):
        self.works = list(works)
        return self.did(self.machine.plan(self.works, self.now))

    def answer(self, message, device=DEVICE):
        return self.did(self.machine.answered(device, message, self.now))

    def acknowledge(self, effect, **how):
        return self.did(self.machine.acknowledged(effect.ticket, self.now, **how))

    def later(self, seconds):
        self.now += seconds
        return self.did(self.machine.tick(self.now))

    def all_of(self, kind):
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def chunks(self):
        return [(int(e.upload.capture, 16), e.index) for e in self.all_of(SendChunk)]

    def send_all(self, one):
        """Answer the offer with nothing, and acknowledge everything."""
        offer = self.all_of(SendOffer)[-1]
        pending = [*self.acknowledge(offer), *self.answer(have(one))]
        while sends := [e for e in pending if isinstance(e, SendChunk)]:
            pending = [effect for send in sends for effect in self.acknowledge(send)]


def test_a_new_capture_is_marked_and_offered_once():
    one = work()
    bench = Bench(one)
    mark, offer = bench.effects
    assert mark == MarkOffered(one.capture)
    assert (offer.offer.upload, offer.offer.counter) == (upload(one), 1)
    assert bench.machine.phase(one.capture) is Phase.OFFERED
    assert bench.plan(one) == ()


def test_what_the_vault_knows_as_offered_is_not_marked_again():
    assert Bench(work(offered=True)).all_of(MarkOffered) == []


def test_only_missing_chunks_are_sent_and_never_more_than_the_window():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.answer(have(one, 1, 3))
    assert bench.chunks() == [(1, 0), (1, 2), (1, 4), (1, 5)]
    assert bench.machine.in_flight == WINDOW
    assert bench.machine.progress() == Progress(one.capture, 6, 6)


@pytest.mark.parametrize(("window", "most"), [(1, 1), (3, 3), (4, 4), (100, 4), (0, 1)])
def test_the_window_is_four_or_what_the_broker_takes(window, most):
    one = work()
    bench = Bench(one, window=window)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.answer(have(one))
    assert bench.machine.in_flight == most


def test_an_acknowledgement_opens_the_window_by_one():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    first, *_ = bench.answer(have(one))
    assert [e.index for e in bench.acknowledge(first)] == [4]
    assert bench.acknowledge(first) == (), "the same acknowledgement again means nothing"


def test_acknowledged_chunks_free_nothing():
    one = work()
    bench = Bench(one)
    bench.send_all(one)
    assert bench.machine.phase(one.capture) is Phase.SENT
    assert bench.all_of(Erase) == bench.all_of(MarkReceipted) == []
    assert bench.machine.progress() is None


def test_a_verified_receipt_is_kept_before_the_envelope_goes():
    one = work()
    bench = Bench(one)
    bench.send_all(one)
    good = receipt(one)
    assert bench.answer(good) == (MarkReceipted(one.capture, one.digest, good.encode()), Erase(one.capture))
    assert bench.machine.phase(one.capture) is None
    assert bench.answer(good) == (Ignore(Ignored.UNKNOWN_CAPTURE),)


@pytest.mark.parametrize("before", ["waiting", "offered", "sending", "sent"])
def test_a_receipt_counts_in_every_phase(before):
    one, first = work(2), work(1)
    bench = Bench(first, one)
    if before != "waiting":
        bench = Bench(one)
    if before == "sending":
        bench.answer(have(one))
    if before == "sent":
        bench.send_all(one)
    assert bench.machine.phase(one.capture).value == before
    assert Erase(one.capture) in bench.answer(receipt(one))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "f" * 64}, Ignored.OTHER_DIGEST),
        ({"length": 6 * SIZE - 1}, Ignored.OTHER_LENGTH),
        ({"device": DeviceId("ward-8")}, Ignored.OTHER_DEVICE),
        ({"site": SiteId("south")}, Ignored.OTHER_SITE),
        ({"capture": capture(99)}, Ignored.UNKNOWN_CAPTURE),
        ({"key": "receipt-2"}, Ignored.UNKNOWN_KEY),
    ],
)
def test_a_receipt_for_something_else_never_frees_the_envelope(changes, reason):
    one = work()
    bench = Bench(one)
    bench.send_all(one)
    assert bench.answer(receipt(one, **changes)) == (Ignore(reason),)
    assert bench.machine.phase(one.capture) is Phase.SENT


def test_a_receipt_that_nobody_of_the_site_signed_never_frees_the_envelope():
    one = work()
    bench = Bench(one)
    bench.send_all(one)
    assert bench.answer(receipt(one, signer=Ed25519PrivateKey.generate())) == (Ignore(Ignored.SIGNATURE),)
    assert bench.machine.phase(one.capture) is Phase.SENT


def test_an_answer_to_another_device_is_ignored():
    one = work()
    bench = Bench(one)
    assert bench.answer(receipt(one), device=DeviceId("ward-8")) == (Ignore(Ignored.NOT_OURS),)
    assert bench.machine.phase(one.capture) is Phase.OFFERED


def test_answers_about_unknown_captures_other_digests_and_other_pieces_are_ignored():
    one, other = work(1), work(2)
    bench = Bench(one)
    digest = Have(Upload(one.capture, "f" * 64, one.length, SIZE), Pieces(6))
    pieces = Have(Upload(one.capture, one.digest, one.length, 2 * SIZE), Pieces(3))
    assert bench.answer(have(other)) == (Ignore(Ignored.UNKNOWN_CAPTURE),)
    assert bench.answer(digest) == (Ignore(Ignored.OTHER_DIGEST),)
    assert bench.answer(pieces) == (Ignore(Ignored.OTHER_GEOMETRY),)
    assert bench.answer(Refusal(other.capture, other.digest, seconds=1)) == (Ignore(Ignored.UNKNOWN_CAPTURE),)
    assert bench.answer(Refusal(one.capture, "f" * 64, reason="too-large")) == (Ignore(Ignored.OTHER_DIGEST),)


def test_an_answer_that_comes_twice_does_not_send_twice():
    one = work()
    bench = Bench(one)
    bench.answer(have(one))
    assert bench.answer(have(one)) == (Ignore(Ignored.UNASKED),)


def test_a_complete_answer_waits_for_the_receipt():
    one = work()
    bench = Bench(one)
    assert bench.answer(have(one, *range(6))) == ()
    assert bench.machine.phase(one.capture) is Phase.SENT


def test_a_refusal_for_later_waits_that_long_and_a_little():
    one = work()
    bench = Bench(one)
    bench.answer(Refusal(one.capture, one.digest, seconds=60))
    bench.later(59.9)
    assert len(bench.all_of(SendOffer)) == 1
    bench.did(bench.machine.receivers(bench.now, present=False))
    bench.did(bench.machine.receivers(bench.now, present=True))
    assert len(bench.all_of(SendOffer)) == 1, "a receiver that comes back does not shorten a wait that was asked for"
    bench.machine.disconnected(bench.now)
    bench.did(bench.machine.connected(bench.now, chunk_size=SIZE))
    assert len(bench.all_of(SendOffer)) == 1
    bench.later(6.2)
    assert len(bench.all_of(SendOffer)) == 2


@pytest.mark.parametrize("reason", ["capture-conflict", "a-reason-of-a-newer-receiver"])
def test_a_permanent_refusal_parks_and_never_erases(reason):
    one, two = work(1), work(2)
    bench = Bench(one, two)
    park, *following = bench.answer(Refusal(one.capture, one.digest, reason=reason))
    assert park == Park(one.capture, reason)
    assert MarkOffered(two.capture) in following, "the next one goes on"
    assert bench.all_of(Erase) == []


def test_an_unreadable_envelope_is_parked_once_and_the_next_one_has_the_whole_window():
    one, two = work(1, chunks=WINDOW + OFFER_AHEAD + 1), work(2, chunks=6)
    bench = Bench(one, two)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    unread = bench.answer(have(one))
    assert len(unread) == WINDOW
    parked, *following = [effect for chunk in unread for effect in bench.machine.unreadable(chunk.ticket, bench.now)]
    assert parked == Park(one.capture, "unreadable")
    assert not any(isinstance(effect, Park) for effect in following)
    assert MarkOffered(two.capture) in following
    (offer,) = (effect for effect in following if isinstance(effect, SendOffer))
    bench.acknowledge(offer)
    assert bench.machine.in_flight == 0, "what never left is waited for by nobody"
    assert len(bench.answer(have(two))) == WINDOW


def test_urgent_goes_first_then_the_oldest():
    bench = Bench(work(1), work(2), work(3, urgent=True))
    assert bench.all_of(SendOffer)[0].offer.upload.capture == capture(3)
    bench.answer(Refusal(capture(3), work(3).digest, seconds=3000))
    assert bench.all_of(SendOffer)[1].offer.upload.capture == capture(1)


def test_an_urgent_capture_goes_before_the_one_that_is_being_sent():
    one, urgent = work(1, chunks=50), work(2, urgent=True)
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    first, second, *_ = bench.answer(have(one))
    bench.plan(one, urgent)
    bench.acknowledge(first)
    assert bench.all_of(SendOffer)[-1].offer.upload.capture == urgent.capture
    bench.answer(have(urgent))
    bench.acknowledge(second)
    assert bench.chunks()[-1] == (2, 0)


def test_an_ordinary_capture_does_not_go_before_the_one_that_is_being_sent():
    one, two = work(1, chunks=50), work(2)
    bench = Bench(one, two)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.answer(have(one))
    assert len(bench.all_of(SendOffer)) == 1


def test_the_next_one_is_offered_while_the_last_waits_for_its_receipt():
    one, two = work(1), work(2)
    bench = Bench(one, two)
    bench.send_all(one)
    assert bench.all_of(SendOffer)[-1].offer.upload.capture == two.capture


def test_no_more_than_eight_wait_for_their_receipts():
    works = [work(number) for number in range(1, MOST_UNRECEIPTED + 3)]
    bench = Bench(*works)
    for one in works[:MOST_UNRECEIPTED]:
        bench.send_all(one)
    assert len(bench.all_of(SendOffer)) == MOST_UNRECEIPTED
    bench.answer(receipt(works[0]))
    assert len(bench.all_of(SendOffer)) == MOST_UNRECEIPTED + 1


@pytest.mark.parametrize(("seconds", "phase"), [(ANSWER_SECONDS, "offered"), (RECEIPT_SECONDS, "sent")])
def test_what_lasts_too_long_is_offered_again_after_a_wait(seconds, phase):
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    if phase == "sent":
        bench.answer(have(one, *range(6)))
    bench.later(seconds - 0.1)
    assert bench.machine.phase(one.capture).value == phase
    bench.later(0.1)
    assert bench.machine.phase(one.capture) is Phase.WAITING
    assert bench.machine.next_wake() == pytest.approx(bench.now + 0.5)
    bench.later(0.5)
    assert len(bench.all_of(SendOffer)) == 2


def test_what_waits_for_somebody_else_does_not_keep_the_device_awake():
    one, two = work(1, chunks=50), work(2)
    bench = Bench(one, two)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.answer(have(one))
    for _ in range(3):
        wake = bench.machine.next_wake()
        assert wake > bench.now + 1, "two is due, but its turn comes by an acknowledgement and not by the clock"
        bench.later(0.01)


def test_waits_double_up_to_five_minutes_and_progress_ends_that():
    one = work()
    bench = Bench(one)
    waits = []
    for _ in range(12):
        bench.acknowledge(bench.all_of(SendOffer)[-1])
        bench.later(ANSWER_SECONDS)
        waits.append(bench.machine.next_wake() - bench.now)
        bench.later(waits[-1])
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150])
    bench.acknowledge(bench.all_of(SendOffer)[-1])
    bench.answer(have(one, 0))
    bench.later(STALL_SECONDS)
    assert bench.machine.phase(one.capture) is Phase.WAITING
    assert bench.machine.next_wake() - bench.now == pytest.approx(0.5) or bench.machine.in_flight


def test_an_answer_without_progress_does_not_end_the_backing_off():
    one = work()
    bench = Bench(one)
    for attempt in (1, 2, 3):
        bench.acknowledge(bench.all_of(SendOffer)[-1])
        for chunk in bench.answer(have(one, 0, 1, 2, 3, 4)):
            bench.acknowledge(chunk)
        bench.later(RECEIPT_SECONDS)
        assert bench.machine.next_wake() - bench.now == pytest.approx(0.5 * 2 ** (attempt - 1))
        bench.later(200)


def test_a_broker_that_stops_acknowledging_is_left():
    one = work()
    bench = Bench(one)
    bench.answer(have(one))
    assert Reconnect() not in bench.later(STALL_SECONDS - 1)
    assert bench.machine.next_wake() <= bench.now + 1
    assert Reconnect() in bench.later(1)


def test_a_lost_connection_forgets_what_was_in_flight_and_offers_again():
    one = work()
    bench = Bench(one)
    bench.answer(have(one))
    assert bench.machine.disconnected(bench.now) == ()
    assert bench.machine.in_flight == 0
    assert bench.machine.next_wake() is None
    assert bench.machine.tick(bench.now) == bench.plan(one) == ()
    bench.did(bench.machine.connected(bench.now, chunk_size=2 * SIZE))
    assert bench.all_of(SendOffer)[-1].offer.upload.chunk_size == 2 * SIZE
    assert bench.answer(have(one)) == (Ignore(Ignored.OTHER_GEOMETRY),)


def test_nobody_listening_pauses_and_does_not_drain():
    one, two = work(1), work(2)
    bench = Bench(one, two)
    bench.acknowledge(bench.all_of(SendOffer)[0], nobody=True)
    assert bench.machine.paused
    assert len(bench.all_of(SendOffer)) == 1
    bench.later(0.6)
    assert len(bench.all_of(SendOffer)) == 2, "one offer is tried after the wait"
    bench.acknowledge(bench.all_of(SendOffer)[1], nobody=True)
    bench.later(0.9)
    assert len(bench.all_of(SendOffer)) == 2, "and the next wait is longer"


def test_chunks_that_nobody_hears_stop_the_sending():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    first, second, *_ = bench.answer(have(one))
    bench.acknowledge(first, nobody=True)
    bench.acknowledge(second, nobody=True)
    assert len(bench.chunks()) == 4
    assert bench.machine.phase(one.capture) is Phase.WAITING


def test_an_answer_ends_the_pause():
    one, two = work(1), work(2)
    bench = Bench(one, two)
    bench.did(bench.machine.receivers(bench.now, present=False))
    assert bench.machine.paused
    bench.answer(receipt(one))
    assert not bench.machine.paused
    assert bench.all_of(SendOffer)[-1].offer.upload.capture == two.capture


def test_receivers_that_leave_and_come_back_are_offered_again_soon():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.did(bench.machine.receivers(bench.now, present=False))
    assert bench.machine.phase(one.capture) is Phase.WAITING
    for _ in range(8):
        bench.later(600)
        bench.acknowledge(bench.all_of(SendOffer)[-1], nobody=True)
    offered = len(bench.all_of(SendOffer))
    bench.did(bench.machine.receivers(bench.now, present=True))
    bench.later(2.0)
    assert len(bench.all_of(SendOffer)) == offered + 1


@pytest.mark.parametrize("phase", ["offered", "sent"])
def test_a_receiver_that_has_just_come_is_offered_what_has_no_answer(phase):
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    if phase == "sent":
        bench.answer(have(one, *range(6)))
    bench.did(bench.machine.receivers(bench.now, present=True))
    assert bench.machine.phase(one.capture).value == phase, "what was kept from before says nothing new"
    bench.did(bench.machine.receivers(bench.now, present=True, just_now=True))
    bench.later(2.0)
    assert len(bench.all_of(SendOffer)) == 2


def test_a_message_the_broker_refuses_is_tried_again_later():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0], refused=True)
    assert bench.machine.phase(one.capture) is Phase.WAITING
    bench.later(1)
    assert len(bench.all_of(SendOffer)) == 2


def test_what_leaves_the_vault_is_forgotten_and_its_acknowledgement_still_frees_the_window():
    one, two = work(1), work(2)
    bench = Bench(one)
    offer = bench.all_of(SendOffer)[0]
    bench.plan(two)
    assert bench.machine.phase(one.capture) is None
    assert bench.machine.in_flight == 2
    bench.acknowledge(offer)
    assert bench.machine.in_flight == 1


def test_an_acknowledgement_after_a_timeout_changes_nothing():
    one = work()
    bench = Bench(one)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    first, *_ = bench.answer(have(one))
    bench.answer(Refusal(one.capture, one.digest, seconds=100))
    bench.acknowledge(first)
    assert bench.machine.phase(one.capture) is Phase.WAITING


def test_a_late_answer_is_used():
    one = work()
    bench = Bench(one, chance=0.99)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.later(ANSWER_SECONDS)
    bench.answer(have(one, 0, 1, 2, 3, 4))
    assert bench.chunks() == [(1, 5)]


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("step", list(Step))
def test_a_step_leads_where_the_table_says_or_nowhere(phase, step):
    assert advance(phase, step) == TRANSITIONS[phase].get(step)


def test_nothing_leads_out_of_the_end():
    assert not TRANSITIONS[Phase.RECEIPTED]
    assert not TRANSITIONS[Phase.PARKED]


def test_only_a_receipt_leads_to_receipted():
    assert {s for table in TRANSITIONS.values() for s, p in table.items() if p is Phase.RECEIPTED} == {Step.RECEIPT}


def test_the_diagram_in_the_docs_is_the_table():
    lines = [f"{p:<9} {f'--{s}-->':<13} {after}" for p, table in TRANSITIONS.items() for s, after in table.items()]
    drawn = FORMAT_PAGE.read_text().split("<!-- phases -->\n```\n")[1].split("\n```")[0].splitlines()
    assert sorted(map(str.split, drawn)) == sorted(map(str.split, lines))


def test_a_wait_is_anything_up_to_its_ceiling():
    assert [backoff.ceiling(n) for n in (0, 1, 2, 3, 9, 10, 1000)] == [1, 1, 2, 4, 256, 300, 300]
    assert backoff.delay(3, lambda: 0.0) == 0
    assert backoff.delay(3, lambda: 0.25) == 1.0


def test_of_a_long_queue_only_the_first_are_known_until_they_have_had_their_turn():
    queue = [work(counter) for counter in range(1, 101)]
    bench = Bench(*queue[:AHEAD])
    machine = bench.machine
    assert machine.phase(queue[AHEAD - 1].capture) is Phase.WAITING
    assert machine.reach() == AHEAD + 1, "the first is offered, and as many may wait behind it"
    for one in queue[: AHEAD // 2]:
        assert not machine.runs_short
        bench.acknowledge(bench.all_of(SendOffer)[-1])
        bench.answer(receipt(one))
    assert machine.runs_short
    left = queue[AHEAD // 2 :]
    bench.plan(*left[: machine.reach()])
    assert not machine.runs_short
    assert machine.phase(queue[AHEAD + 1].capture) is Phase.WAITING


def test_what_is_under_way_is_not_forgotten_when_more_urgent_works_fill_all_that_is_seen():
    one = work(1)
    bench = Bench(one)
    urgent = [work(counter, urgent=True) for counter in range(2, 2 + AHEAD + 1)]
    bench.plan(*urgent[: bench.machine.reach()])
    assert bench.machine.phase(one.capture) is Phase.OFFERED
    bench.plan(*urgent[:3])
    assert bench.machine.phase(one.capture) is None, "all of the queue was seen, and it is not in it"


def test_who_was_offered_ahead_does_not_time_out_while_the_one_before_goes_on():
    one, two = work(1, chunks=OFFER_AHEAD), work(2)
    bench = Bench(one, two, window=1)
    bench.acknowledge(bench.all_of(SendOffer)[0])
    bench.answer(have(one))
    bench.acknowledge(bench.all_of(SendOffer)[1])
    bench.answer(have(two))
    while bench.chunks()[-1][0] == 1:
        bench.later(STALL_SECONDS - 1)
        bench.acknowledge(bench.all_of(SendChunk)[-1])
    assert bench.machine.phase(two.capture) is Phase.SENDING
    assert len(bench.all_of(SendOffer)) == 2
