"""The hospital's view in a real browser: it fits, it is legible, it says nothing to the console, and it keeps up."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from capture.identifiers import DeviceId
from firmware.demo.place import free_ports
from sync.protocol import DeviceFacts, DeviceState
from sync.receiver import (
    Admission,
    AlarmKind,
    Enrolled,
    LoginTokens,
    Opener,
    OpeningKey,
    Provider,
    ProviderSettings,
    Release,
    Role,
    create_view,
    view_served,
)
from sync.receiver.archive import KeptState, Look, Raised
from tests.sync.receiver.providers import CLIENT, SECRET, real_provider

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; make test brings it")

HOSPITAL = Path(__file__).parent.parent / "sync" / "receiver" / "hospital.py"
SIZES = [(800, 480), (1366, 768)]
OUTPUT = Path(__file__).parents[2] / "test-output" / "view"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def hospital() -> ModuleType:
    name = "wardlens_tests_hospital"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HOSPITAL)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Ward:
    """A hospital with a few pictures, its view, and people who look at it."""

    def __init__(self, hospital: ModuleType, folder: Path, browser: Any) -> None:
        self.hospital, self.ward, self.browser = hospital, hospital.Ward(), browser
        self.archive = hospital.open_archive(folder / "archive")
        self.tokens = LoginTokens(folder / "links")
        self.said: list[str] = []
        self.address = ""
        self.enrolled: list[Enrolled] = []

    def app(self, provider: Provider | None = None) -> Any:
        keys = {"receipt-1": self.ward.receipt_key.public_key}
        release = Release("0.1.0", {"centerface": DIGEST})
        parts = {"enrolled": lambda: self.enrolled, "release": release, "receipt_keys": lambda: keys}
        return create_view(self.archive, site="St Mary", tokens=self.tokens, provider=provider, **parts)

    def file(self, number: int) -> Any:
        redaction = self.hospital.redaction_for(1600, 1200)
        envelope = self.ward.envelope(number, jpeg=self.hospital.big_jpeg(number), manifest={"redaction": redaction})
        self.hospital.drive(self.ward.ingest(self.archive), envelope)
        return envelope

    def file_sealed(self, number: int) -> Any:
        envelope = self.ward.envelope(number, jpeg=self.hospital.big_jpeg(number))
        ingest = self.ward.ingest(self.archive, keys=None, key_ids=lambda: {self.ward.opening.key_id})
        self.hospital.drive(ingest, envelope)
        return envelope

    def open_sealed(self, key: OpeningKey | None = None) -> None:
        trust, keys = self.ward.trust, (key or self.ward.opening,)
        Opener(self.archive, site=self.hospital.SITE, authorities=trust.authorities, keys=lambda: keys).open_waiting()

    def page(self, size: tuple[int, int], *, signed_in: bool = True, role: Role = Role.WARD_LEAD) -> Any:
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]})
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        token = self.tokens.issue(Admission("Ada Admin", frozenset({role})))
        page.goto(f"{self.address}/login?token={token}" if signed_in else self.address)
        return page


@pytest.fixture
def ward(hospital: ModuleType, tmp_path: Path, browser: Any) -> Iterator[Ward]:
    ward = Ward(hospital, tmp_path, browser)
    with view_served(ward.app()) as ward.address:
        yield ward
        for context in browser.contexts:
            context.close()
    ward.archive.close()


def drawn(page: Any, picture: str) -> None:
    """Returns once the picture is there to be seen. (Waiting by script would need an eval, which the page forbids.)"""
    page.locator(picture).first.wait_for()
    page.evaluate("picture => document.querySelector(picture).decode()", picture)


def follow(page: Any, link: Any) -> None:
    """Returns once the page that `link` leads to is whole; a click by itself returns while the old one still stands."""
    with page.expect_navigation():
        link.click()


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def smallest_text(page: Any) -> float:
    """The smallest font size of any text that is shown, in pixels."""
    return float(
        page.evaluate(
            """() => Math.min(...[...document.querySelectorAll("body *")]
                .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
        )
    )


def poorest_contrast(page: Any) -> tuple[float, str]:
    """The lowest contrast between a text and what is behind it (WCAG 2.2, 1.4.3), and the text."""
    ratio, words = page.evaluate(
        """() => {
            const parse = c => c.match(/[\\d.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = e => {
                for (; e; e = e.parentElement) {
                    const colour = parse(getComputedStyle(e).backgroundColor);
                    if (colour.length === 3 || colour[3] > 0) return colour;
                }
                return [255, 255, 255];
            };
            return [...document.querySelectorAll("body *")]
                .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                .map(e => {
                    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
                    return [(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 40)];
                })
                .sort((x, y) => x[0] - y[0])[0];
        }"""
    )
    return float(ratio), str(words)


