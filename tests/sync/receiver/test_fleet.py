"""The fleet: who needs attention, why, and first; what drifts; and what the page, the command and the metrics say."""

from __future__ import annotations

import html
import json
import random
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from capture.identifiers import DeviceId
from sync.protocol import DeviceFacts, DeviceState
from sync.receiver import Admission, LoginTokens, Role, as_json, create_view, status, view_served
from sync.receiver.archive import SILENT_MS, Figures, KeptState
from sync.receiver.archive.days import figures_of
from sync.receiver.drift import FEWEST_PICTURES, Measure, compared
from sync.receiver.fleet import DAY_MS, Concern, Enrolled, ModelVerdict, Presence, Release, fleet
from sync.receiver.fleet_said import duration, sentence
from sync.receiver.metrics import exposition
from sync.receiver.view.devices import MOST_SHOWN

NOW = 1_800_000_000_000
DIGEST = "ab" * 32
HEALTHY = DeviceFacts("0.1.0", 0, 0, 10**10, 20, {"centerface": DIGEST}, {"phantom": "passed"}, NOW - 1000, 55)
RELEASE = Release("0.1.0", {"centerface": DIGEST})
USUAL = Figures(pictures=1000, uncovered=20, added=10, unsure=300, regions=2000, regions_squared=5000)


def state(facts=HEALTHY, *, online=True, heard=NOW - 60_000, since=NOW - 60_000, device="bed-1"):
    birth = b"" if facts is None else DeviceState(5, facts).encode()
    return KeptState(DeviceId(device), 5, online, since, 0 if facts is None else heard, birth)


def one(kept=None, *, own=None, others=None, release=RELEASE, status="active"):
    """What is thought of one device of two."""
    enrolled = [Enrolled("bed-1", "Ward 9", status), Enrolled("bed-2", "Ward 1")]
    states = {found.device: found for found in (kept, state(device="bed-2")) if found}
    figures = {DeviceId("bed-1"): own or Figures(), DeviceId("bed-2"): others or Figures()}
    return next(d for d in fleet(NOW, enrolled, states, figures, release) if d.device == "bed-1")


def test_a_healthy_device_needs_nobody():
    found = one(state(), own=USUAL, others=USUAL)
    assert (found.presence, found.concerns, found.certificate_days) == (Presence.ONLINE, (), 20)
    assert found.models == (("centerface", DIGEST, ModelVerdict.KNOWN),)


def test_a_will_says_away_since_then_and_what_it_last_said_is_counted_on():
    facts = replace(HEALTHY, queued=2, oldest_seconds=600)
    found = one(state(facts, online=False, heard=NOW - 3 * DAY_MS, since=NOW - 3 * DAY_MS))
    assert (found.presence, found.since_ms) == (Presence.AWAY, NOW - 3 * DAY_MS)
    assert (found.certificate_days, found.oldest_seconds) == (17, 600 + 3 * 86_400)
    assert found.concerns == (Concern.WAITING, Concern.AWAY)


def test_a_device_whose_will_never_came_is_silent_since_its_last_word():
    found = one(state(heard=NOW - SILENT_MS, since=NOW - DAY_MS))
    assert (found.presence, found.since_ms, found.concerns) == (Presence.SILENT, NOW - SILENT_MS, ())
    assert one(state(heard=NOW - SILENT_MS + 1)).presence is Presence.ONLINE


def test_a_device_that_is_switched_off_over_night_needs_nobody():
    assert one(state(online=False, heard=NOW - DAY_MS + 1, since=NOW - DAY_MS + 1)).concerns == ()


CONCERNS = {
    Concern.SELF_TEST_FAILED: ({"self_test": {"phantom": "failed", "keys": "passed"}}, "failed (phantom)"),
    Concern.MODELS_ALTERED: ({"models": {"centerface": "cd" * 32}}, "not its release's (centerface)"),
    Concern.CERTIFICATE_ENDED: ({"certificate_days": -1}, "wardlens site readmit bed-1"),
    Concern.SPACE_LOW: ({"free_bytes": 10**9 - 10**8}, "0.9 GB left"),
    Concern.PARKED: ({"parked": 1}, "1 picture of it was refused for good"),
    Concern.WAITING: ({"oldest_seconds": 7200}, "has waited there for 2 hours"),
    Concern.CERTIFICATE_ENDS: ({"certificate_days": 6}, "ends in 6 days"),
    Concern.HOT: ({"celsius": 80}, "80 °C"),
    Concern.NO_SELF_TEST: ({"self_test": {}}, "has not tested itself yet"),
}


