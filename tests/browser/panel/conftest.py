"""A ward device for the browser: paired with a real site, its real camera service and panel, and Chromium."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from capture.camera import CameraSettings, open_camera
from capture.envelope import FileSigner, SealingContext
from capture.ledger import Ledger
from capture.scanned import PatientCheck
from capture.service import CameraClient, CameraServiceParts, run_camera_service
from capture.vault import Vault
from firmware.demo.place import DemoPlace, make_place
from firmware.demo.story import Paired, Story
from firmware.supervision import Supervisor
from inference import Deidentifier
from inference.picture import Pixels
from inference.scenes import demo_row
from provisioning.enrolment import pair, serving_enrolment
from provisioning.identity import DeviceIdentity
from provisioning.panel import PanelSettings, UplinkView, create_panel, load_facts, run_panel
from provisioning.panel.ports import CameraPort
from provisioning.site import Site
from tests.browser.panel.hospital import put

OUTPUT = Path(__file__).parents[3] / "test-output" / "panel"
SIZES = ((800, 480), (1280, 800))

LOOKS = """() => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const own = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const name = (e) => String(e.id || e.textContent.trim() || e.ariaLabel || e.className).slice(0, 40);
  const box = (e) => (e.closest("label") ?? e).getBoundingClientRect();
  const texts = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) if (walker.currentNode.textContent.trim()) found.push(walker.currentNode);
    return found.filter((text) => shown(text.parentElement) && !text.parentElement.closest(".unseen, .who, svg"));
  };
  const cut = (text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    const inner = range.getBoundingClientRect();
    const around = text.parentElement.closest("a, button, label, p, li, dd, dt, h1, h2, .toast, .idle, section, main");
    const outer = around.getBoundingClientRect();
    const high = parseFloat(getComputedStyle(text.parentElement).fontSize) / 4;
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + high;
  };
  return {
    sideways: document.documentElement.scrollWidth - innerWidth,
    small_text: [...document.querySelectorAll("body *:not(svg *)")]
      .filter((e) => shown(e) && own(e) && !e.closest(".unseen"))
      .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 16).map(name),
    cut: texts().filter(cut).map((text) => text.textContent.trim().slice(0, 40)),
    small_targets: [...document.querySelectorAll("a, button, input, textarea, select, summary, [tabindex]")]
      .filter((e) => shown(e) && (box(e).width < 48 || box(e).height < 48)).map(name),
    unnamed: [...document.querySelectorAll("button, a, input, textarea")]
      .filter((e) => shown(e) && !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
      .filter((e) => !e.getAttribute("aria-labelledby"))
      .map((e) => e.outerHTML.slice(0, 80)),
  };
}"""


@dataclass
class Clock:
    """Monotonic seconds that a test can move on."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@dataclass
class Visit:
    """One browser page, and what it complained about."""

    page: Page
    url: str
    size: tuple[int, int]
    complaints: list[str] = field(default_factory=list)

    def shot(self, name: str) -> None:
        """Keeps a screenshot, and checks what must hold on every page."""
        assert self.faults(name) == {}, name

    def faults(self, name: str) -> dict[str, object]:
        """Keeps a screenshot; gives what is wrong with what it shows, nothing on a good page."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}-{self.size[0]}.png")
        return {fault: where for fault, where in self.page.evaluate(LOOKS).items() if where}

    def note(self, name: str, value: str) -> None:
        """Keeps a figure beside the screenshots."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / f"{name.replace(' ', '-')}-{self.size[0]}.txt").write_text(f"{value}\n")

    def until(self, true: str, argument: object = None, seconds: float = 15.0) -> None:
        """Returns once the JavaScript function `true` says so; Playwright's own wait needs eval, which CSP forbids.

        It is asked of whole pages only: one that is still read has not all its elements.
        """
        until = time.monotonic() + seconds
        while self.page.wait_for_load_state("domcontentloaded") or not self.page.evaluate(true, argument):
            assert time.monotonic() < until, f"it did not come true: {true}"
            self.page.wait_for_timeout(30)

    def arrive(self, page: str) -> None:
        """Returns once this page takes input; after a tap that leads there, the one before may still stand."""
        self.page.wait_for_selector(f"body.page-{page}[data-ready]")

    def sign_in(self, badge: str = "4711", pin: str = "1234") -> None:
        """As a nurse does: the scanner types the badge, a finger the PIN."""
        self.arrive("sign_in")
        self.page.keyboard.type(f"{badge}\n")
        for digit in pin:
            self.page.click(f"#pin-keys [data-key='{digit}']")
        self.page.click("#pin-keys .go")
        self.page.wait_for_url("**/shoot")


def note_complaints(visit: Visit) -> None:
    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visit.complaints.append(message.text)

    visit.page.on("console", said)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Callable[[str, tuple[int, int]], Visit]]:
    """Opens a page of this size, as a touch screen, at this address."""
    contexts: list[BrowserContext] = []

    def visit(url: str, size: tuple[int, int] = SIZES[0]) -> Visit:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=True)
        contexts.append(context)
        visit = Visit(context.new_page(), url, size)
        note_complaints(visit)
        visit.page.goto(url)
        return visit

    yield visit
    for context in contexts:
        context.close()


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[None]:
    """A service in a thread, stopped at the end; its failure is the test's."""
    stop, failures = threading.Event(), []

    def body() -> None:
        try:
            run(stop)
        except BaseException as failed:  # noqa: BLE001 - shown to the test that started it
            failures.append(failed)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the service did not stop"
        assert not failures, failures