def small_targets(page: Any) -> list[str]:
    """Buttons that a gloved finger would miss: less than 44 px high."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("button, .button, .toggle-label, summary")]
                .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44)
                .map(e => e.textContent.trim())"""
        )
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_list_is_newest_first_and_fits_and_is_legible(ward, size):
    for number in (1, 2, 3):
        ward.file(number)
    page = ward.page(size)
    assert page.locator(".who b").all_inner_texts() == ["PAT-00003", "PAT-00002", "PAT-00001"]
    drawn(page, ".picture img")
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    assert small_targets(page) == []
    assert ward.said == []


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_can_be_looked_at_with_what_was_covered(ward, size):
    ward.file(1)
    page = ward.page(size)
    follow(page, page.locator(".what h2 a"))
    drawn(page, ".frame img")
    outlines = page.locator(".outlines")
    assert not outlines.is_visible()
    page.get_by_text("Show what was covered (2)").click()
    assert outlines.is_visible()
    # An outline lies where its region is in the picture, at whatever size the picture is shown.
    picture = page.locator(".frame img").bounding_box()
    outline = page.evaluate(
        """() => {
            const polygon = document.querySelector(".outlines polygon"), matrix = polygon.getScreenCTM();
            const [first, second] = [...polygon.points].map(point => point.matrixTransform(matrix));
            return {x: first.x, width: second.x - first.x};
        }"""
    )
    shown = min(picture["width"] / 1600, picture["height"] / 1200)
    left = picture["x"] + (picture["width"] - 1600 * shown) / 2
    assert outline["x"] == pytest.approx(left + 400 * shown, abs=1)
    assert outline["width"] == pytest.approx(400 * shown, abs=1)
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    assert small_targets(page) == []
    assert ward.said == []


@pytest.mark.parametrize("size", SIZES)
def test_the_pictures_of_one_wound_are_one_touch_from_each_of_them(ward, size, tmp_path):
    site = {"code": "84607009", "term": "Skin of heel"}
    heel = {"patient": "PAT-7", "body_site": site, "laterality": "left", "series": "84607009.left.2026-11-12.1"}
    for number, encounter in enumerate((heel, heel | {"patient": "PAT-8"}, heel), start=1):
        said = {"encounter": encounter, "redaction": ward.hospital.redaction_for(1600, 1200)}
        envelope = ward.ward.envelope(number, jpeg=ward.hospital.big_jpeg(number), manifest=said)
        ward.hospital.drive(ward.ward.ingest(ward.archive), envelope)
    page = ward.page(size)
    follow(page, page.locator(".capture h2 a").first)
    follow(page, page.get_by_text("All pictures of this wound"))
    assert page.locator("h1").inner_text() == "Skin of heel, left, since 12 Nov 2026"
    assert page.locator(".who b").all_inner_texts() == ["PAT-7", "PAT-7"]
    assert "PAT" not in page.url
    drawn(page, ".picture img")
    page.screenshot(path=tmp_path / "wound.png")
    assert fits(page)
    assert smallest_text(page) >= 16
    assert poorest_contrast(page)[0] >= 4.5
    assert small_targets(page) == []
    assert ward.said == []


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_picture_says_so_and_shows_itself_once_it_is_opened(ward, size):
    ward.file(1)
    page = ward.page(size)
    ward.file_sealed(2)
    row = page.locator("article.capture").first
    row.locator(".sealed").wait_for()
    assert row.locator("h2").inner_text() == "Sealed picture"
    assert page.locator("#sealed").inner_text() == "1 sealed, not opened yet"
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    ward.open_sealed(OpeningKey.generate())
    row.locator(".sealed", has_text="Could not be opened (no-key). Call IT").wait_for()
    page.locator("#shut", has_text="1 could not be opened").wait_for()
    assert not page.locator("#sealed").is_visible()
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    ward.archive.ask_again()
    ward.open_sealed()
    row.locator(".picture img").wait_for()
    assert row.locator(".who b").inner_text() == "PAT-00002"
    assert page.locator(".sealed").count() == 0
    page.locator("#shut").wait_for(state="hidden")
    assert ward.said == []


