"""The identity provider's word lets somebody in as what his groups make him; nobody else's word lets anybody in."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import html
import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from firmware.demo.place import free_ports
from firmware.errors import RequestWrong
from firmware.hospital_view import identity_provider
from firmware.settings import Settings
from sync.receiver import (
    Admission,
    LoginTokens,
    NotSignedIn,
    Provider,
    ProviderSettings,
    Role,
    create_view,
    view_served,
)
from sync.receiver.view.provider_settings import admission_of
from sync.receiver.view.signing_in import ERRAND_COOKIE, ERRAND_SECONDS, Errands
from tests.sync.receiver.providers import CLIENT, SECRET, lying_provider, real_provider

ROLES = {"ward-4": Role.CLINICIAN, "it-desk": Role.IT, "data protection": Role.AUDITOR}


@pytest.fixture
def liar():
    with lying_provider() as liar:
        yield liar


@pytest.fixture
def serve(small_archive, tmp_path):
    """A view at an address of its own, with a provider that knows that address."""
    with contextlib.ExitStack() as stack:

        def served(issuer: str, secret: str = SECRET):
            (port,) = free_ports(1)
            settings = ProviderSettings(
                issuer=issuer, client=CLIENT, address=f"http://127.0.0.1:{port}", roles=ROLES, secret=secret
            )
            view = create_view(
                small_archive,
                site="St Mary",
                receipt_keys=dict,
                tokens=LoginTokens(tmp_path / "links"),
                provider=Provider(settings),
            )
            return stack.enter_context(view_served(view, port=port))

        yield served


@pytest.fixture
def browser(serve, liar):
    with httpx.Client(base_url=serve(liar.issuer)) as client:
        yield client


def sent_off(browser, to="/"):
    """What the provider is asked with when somebody signs in."""
    answer = browser.get("/sign-in", params={"to": to})
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def come_back(browser, liar, **changes):
    """The provider's answer arrives, for the sign-in that was begun last."""
    asked = sent_off(browser)
    liar.nonce = asked["nonce"]
    return browser.get("/signed-in", params={"state": asked["state"], "code": "once"} | changes)


def test_somebody_signs_in_at_a_real_provider_and_is_what_his_groups_make_him(serve, small_archive):
    noor = {"sub": "u-17", "name": "Noor Nurse", "groups": ["choir", "ward-4", "data protection"]}
    with (
        real_provider(noor) as issuer,
        httpx.Client(base_url=serve(issuer)) as browser,
        httpx.Client() as elsewhere,
    ):
        first = browser.get("/captures/abc")
        assert (first.status_code, "Sign in with your hospital account" in first.text) == (401, True)
        way = html.unescape(re.search(r'href="(/sign-in[^"]+)"', first.text)[1])
        page = browser.get(way).headers["location"]
        assert page.startswith(f"{issuer}/oauth2/authorize?")
        back = elsewhere.post(page, data={"sub": "u-17"}).headers["location"]
        arrived = browser.get(back)
        assert arrived.status_code == 200, arrived.text
        assert "Signed in as Noor Nurse" in arrived.text
        assert 'content="0; url=/captures/abc"' in arrived.text
        assert browser.get("/").status_code == 200
        assert browser.get("/looks").status_code == 200
        assert browser.get("/quarantine").status_code == 200
        settled = browser.post("/alarms/1/settle", headers={"Origin": str(browser.base_url).rstrip("/")})
        assert settled.status_code == 403
        assert browser.get(back).status_code == 403, "an answer is good once"


def test_what_is_asked_of_the_provider_ties_its_answer_to_this_browser(browser, liar):
    asked = sent_off(browser)
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == f"{str(browser.base_url).rstrip('/')}/signed-in"
    assert asked["code_challenge_method"] == "S256"
    assert "openid" in asked["scope"].split()
    liar.nonce = asked["nonce"]
    assert browser.get("/signed-in", params={"state": asked["state"], "code": "once"}).status_code == 200
    ((form, proof),) = liar.asked
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert challenge == asked["code_challenge"]
    assert (form["code"], form["redirect_uri"]) == ("once", asked["redirect_uri"])
    told = base64.b64decode(proof.removeprefix("Basic ")).decode()
    assert told == f"{CLIENT}:{quote(SECRET, safe='')}"


def test_a_client_without_a_secret_proves_itself_by_its_verifier_alone(serve, liar):
    with httpx.Client(base_url=serve(liar.issuer, secret="")) as browser:
        assert come_back(browser, liar).status_code == 200
    ((form, proof),) = liar.asked
    assert proof == ""
    assert form["client_id"] == CLIENT
    assert form["code_verifier"]


