"""Whatever is asked of the hospital's view is answered or refused, it never breaks, and keeps no memory of it."""

from __future__ import annotations

import os
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi

from sync.receiver import Admission, LoginTokens, Role, create_view
from sync.receiver.view import Sessions
from sync.receiver.view.guard import COOKIE

with warnings.catch_warnings():
    # It asks for a package that the pinned requirements do not have; with httpx it works the same.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

LONG = os.environ.get("WARDLENS_FAULTS") == "long"
EXAMPLES = 60 if LONG else 4
"""For each operation."""
ROUNDS = 800 if LONG else 40
MAY_GROW = 3 * 1024 * 1024
"""Bytes between the middle and the end: what the C library keeps of a page or two."""
ORIGIN = "http://127.0.0.1"


@pytest.fixture
def view_client(small_archive, ward, hospital, tmp_path):
    for number in (1, 2):
        hospital.drive(ward.ingest(small_archive), ward.envelope(number, jpeg=hospital.big_jpeg(number)))
    sessions = Sessions()
    view = create_view(
        small_archive,
        site="St Mary",
        receipt_keys=lambda: {"receipt-1": ward.receipt_key.public_key},
        tokens=LoginTokens(tmp_path / "links"),
        sessions=sessions,
    )
    return TestClient(
        view,
        base_url=ORIGIN,
        headers={"origin": ORIGIN},
        cookies={COOKIE: sessions.begin(Admission("Everybody", frozenset(Role)))},
        follow_redirects=False,
    )


def test_nothing_that_is_asked_breaks_the_view(view_client, small_archive):
    captures = [filed.capture for filed in small_archive.newest(9)]
    operations = [found.ok() for found in openapi.from_dict(view_client.app.openapi()).get_all_operations()]
    assert len(operations) >= 10
    answers: dict[str, set[int]] = {}

    @settings(max_examples=EXAMPLES * len(operations), derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from([one for one in operations if one.path != "/logout"]))
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if "capture" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["capture"] = data.draw(st.sampled_from(captures))
        request = case.as_transport_kwargs(base_url=ORIGIN)
        answer = view_client.request(request["method"], request["url"], params=request.get("params"))
        answers.setdefault(operation.path, set()).add(answer.status_code)
        assert answer.status_code < 500, answer.text

    ask()
    assert any(200 in codes for path, codes in answers.items() if "{capture}" in path), "a picture was asked for too"
    assert all(401 not in codes for codes in answers.values()), "the session was known"


def test_load_on_every_endpoint_leaves_the_memory_as_it_was(view_client, small_archive, resident_bytes):
    capture = small_archive.newest(1)[0].capture
    paths = [path.replace("{capture}", capture) for path in view_client.app.openapi()["paths"] if path != "/logout"]
    stranger = TestClient(view_client.app, base_url=ORIGIN)
    held = []
    for turn in range(ROUNDS):
        for path in paths:
            assert view_client.get(path, params={"width": 200} if "picture" in path else None).status_code < 500
            assert stranger.get(path).status_code < 500
        if turn >= ROUNDS // 2:
            held.append(resident_bytes())
    assert held[-1] - held[0] < MAY_GROW, f"{(held[-1] - held[0]) / (len(held) * len(paths) * 2):.0f} bytes a request"
