"""The hospital's view: nobody without a link, nothing from elsewhere, and what it shows is what was filed."""

from __future__ import annotations

import html
import json
import re

import httpx
import pytest
from starlette.routing import Mount, Route

from capture.identifiers import DeviceId
from firmware.errors import RequestWrong
from firmware.hospital_view import login_link, login_tokens
from firmware.settings import Settings
from sync.receiver import (
    Admission,
    AlarmKind,
    LoginTokens,
    Opener,
    OpeningKey,
    Role,
    create_view,
    sentence,
    view_served,
)
from sync.receiver.archive import Raised
from sync.receiver.view import Sessions
from sync.receiver.view.pictures import WIDTHS, scaled, width_for
from sync.receiver.view.roles import OPEN
from sync.receiver.view.showing import moment, shown

LEAD = Admission("Lena Lead", frozenset({Role.WARD_LEAD}))


@pytest.fixture
def filled(small_archive, ward, hospital):
    for number in (1, 2, 3):
        hospital.drive(ward.ingest(small_archive), ward.envelope(number, jpeg=hospital.big_jpeg(number)))
    return small_archive


@pytest.fixture
def tokens(tmp_path):
    return LoginTokens(tmp_path / "links")


@pytest.fixture
def make_view(small_archive, ward, tokens):
    def make(**changes):
        parts = {"site": "St Mary", "receipt_keys": lambda: {"receipt-1": ward.receipt_key.public_key}}
        return create_view(small_archive, **(parts | {"tokens": tokens} | changes))

    return make


@pytest.fixture
def address(make_view):
    with view_served(make_view()) as address:
        yield address


@pytest.fixture
def stranger(address):
    with httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture
def browser(address, tokens):
    """Somebody who opened a link."""
    with httpx.Client(base_url=address) as client:
        assert client.get("/login", params={"token": tokens.issue(LEAD)}).headers["location"] == "/"
        yield client


def test_every_route_refuses_somebody_without_a_session(filled, make_view, stranger):
    capture = filled.newest(1)[0].capture
    routes = [route for route in make_view().routes if isinstance(route, Route)]
    walked = []
    for route in routes:
        path = route.path.replace("{capture}", capture)
        for method in sorted(route.methods or ()):
            if path in OPEN:
                continue
            answer = stranger.request(method, path, headers={"Origin": str(stranger.base_url).rstrip("/")})
            assert answer.status_code == 401, (method, path)
            assert capture not in answer.text
            walked.append(path)
    assert len(set(walked)) >= 10
    assert [route.path for route in make_view().routes if isinstance(route, Mount)] == ["/static"]
    for path in ("/docs", "/redoc", "/openapi.json", "/nothing", "/static/../captures.json"):
        assert stranger.get(path).status_code in {401, 404}, path


def test_metrics_say_how_it_stands_and_name_nobody(filled, stranger, ward, hospital):
    head = {"chain": "sync", "sequence": 3, "hash": "a" * 64, "signature": "0" * 128}
    ward.ledgers["bed-1"] = {"sync": ward.key_of("bed-1").public_key()}
    hospital.receive(ward.ingest(filled), [hospital.offer_of(ward.envelope(90), heads=[head])])
    text = stranger.get("/metrics").text
    assert f"\nwardlens_receiver_captures {filled.counts().captures}\n" in text
    assert '\nwardlens_receiver_alarms_open{kind="forged"} 1\n' in text
    assert '\nwardlens_receiver_alarms_open{kind="gap"} 0\n' in text
    for name in ("bed-1", "PAT-", filled.newest(1)[0].capture):
        assert name not in text


def test_a_link_works_once_and_not_for_ever(small_archive, address, tmp_path):
    now = [1000.0]
    tokens = LoginTokens(tmp_path / "links", clock=lambda: now[0])
    token, late = tokens.issue(LEAD), tokens.issue(LEAD)
    assert tokens.redeem(token) == LEAD
    assert not tokens.redeem(token)
    now[0] += 16 * 60
    assert not tokens.redeem(late)
    assert not tokens.redeem("")
    assert not tokens.redeem("../../etc/passwd")
    assert (tmp_path / "links").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "links").iterdir()) == []
    assert httpx.get(f"{address}/login", params={"token": token}).status_code == 403


