"""Load on every endpoint leaves the panel's memory as it was: nothing is kept for a request that is over.

The ordinary run asks some thousand times; `make fault` twenty times as often, for two minutes and more.
"""

from __future__ import annotations

import os

from fastapi.routing import APIRoute

from capture.vault import State

ROUNDS = 600 if os.environ.get("WARDLENS_FAULTS") == "long" else 30
MAY_GROW = 3 * 1024 * 1024
"""Bytes between the middle and the end: what the C library keeps of a page or two."""
BODIES = {"/sign-in": {"badge": "4711", "pin": "0000"}, "/lock": {}, "/active": {}}


def routes_of(app) -> list[tuple[str, str]]:
    found, pending = [], list(app.routes)
    while pending:
        route = pending.pop()
        if router := getattr(route, "original_router", None):
            pending += router.routes
        elif isinstance(route, APIRoute):
            found += [(method, route.path) for method in sorted(route.methods)]
    return sorted(found)


def test_load_on_every_endpoint_leaves_the_memory_as_it_was(bench, resident_bytes):
    bench.queue.held = [bench.entry(number, State.SEALED) for number in range(20)]
    app = bench.app()
    signed_in, stranger = bench.client(app), bench.client(app, headers={})
    routes = routes_of(app)
    assert len(routes) >= 20
    held = []
    for turn in range(ROUNDS):
        bench.seconds += 3600
        bench.sign_in(signed_in)
        for method, path in routes:
            where = path.replace("{capture}", "0" * 32).replace("{edition}", "x").replace("{name}", "panel.css")
            for client in (signed_in, stranger):
                body = BODIES.get(path, {"surplus": "x" * 1000}) if method != "GET" else None
                assert client.request(method, where, json=body).status_code < 500
        if turn >= ROUNDS // 2:
            held.append(resident_bytes())
    assert held[-1] - held[0] < MAY_GROW, f"{(held[-1] - held[0]) / (len(held) * len(routes) * 2):.0f} bytes a request"
