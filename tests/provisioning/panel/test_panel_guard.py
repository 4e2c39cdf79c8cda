"""Nothing reaches a route of the panel that the guard refuses: every route is walked, none is listed by hand."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from starlette.websockets import WebSocketDisconnect

from provisioning.panel import PanelSettings, PanelUnsafe, TlsPair, create_panel
from provisioning.panel.guard import BODY_LIMIT, COOKIE
from provisioning.panel.simulated import SimulatedCamera

ORIGIN = "https://127.0.0.1:8470"
LIVE = "wss://127.0.0.1:8470/live"
BADGE, PIN = "4711", "1234"

OPEN = {
    *("/", "/sign-in", "/scan/badge", "/scan/stop", "/look", "/assets/{edition}/{name}"),
    *("/pairing", "/pairing/live", "/pairing/progress", "/pairing/scan", "/pairing/stop", "/healthz", "/metrics"),
}
"""What a stranger may ask. A new route is closed unless somebody adds it to the guard's table and here."""


def walked() -> list[tuple[str, str]]:
    """(method, path) of every route of the application, whatever router it hangs on."""
    app = create_panel(SimulatedCamera(), None, lambda: None, lambda _line, _digits: None, PanelSettings())
    found: list[tuple[str, str]] = []
    pending: list[BaseRoute] = list(app.routes)
    while pending:
        route = pending.pop()
        if router := getattr(route, "original_router", None):
            pending += router.routes
            continue
        assert isinstance(route, APIRoute | APIWebSocketRoute), f"a route of another kind: {route}"
        methods = route.methods if isinstance(route, APIRoute) else {"WEBSOCKET"}
        found += [(method, route.path) for method in sorted(methods)]
    return sorted(found)


ROUTES = walked()
UNSAFE = [(method, path) for method, path in ROUTES if method not in {"GET", "HEAD", "WEBSOCKET"}]
ANY_HTTP = [(method, path) for method, path in ROUTES if method != "WEBSOCKET"]


def path_of(route: str) -> str:
    return route.replace("{capture}", "0" * 32).replace("{edition}", "x").replace("{name}", "panel.css")


def test_the_walk_sees_the_routes_that_matter():
    assert {("POST", "/sign-in"), ("POST", "/shutter"), ("POST", "/review/accept"), ("WEBSOCKET", "/live")} <= set(
        ROUTES
    )
    assert len(ROUTES) >= 20


