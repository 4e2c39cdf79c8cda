"""A panel over a simulated camera, a queue in memory and a clock that the test moves."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from capture.envelope import KeySigner
from capture.errors import NotInVault
from capture.ledger import Ledger, LedgerEvent
from capture.vault import Entry, State
from provisioning.panel import Clinician, DeviceFacts, PanelSettings, UplinkView, create_panel
from provisioning.panel.simulated import SimulatedCamera

with warnings.catch_warnings():
    # It asks for a package that the pinned requirements do not have; with httpx it works the same.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

ORIGIN = "https://127.0.0.1:8470"
OURS = {"origin": ORIGIN, "x-wardlens": "1"}
BADGE, PIN = "4711", "1234"
LEAD = "4700"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENCOUNTER = {
    "patient": "P-1",
    "body_site": "84607009",
    "side": "left",
    "consent": {"record": True, "second_opinion": False, "teaching": False},
    "note": "",
}


def device_facts() -> DeviceFacts:
    people = {BADGE: "Anna Keller", "4712": "Ben Okoro", LEAD: "Cara Lind"}
    return DeviceFacts(
        device="d-1",
        site="north-hospital",
        site_name="North Hospital",
        certificate_from=NOW - timedelta(days=1),
        certificate_until=NOW + timedelta(days=29),
        broker="127.0.0.1:8883",
        verify_pin=lambda badge, pin: (
            Clinician(badge, people[badge], "ward-lead" if badge == LEAD else "clinician")
            if badge in people and pin == PIN
            else None
        ),
        knows=people.__contains__,
        called=lambda badge: people.get(badge, ""),
    )


@dataclass
class Queue:
    """The vault as the panel sees it."""

    held: list[Entry] = field(default_factory=list)

    def entries(self) -> list[Entry]:
        return self.held

    def retry(self, capture: str) -> Entry:
        found = next((one for one in self.held if one.capture == capture), None)
        if found is None:
            raise NotInVault
        self.held = [replace(one, state=State.SEALED) if one is found else one for one in self.held]
        return found

    def free_bytes(self) -> int:
        return 10_000_000_000


@dataclass
class Bench:
    """The parts of a panel that a test moves and reads."""

    camera: SimulatedCamera = field(default_factory=SimulatedCamera)
    queue: Queue = field(default_factory=Queue)
    facts: DeviceFacts | None = field(default_factory=device_facts)
    load: Callable[[], DeviceFacts | None] | None = None
    uplink: UplinkView | None = None
    settings: PanelSettings = field(default_factory=PanelSettings)
    seconds: float = 1000.0
    wall: datetime = NOW
    recorded: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    pair: Callable[[str, Callable[[str], None]], object] = lambda line, on_digits: None
    signer: KeySigner = field(default_factory=lambda: KeySigner(ec.generate_private_key(ec.SECP256R1())))

    def app(self) -> FastAPI:
        return create_panel(
            self.camera,
            self.queue,
            self.load or (lambda: self.facts),
            self.pair,
            self.settings,
            uplink=lambda: self.uplink,
            record=lambda event, facts: self.recorded.append((event, facts)),
            clock=lambda: self.seconds,
            wall=lambda: self.wall,
            version="1.2.3",
        )

    def entry(self, number: int, state: State, **more: Any) -> Entry:
        """A line of the queue."""
        return Entry(f"{number:032x}", "0" * 64, 2_000_000, number, False, state, 1_772_000_000_000, **more)

    def took(self, badge: str, *entries: Entry) -> None:
        """The camera service's ledger says that this badge accepted these pictures."""
        assert self.settings.ledger is not None
        with Ledger(self.settings.ledger, "camera", self.signer) as chain:
            for entry in entries:
                facts = {"digest": entry.digest, "length": entry.length, "counter": entry.counter}
                chain.append(LedgerEvent.CAPTURE_SEALED, capture=entry.capture, clinician=badge, **facts)

    def sign_in(self, client: TestClient, badge: str = BADGE, pin: str = PIN) -> None:
        """A session for this client."""
        answer = client.post("/sign-in", json={"badge": badge, "pin": pin})
        assert answer.status_code == 200, answer.text

    def client(
        self, app: FastAPI | None = None, headers: Mapping[str, str] = OURS, peer: str = "127.0.0.1", **more: Any
    ) -> TestClient:
        return TestClient(
            app or self.app(),
            base_url=ORIGIN,
            headers=dict(headers),
            client=(peer, 50000),
            follow_redirects=False,
            **more,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(settings=PanelSettings(ledger=tmp_path / "ledger"))


@pytest.fixture
def signed_in(bench: Bench) -> Iterator[TestClient]:
    """A client with a session, its application started."""
    with bench.client() as client:
        bench.sign_in(client)
        yield client
