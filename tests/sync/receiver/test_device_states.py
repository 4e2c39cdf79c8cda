"""What devices say of themselves: kept once whoever hears it, never by an older word, and only from the site's own."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import text

from capture.identifiers import DeviceId
from sync.mqtt import Message
from sync.protocol import DeviceFacts, DeviceState, topics
from sync.receiver.alarms import AlarmKind
from sync.receiver.archive import SILENT_MS, KeptState, schema
from sync.receiver.archive.database import open_engine, reading, writing
from sync.receiver.archive.tables import metadata
from sync.receiver.patience import Patience
from sync.receiver.states import StateKeeper
from sync.receiver.turn import Tally

BED = DeviceId("bed-1")
FACTS = DeviceFacts("0.1.0", 3, 0, 10**10, 20, {"centerface": "ab" * 32}, {"phantom": "passed"}, 1_700_000_000_000, 55)
PACKETS = itertools.count(1)


def said(state: DeviceState, device: str = BED, *, retained: bool = False) -> Message:
    return Message(topics.state(DeviceId(device)), state.encode(), retained, next(PACKETS), 1)


def birth(session: int, queued: int = 3) -> DeviceState:
    return DeviceState(session, replace(FACTS, queued=queued))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keeper_of(ward):
    def make(archive, **changes):
        parts = {"trust": ward.trust, "patience": Patience(lambda: 0.0), "tally": Tally()}
        return StateKeeper(archive, **(parts | changes))

    return make


@pytest.fixture
def timed(make_archive, database, clock):
    return make_archive(database=database, clock=clock)


def test_a_birth_is_kept_as_it_came_and_a_will_leaves_it_and_says_since_when(timed, keeper_of, clock):
    keeper, born = keeper_of(timed), clock.now
    keeper.hear([said(birth(7))])
    assert timed.states() == (KeptState(BED, 7, True, born, born, birth(7).encode()),)
    clock.now += 60_000
    keeper.hear([said(birth(7, queued=1))])
    assert timed.states() == (KeptState(BED, 7, True, born, clock.now, birth(7, queued=1).encode()),)
    heard = clock.now
    clock.now += 60_000
    keeper.hear([said(DeviceState(7))])
    (gone,) = timed.states()
    assert (gone.online, gone.since_ms, gone.heard_at_ms) == (False, clock.now, heard)
    assert gone.birth == birth(7, queued=1).encode()


def test_a_will_that_was_overtaken_and_a_birth_after_its_will_change_nothing(timed, keeper_of, clock):
    keeper = keeper_of(timed)
    keeper.hear([said(birth(8))])
    before = timed.states()
    clock.now += 1000
    keeper.hear([said(DeviceState(7)), said(birth(7))])
    assert timed.states() == before
    keeper.hear([said(DeviceState(8))])
    away = timed.states()
    clock.now += 1000
    keeper.hear([said(birth(8)), said(birth(8), retained=True), said(DeviceState(8))])
    assert timed.states() == away
    keeper.hear([said(birth(9))])
    assert timed.states()[0].online


def test_two_receivers_that_hear_the_same_in_any_order_come_to_the_same(make_archive, database, keeper_of, clock):
    one, two = (keeper_of(make_archive(database=database, clock=clock)) for _ in range(2))
    messages = [said(birth(1)), said(DeviceState(1)), said(birth(2)), said(birth(2, queued=9))]
    archive = make_archive(database=database, clock=clock)
    for behind in range(len(messages)):
        one.hear(messages[: behind + 1])
        two.hear(messages)
        (state,) = archive.states()
        assert (state.session, state.online, state.birth) == (2, True, birth(2, queued=9).encode())


def test_receivers_that_hear_a_whole_fleet_at_once_block_nobody(make_archive, database, keeper_of, ward):
    devices = [f"bed-{number}" for number in range(40)]
    ward.devices |= dict.fromkeys(devices, "active")
    archives = [make_archive(database=database) for _ in range(3)]
    failures = []

    def hear(archive, order):
        try:
            for session in range(1, 6):
                keeper_of(archive).hear([said(birth(session), device) for device in order])
        except Exception as error:  # noqa: BLE001 - whatever it was is what the test is about
            failures.append(error)

    orders = (devices, devices[::-1], devices[20:] + devices[:20])
    threads = [threading.Thread(target=hear, args=pair) for pair in zip(archives, orders, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [(state.device, state.session) for state in archives[0].states()] == [(name, 5) for name in sorted(devices)]


def test_what_the_broker_kept_renews_nothing_that_is_known(timed, keeper_of, clock):
    """A broker that lost a device's will would otherwise say at each restart of a receiver that it is there."""
    keeper_of(timed).hear([said(birth(3))])
    before = timed.states()
    clock.now += SILENT_MS * 2
    keeper_of(timed).hear([said(birth(3), retained=True)])
    assert timed.states() == before
    keeper_of(timed).hear([said(birth(3, queued=8), retained=True)])
    assert timed.states()[0].birth == birth(3, queued=8).encode()


