"""The demo, step by step: a hospital, a device, their pairing, every picture's way, and the proof that it arrived."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from capture.errors import CaptureError, PictureUnreadable
from capture.identifiers import CaptureId
from capture.pictures import read_picture
from capture.service import CameraClient, as_found
from capture.vault import State, Vault
from firmware.demo.place import HOST, DemoPlace, answers
from firmware.demo.proof import prove
from firmware.device import open_vault
from firmware.hospital import open_archive
from firmware.supervision import Supervisor
from provisioning.enrolment import pair
from provisioning.identity import DeviceIdentity
from provisioning.roster import Role
from provisioning.site import Site
from provisioning.terms import BrokerAddress, Protocol

BADGE: Final = "4711"
CLINICIAN: Final = "Dana Demo"
WARD_DEVICE: Final = "Demo device"
PATIENT: Final = "DEMO-PATIENT-1"
RECEIPT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_SITES: Final = ("70559009", "41550009")
"""Skin of the forearm: what the sample pictures show."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Row:
    """One picture's way, as the table at the end shows it.

    Attributes:
        picture: the file's name.
        found: kind → how many regions were covered, and the kinds that a person was asked about.
        size: bytes of the envelope.
        sealed_ms: from the shutter until the envelope was durable.
        receipt_ms: from then until the verified receipt.
        capture: its id, once taken.
        sentence: why it was not taken, else empty.
        arrived: whether the hospital has it, proven.
    """

    picture: str
    found: dict[str, int] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    size: int = 0
    sealed_ms: float = 0.0
    receipt_ms: float | None = None
    capture: str = ""
    sentence: str = ""
    arrived: bool = False


@dataclass(frozen=True, slots=True)
class Paired:
    """The throw-away hospital with its device."""

    site: Site
    identity: DeviceIdentity
    pin: str