def test_a_session_ends_when_its_day_is_over_and_when_told():
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    secret, other = sessions.begin(LEAD), sessions.begin(LEAD)
    assert sessions.admission(secret) == LEAD
    assert not sessions.admission("")
    sessions.end(other)
    assert not sessions.admission(other)
    now[0] += 12 * 3600 + 1
    assert not sessions.admission(secret)
    for _ in range(200):
        newest = sessions.begin(LEAD)
    assert sessions.admission(newest) == LEAD
    assert len(sessions._open) <= 64


def test_signing_out_ends_the_session(browser, filled):
    assert browser.get("/").status_code == 200
    assert browser.post("/logout").status_code == 403
    origin = str(browser.base_url).rstrip("/")
    assert browser.post("/logout", headers={"Origin": "http://elsewhere.example"}).status_code == 403
    secret = browser.cookies["wardlens-hospital"]
    assert browser.post("/logout", headers={"Origin": origin}).status_code == 200
    browser.cookies.set("wardlens-hospital", secret)
    assert browser.get("/").status_code == 401


def test_another_host_name_is_refused_even_with_a_session(browser, filled):
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert browser.get("/", headers={"Host": "localhost:1"}).status_code == 200


def test_every_answer_carries_the_rules(browser, stranger, filled):
    for answer in (browser.get("/"), stranger.get("/"), browser.get("/static/hospital.css"), browser.get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert browser.get("/").headers["cache-control"] == "no-store"
    assert "server" not in browser.get("/").headers


def test_the_cookie_is_for_this_server_only(address, tokens):
    answer = httpx.get(f"{address}/login", params={"token": tokens.issue(LEAD)})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie


def test_behind_tls_the_cookie_never_leaves_it(make_view, tokens):
    with view_served(make_view(secure=True)) as address:
        answer = httpx.get(f"{address}/login", params={"token": tokens.issue(LEAD)})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_the_list_is_newest_first_and_says_what_was_covered(browser, filled):
    page = browser.get("/").text
    assert re.findall(r"PAT-\d+", page) == ["PAT-00003", "PAT-00002", "PAT-00001"]
    words = (
        "Skin of heel, left",
        "1 covered",
        "Sister M. Okafor looked at tattoo",
        "Verified",
        "Record, second opinion",
    )
    for word in words:
        assert word in page
    newest = filled.newest(1)[0]
    assert newest.digest[:8] in page
    facts = browser.get("/captures.json").json()
    assert (facts["captures"], facts["newest"], facts["listening"]) == (3, newest.filed, False)
    assert re.findall(r"PAT-\d+", browser.get("/rows", params={"after": newest.filed - 1}).text) == ["PAT-00003"]


def test_an_empty_archive_says_so(browser):
    assert "No picture has arrived yet" in browser.get("/").text


def test_earlier_pictures_are_a_page_away(browser, small_archive, ward, hospital):
    for number in range(1, 23):
        hospital.drive(ward.ingest(small_archive), ward.envelope(number, padding=16))
    page = browser.get("/").text
    assert "PAT-00003" in page
    assert "PAT-00002" not in page
    earlier = browser.get(re.search(r'href="(/\?before=\d+)"', page)[1]).text
    assert re.findall(r"PAT-\d+", earlier) == ["PAT-00002", "PAT-00001"]


def test_a_place_in_the_list_that_no_database_counts_to_is_refused(browser):
    assert browser.get("/", params={"before": 2**63 - 1}).status_code == 200
    assert browser.get("/", params={"before": 2**63}).status_code == 422


def test_the_page_of_a_picture_has_its_whole_record(browser, filled):
    filed = filled.newest(1)[0]
    page = browser.get(f"/captures/{filed.capture}").text
    assert "Receipt verified" in page
    assert 'points="0.0,0.0 1.0,0.0 1.0,1.0"' in page
    assert filed.digest in page.replace("</span>", "").replace("<span>", "").replace(" ", "")
    why = ("covered from 0.72; asked about from 0.45", "Could not tell; Sister M. Okafor looked and confirmed")
    for word in ("centerface", "0.97", *why):
        assert word in page


def test_downloads_are_byte_for_byte(browser, filled, ward):
    filed = filled.newest(1)[0]
    at = f"/captures/{filed.capture}"
    assert browser.get(f"{at}/envelope.wle").content == filled.envelope(filed)
    assert browser.get(f"{at}/receipt.json").content == filed.receipt
    assert browser.get(f"{at}/picture.jpg").content == filled.picture(filed)
    assert browser.get(f"{at}/record.json").json()["receipt"] == json.loads(filed.receipt)
    assert f'filename="{filed.capture}.wle"' in browser.get(f"{at}/envelope.wle").headers["content-disposition"]


def test_small_pictures_are_small_and_few(browser, filled):
    at = f"/captures/{filled.newest(1)[0].capture}/picture.jpg"
    whole = browser.get(at).content
    small = {browser.get(at, params={"width": width}).content for width in (100, 101, 240)}
    assert len(small) == 1
    assert len(small.pop()) < len(whole) / 4
    assert browser.get(at, params={"width": 0}).status_code == 422
    assert [width_for(1), width_for(WIDTHS[-1]), width_for(WIDTHS[-1] + 1)] == [WIDTHS[0], WIDTHS[-1], None]
    assert scaled(b"\xff\xd8\xff not a picture", 240) == b"\xff\xd8\xff not a picture"


def test_a_receipt_by_a_key_that_is_not_published_is_shown_as_wrong(make_view, tokens, filled, ward, hospital):
    keys = {"receipt-1": hospital.another_receipt_key().public_key}
    for published, said in (({}, "not one that this site has published"), (keys, "signature is wrong")):
        view = make_view(receipt_keys=lambda found=published: found)
        with view_served(view) as address, httpx.Client(base_url=address) as client:
            client.get("/login", params={"token": tokens.issue(LEAD)})
            page = client.get(f"/captures/{filled.newest(1)[0].capture}").text
        assert said in page
        assert "Receipt verified" not in page


def test_a_picture_that_shows_something_of_a_face_says_so_and_who_showed_it(browser, small_archive, ward, hospital):
    decision = {
        "action": "show",
        "kind": "face",
        "by": "nurse-7",
        "at_ms": 10**12,
        "reason": "Needed to judge the wound",
    }
    redaction = {"recognisable": True, "decisions": [decision, decision | {"features": True}]}
    envelopes = [
        ward.envelope(capture=name * 32, manifest={"redaction": said}) for name, said in (("a", redaction), ("b", {}))
    ]
    for envelope in envelopes:
        hospital.drive(ward.ingest(small_archive), envelope)
    page, other = (browser.get(f"/captures/{envelope.capture}").text for envelope in envelopes)
    assert "Shows recognisable features" in page
    assert "uncovered a wound on a face, with eyes or mouth" in page
    assert "recognisable" not in other


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ({"seen": True, "pixels_per_mm": 12.54}, "12.5 pixels a millimetre, where the scale lay"),
        ({"seen": True, "pixels_per_mm": 9}, "9.0 pixels a millimetre"),
        ({"seen": True, "pixels_per_mm": None}, "in view, but aslant or too small"),
        ({"seen": True, "pixels_per_mm": True}, "in view, but aslant or too small"),
        ({"seen": True, "pixels_per_mm": -1}, "in view, but aslant or too small"),
        ({"seen": True, "pixels_per_mm": "<b>"}, "in view, but aslant or too small"),
        ({"seen": False, "pixels_per_mm": None}, None),
        ("seen", None),
    ],
)
def test_the_page_says_the_scale_that_the_device_saw(*, browser, small_archive, ward, hospital, marker, said):
    envelope = ward.envelope(1, manifest={"marker": marker})
    hospital.drive(ward.ingest(small_archive), envelope)
    page = browser.get(f"/captures/{envelope.capture}").text
    assert ("<dt>Scale</dt>" in page) is (said is not None)
    assert (said or "") in page