def test_a_device_that_lost_its_count_is_heard_again_once_it_was_silent(timed, keeper_of, clock):
    keeper = keeper_of(timed)
    keeper.hear([said(birth(41))])
    clock.now += SILENT_MS
    keeper.hear([said(birth(1))])
    assert timed.states()[0].session == 41
    clock.now += 1
    keeper.hear([said(birth(1))])
    assert timed.states()[0].session == 1


def test_only_the_sites_own_devices_are_kept_and_a_revoked_ones_last_word_stays(timed, keeper_of, ward):
    tally = Tally()
    keeper = keeper_of(timed, tally=tally)
    keeper.hear([said(birth(1)), said(birth(1), "stranger"), said(birth(1), "old"), said(birth(1), "site")])
    assert [state.device for state in timed.states()] == [BED]
    assert tally.ignored == 3
    ward.devices[BED] = "revoked"
    keeper.hear([said(birth(2, queued=99)), said(DeviceState(2))])
    assert timed.states()[0].birth == birth(1).encode()


HOSTILE = {
    "nothing": b"",
    "huge": b'{"online":' + b" " * 2_000_000,
    "deep": b"[" * 16_000,
    "not-json": b"\xff\x00\xfe",
    "other-type": b'{"session":1,"type":"offer","v":1}',
    "number-beyond-a-column": DeviceState(2**70).encode(),
    "negative": birth(1, queued=-1).encode(),
    "too-many-models": DeviceState(1, replace(FACTS, models={f"m{n}": "a" for n in range(33)})).encode(),
    "half-a-character": DeviceState(1, replace(FACTS, models={"\ud800": "a"})).encode(),
    "a-null": DeviceState(1, replace(FACTS, self_test={"\x00": "passed"})).encode(),
    "twice": b'{"online":false,"online":false,"session":1,"type":"state","v":1}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_state_that_is_none_is_refused_and_counted_and_the_next_is_kept(small_archive, keeper_of, what):
    tally = Tally()
    hostile = Message(topics.state(BED), HOSTILE[what], False, 1, 1)
    keeper_of(small_archive, tally=tally).hear([hostile, said(birth(1), "bed-2")])
    assert [state.device for state in small_archive.states()] == ["bed-2"]
    assert tally.malformed == 1
    assert small_archive.alarms() == ()


@pytest.mark.parametrize("topic", ["wardlens/v1/Bed 1/state", "wardlens/v2/bed-1/state", "a/b/c/state"])
def test_a_topic_that_names_no_device_is_refused_and_counted(small_archive, keeper_of, topic):
    tally = Tally()
    keeper_of(small_archive, tally=tally).hear([replace(said(birth(1)), topic=topic)])
    assert (small_archive.states(), tally.malformed) == ((), 1)


def test_a_device_whose_states_are_nonsense_is_not_listened_to_for_a_while_and_raised(small_archive, keeper_of):
    tally = Tally()
    keeper = keeper_of(small_archive, tally=tally, patience=Patience(lambda: 0.0, burst=3))
    nonsense = [Message(topics.state(BED), b"nonsense", False, n, 1) for n in range(5)]
    keeper.hear([*nonsense, said(birth(1)), said(birth(1), "bed-2")])
    assert (tally.malformed, tally.unheard) == (3, 3)
    assert [(alarm.device, alarm.kind, alarm.times) for alarm in small_archive.alarms()] == [
        (BED, AlarmKind.NONSENSE, 1)
    ]
    assert [state.device for state in small_archive.states()] == ["bed-2"]


# What pictures say of their device's de-identification.


def test_a_picture_counts_once_however_often_it_is_offered_and_whoever_opens_it(archive, ward, hospital):
    redaction = hospital.redaction_for(10, 10)
    redaction["decisions"] = [
        {"action": "remove", "kind": "text", "by": "4711", "at_ms": 1, "reason": "wound", "index": 1},
        {"action": "show", "kind": "face", "by": "4711", "at_ms": 2, "reason": "wound"},
        {"action": "add", "kind": "code", "by": "4711", "at_ms": 3, "reason": ""},
    ]
    corrected = ward.envelope(1, manifest={"redaction": redaction})
    for _ in range(2):
        hospital.drive(ward.ingest(archive), corrected)
    hospital.drive(ward.ingest(archive), ward.envelope(2))
    hospital.drive(ward.ingest(archive), ward.envelope(3, device="bed-2", manifest={"redaction": []}))
    figures = archive.figures(1)
    own = figures["bed-1"]
    assert (own.pictures, own.uncovered, own.added, own.unsure, own.regions, own.regions_squared) == (2, 1, 1, 2, 3, 5)
    assert (figures["bed-2"].pictures, figures["bed-2"].regions) == (1, 0)


def test_a_picture_that_is_opened_later_counts_then_and_on_the_day_it_came(make_archive, ward, hospital, clock):
    from sync.receiver import Opener  # noqa: PLC0415 - one test needs it

    archive = make_archive(clock=clock)
    hospital.drive(ward.ingest(archive, keys=None, key_ids=lambda: {ward.opening.key_id}), ward.envelope(1))
    assert archive.figures(28) == {}
    clock.now += 3 * 24 * 3600 * 1000
    opener = Opener(archive, site=hospital.SITE, authorities=ward.trust.authorities, keys=lambda: (ward.opening,))
    opener.open_waiting()
    opener.open_waiting()
    assert archive.figures(4)["bed-1"].pictures == 1
    assert archive.figures(3) == {}


def test_what_an_older_archive_holds_is_counted_when_it_is_brought_up_to_date(make_archive, database, ward, hospital):
    archive = make_archive(database=database)
    for number, redaction in enumerate((hospital.redaction_for(9, 9), [], {"regions": 7, "decisions": [1]}), start=1):
        hospital.drive(ward.ingest(archive), ward.envelope(number, manifest={"redaction": redaction}))
    before = archive.figures(1)
    assert before["bed-1"].regions == 2
    engine, config = archive._engine, schema._config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    with reading(engine) as connection:
        assert "device_days" not in engine.dialect.get_table_names(connection)
    schema.bring_up_to_date(engine)
    assert archive.figures(1) == before


def test_an_archive_without_pictures_is_brought_up_to_date(tmp_path, database):
    engine = open_engine(database or f"sqlite:///{tmp_path / 'a.sqlite'}")
    config = schema._config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    schema.bring_up_to_date(engine)
    with reading(engine) as connection:
        assert connection.execute(metadata.tables["device_states"].select()).all() == []
        assert connection.execute(text("SELECT count(*) FROM device_days")).scalar_one() == 0
    engine.dispose()
