"""The hospital that an emulated box belongs to: real servers here, which it finds at the end of its cable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware.demo.place import DemoPlace, answers, make_place
from firmware.demo.story import BADGE, CLINICIAN
from firmware.hospital import open_archive
from firmware.supervision import Supervisor
from provisioning.roster import Role
from provisioning.site import Site
from provisioning.terms import BrokerAddress, Protocol
from tests.appliance.machine import HOSPITAL

PIN = "515356"


@dataclass(frozen=True, slots=True)
class Hospital:
    """Its place on this machine, and its keys."""

    place: DemoPlace
    site: Site
    services: Supervisor

    @property
    def ports(self) -> tuple[int, int]:
        """Those that a box has to reach."""
        return self.place.settings.broker.port, self.place.settings.enrolment.port

    @property
    def enrolment(self) -> str:
        """Where a box finds the enrolment server."""
        return f"{HOSPITAL}:{self.place.settings.enrolment.port}"

    def session(self) -> int:
        """Of the box's connection that last said it is there; 0 before any did, or while it is away."""
        archive = open_archive(self.place.settings, new=False)
        try:
            return max((state.session for state in archive.states() if state.online), default=0)
        finally:
            archive.close()


@contextmanager
def running_hospital(folder: Path, models: Path) -> Iterator[Hospital]:
    """A hospital with a broker, an enrolment server and a receiver that run."""
    place = make_place(folder, folder, models=models, mqtt="auto")
    settings = place.settings
    site = Site.create(
        place.site, "st-emulated", "St. Emulated Hospital", hosts=[HOSPITAL, "127.0.0.1", "localhost"],
        broker=BrokerAddress(HOSPITAL, settings.broker.port, Protocol.AUTO), receivers=[settings.receiver.name],
    )  # fmt: skip
    site.add_clinician(BADGE, CLINICIAN, Role.WARD_LEAD.value, PIN)
    with Supervisor(place.logs) as services:
        for name, *words in (
            ("broker", "broker", "run", str(place.broker)),
            ("enrolment", "site", "serve"),
            ("receiver", "receiver", "run"),
        ):
            services.start(name, [sys.executable, "-m", "firmware", *words, "--config", str(place.file)])
        for what, port in {"The broker": settings.broker.port, "The enrolment server": settings.enrolment.port,
                           "The view": settings.receiver.port}.items():  # fmt: skip
            services.wait_until(lambda port=port: answers(port), what)  # type: ignore[misc]
        yield Hospital(place, site, services)