@contextmanager
def panel_running(
    camera: CameraPort,
    vault: Any,
    state: Path,
    *,
    show_features: frozenset[str] = frozenset(),
    patient_check: PatientCheck = PatientCheck.NONE,
    **more: Any,
) -> Iterator[str]:
    """The panel of the device in `state`; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    memory = state / "panel" / "tries.json"
    settings = PanelSettings(
        port=port,
        ledger=state / "ledger",
        memory=memory,
        show_features=show_features,
        patient_check=patient_check,
    )
    ports = {"pair": lambda line, on_digits: pair(line, state, on_digits=on_digits), "version": "test"} | more
    app = create_panel(camera, vault, partial(load_facts, state), settings=settings, **ports)
    with running(lambda stop: run_panel(app, settings, stop)):
        url = f"http://127.0.0.1:{port}"
        answering(url)
        yield url


@pytest.fixture
def panel_over() -> Callable[..., Any]:
    """`panel_running`, for tests that bring their own camera."""
    return panel_running


def answering(url: str, seconds: float = 10.0) -> None:
    """Returns once the panel answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            httpx.get(f"{url}/healthz", trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < until, "the panel does not answer"
            threading.Event().wait(0.05)
        else:
            return


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site.create(tmp_path / "site", "st-elsewhere", "St. Elsewhere Hospital")
    site.add_clinician("4711", "Anna Keller", "clinician", "1234")
    site.add_clinician("4700", "Cara Lind", "ward-lead", "1234")
    return site


@pytest.fixture
def state(site: Site, tmp_path: Path) -> Path:
    """The state folder of a device that the site has paired."""
    state = tmp_path / "state"

    def approve(digits: str) -> None:
        (waiting,) = site.pending()
        site.approve(waiting.id, digits)

    with serving_enrolment(site) as enrolment:
        pair(site.invite(f"127.0.0.1:{enrolment.port}").line, state, on_digits=approve, name="Ward 4 East")
    (state / "ledger").mkdir(exist_ok=True)
    return state


@dataclass
class Ward:
    """A running device."""

    url: str
    vault: Vault
    clock: Clock
    socket: Path
    uplink: list[UplinkView | None]


@pytest.fixture
def ward(state: Path, models_folder: Path, tmp_path: Path) -> Iterator[Ward]:
    """Camera service and panel over drawn ward scenes, with the real models."""
    scenes = [scene.pixels for _name, scene in demo_row(3, seed=7)]
    with ward_seeing(scenes, state, models_folder, tmp_path) as ward:
        yield ward


@pytest.fixture
def ward_over(state: Path, models_folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """The same over the pictures that a test brings, H×W×3 RGB each."""
    return lambda *pictures, **more: ward_seeing(pictures, state, models_folder, tmp_path, **more)


@contextmanager
def ward_seeing(
    scenes: Sequence[Pixels],
    state: Path,
    models_folder: Path,
    tmp_path: Path,
    load_engine: Callable[[], Deidentifier] | None = None,
) -> Iterator[Ward]:
    """A running device whose camera sees these pictures, with the real models if no other engine is given."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, pixels in enumerate(scenes):
        assert cv2.imwrite(str(pictures / f"{number}.jpg"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    identity = DeviceIdentity.load(state)
    signer = FileSigner(identity.signing_key)
    chain = tuple(certificate.public_bytes(Encoding.DER) for certificate in identity.signing_chain)
    at, clock, uplink = tmp_path / "run" / "camera.sock", Clock(), [None]
    with Vault(state / "vault", reserve_bytes=0) as vault, Ledger(state / "ledger", "camera", signer) as ledger:
        parts = CameraServiceParts(
            camera=open_camera(CameraSettings("replay", (pictures,))),
            load_engine=load_engine or (lambda: Deidentifier.load(models_folder)),
            vault=vault,
            ledger=ledger,
            sealing_context=lambda capture, counter: SealingContext(
                capture, identity.device, identity.site, counter, identity.sealing_keys, signer, chain
            ),
        )
        with (
            running(lambda stop: run_camera_service(parts, at, stop)),
            panel_running(CameraClient(at), vault, state, uplink=lambda: uplink[0], clock=clock) as url,
        ):
            yield Ward(url, vault, clock, at, uplink)


@pytest.fixture
def demo_place(models_folder: Path, tmp_path: Path) -> DemoPlace:
    """Where a whole hospital with one ward device may run, whose camera sees skin and nothing else."""
    (tmp_path / "pictures").mkdir()
    put(tmp_path / "pictures", np.full((600, 800, 3), (205, 160, 135), np.uint8))
    return make_place(tmp_path, tmp_path / "pictures", models=models_folder, mqtt="auto")


@pytest.fixture
def demo_ward(demo_place: DemoPlace, program: Callable[[str], Any]) -> Iterator[tuple[Supervisor, Paired]]:
    """That hospital, running in processes of its own, and the device that it has paired."""
    program("mosquitto")
    with Supervisor(demo_place.logs) as services:
        yield services, Story(demo_place, services, lambda _said: None, embedded=False).begin()
