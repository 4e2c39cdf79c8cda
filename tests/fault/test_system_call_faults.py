"""Each service is killed, or told that the disk is full or broken, at system calls all along its way (promises 3, 4).

A ward with real processes and a real Mosquitto takes one picture a run. In it the camera service's keeping, the sync
service or the receiver meets one fault at one system call, chosen by a seed. Whatever happens to it, everything that
was reported as taken is in the vault or filed, once; after a restart all of it arrives, and what left the device was
freed by a receipt for exactly it. A part of the faults in the ordinary run, 2,000 of them in `make fault`.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SERVICES = ("capture", "sync", "receiver")
SHORT = {"capture": 14, "sync": 14, "receiver": 10, "postgresql": 3}
LONG = {"capture": 500, "sync": 600, "receiver": 700, "postgresql": 200}
GOES_ON_SECONDS = 1.0


@dataclass(frozen=True)
class Fire:
    """Faults for the services of wards, one a run."""

    injection: ModuleType
    folder: Path
    seed: str
    is_long: bool

    def census(self, ward: Any, role: str) -> dict[tuple[str, str], list[Any]]:
        """Every fault that this service can meet while it brings one picture on its way."""
        trace = self.folder / f"{role}.trace"
        self._ready_for(ward, role)
        victim = ward.run(role, traced=True)
        with self.injection.traced(victim.pid, trace, None):
            came = ward.ends_or_arrives(role)
            ward.stop(role)
        assert came != "hung"
        # A kill leaves what is open: nobody makes a file where nobody would look for one that names a patient.
        folders = ward.folders_of(role)
        elsewhere = {file for file in self.injection.made(trace) if not file.startswith(folders)}
        assert not elsewhere, f"the {role} service makes files elsewhere: {elsewhere}"
        self._recover(ward, role)
        return self.injection.possible(role, self.injection.counted(trace))

    def suffer(self, ward: Any, fault: Any) -> str | None:
        """How the service took it, or nothing where it was at its end before the fault came."""
        trace = self.folder / "fault.trace"
        self._ready_for(ward, fault.role)
        victim = ward.run(fault.role, traced=True)
        with self.injection.traced(victim.pid, trace, fault):
            came = ward.ends_or_arrives(fault.role, *(() if fault.action == "KILL" else (GOES_ON_SECONDS,)))
            ward.stop(fault.role)
        ward.nothing_is_lost()
        self._recover(ward, fault.role)
        if fault.action == "KILL":
            return came if came == "ended" else None
        return came if self.injection.happened(trace) else None

    def number(self, group: str) -> int:
        """How many faults of a group are a run of the tests."""
        return (LONG if self.is_long else SHORT)[group]

    def runs(self, ward: Any, role: str, number: int) -> None:
        """`number` faults that took place; every promise of the ward holds after each and at the end."""
        groups = self.census(ward, role)
        took: Counter[str] = Counter()
        for fault in self.injection.a_part(groups, 2 * number, f"{self.seed}/{role}"):
            if took.total() == number:
                break
            try:
                how = self.suffer(ward, fault)
            except AssertionError as broken:
                pytest.fail(f"seed {self.seed}, {fault}: {broken}")
            if how is not None:
                took[f"{fault.action} {how}"] += 1
        assert took.total() == number, f"too few faults took place: {took}"
        ward.all_is_well()
        possible = sum(map(len, groups.values()))
        sys.stdout.write(
            f"\n{role}: {number} of {possible} possible faults: {dict(took)}, parked {dict(ward.parked)}\n"
        )

    @staticmethod
    def _ready_for(ward: Any, role: str) -> None:
        """A picture waits for this service, which is down; nothing waits for the one that takes pictures."""
        ward.stop(role)
        if role != "capture":
            ward.take()

    @staticmethod
    def _recover(ward: Any, role: str) -> None:
        """The service is started again, and all arrives; whoever takes pictures takes the next one."""
        if role == "capture":
            ward.take()
        else:
            # The device too: what was told "later" waits for half a minute, and one that starts offers at once.
            for each in ("receiver", "sync") if role == "receiver" else ("sync",):
                ward.run(each)
        ward.settle()


@pytest.fixture
def fire(injection, tmp_path, seed, long):
    return Fire(injection, tmp_path, seed, long)


@pytest.mark.parametrize("role", SERVICES)
def test_a_service_that_fails_at_a_system_call_loses_nothing_and_files_nothing_twice(role, ward, fire):
    fire.runs(ward, role, fire.number(role))


def test_the_same_holds_of_a_receiver_on_postgresql(ward_with, postgres_database, fire):
    fire.runs(ward_with(database=postgres_database), "receiver", fire.number("postgresql"))