@pytest.mark.parametrize("concern", CONCERNS)
def test_each_concern_is_raised_by_what_it_is_about_and_says_what_to_do(concern):
    changes, words = CONCERNS[concern]
    found = one(state(replace(HEALTHY, **changes)))
    assert found.concerns == (concern,)
    assert words in sentence(found, concern)


def test_what_nobody_can_say_of_itself_is_never():
    for kept in (None, state(None, online=False), replace(state(), birth=b"altered in the archive")):
        found = one(kept)
        assert found.concerns == (Concern.NEVER,)
        assert sentence(found, Concern.NEVER).startswith("It was approved and has never been heard of")


def test_an_answer_of_a_self_test_that_is_not_known_is_no_pass():
    assert one(state(replace(HEALTHY, self_test={"phantom": "fine"}))).concerns == (Concern.SELF_TEST_FAILED,)


def test_a_model_of_another_release_is_not_called_altered():
    other = state(replace(HEALTHY, version="0.2.0", models={"centerface": "cd" * 32, "newer": DIGEST}))
    assert {verdict for *_, verdict in one(other).models} == {ModelVerdict.OTHER_RELEASE}
    assert one(other).concerns == ()
    assert {verdict for *_, verdict in one(other, release=Release()).models} == {ModelVerdict.NOT_COMPARED}


def test_those_that_need_attention_come_first_the_most_urgent_of_them_before_and_the_untrusted_last():
    kept = {
        "a": state(device="a"),
        "b": state(replace(HEALTHY, celsius=90), device="b"),
        "c": state(replace(HEALTHY, self_test={"phantom": "failed"}), device="c"),
        "d": state(replace(HEALTHY, self_test={"phantom": "failed"}), device="d"),
    }
    enrolled = [Enrolled(name, name, "revoked" if name == "d" else "active") for name in "abcde"]
    found = fleet(NOW, enrolled, kept, {}, RELEASE)
    assert "".join(device.device for device in found) == "cbead"
    assert found[-1].concerns == ()


# Drift


def test_a_device_like_its_fleet_does_not_stand_out_and_chance_alone_makes_none():
    chance = random.Random(5)
    out = 0
    for _ in range(300):
        regions = [chance.choice((0, 1, 2, 5)) for _ in range(200)]
        own = Figures(
            200,
            uncovered=sum(chance.random() < 0.02 for _ in range(200)),
            added=sum(chance.random() < 0.01 for _ in range(200)),
            unsure=sum(chance.random() < 0.3 for _ in range(200)),
            regions=sum(regions),
            regions_squared=sum(n * n for n in regions),
        )
        others = replace(USUAL, regions=2000, regions_squared=7500)
        out += any(one.stands_out for one in compared(own, others))
    assert out <= 1


FIFTH = Figures(pictures=200, uncovered=4, added=2, unsure=60, regions=400, regions_squared=1000)
STRANGE = {
    Measure.UNCOVERED: replace(
        USUAL, pictures=200, uncovered=30, added=2, unsure=60, regions=400, regions_squared=1000
    ),
    Measure.ADDED: replace(FIFTH, uncovered=4, added=30, unsure=60),
    Measure.UNSURE: replace(FIFTH, uncovered=4, added=2, unsure=150),
    Measure.REGIONS: replace(FIFTH, regions=100, regions_squared=150),
}


@pytest.mark.parametrize("measure", STRANGE)
def test_a_device_that_drifts_says_in_which_figure_and_how_far_from_the_others(measure):
    found = one(state(), own=STRANGE[measure], others=USUAL)
    assert [c.measure for c in found.drift if c.stands_out] == [measure]
    assert found.concerns == (Concern.DRIFT,)
    assert "(fleet" in sentence(found, Concern.DRIFT)