def test_a_wounds_pictures_are_listed_from_each_of_them_and_the_address_names_no_patient(
    browser, small_archive, ward, hospital
):
    site = {"code": "84607009", "term": "Skin of heel"}
    heel = {"patient": "PAT-1", "body_site": site, "laterality": "left", "series": "84607009.left.2026-11-12.2"}
    said = (heel, heel | {"patient": "PAT-2"}, heel, heel | {"series": "<heel> 1"})
    envelopes = [ward.envelope(number, manifest={"encounter": one}) for number, one in enumerate(said, start=1)]
    for envelope in envelopes:
        hospital.drive(ward.ingest(small_archive), envelope)
    first, stranger, last, other = (envelope.capture for envelope in envelopes)
    page = browser.get(f"/captures/{first}").text
    assert "since 12 Nov 2026, no. 2" in page
    assert f'href="/captures/{first}/wound"' in page
    listed = browser.get(f"/captures/{first}/wound").text
    assert "Skin of heel, left, since 12 Nov 2026, no. 2" in listed
    assert f"/captures/{first}/picture.jpg" in listed
    assert f"/captures/{last}/picture.jpg" in listed
    assert stranger not in listed
    assert other not in listed
    assert "&lt;heel&gt; 1" in browser.get(f"/captures/{other}").text
    assert browser.get(f"/captures/{'f' * 32}/wound").status_code == 404


