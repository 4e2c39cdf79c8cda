"""Whatever fits the panel's schema, and what nearly fits it, is answered or refused: the panel never breaks."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi

from capture.vault import State
from provisioning.panel import PanelSettings, create_panel
from provisioning.panel.simulated import SimulatedCamera

ORIGIN = "https://127.0.0.1:8470"
SCHEMA = openapi.from_dict(
    create_panel(SimulatedCamera(), None, lambda: None, lambda _line, _digits: None, PanelSettings()).openapi()
)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
EXAMPLES = 60 if os.environ.get("WARDLENS_FAULTS") == "long" else 3
STORIES = ("a stranger", "somebody signed in", "somebody with a picture in review", "an unpaired device")


def begun(bench: Any, story: str) -> Any:
    """A client in that situation, on a panel of its own."""
    if story == "an unpaired device":
        bench.facts = None
    else:
        bench.queue.held = [bench.entry(1, State.PARKED), bench.entry(2, State.SEALED)]
    client = bench.client()
    if story.startswith("somebody"):
        bench.sign_in(client)
    if "review" in story:
        assert client.post("/shutter", json={}).status_code < 300
    return client


def test_the_schema_knows_every_route_that_takes_something():
    known = {(operation.method.upper(), operation.path) for operation in OPERATIONS}
    assert {("POST", "/sign-in"), ("PUT", "/encounter"), ("POST", "/review/decision"), ("POST", "/pairing")} <= known
    assert len(known) >= 20


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_that_is_sent_breaks_the_panel(bench, operation, story, data):
    mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    request = case.as_transport_kwargs(base_url=ORIGIN)
    client = begun(type(bench)(), story)
    answer = client.request(
        request["method"],
        request["url"],
        params=request.get("params"),
        json=request.get("json"),
        content=request.get("data"),
        headers={name: value for name, value in (request.get("headers") or {}).items() if name.lower() != "host"},
    )
    assert answer.status_code < 500, answer.text