@pytest.mark.parametrize(("method", "route"), UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ORIGIN},
        {"x-wardlens": "1"},
        {"x-wardlens": "1", "origin": "https://evil.example"},
        {"x-wardlens": "1", "origin": "null"},
        {"x-wardlens": "1", "origin": "http://127.0.0.1:8470"},
        {"x-wardlens": "1", "origin": "https://127.0.0.1:9999"},
        {"x-wardlens": "yes", "origin": ORIGIN},
        {"x-wardlens": "1", "origin": ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
def test_unsafe_request_that_is_not_from_our_own_page_is_refused(signed_in, bench, method, route, headers):
    stranger = bench.client(signed_in.app, headers, cookies=dict(signed_in.cookies))
    answer = stranger.request(method, path_of(route), json={})
    assert answer.status_code == 403
    assert answer.json()["error"] in {"origin", "header"}


@pytest.mark.parametrize(("method", "route"), ANY_HTTP)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", ""])
def test_request_for_another_host_is_refused(signed_in, method, route, host):
    answer = signed_in.request(method, path_of(route), headers={"host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize(("method", "route"), [(m, r) for m, r in ANY_HTTP if r not in OPEN])
def test_route_without_a_session_is_closed(bench, method, route):
    answer = bench.client().request(method, path_of(route), json={} if method != "GET" else None)
    assert (answer.status_code, answer.headers.get("location")) in {(401, None), (303, "/")}
    assert bench.camera.stills == {}


@pytest.mark.parametrize(("method", "route"), ANY_HTTP)
def test_every_answer_carries_the_security_headers(signed_in, method, route):
    answer = signed_in.request(method, path_of(route), json={} if method != "GET" else None)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy, "scripts fall back to default-src"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store" or route.startswith("/assets/")


@pytest.mark.parametrize(("method", "route"), UNSAFE)
@pytest.mark.parametrize("told", [True, False])
def test_body_beyond_the_bound_is_refused_whether_or_not_it_says_its_length(signed_in, method, route, told):
    body = b"x" * (BODY_LIMIT + 1)
    content = body if told else (part for part in (body[:1000], body[1000:]))
    answer = signed_in.request(method, path_of(route), content=content, headers={"content-type": "application/json"})
    assert answer.status_code == (409 if route.startswith("/pairing") and not told else 413)


@pytest.mark.parametrize(("method", "route"), UNSAFE)
def test_form_posts_are_not_read(signed_in, method, route):
    answer = signed_in.request(
        method, path_of(route), content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_documentation_routes_are_off(signed_in, path):
    assert signed_in.get(path).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE"])
def test_methods_that_no_page_uses_are_refused(signed_in, method):
    assert signed_in.request(method, "/shoot").status_code == 405


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "https://evil.example"}, {"origin": ORIGIN, "host": "evil.example"}]
)
def test_live_view_of_a_foreign_page_is_refused(signed_in, bench, headers):
    stranger = bench.client(signed_in.app, {}, cookies=dict(signed_in.cookies))
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect(LIVE, headers=headers):
        pass


def test_live_view_is_given_to_our_own_page_with_a_session(signed_in):
    with signed_in.websocket_connect(LIVE) as live:
        for _ in range(3):
            assert live.receive_bytes().endswith(b"\xff\xd9")
            live.send_text("next")


def test_live_view_without_a_session_is_refused(bench):
    with pytest.raises(WebSocketDisconnect) as refused, bench.client().websocket_connect(LIVE):
        pass
    assert refused.value.code == 4401


@pytest.mark.parametrize(("method", "route"), [(m, r) for m, r in ANY_HTTP if r not in OPEN])
def test_unpaired_device_shows_nothing_but_pairing(bench, method, route):
    bench.facts = None
    answer = bench.client().request(method, path_of(route), json={} if method != "GET" else None)
    assert (answer.status_code, answer.headers.get("location")) in {(409, None), (303, "/")}


def test_unpaired_device_signs_nobody_in(bench):
    bench.facts = None
    assert bench.client().post("/sign-in", json={"badge": BADGE, "pin": PIN}).status_code == 409


@pytest.mark.parametrize("path", ["/pairing", "/pairing/scan", "/pairing/stop"])
def test_paired_device_cannot_be_paired_again(bench, path):
    bench.camera.in_view["invitation"] = "x"
    answer = bench.client().post(path, json={"line": "x"})
    assert answer.status_code == 409
    assert answer.json()["error"] == "paired"


def test_the_view_for_pairing_ends_with_the_pairing(bench):
    with (
        bench.client() as client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{LIVE[:-5]}/pairing/live", headers={"origin": ORIGIN}),
    ):
        pass
    bench.facts = None
    with (
        bench.client() as client,
        client.websocket_connect(f"{LIVE[:-5]}/pairing/live", headers={"origin": ORIGIN}) as view,
    ):
        assert view.receive_bytes()


def test_session_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(bench):
    with bench.client() as client:
        answer = client.post("/sign-in", json={"badge": BADGE, "pin": PIN})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith(f"{COOKIE}=")
    assert COOKIE.startswith("__Host-")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "secure", "path=/", "samesite=strict"}


def test_guessed_cookie_opens_nothing(signed_in, bench):
    stranger = bench.client(signed_in.app, cookies={COOKIE: "guess"})
    assert stranger.get("/status").status_code == 401


@pytest.mark.parametrize("cookie", ["\x7f", '"', "a=b;;;", "__Host-wardlens", "x" * 8000])
def test_damaged_cookie_header_is_no_session(bench, cookie):
    assert bench.client().get("/status", headers={"cookie": cookie}).status_code == 401


def test_pages_hold_no_inline_script_or_style(signed_in):
    signed_in.post("/shutter")
    for path in ("/review", "/queue", "/ledger", "/device"):
        text = signed_in.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert text.count("<script") == text.count('<script type="module" src="/assets/')


def test_validation_never_repeats_what_was_sent(bench):
    answer = bench.client().post("/sign-in", json={"badge": BADGE, "pin": "secret-9876", "more": 1})
    assert answer.status_code == 422
    assert "9876" not in answer.text


def test_health_and_metrics_name_nobody(signed_in):
    for path in ("/healthz", "/look", "/metrics"):
        text = signed_in.get(path).text
        assert BADGE not in text
        assert "Anna" not in text
        assert "north-hospital" not in text


def test_metrics_are_for_loopback_or_the_token(bench):
    bench.settings = PanelSettings(metrics_token="a token of some length")
    app = bench.app()
    afar = bench.client(app, {}, "192.0.2.7")
    assert afar.get("/metrics").status_code == 403
    assert afar.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 403
    assert afar.get("/metrics", headers={"authorization": "Bearer a token of some length"}).status_code == 200
    assert bench.client(app).get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "settings",
    [{"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"host": "ward.example"}, {"lock_seconds": 0}, {"metrics_token": "x"}],
)
def test_settings_that_would_make_the_panel_unsafe_do_not_exist(settings):
    with pytest.raises(PanelUnsafe):
        PanelSettings(**settings)


def test_panel_beyond_loopback_needs_tls_and_its_names(tmp_path):
    tls = TlsPair(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with pytest.raises(PanelUnsafe):
        PanelSettings(host="0.0.0.0", tls=tls)
    assert "ward.example" in PanelSettings(host="0.0.0.0", tls=tls, hosts=frozenset({"Ward.example"})).names
