"""What the hospital keeps of devices' ledgers, what it notices, and how it explains it."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from capture.envelope import KeySigner
from capture.identifiers import DeviceId, SiteId
from capture.ledger import Ledger, LedgerEvent, LedgerHead, Line
from capture.ledger.chain import BEGINNING, hash_of
from sync.receiver import Limits, alarm_events, status, verify_device
from sync.receiver.alarms import sentence
from sync.receiver.archive import Heartbeat
from sync.receiver.archive.database import writing
from sync.receiver.archive.tables import device_heads
from sync.receiver.ledgers import LATE_MS

DEVICE = DeviceId("bed-1")
STRANGER = KeySigner(ec.generate_private_key(ec.SECP256R1()))


class Bed:
    """One device's camera chain and what the hospital was told of it, offer by offer, at times of the test's choice."""

    def __init__(self, make_archive, ward, hospital, folder, **changes):
        self.now = 1_800_000_000_000
        self.archive = make_archive(clock=lambda: self.now, **changes)
        self.ward, self.hospital, self.folder = ward, hospital, folder
        self.signer = KeySigner(ward.key_of(DEVICE))
        ward.ledgers[DEVICE] = {"camera": self.signer.public_key, "panel": None}
        self.ingest = ward.ingest(self.archive)
        self.offers = 0
        folder.mkdir(exist_ok=True)

    def write(self, events: int = 1) -> LedgerHead:
        """Lines on the device's own chain, and the head of the last."""
        with Ledger(self.folder, "camera", self.signer, clock=lambda: self.now) as ledger:
            for _ in range(events):
                head = ledger.append(LedgerEvent.STILL_DISCARDED)
        return head

    def head(self, sequence: int, of: str, signer: KeySigner | None = None, chain: str = "camera") -> LedgerHead:
        return LedgerHead.signed(chain, sequence, of * 64, signer or self.signer)

    def offer(self, *heads: LedgerHead, later_ms: int = 1000) -> list[str]:
        """The kinds of what was raised because of an offer with these heads."""
        self.now += later_ms
        self.offers += 1
        envelope = self.ward.envelope(self.offers)
        with capture_logs() as logs:
            self.hospital.receive(
                self.ingest, [self.hospital.offer_of(envelope, heads=[head.to_json() for head in heads])]
            )
        return [log["kind"] for log in logs if log["event"] == "ledger-contradicted" and log["alarm"]]

    def first(self, **changes) -> str:
        """What `verify DEVICE` says of the camera chain."""
        keys = self.ward.trust.ledger_keys(DEVICE)
        return next(r for r in verify_device(self.archive, DEVICE, keys, **changes) if r.chain == "camera").first


@pytest.fixture
def bed(make_archive, ward, hospital, tmp_path, database):
    return Bed(make_archive, ward, hospital, tmp_path / "ledger", database=database)


@pytest.fixture
def small_bed(make_archive, ward, hospital, tmp_path):
    return Bed(make_archive, ward, hospital, tmp_path / "ledger")


def test_heads_that_come_with_offers_are_kept_and_an_honest_ledger_raises_nothing(bed):
    heads = [bed.write(n) for n in (1, 3, 2)]
    assert [bed.offer(head) for head in (*heads, heads[-1])] == [[], [], [], []]
    kept = bed.archive.ledger_heads(DEVICE)
    assert [(head.sequence, head.hash) for head in kept] == [(head.sequence, head.hash) for head in heads]
    assert [json.loads(head.head) for head in kept] == [head.to_json() for head in heads]
    assert status(bed.archive).alarms == ()
    report = verify_device(bed.archive, DEVICE, bed.ward.trust.ledger_keys(DEVICE), bed.folder)[0]
    assert (report.whole, report.heads, report.newest, report.lines, report.signed) == (True, 3, 6, 6, True)


def test_a_line_that_reads_differently_than_before_is_a_fork_and_the_first_head_stays(bed):
    bed.offer(bed.head(5, "a"))
    assert bed.offer(bed.head(5, "b")) == ["forked"]
    assert bed.offer(bed.head(5, "b")) == []  # The alarm was raised; now it is counted.
    (alarm,) = bed.archive.alarms()
    assert (alarm.kind, alarm.sequence, alarm.hash, alarm.times) == ("forked", 5, "b" * 64, 2)
    assert [head.hash for head in bed.archive.ledger_heads(DEVICE)] == ["a" * 64]


def test_a_chain_that_went_back_is_a_rewind_and_an_offer_that_was_overtaken_is_not(bed):
    bed.offer(bed.head(9, "a"))
    assert bed.offer(bed.head(7, "b"), later_ms=LATE_MS) == []
    assert bed.offer(bed.head(6, "c"), later_ms=1) == ["rewound"]
    (alarm,) = bed.archive.alarms()
    assert "went back to line 6" in sentence(alarm)


def test_a_head_that_another_key_signed_is_forged_and_not_kept(bed):
    assert bed.offer(bed.head(5, "a", STRANGER)) == ["forged"]
    assert bed.archive.ledger_heads(DEVICE) == ()
    # So it cannot make the device's own next head look like a fork.
    assert bed.offer(bed.head(5, "b")) == []


def test_a_chain_that_is_not_shown_any_more_is_a_gap(bed):
    bed.offer(bed.head(5, "a"))
    assert bed.offer(later_ms=LATE_MS - 1) == []
    assert bed.offer(later_ms=2) == ["gap"]
    assert "not shown with an offer" in bed.first()


