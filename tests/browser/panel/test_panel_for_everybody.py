"""For everybody: axe-core, sizes and fit on every page, in both languages, bright and dark; hands, keys and zoom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Page

from capture.envelope import KeySigner
from capture.ledger import Ledger, LedgerEvent
from capture.quality import Quality, Verdict
from capture.vault import Entry, State
from provisioning.errors import InvitationDamaged
from provisioning.panel import UplinkView
from provisioning.panel.languages import LANGUAGES
from provisioning.panel.simulated import READY, SimulatedCamera

SIZES = ((800, 480), (1280, 800))
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}
LIGHTS = ("light", "dark")
PARKED = ("malformed", "bad-signature", "capture-conflict")
OF_SOMEBODY_ELSE = {3, 12}
"""Numbers of the pictures that another clinician took."""
SHOWN_PICTURES = """() => [...document.querySelectorAll(".row > div:first-child > b")]
  .map((e) => parseInt(e.textContent.match(/\\d+/)))"""

TABBED = """() => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true });
  const all = [...document.querySelectorAll("a[href], button, input, textarea, [tabindex]")];
  return all.filter((e) => shown(e) && !e.disabled && e.tabIndex >= 0).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const seen = box.top >= -1 && box.bottom <= innerHeight + 1 && box.left >= -1 && box.right <= innerWidth + 1;
  window.visited ??= new Set();
  visited.add(e);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [visited.size, outlined, seen, e.outerHTML.slice(0, 90)];
}"""
SIDE = """(name) => {
  const box = document.querySelector(name).getBoundingClientRect();
  return box.left + box.width / 2 < innerWidth / 2 ? "left" : "right";
}"""
SHUTTER = """() => {
  const box = document.getElementById("shutter").getBoundingClientRect();
  return [box.width / innerWidth, box.height / innerHeight];
}"""
BRIGHT = """() => [...document.querySelectorAll("body, body *")].filter((e) => e.checkVisibility())
  .flatMap((e) => ["color", "backgroundColor"].map((of) => getComputedStyle(e)[of]))
  .filter((colour) => /^rgb\\(/.test(colour)).map((colour) => Math.max(...colour.match(/\\d+/g).map(Number)))
  .reduce((most, one) => Math.max(most, one), 0)"""


READY_FOR = dict.fromkeys(("", "shoot", "review", "queue"), "body[data-ready]")
"""What a page shows once its module runs; those that have none are ready when they are there."""


def press(page: Page, key: str) -> None:
    """A key; a pedal's key, which no keyboard that Playwright knows has, as the browser would say it."""
    if key == "F13":
        page.evaluate("""() => document.body.dispatchEvent(
          new KeyboardEvent("keydown", { key: "F13", code: "F13", bubbles: true, cancelable: true }))""")
    else:
        page.keyboard.press(key)


def entries() -> tuple[Entry, ...]:
    def entry(number: int, state: State, **more: Any) -> Entry:
        return Entry(f"{number:032x}", "0" * 64, 2_400_000, number, number == 2, state, 1_790_000_000_000, **more)

    parked = [entry(10 + number, State.PARKED, reason=reason) for number, reason in enumerate(PARKED)]
    return (entry(1, State.ERASED), entry(2, State.SEALED), entry(3, State.OFFERED), *parked)


@dataclass
class Queue:
    held: tuple[Entry, ...] = field(default_factory=entries)

    def entries(self) -> tuple[Entry, ...]:
        return self.held

    def retry(self, capture: str) -> Entry:
        self.held = tuple(replace(one, state=State.SEALED) if one.capture == capture else one for one in self.held)
        return self.held[0]

    def free_bytes(self) -> int:
        return 12_300_000_000


@pytest.fixture
def camera() -> SimulatedCamera:
    pixels = np.full((480, 640, 3), (90, 120, 190), np.uint8)
    cv2.circle(pixels, (320, 260), 90, (40, 40, 150), -1)
    return SimulatedCamera(jpeg=cv2.imencode(".jpg", pixels)[1].tobytes())


@pytest.fixture
def url(panel_over, camera, state) -> Iterator[str]:
    with Ledger(state / "ledger", "camera", KeySigner(ec.generate_private_key(ec.SECP256R1()))) as chain:
        chain.append(LedgerEvent.SERVICE_STARTED, version="1")
        chain.append(LedgerEvent.STILL_DISCARDED, clinician="4711")
        for entry in entries():
            facts = {"digest": entry.digest, "length": entry.length, "counter": entry.counter}
            by = "4712" if entry.counter in OF_SOMEBODY_ELSE else "4711"
            chain.append(LedgerEvent.CAPTURE_SEALED, capture=entry.capture, clinician=by, **facts)
    uplink = UplinkView(connected=True, sentence="", progress={f"{3:032x}": 0.4})
    with panel_over(camera, Queue(), state, uplink=lambda: uplink) as url:
        yield url


@dataclass
class Walk:
    """A visit that looks at each page as everybody sees it."""

    visit: Any
    language: str
    found: list[object] = field(default_factory=list)

    def say(self, key: str, **values: object) -> str:
        return LANGUAGES[self.language].say(key, **values)

    def look(self, name: str) -> None:
        """Bright and dark, notes what axe-core and our own eyes find."""
        page = self.visit.page
        assert page.get_attribute("html", "lang") == self.language
        for light in LIGHTS:
            page.evaluate("(light) => { document.documentElement.dataset.light = light; }", light)
            answer = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]}).response
            self.found += [
                (name, light, violation["id"], [node["html"][:120] for node in violation["nodes"]])
                for violation in answer["violations"]
                if violation["impact"] in GRAVE
            ]
            if faults := self.visit.faults(f"everybody-{name}-{self.language}-{light}"):
                self.found.append((name, light, faults))
        if (brightest := page.evaluate(BRIGHT)) >= 245:
            self.found.append((name, "white in the dark", brightest))