def test_what_a_manifest_says_is_text_and_never_markup(browser, small_archive, ward, hospital):
    nasty = '<script>alert("x")</script>'
    encounter = {"patient": nasty, "clinician": nasty, "note": nasty, "series": nasty, "body_site": {"term": nasty}}
    redaction = {
        "outcomes": {"face": "unsure"},
        "regions": [{"kind": nasty, "polygon": [[nasty, 1]], "score": nasty, "model": nasty}, None],
        "decisions": [{"by": nasty, "kind": "face", "action": "confirm", "at_ms": 10**18, "reason": nasty}],
        "models": {nasty: nasty},
    }
    envelope = ward.envelope(manifest={"encounter": encounter, "redaction": redaction, "taken_at_ms": 10**17})
    hospital.drive(ward.ingest(small_archive), envelope)
    for path in ("/", f"/captures/{envelope.capture}"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_a_manifest_that_lacks_everything_is_still_a_page(browser, small_archive, ward, hospital):
    odd = {"encounter": [], "redaction": {"regions": "x", "decisions": {}, "outcomes": []}, "taken_at_ms": None}
    envelope = ward.envelope(manifest=odd)
    hospital.drive(ward.ingest(small_archive), envelope)
    for path in ("/", f"/captures/{envelope.capture}"):
        assert browser.get(path).status_code == 200
    assert shown(small_archive.capture(envelope.capture), {}).consent == "None on record"
    assert moment(10**20).words == "at an impossible time"


def test_a_picture_that_was_changed_in_the_archive_is_not_shown(browser, filled, tmp_path):
    for path in (tmp_path / "archive/objects/pictures").rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"x")
    answer = browser.get(f"/captures/{filled.newest(1)[0].capture}/picture.jpg")
    assert answer.status_code == 500
    assert "Restore it from the backup" in answer.text


