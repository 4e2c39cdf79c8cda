"""Each page of the view is for the roles that need it, and who looked is on record before he sees anything."""

from __future__ import annotations

import itertools

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route

from sync.receiver import Admission, ArchiveUnavailable, LoginTokens, NotSignedIn, Role, create_view, view_served
from sync.receiver.view import Sessions
from sync.receiver.view.looking import Looking, Seen
from sync.receiver.view.roles import OPEN, RIGHTS, Right, first_page, is_known, may, rights_of

PAGES = {
    "/": Right.RECORDS,
    "/rows": Right.RECORDS,
    "/captures.json": Right.RECORDS,
    "/captures/{capture}": Right.RECORDS,
    "/captures/{capture}/picture.jpg": Right.PICTURES,
    "/captures/{capture}/wound": Right.RECORDS,
    "/captures/{capture}/envelope.wle": Right.RECORDS,
    "/captures/{capture}/receipt.json": Right.RECORDS,
    "/captures/{capture}/record.json": Right.RECORDS,
    "/quarantine": Right.ALARMS,
    "/devices": Right.DEVICES,
    "/alarms": Right.ALARMS,
    "/alarms/{number}/settle": Right.SETTLE,
    "/looks": Right.LOOKS,
    "/logout": None,
}
"""Said a second time, so that the table cannot open a page by a slip."""


@pytest.fixture
def filled(small_archive, ward, hospital):
    for number in (1, 2):
        hospital.drive(ward.ingest(small_archive), ward.envelope(number, jpeg=hospital.big_jpeg(number)))
    return small_archive


@pytest.fixture
def make_view(small_archive, ward, tmp_path):
    return lambda: create_view(
        small_archive,
        site="St Mary",
        receipt_keys=lambda: {"receipt-1": ward.receipt_key.public_key},
        tokens=LoginTokens(tmp_path / "links"),
    )


@pytest.fixture
def address(make_view):
    with view_served(make_view()) as address:
        yield address


@pytest.fixture
def come_as(address, tmp_path):
    clients = []

    def come(*roles: Role, name: str = "Sam") -> httpx.Client:
        client = httpx.Client(base_url=address, headers={"Origin": address})
        clients.append(client)
        token = LoginTokens(tmp_path / "links").issue(Admission(name, frozenset(roles)))
        client.first = client.get("/login", params={"token": token}).headers["location"]
        return client

    yield come
    for client in clients:
        client.close()


def test_every_route_is_in_the_table_of_rights(make_view):
    paths = {route.path for route in make_view().routes if isinstance(route, Route)}
    assert paths - OPEN == set(PAGES)
    assert paths >= OPEN
    assert not is_known("/docs")
    assert not is_known("/captures/a/b")
    assert not is_known("/alarms/")


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_its_pages_and_is_refused_each_other_one(filled, come_as, role):
    client, capture = come_as(role), filled.newest(1)[0].capture
    for page, right in PAGES.items():
        if page in {"/logout", "/"}:
            continue
        path = page.format(capture=capture, number=1)
        answer = client.post(path, data={"reason": "x"}) if right is Right.SETTLE else client.get(path)
        if right in RIGHTS[role]:
            assert answer.status_code in ({404} if right is Right.SETTLE else {200}), page
        else:
            assert (answer.status_code, "Not for your role" in answer.text) == (403, True), page
            assert "PAT-" not in answer.text
    assert client.post("/logout").status_code == 200


def test_nobody_who_needs_no_picture_sees_one(filled, come_as):
    for role in (Role.IT, Role.AUDITOR):
        client = come_as(role)
        for filed in filled.newest(9):
            assert client.get(f"/captures/{filed.capture}/picture.jpg").status_code == 403
            assert client.get(f"/captures/{filed.capture}/picture.jpg", params={"width": 100}).status_code == 403
    listed = come_as(Role.AUDITOR).get("/").text
    assert "picture.jpg" not in listed
    assert "Not for your role" in listed


def test_who_has_no_list_begins_where_his_pages_are(come_as):
    it = come_as(Role.IT)
    assert it.first == "/devices"
    assert it.get("/").headers["location"] == "/devices"
    assert come_as(Role.IT, Role.CLINICIAN).first == "/"
    for roles in itertools.chain.from_iterable(itertools.combinations(Role, n) for n in (1, 2, 3, 4)):
        assert may(rights_of(roles), first_page(rights_of(roles)))


def test_a_clinician_is_not_told_of_alarms_that_he_cannot_see(filled, come_as, ward, hospital):
    hospital.drive(ward.ingest(filled), ward.envelope(device="old"))
    assert come_as(Role.CLINICIAN).get("/captures.json").json()["quarantined"] == 0
    assert come_as(Role.WARD_LEAD).get("/captures.json").json()["quarantined"] == 1


def test_each_look_is_on_record_once_for_a_session(filled, come_as):
    client, capture = come_as(Role.CLINICIAN, name="Noor"), filled.newest(1)[0].capture
    for _ in range(2):
        client.get("/")
        client.get(f"/captures/{capture}")
        client.get(f"/captures/{capture}/picture.jpg")
        client.get(f"/captures/{capture}/picture.jpg", params={"width": 240})
    looks = [(look.who, look.roles, look.what, look.capture) for look in filled.looks()]
    listed = [("Noor", "clinician", "listed", filed.capture) for filed in reversed(filled.newest(9))]
    seen = [("Noor", "clinician", what, capture) for what in ("picture", "record")]
    assert sorted(looks) == sorted(listed + seen)
    come_as(Role.CLINICIAN, name="Noor").get(f"/captures/{capture}")
    assert len(filled.looks(capture=capture, who="Noor")) == 4


def test_what_cannot_be_put_on_record_is_not_shown(filled, come_as, monkeypatch):
    client, capture = come_as(Role.CLINICIAN), filled.newest(1)[0].capture

    def away(_looks):
        raise ArchiveUnavailable

    monkeypatch.setattr(filled, "look", away)
    for path in ("/", f"/captures/{capture}", f"/captures/{capture}/picture.jpg", f"/captures/{capture}/record.json"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "PAT-" not in answer.text
    monkeypatch.undo()
    assert client.get(f"/captures/{capture}").status_code == 200
    assert len(filled.looks(capture=capture)) == 1


def test_a_session_that_ended_a_moment_ago_sees_nothing_unrecorded(filled):
    looking = Looking(filled, Sessions())
    with pytest.raises(NotSignedIn):
        looking.at(Request({"type": "http", "headers": []}), Seen.RECORD, [filled.newest(1)[0].capture])
    assert filled.looks() == ()


def test_an_auditor_reads_who_looked_at_what(filled, come_as):
    capture = filled.newest(1)[0].capture
    come_as(Role.CLINICIAN, name="<b>Noor").get(f"/captures/{capture}/picture.jpg")
    auditor = come_as(Role.AUDITOR)
    page = auditor.get("/looks").text
    assert "&lt;b&gt;Noor" in page
    assert capture in page
    assert "Nobody has looked" in auditor.get("/looks", params={"who": "Noor"}).text
    assert capture in auditor.get("/looks", params={"capture": capture, "who": "<b>Noor"}).text