@pytest.mark.parametrize("size", SIZES)
def test_the_page_of_a_sealed_picture_is_legible(ward, size):
    ward.file_sealed(1)
    page = ward.page(size)
    follow(page, page.locator(".what h2 a"))
    assert page.locator(".frame .sealed").inner_text() == "Sealed, not opened yet."
    page.locator(".receipt.good").wait_for()
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    assert small_targets(page) == []
    assert ward.said == []


def test_a_new_picture_appears_by_itself_on_top(ward):
    page = ward.page(SIZES[0])
    assert page.get_by_text("No picture has arrived yet").is_visible()
    page.evaluate("window.stillTheSamePage = true")
    ward.file(1)
    page.locator(".capture").first.wait_for()
    ward.file(2)
    page.locator(".capture").nth(1).wait_for()
    assert page.locator(".who b").all_inner_texts() == ["PAT-00002", "PAT-00001"]
    assert page.locator("#count").inner_text() == "2"
    assert not page.get_by_text("No picture has arrived yet").is_visible()
    assert page.evaluate("window.stillTheSamePage") is True
    assert ward.said == []


def test_somebody_without_a_link_sees_nothing_but_how_to_get_one(ward):
    envelope = ward.file(1)
    page = ward.page(SIZES[0], signed_in=False)
    assert page.get_by_role("heading", name="Sign in first").is_visible()
    assert envelope.capture not in page.content()
    assert page.locator("img.picture, .picture img").count() == 0
    assert fits(page)


def test_somebody_signs_in_at_the_hospitals_own_provider_and_goes_on_where_he_wanted_to(ward):
    """In a browser, because it is the browser that keeps a strict cookie back from what another site began."""
    envelope = ward.file(1)
    (port,) = free_ports(1)
    with real_provider({"sub": "u-17", "name": "Noor Nurse", "groups": ["ward-4"]}) as issuer:
        # Another site than ours, as a hospital's provider is: "localhost" and "127.0.0.1" are no same site.
        roles = {"ward-4": Role.CLINICIAN}
        agreed = ProviderSettings(
            issuer=issuer, client=CLIENT, secret=SECRET, address=f"http://localhost:{port}", roles=roles
        )
        with view_served(ward.app(Provider(agreed)), port=port):
            ward.address = agreed.address
            page = ward.page(SIZES[0], signed_in=False)
            page.goto(f"{ward.address}/captures/{envelope.capture}")
            page.get_by_role("link", name="Sign in with your hospital account").click()
            page.wait_for_url(f"{issuer}/**")
            page.locator("button", has_text="u-17").click()
            page.get_by_role("heading", name="What was covered, and why").wait_for()
            drawn(page, ".frame img")
            page.get_by_role("button", name="Sign out").click()
            page.get_by_text("Signed out").wait_for()
    looks = {(look.who, look.what) for look in ward.archive.looks()}
    assert looks == {("Noor Nurse (u-17)", "record"), ("Noor Nurse (u-17)", "picture")}
    ward.said.remove("Failed to load resource: the server responded with a status of 401 (Unauthorized)")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("role", Role)
def test_each_role_has_a_page_to_begin_with_and_a_way_to_its_others(ward, role, size):
    envelope = ward.file(1)
    ward.archive.look([Look(1_700_000_000_000, "Noor Nurse (u-17)", "clinician", envelope.capture, "picture")])
    page = ward.page(size, role=role)
    names = [link.inner_text() for link in page.locator("nav.back a").all()]
    assert names == {
        Role.CLINICIAN: [], Role.WARD_LEAD: ["Devices", "Alarms"], Role.IT: ["Alarms"],
        Role.AUDITOR: ["Devices", "Alarms", "Who looked"],
    }[role]  # fmt: skip
    for name in [None, *names]:
        if name is not None:
            follow(page, page.locator("nav.back a", has_text=name))
        assert fits(page)
        assert smallest_text(page) >= 16
        ratio, words = poorest_contrast(page)
        assert ratio >= 4.5, words
        assert small_targets(page) == []
        page.screenshot(path=OUTPUT / f"{role}-{name or 'first'}-{size[0]}.png".replace(" ", "-").lower())
    if role is Role.AUDITOR:
        assert page.get_by_text("Noor Nurse (u-17)").is_visible()
    assert ward.said == []