def test_a_few_pictures_prove_nothing():
    few = Figures(FEWEST_PICTURES - 1, added=FEWEST_PICTURES - 1)
    assert not any(one.stands_out for one in compared(few, USUAL))
    assert not any(one.stands_out for one in compared(USUAL, few))
    assert compared(Figures(), USUAL) == ()
    assert {one.fleet for one in compared(USUAL, Figures())} == {None}


def test_a_revoked_devices_pictures_are_no_part_of_the_fleet():
    strange = STRANGE[Measure.UNSURE]
    enrolled = [Enrolled("bed-1", "a", "revoked"), Enrolled("bed-2", "b")]
    figures = {DeviceId("bed-1"): strange, DeviceId("bed-2"): USUAL}
    (trusted, _) = fleet(NOW, enrolled, {}, figures, RELEASE)
    assert {found.fleet for found in trusted.drift} == {None}


@pytest.mark.parametrize(
    "manifest",
    [b"[]", b"{}", b'{"redaction":7}', b'{"redaction":{"outcomes":[],"decisions":{},"regions":"x"}}', b"3",
     b'{"redaction":{"decisions":[null,{"action":["add"]}],"outcomes":{"face":{"a":1}},"regions":[0,0]}}'],
)  # fmt: skip
def test_a_strange_manifest_is_a_picture_all_the_same(manifest):
    found = figures_of(manifest)
    assert (found.pictures, found.uncovered, found.added, found.unsure) == (1, 0, 0, 0)


# What is said of it


@pytest.fixture
def mixed(make_archive):
    """An archive with a device that is well, one whose self-test failed, and one that is no longer trusted."""
    archive = make_archive()
    now = archive.clock()
    failed = replace(
        HEALTHY, self_test={"phantom": "failed"}, queued=4, oldest_seconds=300, version="<b>0.1.0", system="2026.48.1"
    )
    devices = (("bed-1", failed), ("bed-2", HEALTHY), ("old", replace(HEALTHY, parked=9)))
    kept = [state(facts, device=name, heard=now, since=now) for name, facts in devices]
    archive.keep_states((one, False) for one in kept)
    return archive


def listed():
    return [Enrolled("bed-2", "Ward 2"), Enrolled("bed-1", "Ward <9>"), Enrolled("old", "Ward 3", "revoked")]


@pytest.fixture
def visitor(mixed, tmp_path):
    tokens = LoginTokens(tmp_path / "links")
    view = create_view(mixed, site="St Mary", receipt_keys=dict, tokens=tokens, enrolled=listed, release=RELEASE)
    with view_served(view) as address, httpx.Client(base_url=address) as client:
        client.get("/login", params={"token": tokens.issue(Admission("Ada", frozenset({Role.IT})))})
        yield client


def test_the_page_has_each_device_with_its_figures_and_those_that_need_attention_first(visitor):
    page = visitor.get("/devices").text
    places = [page.index(html.escape(name)) for name in ("Ward <9>", "Ward 2", "Ward 3")]
    assert places == sorted(places)
    assert "<b>0.1.0" not in page
    for words in (
        "2 trusted, 2 online now",
        "1 needs attention",
        "4 waiting, the oldest for 5 minutes",
        "10.0 GB",
        "55 °C",
        "20 days left",
        "failed: phantom",
        "by the device's own clock",
        "1 known",
        "system 2026.48.1",
        "No longer trusted (revoked)",
        "0 pictures in 28 days",
    ):
        assert words in page, words
    assert visitor.get("/").headers["location"] == "/devices"


def test_a_page_of_a_large_fleet_ends_and_says_so(make_archive, tmp_path):
    tokens = LoginTokens(tmp_path / "links")
    many = [Enrolled(f"bed-{number}", f"Ward {number}") for number in range(MOST_SHOWN + 5)]
    parts = {"site": "St Mary", "receipt_keys": dict, "tokens": tokens, "enrolled": lambda: many}
    with view_served(create_view(make_archive(), **parts)) as address, httpx.Client(base_url=address) as client:
        client.get("/login", params={"token": tokens.issue(Admission("Ada", frozenset({Role.IT})))})
        page = client.get("/devices").text
    assert page.count("<h2>") == MOST_SHOWN
    assert "5 more are not on this page" in page