def test_the_session_is_in_a_strict_cookie_and_the_errand_is_over(browser, liar):
    answer = come_back(browser, liar)
    cookies = answer.headers.get_list("set-cookie")
    session = next(one.lower() for one in cookies if one.startswith("wardlens-hospital="))
    assert "httponly" in session
    assert "samesite=strict" in session
    errand = next(one.lower() for one in cookies if one.startswith(ERRAND_COOKIE))
    assert "max-age=0" in errand
    assert browser.get("/").status_code == 200


FORGERIES = {
    "of another issuer": {"claims": {"iss": "https://elsewhere.example"}},
    "for another client": {"claims": {"aud": "other"}},
    "for several, and another is named": {"claims": {"aud": [CLIENT, "other"], "azp": "other"}},
    "for another sign-in": {"claims": {"nonce": "another"}},
    "without a nonce": {"claims": {"nonce": None}},
    "that is over": {"claims": {"exp": 1_000_000_000}},
    "that never ends": {"claims": {"exp": None}},
    "of the future": {"claims": {"iat": 9_999_999_999}},
    "about nobody": {"claims": {"sub": None}},
    "about a list": {"claims": {"sub": ["u-17"]}},
    "by a key that is not published": {"key": ECKey.generate_key("P-256", {"kid": "one"})},
    "by a key that it names itself": {
        "key": (own := ECKey.generate_key("P-256", {"kid": "mine"})),
        "header": {"alg": "ES256", "kid": "mine", "jwk": own.as_dict(private=False)},
    },
    "by our own secret": {"key": OctKey.import_key(SECRET), "header": {"alg": "HS256"}},
    "by nobody": {"token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1LTE3In0."},
    "that is none": {"token": "nonsense"},
    "without end": {"token": "a." * 100_000},
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.filterwarnings("ignore:.*HS256.*")
def test_a_token_lets_nobody_in(browser, liar, forgery):
    for name, value in forgery.items():
        setattr(liar, name, value)
    answer = come_back(browser, liar)
    assert answer.status_code in {403, 502}, answer.text
    assert "Signed in as" not in answer.text
    assert browser.get("/").status_code == 401


def test_a_public_key_is_no_secret_to_sign_with(browser, liar):
    """The old confusion: a token under HS256, by the bytes of the key that everybody can read."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=")
        for said in ({"alg": "HS256", "kid": "one"}, {"iss": liar.issuer, "sub": "u-17"})
    )
    proof = hmac.digest(liar.good.as_pem(private=False), head + b"." + body, "sha256")
    liar.token = b".".join((head, body, base64.urlsafe_b64encode(proof).rstrip(b"="))).decode()
    assert come_back(browser, liar).status_code == 403


def test_keys_that_were_changed_since_are_asked_for_anew(serve, liar, small_archive, tmp_path):
    now = [0.0]
    settings = ProviderSettings(issuer=liar.issuer, client=CLIENT, address="http://127.0.0.1:1", roles=ROLES)
    provider, errands = Provider(settings, clock=lambda: now[0]), Errands()
    errand = errands.begin("/")
    liar.nonce = errand.nonce
    assert provider.admission(errand, "code").name == "Noor Nurse"
    liar.key = ECKey.generate_key("P-256", {"kid": "two"})
    liar.header = {"alg": "ES256", "kid": "two"}
    liar.published = [liar.key]
    with pytest.raises(NotSignedIn):
        provider.admission(errand, "code")
    now[0] += 31
    assert provider.admission(errand, "code").name == "Noor Nurse"


def test_only_the_browser_that_began_comes_back_and_only_once_and_in_time(browser, liar, serve):
    asked = sent_off(browser)
    liar.nonce = asked["nonce"]
    params = {"state": asked["state"], "code": "once"}
    with httpx.Client(base_url=browser.base_url) as other:
        assert other.get("/signed-in", params=params).status_code == 403
    assert browser.get("/signed-in", params=params).status_code == 403, "whoever tried it with another browser spent it"
    assert come_back(browser, liar, state="unknown").status_code == 403
    assert come_back(browser, liar, code="").status_code == 403
    assert browser.get("/signed-in").status_code == 403
    assert not liar.asked
    now = [0.0]
    errands = Errands(clock=lambda: now[0])
    late = errands.begin("/")
    now[0] += ERRAND_SECONDS
    with pytest.raises(NotSignedIn):
        errands.end(late.state, late.state)
    states = [errands.begin("/").state for _ in range(300)]
    with pytest.raises(NotSignedIn):
        errands.end(states[0], states[0])
    assert errands.end(states[-1], states[-1])[1] == "/"


@pytest.mark.parametrize(
    "to", ["//elsewhere.example", "https://elsewhere.example/", "/a\nb", "javascript:x", "/\\evil"]
)
def test_nobody_is_sent_on_to_another_place(browser, liar, to):
    asked = sent_off(browser, to=to)
    liar.nonce = asked["nonce"]
    arrived = browser.get("/signed-in", params={"state": asked["state"], "code": "once"})
    assert 'content="0; url=/"' in arrived.text


NONSENSE = {
    "says nothing": (200, b""),
    "says a list": (200, b"[]"),
    "is broken": (500, b"{}"),
    "never ends": (200, b" " * 300_000),
}


@pytest.mark.parametrize("document", ["/.well-known/openid-configuration", "/keys", "/token"])
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_a_provider_that_speaks_nonsense_is_one_sentence(browser, liar, document, nonsense):
    liar.documents[document] = nonsense
    answer = browser.get("/sign-in")
    if answer.status_code == 303:
        answer = come_back(browser, liar)
    assert answer.status_code in {403, 502}
    assert "identity provider" in answer.text
    assert browser.get("/").status_code == 401


def test_a_provider_that_is_away_is_one_sentence_and_links_still_work(serve, liar, tmp_path):
    with httpx.Client(base_url=serve("http://127.0.0.1:9")) as browser:
        answer = browser.get("/sign-in")
        assert (answer.status_code, "receiver link" in answer.text) == (502, True)
        token = LoginTokens(tmp_path / "links").issue(Admission("Ada", frozenset({Role.IT})))
        assert browser.get("/login", params={"token": token}).headers["location"] == "/devices"


def test_a_provider_that_calls_itself_otherwise_is_not_believed(browser, liar):
    liar.documents["/.well-known/openid-configuration"] = (200, b'{"issuer": "http://127.0.0.1:1"}')
    assert "calls itself otherwise" in browser.get("/sign-in").text


def test_who_is_in_no_group_of_ours_is_told_so(browser, liar):
    liar.claims = {"groups": ["choir"]}
    answer = come_back(browser, liar)
    assert (answer.status_code, "put you into a group" in answer.text) == (403, True)


def test_without_a_provider_the_way_is_a_link(small_archive, tmp_path):
    view = create_view(small_archive, site="St Mary", receipt_keys=dict, tokens=LoginTokens(tmp_path / "links"))
    with view_served(view) as address:
        assert httpx.get(f"{address}/sign-in").status_code == 404
        assert httpx.get(f"{address}/signed-in").status_code == 404
        assert "/sign-in" not in httpx.get(address).text


AGREED = ProviderSettings(issuer="https://id.example", client="c", address="https://w.example", roles=ROLES)


@pytest.mark.parametrize(
    ("claim", "claims", "roles"),
    [
        ("groups", {"groups": ["ward-4", "it-desk"]}, {Role.CLINICIAN, Role.IT}),
        ("groups", {"groups": "it-desk"}, {Role.IT}),
        ("realm_access.roles", {"realm_access": {"roles": ["ward-4"]}}, {Role.CLINICIAN}),
        ("groups", {"groups": [["ward-4"], 4, None, "WARD-4"]}, set()),
        ("groups", {"groups": {"ward-4": True}}, set()),
        ("a.b", {"a": "ward-4"}, set()),
        ("groups", {}, set()),
    ],
)
def test_groups_are_roles_as_the_hospital_says_and_nothing_else_is(claim, claims, roles):
    agreed = dataclasses.replace(AGREED, claim=claim)
    said = {"sub": "u-17", "name": "Noor"} | claims
    if roles:
        assert admission_of(said, agreed) == Admission("Noor", frozenset(roles), "u-17")
    else:
        with pytest.raises(NotSignedIn, match="group"):
            admission_of(said, agreed)


def test_a_name_that_does_not_fit_on_record_gives_way_to_one_that_does():
    said = {"sub": "u-17", "groups": ["ward-4"]}
    assert admission_of(said | {"name": "x" * 400, "preferred_username": "noor"}, AGREED).name == "noor"
    assert admission_of(said | {"name": "two\nlines"}, AGREED).name == "u-17"
    assert admission_of(said | {"name": "Noor"}, AGREED).on_record == "Noor (u-17)"
    with pytest.raises(NotSignedIn, match="name"):
        admission_of(said | {"sub": ""}, AGREED)


def test_settings_that_do_not_hold_are_refused_before_anything_is_served(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    good = {"issuer": "https://id.example", "client": "c", "roles": {"ward-4": "clinician"}, "secret": secret}
    at = {"receiver": {"address": "https://w.example"}}
    provider = identity_provider(Settings(oidc=good, **at))
    assert provider is not None
    assert provider.settings.secret == "s3cret"
    assert "s3cret" not in repr(provider.settings)
    assert identity_provider(Settings()) is None
    for wrong in ({"issuer": "http://id.example"}, {"client": ""}, {"roles": {}}, {"secret": tmp_path / "none"}):
        with pytest.raises(RequestWrong, match="oidc"):
            identity_provider(Settings(oidc=good | wrong, **at))
    with pytest.raises(RequestWrong, match=r"receiver\.address"):
        identity_provider(Settings(oidc=good))
    secret.chmod(0o644)
    with pytest.raises(RequestWrong, match="chmod"):
        identity_provider(Settings(oidc=good, **at))