def test_a_head_of_a_chain_that_the_site_does_not_know_is_ignored(small_bed):
    said = [small_bed.head(1, "a", chain=f"chain-{number}") for number in range(8)]
    before = small_bed.ingest.tally.ignored
    assert small_bed.offer(*said) == []
    assert small_bed.ingest.tally.ignored == before + 8
    assert small_bed.archive.ledger_heads(DEVICE) == ()


def test_a_chain_whose_key_the_site_does_not_know_is_held_to_its_own_words(small_bed):
    assert small_bed.offer(small_bed.head(3, "a", STRANGER, "panel")) == []
    assert small_bed.offer(small_bed.head(3, "b", STRANGER, "panel")) == ["forked"]
    panel = verify_device(small_bed.archive, DEVICE, small_bed.ward.trust.ledger_keys(DEVICE))[0]
    assert (panel.chain, panel.signed, panel.whole) == ("panel", False, False)


def test_what_a_device_that_is_not_trusted_says_of_its_ledger_is_not_kept(small_bed):
    small_bed.ward.devices[DEVICE] = "revoked"
    assert small_bed.offer(small_bed.write()) == []
    assert small_bed.archive.ledger_heads(DEVICE) == ()


def test_heads_are_bounded_and_the_newest_stay(make_archive, ward, hospital, tmp_path):
    bed = Bed(make_archive, ward, hospital, tmp_path / "ledger", limits=Limits(lines_of_a_chain=3))
    heads = [bed.write() for _ in range(6)]
    assert [bed.offer(head) for head in heads] == [[]] * 6
    assert [head.sequence for head in bed.archive.ledger_heads(DEVICE)] == [4, 5, 6]
    assert bed.first(lines=bed.folder) == ""


def test_status_says_first_what_is_wrong_with_a_ledger(small_bed):
    small_bed.offer(small_bed.head(5, "a"))
    small_bed.offer(small_bed.head(5, "b"))
    small_bed.archive.beat(_heartbeat(small_bed.now))
    now = status(small_bed.archive)
    assert "came with another line 5 than before" in now.sentence
    assert "have its ledger verified" in now.sentence
    assert json.loads(json.dumps(now.to_json()))["alarms"][0]["kind"] == "forked"


def _heartbeat(now):
    return Heartbeat("receiver-1", "here", 1, "broker:8883", now, now, "listening", 0, 0)


def _rewritten(bed, place: int, events: int) -> None:
    """The device's chain, altered at `place` and chained and signed anew: what only older heads can show."""
    lines = (bed.folder / "camera.jsonl").read_bytes().splitlines()
    previous, made = BEGINNING, []
    for sequence in range(1, events + 1):
        event = "service-stopped" if sequence == place else json.loads(lines[sequence - 1])["event"]
        made.append(Line("camera", sequence, previous, bed.now, event, {}).to_bytes())
        previous = hash_of(made[-1])
    (bed.folder / "camera.jsonl").write_bytes(b"".join(line + b"\n" for line in made))


def test_a_chain_that_was_rewritten_and_signed_anew_does_not_go_through_the_hospitals_heads(small_bed):
    for number in (2, 2, 2):
        small_bed.offer(small_bed.write(number))
    _rewritten(small_bed, place=3, events=6)
    said = small_bed.first(lines=small_bed.folder)
    # The rewriting kept the times of no line, so the first head that does not fit is the first there is.
    assert said.startswith("Line 2 (still-discarded) has another hash than the hospital was given")
    assert "The hospital was given a head for line 2 on" in said
    assert said.count("\n") == 0


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda lines: lines[:3], "Line 4 was signed for and is not there: the end was cut off."),
        (lambda lines: lines[1:], "Line 1 (still-discarded) has another number than its place"),
        (lambda lines: [*lines[:2], b"{}", *lines[3:]], "Line 3 is not a line of a ledger: it was altered."),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "Line 3 (still-discarded) has another number"),
        (
            lambda lines: [*lines[:1], lines[1].replace(b"1800", b"1700"), *lines[2:]],
            "Line 3 (still-discarded) does not",
        ),
    ],
    ids=["cut", "removed", "replaced", "swapped", "edited"],
)
def test_the_first_bad_entry_is_explained_in_one_sentence(small_bed, harm, said):
    small_bed.offer(small_bed.write(6))
    path = small_bed.folder / "camera.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in harm(path.read_bytes().splitlines())))
    assert small_bed.first(lines=small_bed.folder).startswith(said)


def test_a_chain_whose_lines_are_not_in_the_copy_is_said_to_be_gone(small_bed):
    small_bed.offer(small_bed.write(2))
    (small_bed.folder / "camera.jsonl").unlink()
    assert "camera.jsonl" in small_bed.first(lines=small_bed.folder)


def test_a_kept_head_that_was_altered_in_the_archive_is_noticed(small_bed):
    small_bed.offer(small_bed.write(2))
    assert small_bed.first() == ""
    with writing(small_bed.archive._engine) as connection:
        connection.execute(device_heads.update().values(hash="0" * 64))
    assert small_bed.first() == "The kept head of line 2 was altered in the archive, or is not the device's."


def test_what_was_raised_is_written_out_as_fhir(small_bed):
    small_bed.offer(small_bed.head(5, "a"))
    small_bed.offer(small_bed.head(5, "b"))
    (event,) = alarm_events(small_bed.archive, DEVICE, SiteId("st-mary"))
    assert (event["resourceType"], event["type"]["code"], event["outcome"]) == ("AuditEvent", "110113", "8")
    assert event["subtype"][0]["code"] == "ledger-forked"
    assert "came with another line 5" in event["outcomeDesc"]
    assert event["source"]["observer"]["identifier"]["value"] == "spiffe://st-mary/receiver"
    assert len(event["id"]) == 64