def test_a_site_without_devices_says_how_to_invite_one(make_archive, tmp_path):
    tokens = LoginTokens(tmp_path / "links")
    view = create_view(make_archive(), site="St Mary", receipt_keys=dict, tokens=tokens)
    with view_served(view) as address, httpx.Client(base_url=address) as client:
        client.get("/login", params={"token": tokens.issue(Admission("Ada", frozenset({Role.IT})))})
        assert "wardlens site invite" in client.get("/devices").text


def gauge(text, name):
    return float(next(line for line in text.splitlines() if line.startswith(f"wardlens_{name} ")).split()[1])


def test_metrics_of_the_fleet_are_sums_and_extremes_and_name_no_device(visitor, program):
    text = visitor.get("/metrics").text
    assert '\nwardlens_fleet_concerns{concern="self-test-failed"} 1\n' in text
    assert '\nwardlens_fleet_concerns{concern="parked"} 0\n' in text, "a revoked device counts nowhere"
    figures = {
        "devices": 2,
        "online": 2,
        "versions": 2,
        "queued": 4,
        "parked": 0,
        "least_certificate_seconds": 20 * 86_400,
        "least_free_bytes": 10**10,
        "warmest_celsius": 55,
        "pictures": 0,
    }
    assert {name: gauge(text, f"fleet_{name}") for name in figures} == figures
    assert 300 <= gauge(text, "fleet_oldest_waiting_seconds") < 360
    assert 0 <= gauge(text, "fleet_oldest_state_seconds") < 60
    for name in ("bed-1", "bed-2", "Ward", "old\n"):
        assert name not in text
    check = [program("promtool"), "check", "metrics"]
    done = subprocess.run(check, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_extremes_of_no_fleet_alarm_nobody(small_archive):
    text = exposition(status(small_archive))
    assert "\nwardlens_fleet_least_certificate_seconds NaN\n" in text
    assert "\nwardlens_fleet_devices 0\n" in text


def test_the_first_end_of_the_sites_own_certificates_is_a_gauge_and_nothing_where_nobody_knows(small_archive):
    now = status(small_archive)
    end = datetime.fromtimestamp(now.at_ms / 1000, UTC) + timedelta(days=59)
    assert "\nwardlens_site_least_certificate_seconds NaN\n" in exposition(now)
    assert gauge(exposition(now, first_end=end), "site_least_certificate_seconds") == pytest.approx(59 * 86_400, abs=1)


def test_metrics_ask_the_site_for_the_first_end_each_time(small_archive, tmp_path):
    ends = iter([datetime(2126, 1, 1, tzinfo=UTC), datetime(2126, 2, 1, tzinfo=UTC)])
    parts = {"site": "St Mary", "receipt_keys": dict, "tokens": LoginTokens(tmp_path / "links")}
    view = create_view(small_archive, **parts, first_end=lambda: next(ends))
    with view_served(view) as address, httpx.Client(base_url=address) as client:
        first, second = (gauge(client.get("/metrics").text, "site_least_certificate_seconds") for _ in range(2))
    assert second - first == pytest.approx(31 * 86_400, abs=60)


def test_the_json_of_a_device_is_json_whatever_its_clock_says():
    found = one(state(replace(HEALTHY, self_test_at_ms=2**62, queued=2, oldest_seconds=0)), own=USUAL, others=USUAL)
    said = json.loads(json.dumps(as_json(found)))
    assert said["self_test_by_its_own_clock"] is None
    assert (said["presence"], said["models"]) == ("online", {"centerface": {"sha256": DIGEST, "is": "known"}})
    assert said["drift"]["unsure"] == {"own": 0.3, "fleet": 0.3, "stands_out": False}
    assert json.loads(json.dumps(as_json(one(None))))["attention"][0]["concern"] == "never"


def test_how_long_is_said_in_the_largest_whole_unit():
    said = {1: "1 second", 59: "59 seconds", 60: "1 minute", 7199: "1 hour", 200_000: "2 days"}
    assert {seconds: duration(seconds) for seconds in said} == said