def chosen_language(walk: Walk) -> None:
    page = walk.visit.page
    page.wait_for_selector("body[data-ready]")
    if page.get_attribute("html", "lang") != walk.language:
        with page.expect_navigation():
            page.click(f".languages [lang={walk.language}]")
    page.wait_for_selector("body[data-ready]")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_for_everybody(url, camera, visiting, size, language):
    visit = visiting(url, size)
    page, walk = visit.page, Walk(visit, language)
    chosen_language(walk)
    walk.look("sign-in")
    page.click("#badge-keys [data-layer=letters]")
    walk.look("letters")
    page.keyboard.type("4711\n")
    page.fill("#pin", "0000")
    page.click("#pin-keys .go")
    visit.until("() => document.getElementById('notice').textContent !== ''")
    walk.look("pin")
    page.fill("#pin", "1234")
    page.click("#pin-keys .go")
    page.wait_for_url("**/shoot")
    page.wait_for_selector("#shutter:enabled")
    walk.look("shoot")
    wide, high = page.evaluate(SHUTTER)
    assert wide > 0.25, f"the shutter is {wide:.0%} of the screen across"
    assert high > 0.8, f"and {high:.0%} down"
    for dialog in ("patient", "site", "since", "consent", "note"):
        page.click(f"[data-opens={dialog}-dialog]")
        walk.look(f"{dialog}-dialog")
        if dialog == "patient":
            page.fill("#patient", "4021307")
            page.click("#patient-dialog .go")
        elif dialog == "site":
            for view in ("head", "hands", "feet", "list"):
                page.click(f"[data-shows={view}]")
                walk.look(f"site-{view}")
            page.click("[data-site='24527008']")
            page.wait_for_selector("#side-dialog[open]")
            walk.look("side-dialog")
            page.click("[data-side=bilateral]")
            page.wait_for_selector("#side-dialog", state="hidden")
        else:
            page.locator("dialog[open] .dialog-head button").click()
    camera.said = READY | {"engine": {"state": "failed", "sentence": ""}}
    page.wait_for_selector("#trouble.blocks:visible")
    assert page.inner_text("#trouble") == walk.say("troubles.engine-failed")
    walk.look("trouble")
    camera.said = READY
    page.wait_for_selector("#shutter:enabled")

    page.click("#shutter")
    visit.arrive("review")
    walk.look("question")
    page.click(".answer[data-mark]")
    walk.look("mark")
    page.click("[data-mode=mark] [data-show=home]")
    page.click(".answer[data-confirm]")
    page.wait_for_selector("#accept:visible")
    walk.look("check")
    for mode in ("why", "cover", "uncover", "drop"):
        page.click(f"[data-mode=check] [data-show={mode}]")
        walk.look(mode)
        if mode == "uncover":
            page.click("[data-area='0']")
            walk.look("reason")
            page.click("[data-mode=reason] [data-show=uncover]")
        page.click(f"[data-mode={mode}] [data-show=home]")
    page.click("[data-zoom=in]")
    walk.look("zoomed")
    page.click("#accept")
    page.wait_for_url("**/shoot")
    assert page.inner_text("#last").startswith(walk.say("queue.picture", number=1))
    walk.look("accepted")
    for name in ("queue", "ledger", "device"):
        page.click(f"a[href='/{name}']")
        page.wait_for_url(f"**/{name}")
        page.wait_for_selector("body")
        walk.look(name)
    assert walk.found == [], "\n".join(map(str, walk.found))
    assert [one for one in visit.complaints if "403" not in one] == [], "nothing but the wrong PIN is complained of"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_what_may_hide_the_wound_is_asked_about_in_words_and_uncovered(url, camera, visiting, size, language):
    camera.hides("face")
    visit = visiting(url, size)
    page, walk = visit.page, Walk(visit, language)
    chosen_language(walk)
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    page.click("#shutter")
    visit.arrive("review")
    assert page.inner_text(".question:visible") == walk.say("on-wound.face")
    walk.look("on-wound")
    page.click(".answer[data-hides]")
    page.wait_for_selector("[data-mode=reason]:visible")  # the one area there is needs no choosing
    walk.look("on-wound-reason")
    page.click("[data-reason='It is the wound']")
    visit.until("() => document.getElementById('facts').dataset.open === '2'")
    assert page.inner_text(".question:visible") == walk.say("unsure.tattoo-unseen")
    assert walk.found == [], "\n".join(map(str, walk.found))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_a_clinician_sees_their_queue_and_the_ward_lead_the_devices(url, visiting, size, language):
    visit = visiting(url, size)
    page, walk = visit.page, Walk(visit, language)
    ways = (("4711", [11, 10, 2, 1], 11), ("4700", [12, 10, 11, 3, 2, 1], 12))
    for badge, seen, again in ways:
        chosen_language(walk)
        visit.sign_in(badge)
        page.click("a[href='/queue']")
        visit.arrive("queue")
        assert page.evaluate(SHOWN_PICTURES) == seen
        assert page.locator("mark").all_inner_texts() == [walk.say("queue.urgent")]
        walk.look(f"queue-{badge}")
        page.click(f"[data-retry='{again:032x}']")
        visit.until("(n) => document.querySelectorAll('[data-retry]').length === n", 1)
        page.click("#lock")
        page.wait_for_selector("#badge-form")
    assert walk.found == [], "\n".join(map(str, walk.found))