class Story:
    """Runs in `place` under `supervisor`; says what happens by `say`."""

    def __init__(
        self,
        place: DemoPlace,
        supervisor: Supervisor,
        say: Say,
        *,
        embedded: bool,
        patient: str = PATIENT,
        more_receivers: Sequence[str] = (),
    ) -> None:
        self._place = place
        self._supervisor = supervisor
        self._say = say
        self._embedded = embedded
        self._patient = patient
        self._receivers = [place.settings.receiver.name, *more_receivers]

    def begin(self) -> Paired:
        """A site, its servers, a paired device and its three services: all of them ready."""
        settings = self._place.settings
        broker = BrokerAddress(HOST, settings.broker.port, Protocol.AUTO)
        site = Site.create(
            self._place.site,
            "demo",
            "Demo Hospital",
            hosts=[HOST, "localhost"],
            broker=broker,
            receivers=self._receivers,
        )
        pin = f"{secrets.randbelow(1_000_000):06}"
        site.add_clinician(BADGE, CLINICIAN, Role.WARD_LEAD.value, pin)
        self._start("broker", "broker", "run", str(self._place.broker), *(["--embedded"] if self._embedded else []))
        self._start("enrolment", "site", "serve")
        self._start("receiver", "receiver", "run")
        for service in ("sync", "panel"):
            self._start(service, service, "run")
        self._supervisor.wait_until(lambda: answers(settings.enrolment.port), "The enrolment server")
        identity = self._pair(site)
        self._start("camera", "camera", "run")  # before, it would load the models for nothing but an invitation
        ready = {"The broker": settings.broker.port, "The hospital's view": settings.receiver.port}
        for what, port in {**ready, "The panel": settings.panel.port}.items():
            self._supervisor.wait_until(lambda port=port: answers(port), what)  # type: ignore[misc]
        self._supervisor.wait_until(settings.socket.exists, "The camera service")
        return Paired(site, identity, pin)

    def _start(self, name: str, *command: str) -> None:
        self._supervisor.start(name, [sys.executable, "-m", "firmware", *command, "--config", str(self._place.file)])

    def _pair(self, site: Site) -> DeviceIdentity:
        """The device, paired exactly as `wardlens site invite`, `device pair` and `site approve` do it."""
        settings = self._place.settings
        invitation = site.invite(f"{HOST}:{settings.enrolment.port}", minutes=5)

        def compare(digits: str) -> None:
            (waiting,) = site.pending()
            self._say(f"Paired: the device shows {digits}, the hospital shows {waiting.digits}.")
            site.approve(waiting.id, digits)

        return pair(invitation.line, settings.state, on_digits=compare, name=WARD_DEVICE)

    async def photograph(self, pictures: Sequence[Path], told: Callable[[Row], None]) -> list[Row]:
        """Every picture, taken, answered, accepted, and followed to its receipt."""
        rows: list[Row] = []
        with open_vault(self._place.settings) as vault:
            async with CameraClient(self._place.settings.socket) as client:
                await self._until_ready(client)
                followers = []
                while len(rows) < len(pictures):
                    taken = await self._one(client, pictures, len(rows))
                    rows += taken
                    for row in taken:
                        if row.capture:
                            followers.append(asyncio.create_task(self._follow(vault, row, told)))
                        else:
                            told(row)
                await asyncio.gather(*followers)
        return rows

    async def _until_ready(self, client: CameraClient) -> None:
        deadline = time.monotonic() + 60
        while True:
            self._supervisor.check()
            try:
                health = await client.health()
                if health["engine"]["state"] == health["camera"]["state"] == "ready":
                    return
                if health["engine"]["state"] == "failed" or time.monotonic() > deadline:
                    raise CaptureError(health["engine"]["sentence"] or health["camera"]["sentence"])
            except CaptureError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_POLL_SECONDS)

    async def _one(self, client: CameraClient, pictures: Sequence[Path], at: int) -> list[Row]:
        """The next picture that the camera shows; before it, a row for each that it had to pass over."""
        try:
            still = await client.take()
        except CaptureError as error:
            return [Row(pictures[at].name, sentence=error.sentence)]
        place = int(still["source"]["place"]) - 1
        if place < at:  # the row begins again: nothing that is left could be shown
            await client.discard(still["id"])
            return [_unreadable(picture) for picture in pictures[at:]]
        row = Row(pictures[place].name, asked=tuple(still["unanswered"]))
        for region in still["redaction"]["regions"]:
            row.found[region["kind"]] = row.found.get(region["kind"], 0) + 1
        try:
            if row.asked:
                await client.decide(still["id"], as_found(still, BADGE))
            kept = await client.accept(still["id"], _encounter(self._patient, place))
            row.capture, row.size = kept["capture"], kept["bytes"]
            row.sealed_ms = kept["milliseconds"]["total_ms"]
        except CaptureError as error:
            row.sentence = error.sentence
        return [*(_unreadable(picture) for picture in pictures[at:place]), row]

    async def _follow(self, vault: Vault, row: Row, told: Callable[[Row], None]) -> None:
        start = time.monotonic()
        while time.monotonic() - start < RECEIPT_SECONDS:
            if vault.entry(CaptureId(row.capture)).state in {State.RECEIPTED, State.ERASED}:
                row.receipt_ms = (time.monotonic() - start) * 1000
                break
            self._supervisor.check()
            await asyncio.sleep(_POLL_SECONDS)
        else:
            row.sentence = "No receipt came in time."
        told(row)

    def deliver(self, rows: Sequence[Row], out: Path) -> None:
        """What the hospital got, in `out`, and for each row whether it is proven to be what the device sealed."""
        from sync.receiver import export

        archive = open_archive(self._place.settings)
        site = Site.load(self._place.site)
        with open_vault(self._place.settings) as vault:
            for row in rows:
                row.arrived = bool(row.capture) and prove(
                    archive, site, vault.entry(CaptureId(row.capture)).digest, CaptureId(row.capture)
                )
        export(archive, out)


def _unreadable(picture: Path) -> Row:
    """The row of a picture that the camera passed over, with the reason."""
    try:
        read_picture(picture.read_bytes())
    except PictureUnreadable as error:
        return Row(picture.name, sentence=error.sentence)
    except OSError as error:
        return Row(picture.name, sentence=f"The file cannot be read ({error.strerror}).")
    return Row(picture.name, sentence="The camera did not show this picture.")


def _encounter(patient: str, place: int) -> dict[str, Any]:
    return {
        "patient": patient,
        "clinician": BADGE,
        "body_site": _SITES[place % len(_SITES)],
        "laterality": ("left", "right", None)[place % 3],
        "consent": {"record": True, "second_opinion": False, "teaching": False},
        "note": "",
        "series": "",
        "urgent": False,
    }