@pytest.mark.parametrize("path", ["/captures/zz", "/captures/" + "0" * 32, "/nothing", "/captures/%2e%2e/picture.jpg"])
def test_what_is_not_here_is_one_sentence(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "All pictures" in answer.text


def test_what_was_refused_is_listed(browser, small_archive, ward, hospital):
    assert "Nothing was refused" in browser.get("/quarantine").text
    hospital.drive(ward.ingest(small_archive), ward.envelope(device="old"))
    page = browser.get("/quarantine").text
    assert "revoked" in page
    assert "1</span> refused for good" in browser.get("/").text


def test_an_archive_that_is_away_is_one_sentence(make_archive, make_view, tokens, ward):
    archive = make_archive()
    with (
        view_served(create_view(archive, site="St Mary", receipt_keys=dict, tokens=tokens)) as address,
        httpx.Client(base_url=address) as client,
    ):
        client.get("/login", params={"token": tokens.issue(LEAD)})
        archive._engine.dispose()
        archive._engine.url.database  # noqa: B018 - the file that is about to be no database
        path = archive._engine.url.database
        for suffix in ("", "-wal", "-shm"):
            with open(path + suffix, "wb") as file:  # noqa: PTH123 - the URL's text
                file.write(b"no database" * 100)
        answer = client.get("/")
        assert answer.status_code == 503
        assert "does not answer" in answer.text


def test_a_port_that_is_taken_is_one_sentence(make_view):
    from sync.receiver import ViewNotStarted  # noqa: PLC0415 - one test needs it

    with view_served(make_view()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(ViewNotStarted, match="another port"), view_served(make_view(), port=port):
            pass


def test_a_sealed_picture_is_said_to_be_sealed_and_shows_once_it_is_opened(small_archive, ward, hospital, browser):
    envelope = ward.envelope(7, jpeg=hospital.big_jpeg(7))
    hospital.drive(ward.ingest(small_archive, keys=None, key_ids=lambda: {ward.opening.key_id}), envelope)
    path = f"/captures/{envelope.capture}"
    parts = {"site": hospital.SITE, "authorities": ward.trust.authorities}

    def pages():
        return browser.get("/").text, browser.get("/rows").text, browser.get(path).text

    for page in pages():
        assert "Sealed, not opened yet" in page
        assert "picture.jpg" not in page
        assert "Verified" in page or "verified" in page, "the receipt is checked all the same"
        assert "PAT-" not in page
    assert browser.get("/captures.json").json()["sealed"] == 1
    answer = browser.get(f"{path}/picture.jpg?width=480")
    assert answer.status_code == 404
    assert "wardlens receiver open" in answer.text
    assert browser.get(f"{path}/envelope.wle").content == envelope.raw
    assert browser.get(f"{path}/record.json").json()["opening"] == "sealed"

    Opener(small_archive, keys=lambda: (OpeningKey.generate(),), **parts).open_waiting()
    for page in pages():
        assert "Could not be opened (no-key)" in page
        assert "picture.jpg" not in page

    small_archive.ask_again()
    Opener(small_archive, keys=lambda: (ward.opening,), **parts).open_waiting()
    for page in pages():
        assert "PAT-00007" in page
        assert "picture.jpg" in page
        assert "not opened yet" not in page.partition('id="captures"')[2]
    assert browser.get(f"{path}/picture.jpg").status_code == 200
    assert browser.get("/captures.json").json()["sealed"] == 0


@pytest.fixture
def raised(filled):
    """An archive in which somebody must look at two devices."""
    filled.alarm(Raised(DeviceId("bed-1"), AlarmKind.REVOKED, capture="1" * 32))
    filled.alarm(Raised(DeviceId("<b>bed-2"), AlarmKind.NONSENSE))
    return filled


@pytest.fixture
def settler(address, tokens):
    """Somebody whose link says that he may settle, and his name."""
    with httpx.Client(base_url=address, headers={"Origin": address}) as client:
        client.get("/login", params={"token": tokens.issue(Admission("Ada <Admin>", frozenset({Role.IT})))})
        yield client


def test_the_page_of_alarms_says_which_device_when_and_what_in_plain_words(raised, browser):
    page = browser.get("/alarms").text
    for alarm in raised.alarms():
        assert html.escape(sentence(alarm)).replace("&#x27;", "&#39;") in page
        assert moment(alarm.last_at_ms).words in page
    assert "<b>bed-2" not in page
    assert '<form class="settle"' not in page
    assert "Who is here as IT settles them" in page
    assert 'Alarms open: <span id="raised-count">2</span>' in browser.get("/").text
    assert browser.get("/captures.json").json()["alarms"] == 2


def test_who_may_settles_an_alarm_with_a_reason_and_his_name_is_on_record(raised, settler):
    later, first = raised.alarms()
    page = settler.get("/alarms").text
    assert f'action="/alarms/{first.id}/settle"' in page
    assert "You settle as Ada &lt;Admin&gt;" in page
    done = settler.post(f"/alarms/{first.id}/settle", data={"reason": " found in the cellar, wiped "})
    assert (done.status_code, done.headers["location"]) == (303, "/alarms")
    assert raised.alarms() == (later,)
    (settled,) = [alarm for alarm in raised.alarms(settled=True) if alarm.settled_at_ms is not None]
    assert (settled.id, settled.settled_by, settled.reason) == (first.id, "Ada <Admin>", "found in the cellar, wiped")
    again = settler.post(f"/alarms/{first.id}/settle", data={"reason": "again"})
    assert (again.status_code, "no such open alarm" in again.text) == (404, True)
    settler.post(f"/alarms/{later.id}/settle", data={"reason": "replaced"})
    assert "Nothing is open" in settler.get("/alarms").text


def test_who_only_looks_settles_nothing_and_no_other_page_does_it_for_somebody(raised, address, browser, settler):
    numbers = [alarm.id for alarm in raised.alarms()]
    path, reason = f"/alarms/{numbers[0]}/settle", {"reason": "nothing to see"}
    looked = browser.post(path, data=reason, headers={"Origin": address})
    assert (looked.status_code, "Not for your role" in looked.text) == (403, True)
    assert settler.post(path, data=reason, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert settler.get(path, params=reason).status_code == 405
    settler.post("/logout")
    assert settler.post(path, data=reason).status_code == 401
    assert [alarm.id for alarm in raised.alarms()] == numbers


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"reason=",
        b"reason=+%0A+",
        b"reason=two%0Alines",
        b"reason=" + b"x" * 501,
        b"reason=a&reason=b",
        b"reason=%ff",
        b"reason=\xff",
        b"other=a",
        b'{"reason": "json"}',
        b"reason=a%00b",
    ],
)
def test_a_reason_that_is_none_settles_nothing(raised, settler, form):
    alarm = raised.alarms()[0]
    refused = settler.post(f"/alarms/{alarm.id}/settle", content=form)
    assert (refused.status_code, "Say what it was" in refused.text) == (422, True)
    assert raised.alarms()[0] == alarm


def test_a_form_without_end_and_a_number_that_is_none_are_refused(raised, settler):
    alarm = raised.alarms()[0]
    assert settler.post(f"/alarms/{alarm.id}/settle", content=b"reason=" + b"x" * 100_000).status_code == 413
    for number, status in (("0", 404), ("-1", 404), (str(2**63), 404), ("x", 422)):
        assert settler.post(f"/alarms/{number}/settle", data={"reason": "a"}).status_code == status, number
    assert len(raised.alarms()) == 2


def test_a_link_is_printed_for_somebody_with_a_role_and_for_nobody_else(tmp_path):
    settings = Settings(receiver={"archive": tmp_path, "address": "https://wounds.st-mary.example/"})
    link = login_link(settings, " Ada Admin ", ["it", "auditor"])
    assert link.startswith("https://wounds.st-mary.example/login?token=")
    admission = login_tokens(settings).redeem(link.partition("token=")[2])
    assert admission == Admission("Ada Admin", frozenset({Role.IT, Role.AUDITOR}))
    for name, roles in ((" ", ["it"]), ("two\nlines", ["it"]), ("x" * 501, ["it"]), ("Ada", ["root"]), ("Ada", [])):
        with pytest.raises(RequestWrong, match="--role"):
            login_link(settings, name, roles)