@pytest.mark.parametrize(("language", "size"), [(language, size) for language in LANGUAGES for size in SIZES])
def test_pairing_is_for_everybody(panel_over, camera, site, tmp_path, visiting, language, size):  # noqa: PLR0917 - fixtures
    looked = threading.Event()

    def pair(line: str, on_digits: Callable[[str], None]) -> None:
        if line == "wrong":
            raise InvitationDamaged
        on_digits("314159")
        looked.wait(60)

    with panel_over(camera, Queue(), tmp_path / "new", pair=pair) as url:
        visit = visiting(url, size)
        page, walk = visit.page, Walk(visit, language)
        chosen_language(walk)
        visit.until("() => Number(document.getElementById('live').dataset.frames) > 2")
        walk.look("unpaired")
        camera.in_view["invitation"] = "https://example.org/some-other-code"
        visit.until("() => document.getElementById('hint').textContent !== ''")
        assert page.inner_text("#hint") == LANGUAGES[language].heard(str(InvitationDamaged()))
        walk.look("another-code")
        del camera.in_view["invitation"]
        page.click("#by-line")
        walk.look("line")
        page.fill("#line", "wrong")
        page.click("#line-form .go")
        page.wait_for_selector("#failed:not(.empty)")
        assert page.inner_text("#failed") == LANGUAGES[language].heard(str(InvitationDamaged()))
        walk.look("not-an-invitation")
        camera.in_view["invitation"] = site.invite("127.0.0.1:1").line
        page.click("#again")
        page.wait_for_selector("#digits:not(:empty):visible")
        walk.look("digits")
        looked.set()
    assert walk.found == [], "\n".join(map(str, walk.found))


