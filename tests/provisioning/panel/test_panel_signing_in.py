"""Sign-in, lock-out and lock: who is at the device, how guessing is slowed, and what is left behind at lock."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from capture.errors import LedgerUnwritable
from provisioning.panel import PanelSettings
from provisioning.panel.lockout import LONGEST_WAIT, SignInTries, wait_after
from tests.provisioning.panel.conftest import ORIGIN, OURS

BADGE, PIN = "4711", "1234"


def try_in(client, badge=BADGE, pin="0000"):
    return client.post("/sign-in", json={"badge": badge, "pin": pin})


def test_right_badge_and_pin_lead_to_the_viewfinder(bench):
    with bench.client() as client:
        assert try_in(client, pin=PIN).json() == {"next": "/shoot"}
        assert "Anna Keller" in client.get("/shoot").text


@pytest.mark.parametrize(("badge", "pin"), [(BADGE, "0000"), ("9999", PIN), (BADGE, "12345")])
def test_wrong_badge_and_wrong_pin_get_the_same_answer(bench, badge, pin):
    answer = try_in(bench.client(), badge, pin)
    assert answer.status_code == 403
    assert answer.json() == {"error": "sign-in-refused", "sentence": "Badge or PIN is not right. Try again."}


def test_wrong_pins_make_the_wait_grow_and_a_right_pin_in_between_does_not_count(bench):
    client = bench.client()
    for _ in range(4):
        assert try_in(client).status_code == 403
    waits = []
    for _ in range(5):
        answer = try_in(client)
        assert answer.status_code == 429
        waits.append(answer.json()["wait"])
        assert try_in(client, pin=PIN).status_code == 429, "a PIN that comes too early is not looked at"
        bench.seconds += waits[-1] + 0.1
    assert waits == sorted(set(waits))
    assert try_in(client, pin=PIN).status_code == 200


def test_lock_out_of_one_badge_leaves_the_others_alone(bench):
    client = bench.client()
    for _ in range(5):
        try_in(client)
    assert try_in(client, pin=PIN).status_code == 429
    assert try_in(client, "4712", PIN).status_code == 200


def test_one_pin_tried_on_many_badges_is_slowed_too(bench):
    client = bench.client()
    answers = [try_in(client, f"guess-{number}").status_code for number in range(25)]
    assert answers[:19] == [403] * 19
    assert set(answers[20:]) == {429}
    bench.seconds += 601
    assert try_in(client, pin=PIN).status_code == 200


def test_pulling_the_plug_forgives_nothing(bench, tmp_path):
    bench.settings = PanelSettings(memory=tmp_path / "panel" / "tries.json")
    before = bench.client()
    for _ in range(5):
        try_in(before)
    after = bench.client(bench.app())
    assert try_in(after, pin=PIN).status_code == 429
    assert (tmp_path / "panel" / "tries.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"4711": "many"}', '{"4711": -3}', "\x00"])
def test_damaged_memory_of_tries_never_keeps_people_out(bench, tmp_path, content):
    file = tmp_path / "tries.json"
    file.write_text(content)
    bench.settings = PanelSettings(memory=file)
    assert try_in(bench.client(), pin=PIN).status_code == 200


@given(st.integers(0, 10_000))
def test_the_wait_grows_and_stays_bounded(wrong):
    assert 0 <= wait_after(wrong) <= wait_after(wrong + 1) <= LONGEST_WAIT


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_tries_that_are_remembered_are_those_that_were_wrong(events):
    tries, expected = SignInTries(), {}
    for now, (badge, right) in enumerate(events):
        tries = tries.wrong(badge, float(now), known=True)
        expected[badge] = expected.get(badge, 0) + 1
        if right:
            tries = tries.right(badge)
            del expected[badge]
    assert tries.counts() == expected
    assert SignInTries.remembered(tries.counts(), 0.0).counts() == expected


def test_idle_screen_locks_and_discards_what_was_not_accepted(bench):
    with bench.client() as client:
        bench.sign_in(client)
        client.post("/shutter")
        assert bench.camera.stills
        bench.seconds += 59
        assert client.get("/status").status_code == 200
        bench.seconds += 2
        assert client.get("/status").status_code == 401
        wait_for(lambda: not bench.camera.stills)
        notice = client.get("/").text.partition('id="notice"')[2].partition("</p>")[0]
    assert "nobody touched the screen" in notice
    assert "The picture that was not accepted is gone." in notice


def test_who_is_taken_off_the_roster_works_here_no_longer_however_busy(bench):
    app = bench.app()
    with bench.client(app) as client:
        bench.sign_in(client)
        client.post("/shutter")
        assert client.post("/active").status_code == 200
        bench.facts = replace(bench.facts, knows={"4712"}.__contains__)
        app.state.desk.identity.refresh()
        wait_for(lambda: client.post("/active").status_code == 401)
        wait_for(lambda: not bench.camera.stills)
        wait_for(lambda: ("locked", {"clinician": "4711", "why": "off-roster"}) in bench.recorded)


def test_page_that_asks_on_its_own_keeps_nobody_signed_in(bench):
    with bench.client() as client:
        bench.sign_in(client)
        for _ in range(4):
            bench.seconds += 20
            last = client.get("/status").status_code
        assert last == 401


def test_touch_keeps_the_session(bench):
    with bench.client() as client:
        bench.sign_in(client)
        for _ in range(4):
            bench.seconds += 40
            assert client.post("/active").json() == {"locks_in": 60.0}


def test_lock_by_hand_discards_and_ends_the_live_view(bench):
    with bench.client() as client:
        bench.sign_in(client)
        client.post("/shutter")
        with client.websocket_connect("wss://127.0.0.1:8470/live") as live:
            live.receive_bytes()
            assert client.post("/lock").json() == {"next": "/"}
            with pytest.raises(WebSocketDisconnect) as ended:
                live.receive_bytes()
        assert ended.value.code == 4401
        assert bench.camera.stills == {}
        assert client.get("/status").status_code == 401


def test_a_page_that_goes_in_the_moment_of_the_lock_is_no_error(bench):
    """As a server says it: whatever is sent to somebody who has gone raises OSError (ASGI, WebSocket send)."""
    closed = []

    async def play():
        app = bench.app()
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=OURS) as page:
            await page.post("/sign-in", json={"badge": BADGE, "pin": PIN})
            (cookie,) = page.cookies.jar
            headers = {"host": ORIGIN[8:], "origin": ORIGIN, "cookie": f"{cookie.name}={cookie.value}"}
            said = iter(({"type": "websocket.connect"},))

            async def receive():
                if first := next(said, None):
                    return first
                await page.post("/lock")
                return {"type": "websocket.disconnect", "code": 1006}

            async def send(message):
                if message["type"] == "websocket.close":
                    closed.append(message["code"])
                    raise OSError("gone")

            scope = {
                "type": "websocket",
                "scheme": "wss",
                "path": "/live",
                "raw_path": b"/live",
                "query_string": b"",
                "subprotocols": [],
                "client": ("127.0.0.1", 50000),
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
            await app(scope, receive, send)

    asyncio.run(play())
    assert closed == [4401]


def test_discard_that_could_not_be_told_is_told_once_the_camera_service_is_back(bench):
    with bench.client() as client:
        bench.sign_in(client)
        client.post("/shutter")
        bench.camera.away = True
        client.post("/lock")
        assert bench.camera.stills
        bench.camera.away = False
        wait_for(lambda: not bench.camera.stills)


def test_start_of_the_panel_discards_what_a_crashed_one_left(bench):
    bench.camera.stills["left"] = {}
    with bench.client():
        wait_for(lambda: not bench.camera.stills)


def test_new_sign_in_ends_the_session_before_it_and_its_pictures(bench):
    app = bench.app()
    with bench.client(app) as first:
        bench.sign_in(first)
        first.post("/shutter")
        second = bench.client(app)
        bench.sign_in(second, "4712")
        assert first.get("/status").status_code == 401
        assert bench.camera.stills == {}
        assert second.get("/review").headers["location"] == "/shoot"


def test_end_of_the_panel_leaves_no_still(bench):
    with bench.client() as client:
        bench.sign_in(client)
        client.post("/shutter")
    assert bench.camera.stills == {}


def test_sign_in_lock_and_refusal_are_on_the_ledger(bench):
    with bench.client() as client:
        try_in(client)
        bench.sign_in(client)
        client.post("/lock")
    assert bench.recorded == [
        ("sign-in-refused", {}),
        ("signed-in", {"clinician": BADGE}),
        ("locked", {"clinician": BADGE, "why": "by-hand"}),
    ]


def test_nobody_is_signed_in_unseen_by_the_ledger(bench):
    bench.recorded = Unwritable()
    with bench.client() as client:
        answer = try_in(client, pin=PIN)
        assert answer.status_code == 503
        assert client.get("/status").status_code == 401


class Unwritable(list):
    def append(self, item):
        raise LedgerUnwritable


def test_lock_works_even_when_the_ledger_does_not(bench):
    with bench.client() as client:
        bench.sign_in(client)
        client.post("/shutter")
        bench.recorded = Unwritable()
        assert client.post("/lock").status_code == 200
    assert bench.camera.stills == {}


def test_memory_of_tries_holds_badges_and_counts_only(bench, tmp_path):
    bench.settings = PanelSettings(memory=tmp_path / "tries.json")
    client = bench.client()
    try_in(client, pin="7777")
    assert json.loads((tmp_path / "tries.json").read_text()) == {BADGE: 1}


def wait_for(true, seconds=5.0):
    """Returns once `true()` is; the panel's watch looks twice a second."""
    gone = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        gone.wait(0.02)
    pytest.fail("it did not come true")
