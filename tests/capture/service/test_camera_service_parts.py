"""The pieces of the camera service by themselves: the shelf, the engine's door, the worker, the live feed, the wire."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from capture import errors
from capture.errors import (
    CaptureError,
    EngineNotReady,
    RequestWrong,
    StillDropped,
    StillsFull,
    StillUnanswered,
    StillUnknown,
)
from capture.service import CameraClient
from capture.service.answering import ANSWERS, answer_to
from capture.service.engine import Engine, EngineState
from capture.service.live import LiveFeed, Rate
from capture.service.messages import decisions_of, encounter_of
from capture.service.running import _listening
from capture.service.stills import HeldStill, Shelf
from capture.service.wire import live_message, parse_live_message
from capture.service.worker import MOST_WAITING, Worker
from inference import Frame, ModelMissing

FRAME = Frame(np.zeros((20, 20, 3), np.uint8), 1)


def still(name):
    return HeldStill(name * 32, FRAME, None, None, None, 0, {})


def test_a_still_that_was_being_taken_when_the_screen_locked_is_not_kept():
    shelf = Shelf()
    ticket = shelf.room()
    shelf.discard_all()
    with pytest.raises(StillDropped):
        shelf.add(still("a"), ticket)
    assert len(shelf) == 0


def test_a_shelf_never_holds_more_than_it_may():
    shelf = Shelf(2)
    tickets = [shelf.room(), shelf.room(), shelf.room()]
    shelf.add(still("a"), tickets[0])
    shelf.add(still("b"), tickets[1])
    with pytest.raises(StillsFull):
        shelf.add(still("c"), tickets[2])
    with pytest.raises(StillsFull):
        shelf.room()
    assert (shelf.discard("a" * 32), shelf.discard("a" * 32)) == (1, 0)
    shelf.room()


def test_a_decision_about_a_still_that_was_discarded_meanwhile_brings_nothing_back():
    shelf = Shelf()
    shelf.add(still("a"), shelf.room())
    shelf.discard_all()
    with pytest.raises(StillUnknown):
        shelf.replace(still("a"))
    assert len(shelf) == 0


def test_models_that_are_missing_are_said_and_loaded_when_they_are_there(device):
    there = threading.Event()

    def load():
        if not there.is_set():
            raise ModelMissing("The face model is not there. Run `wardlens models fetch`.")
        return device.parts.load_engine()

    engine = Engine(load, retry_s=0.01)
    engine.start()
    asyncio.run(_until(lambda: engine.status.state is EngineState.FAILED))
    assert "models fetch" in engine.status.sentence
    with pytest.raises(EngineNotReady, match="models fetch"):
        engine.still(FRAME)
    there.set()
    asyncio.run(_until(lambda: engine.status.state is EngineState.READY))
    assert engine.still(FRAME).width == 20
    engine.stop()


async def _until(true):
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what it waits for happens in a thread
            await asyncio.sleep(0.005)


def test_the_service_stays_up_without_models_and_takes_no_still(device):
    def load():
        raise ModelMissing("The face model is not there. Run `wardlens models fetch`.")

    lame = device.with_parts(load_engine=load)

    async def act(client):
        health = await device.healthy(client, lambda h: h["engine"]["state"] == "failed")
        with pytest.raises(errors.CameraServiceRefused) as refused:
            await client.take()
        for _ in range(3):
            with pytest.raises(errors.CameraServiceRefused):
                await client.scan("badge")
        async with client.live() as stream:
            return health, refused.value, parse_live_message(await stream.next_message())

    async def play():
        async with CameraClient(lame.socket) as client:
            return await act(client)

    with capture_logs() as logs, lame.running():
        health, refused, moment = asyncio.run(play())
    assert [log["error"] for log in logs if log["event"] == "still-refused"] == ["engine_not_ready"], (
        "scans say nothing"
    )
    assert health["camera"]["state"] in ("ready", "starting")
    assert (refused.status, refused.error) == (503, "engine_not_ready")
    assert "models fetch" in refused.sentence
    assert moment.jpeg == b""
    assert moment.facts["engine"]["state"] == "failed"


def test_a_still_goes_before_the_live_view():
    order, entered, leave = [], threading.Event(), threading.Event()

    class Slow:
        facts: dict = {}  # noqa: RUF012 - never changed

        def live(self, _frame):
            order.append("live")
            entered.set()
            leave.wait(5)

        def still(self, _frame):
            order.append("still")

        def close(self):
            order.append("close")

    engine = Engine(Slow)
    engine.start()
    asyncio.run(_until(lambda: engine.status.state is EngineState.READY))
    first = threading.Thread(target=engine.live, args=(FRAME,))
    first.start()
    assert entered.wait(5)
    waiting = threading.Thread(target=engine.still, args=(FRAME,))
    waiting.start()
    asyncio.run(_until(lambda: engine._stills_waiting == 1))
    second = threading.Thread(target=engine.live, args=(FRAME,))
    second.start()
    leave.set()
    for thread in (first, waiting, second):
        thread.join(5)
    engine.stop()
    assert order == ["live", "still", "live", "close"]


def test_work_that_piles_up_is_refused_in_sight():
    worker, hold = Worker(), threading.Event()
    worker.start()
    begun = threading.Event()
    futures = [worker.submit(lambda: begun.set() or hold.wait())]
    assert begun.wait(5)
    futures += [worker.submit(hold.wait) for _ in range(MOST_WAITING)]
    with pytest.raises(EngineNotReady, match="busy"):
        worker.submit(hold.wait)
    hold.set()
    assert all(future.result(5) for future in futures)
    worker.stop()


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, StopIteration, SystemExit, KeyboardInterrupt])
def test_work_that_fails_is_a_sentence_where_it_is_waited_for_and_the_worker_goes_on(error, capsys):
    def fails():
        raise error("PAT-4711")

    worker = Worker()
    worker.start()
    with pytest.raises(CaptureError, match="Try again"):
        worker.submit(fails).result(5)
    assert worker.submit(lambda: 7).result(5) == 7
    worker.stop()
    logged = capsys.readouterr().out
    assert error.__name__ in logged
    assert "PAT-4711" not in logged, "the words of a foreign error are never logged"


def test_a_rate_is_of_the_last_two_seconds():
    rate = Rate(2.0)
    for step in range(60):
        rate.mark(step / 30)
    assert rate.per_second(59 / 30) == pytest.approx(30, abs=1)
    assert rate.per_second(10.0) == 0.0


def test_a_reader_waits_for_the_next_moment_and_hears_of_a_clear():
    async def read():
        feed = LiveFeed()
        assert await feed.after(0, 0.01) is None
        waiting = asyncio.create_task(feed.after(0, 5))
        await asyncio.sleep(0)
        threading.Thread(target=feed.put, args=("jpeg", (), 1)).start()
        moment = await waiting
        again = await feed.after(moment.sequence, 0.01)
        cleared = asyncio.create_task(feed.after(moment.sequence, 5))
        await asyncio.sleep(0)
        threading.Thread(target=feed.clear).start()
        return moment, again, await cleared

    moment, again, cleared = asyncio.run(read())
    assert moment.sequence == 1
    assert again is moment, "nothing new: the same moment, grown older"
    assert cleared is None


@given(st.binary(max_size=200))
@settings(max_examples=150)
def test_random_bytes_are_a_live_message_or_a_value_error(data):
    try:
        message = parse_live_message(data)
    except ValueError:
        return
    assert isinstance(message.facts, dict)


def test_a_live_message_comes_apart_as_it_was_put_together():
    facts = {"sequence": 3, "camera": {"sentence": "Größe"}}
    message = parse_live_message(live_message(facts, b"\xff\xd8jpeg"))
    assert (message.facts, message.jpeg) == (facts, b"\xff\xd8jpeg")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["action", "kind", "by", "index"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=150)
def test_any_json_is_decisions_or_a_request_that_was_wrong(value):
    for parse in (lambda v: decisions_of(v, 0), encounter_of, lambda v: encounter_of({"encounter": v})):
        with suppress(RequestWrong):
            parse(value)


def test_every_error_of_this_room_has_an_answer_with_a_slug_and_a_sentence():
    def lower(family):
        yield family
        for child in family.__subclasses__():
            yield from lower(child)

    made = {
        StillUnanswered: StillUnanswered(("tattoo",)),
        errors.CameraServiceRefused: errors.CameraServiceRefused("No.", status=500, error="failed"),
    }
    for kind in lower(CaptureError):
        if kind is errors.EnvelopeRefused:
            continue  # of the receiving side; never raised while a picture is taken
        status, body = answer_to(made.get(kind) or kind())
        assert 400 <= status < 600
        assert body["sentence"], kind
        assert body["error"].replace("_", "").isalpha()
        json.dumps(body)
    assert next(reversed(ANSWERS)) is CaptureError


def test_what_is_open_is_named_when_a_still_is_not_sealed():
    status, body = answer_to(StillUnanswered(("tattoo", "text"), ("text", "face")))
    assert (status, body["error"]) == (409, "unanswered")
    assert (body["unanswered"], body["hiding"]) == (["tattoo", "text"], ["text", "face"])
    assert "asks about text, face, tattoo, and" in body["sentence"]


def test_the_page_names_every_refusal_with_its_status():
    page = (Path(__file__).parents[3] / "docs" / "formats" / "camera-service.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and line[2:5].isdigit()]
    for status, slug in ANSWERS.values():
        assert any(row.startswith(f"| {status} ") and f"`{slug}`" in row for row in rows), slug


def test_a_socket_path_that_no_socket_can_have_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(CaptureError, match="shorter folder"), _listening(tmp_path / ("x" * 100) / "camera.sock"):
        pass


def test_the_next_moment_is_made_when_somebody_has_the_latest():
    feed = LiveFeed()
    feed.wait_until_taken(60)  # there is none yet: nothing to wait for
    feed.put("jpeg", (), 1)
    waited = threading.Thread(target=feed.wait_until_taken, args=(60,))
    waited.start()
    assert waited.is_alive()
    assert asyncio.run(feed.after(0, 1)).sequence == 1
    waited.join(60)
    assert not waited.is_alive()
    feed.put("jpeg", (), 2)
    feed.wait_until_taken(0)  # nobody has it: gives up after its patience
    assert asyncio.run(feed.after(1, 1)).sequence == 2