@pytest.mark.parametrize("path", ["", "shoot", "review", "queue", "ledger", "device"])
def test_every_control_is_reached_by_the_keyboard_and_shows_its_focus(url, visiting, path):
    visit = visiting(url)
    page = visit.page
    if path:
        visit.sign_in()
        page.wait_for_selector("#shutter:enabled")
        if path == "review":
            page.click("#shutter")
        elif path != "shoot":
            page.click(f"a[href='/{path}']")
        page.wait_for_url(f"**/{path}")
    page.wait_for_selector(READY_FOR.get(path, "#lock"))
    wanted = page.evaluate(TABBED)
    assert wanted > 5
    reached = 0
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused:
            reached, outlined, seen, what = focused
            assert outlined, f"no focus to be seen on {what}"
            assert seen, f"out of sight: {what}"
    assert reached == wanted


def test_hand_and_light_are_one_touch_from_every_page_and_stay(url, visiting):
    visit = visiting(url)
    page = visit.page
    page.wait_for_selector("body[data-ready]")
    assert page.evaluate(SIDE, "#badge-keys") == "right"
    page.click("[data-look=hand]")
    page.wait_for_selector("html[data-hand=left]")
    assert page.evaluate(SIDE, "#badge-keys") == "left"
    visit.shot("everybody-sign-in-left")
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    assert page.evaluate(SIDE, "#shutter") == "left"
    page.click("[data-look=light]")
    page.wait_for_selector("html[data-light=light]")
    page.click("[data-look=light]")
    page.wait_for_selector("html[data-light=dark]")
    visit.shot("everybody-shoot-left-dark")
    page.click("#shutter")
    visit.arrive("review")
    assert page.evaluate(SIDE, "#side") == "left"
    assert page.get_attribute("html", "data-light") == "dark"
    visit.shot("everybody-review-left-dark")
    for path in ("queue", "ledger", "device"):
        page.click(f"a[href='/{path}']")
        page.wait_for_url(f"**/{path}")
        assert page.get_attribute("html", "data-hand") == "left"
        assert page.is_visible("[data-look=hand]")
        assert page.is_visible("[data-look=light]")


HEARD = """(() => {
  window.tones = [];
  window.AudioContext = class extends AudioContext {
    createOscillator() {
      const tone = super.createOscillator();
      tone.start = new Proxy(tone.start, { apply: (start, self, when) => {
        window.tones.push(self.frequency.value);
        return start.apply(self, when);
      } });
      return tone;
    }
  };
})()"""
"""Has a page note the pitch of each tone that it plays."""


def test_tones_say_what_became_of_a_picture_until_they_are_switched_off(url, camera, visiting):
    visit = visiting(url)
    page = visit.page
    page.add_init_script(HEARD)
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    assert page.evaluate("tones") == [], "nothing happened yet"
    refusal = {"error": "engine_not_ready", "sentence": "Not now."}
    page.route("**/shutter", lambda route: route.fulfill(status=503, json=refusal))
    page.click("#shutter")
    visit.until("() => tones.length === 2")
    assert page.evaluate("tones") == [330, 220], "it failed"
    page.unroute("**/shutter")
    page.click("#shutter")
    visit.arrive("review")
    asked = page.evaluate("tones")
    assert asked in ([660], [660, 660])
    page.click("a[href='/device']")
    page.wait_for_selector("[data-look=sound]")
    visit.shot("everybody-device-tones")
    assert page.evaluate("tones") == []
    page.click("[data-look=sound]")
    page.wait_for_selector("html[data-sound=off]")
    page.click("a[href='/shoot']")
    visit.arrive("review")
    assert page.evaluate("tones") == [], "they are off"
    page.goto(f"{url}/device")
    page.click("[data-look=sound]")
    page.wait_for_selector("html[data-sound=on]")
    visit.until("() => tones.length === 2")
    assert page.evaluate("tones") == [660, 880]