@pytest.mark.parametrize("size", SIZES)
def test_an_alarm_is_seen_understood_and_settled_with_a_reason(ward, size):
    page = ward.page(size)
    assert not page.locator("#raised").is_visible()
    ward.archive.alarm(Raised(DeviceId("bed-1"), AlarmKind.CONFLICT, capture="1" * 32))
    follow(page, page.locator("#raised a"))
    assert page.get_by_text("offered another picture under the number of a filed one").is_visible()
    assert page.locator("form.settle").count() == 0
    page = ward.page(size, role=Role.IT)
    page.goto(f"{ward.address}/alarms")
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    assert small_targets(page) == []
    page.get_by_role("button", name="Settle").click()
    assert ward.archive.alarms(), "the page asks for a reason before anything is sent"
    page.get_by_label("What it was and what was done").fill("card was copied in the lab, device wiped")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing is open").wait_for()
    (alarm,) = ward.archive.alarms(settled=True)
    assert (alarm.settled_by, alarm.reason) == ("Ada Admin", "card was copied in the lab, device wiped")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("Signed out").wait_for()
    assert ward.said == []


DIGEST = "ab" * 32
WELL = DeviceFacts("0.1.0", 0, 0, 10**10, 20, {"centerface": DIGEST}, {"phantom": "passed"}, 1_790_000_000_000, 55)
ILL = replace(
    WELL,
    models={"centerface": "cd" * 32, "wardlens-skin": DIGEST},
    self_test={"phantom": "failed", "keys": "failed", "clock": "passed"},
    queued=12,
    oldest_seconds=9000,
    parked=2,
    free_bytes=5 * 10**8,
    celsius=85,
    certificate_days=3,
)


@pytest.fixture
def fleet(ward: Ward) -> list[Enrolled]:
    """A device that is well, one with all that may be wrong, one that was never heard of, one of another time."""
    now = ward.archive.clock()
    births = {"wl-aaaaaaaaaaaaaaaa": WELL, "wl-bbbbbbbbbbbbbbbb": ILL, "wl-dddddddddddddddd": WELL}
    kept = [
        KeptState(DeviceId(device), 1, online=True, since_ms=now, heard_at_ms=now, birth=DeviceState(1, said).encode())
        for device, said in births.items()
    ]
    ward.archive.keep_states((state, False) for state in kept)
    for number in range(1, 4):
        envelope = ward.ward.envelope(number, device="bed-1", padding=16)
        ward.hospital.drive(ward.ward.ingest(ward.archive), envelope)
    ward.enrolled = [
        Enrolled("wl-aaaaaaaaaaaaaaaa", "Ward 1, by the window"),
        Enrolled("wl-bbbbbbbbbbbbbbbb", "Ward 9, cart A"),
        Enrolled("wl-cccccccccccccccc", "Ward 12"),
        Enrolled("wl-dddddddddddddddd", "Cellar", "revoked"),
        Enrolled("bed-1", "Theatre"),
    ]
    return ward.enrolled


@pytest.mark.parametrize("size", SIZES)
def test_the_devices_that_need_attention_come_first_and_the_page_is_for_everybody(ward, fleet, size):
    page = ward.page(size)
    follow(page, page.get_by_role("link", name="Devices"))
    page.get_by_role("heading", name="Devices").wait_for()
    names = page.locator(".fleet h2").all_inner_texts()
    assert names == ["Ward 9, cart A", "Theatre", "Ward 12", "Ward 1, by the window", "Cellar"]
    worst = page.locator(".fleet > li").first
    said = worst.get_by_role("list", name="Why it needs attention").get_by_role("listitem").all_inner_texts()
    assert len(said) == 7
    assert "Its test of itself failed (keys, phantom)" in said[0]
    worst.get_by_text("Models, and its pictures beside the fleet's").click()
    assert worst.get_by_text("altered", exact=True).first.is_visible()
    assert not worst.locator("table").is_visible()
    theatre = page.locator(".fleet > li").nth(1)
    assert theatre.get_by_text("3 pictures in 28 days").count() == 0, "it said nothing of itself yet"
    theatre.get_by_text("Models, and its pictures beside the fleet's").click()
    assert theatre.get_by_role("row").count() == 5
    assert fits(page)
    assert smallest_text(page) >= 16
    ratio, words = poorest_contrast(page)
    assert ratio >= 4.5, words
    assert small_targets(page) == []
    answer = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]}).response
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in answer["violations"]] == []
    assert ward.said == []


def test_it_works_by_keyboard_alone(ward):
    ward.file(1)
    page = ward.page(SIZES[1])
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('h2') !== null"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What was covered, and why").wait_for()
    page.locator("#outlines").focus()
    page.keyboard.press("Space")
    assert page.locator(".outlines").is_visible()