@pytest.mark.parametrize("key", ["Enter", "Space", "AudioVolumeUp", "AudioVolumeDown", "F13", "PageDown"])
def test_a_key_takes_the_picture(url, camera, visiting, key):
    visit = visiting(url)
    page = visit.page
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    press(page, key)
    visit.arrive("review")
    assert len(camera.stills) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_the_live_view_says_in_words_what_is_wrong_and_the_shutter_stays(url, camera, visiting, size, language):
    visit = visiting(url, size)
    page, walk = visit.page, Walk(visit, language)
    chosen_language(walk)
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    assert page.is_hidden("#guide")
    for advice in (verdict for verdict in Verdict if verdict is not Verdict.GOOD):
        camera.advice = advice.value
        visit.until("(said) => document.getElementById('guide').textContent === said", walk.say(f"guide.{advice}"))
        assert page.is_enabled("#shutter")
    walk.look("guide")
    camera.advice = "good"
    page.wait_for_selector("#guide", state="hidden")
    camera.advice = "blurred"
    page.click("#shutter")
    visit.arrive("review")
    assert walk.found == [], "\n".join(map(str, walk.found))


def test_a_spoilt_picture_is_said_before_anything_is_asked_about_it(url, camera, visiting):
    camera.quality = {"verdict": "blurred", "sentence": Quality(120, 0.1, 0).sentence}
    visit = visiting(url)
    page = visit.page
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    page.click("#shutter")
    visit.arrive("review")
    assert page.inner_text("[data-mode=ask] .spoilt") == "Blurred: take it again?"
    visit.shot("everybody-blurred-question")
    page.click(".answer[data-confirm]")
    page.wait_for_selector("#accept:visible")
    assert "take it again" in page.inner_text("[data-mode=check] .notice")
    visit.shot("everybody-blurred-check")
    page.click("[data-mode=check] [data-discard]")
    page.wait_for_url("**/shoot")
    page.wait_for_selector("#shutter:enabled")
    page.click("#shutter")
    page.wait_for_selector(".spoilt:visible")
    page.click(".spoilt")
    page.wait_for_url("**/shoot")
    assert camera.stills == {}


def test_a_key_takes_no_picture_while_a_dialog_is_open_or_the_shutter_is_off(url, camera, visiting):
    visit = visiting(url)
    page = visit.page
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    page.click("[data-opens=note-dialog]")
    page.keyboard.press("PageDown")
    page.keyboard.press("AudioVolumeUp")
    page.locator("#note-dialog .go").click()
    camera.said = READY | {"camera": {"state": "missing"}}
    page.wait_for_selector("#shutter:disabled")
    press(page, "F13")
    camera.said = READY
    page.wait_for_selector("#shutter:enabled")
    assert camera.stills == {}
    assert page.url.endswith("/shoot")


def test_review_is_zoomed_and_moved_by_buttons_and_marks_where_it_shows(url, visiting):
    visit = visiting(url)
    page = visit.page
    visit.sign_in()
    page.wait_for_selector("#shutter:enabled")
    page.click("#shutter")
    visit.arrive("review")
    box = lambda: [float(part) for part in page.get_attribute("#photo", "viewBox").split()]  # noqa: E731 - one line
    assert box() == [0, 0, 640, 480]
    assert page.is_disabled("[data-zoom=out]")
    assert not page.is_visible("[data-move=left]")
    page.click("[data-zoom=in]")
    page.click("[data-zoom=in]")
    assert box()[2] == pytest.approx(640 / 2.56)
    assert "width=4096" in page.get_attribute("#photo-image", "href")
    for _ in range(9):
        page.click("[data-move=right]")
        page.click("[data-move=down]")
    x, y, width, height = box()
    assert (x + width / 2, y + height / 2) == (pytest.approx(640), pytest.approx(480)), "its last corner in the middle"
    for _ in range(2):
        page.click("[data-move=left]")
        page.click("[data-move=up]")
    x, y, width, height = box()
    page.click(".answer[data-mark=tattoo]")
    photo = page.locator("#photo").bounding_box()
    middle = (photo["x"] + photo["width"] / 2, photo["y"] + photo["height"] / 2)
    page.mouse.click(*middle)
    page.mouse.click(middle[0] + 60, middle[1] + 60)
    page.wait_for_selector("#mark-done:visible")
    regions = page.evaluate("JSON.parse(document.getElementById('facts').dataset.regions)")
    assert regions[-1]["polygon"][0] == pytest.approx([x + width / 2, y + height / 2], abs=1)
    for _ in range(6):
        if page.is_enabled("[data-zoom=out]"):
            page.click("[data-zoom=out]")
    assert box() == [0, 0, 640, 480]
