"""Each service is killed, or told that the disk is full or broken, at system calls all along its way (promises 3, 4).

In a ward with real processes and a real Mosquitto the camera service's keeping, the sync service or the receiver meets
one fault at one system call a run, chosen by a seed; the next run finds what the one before left. Whatever happens to
them, everything that was reported as taken is in the vault or filed, once; at rest all of it has arrived, and what left
the device was freed by a receipt for exactly it. 200 faults in the ordinary run, 2,000 in `make fault`.
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
SHORT = {"capture": 130, "sync": 40, "receiver": 20, "large": 10}
LONG = {"capture": 500, "sync": 600, "receiver": 700, "large": 200}
REST = 10
"""So many faults between two moments of rest, at which all has arrived."""
GOES_ON_SECONDS = 0.6


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
        if came == "hung":
            # What it said before may keep the others waiting, for a person or for a while: neither is for the next one.
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
        for run, fault in enumerate(self.injection.a_part(groups, 2 * number, f"{self.seed}/{role}"), 1):
            if took.total() == number:
                break
            try:
                how = self.suffer(ward, fault)
                if run % REST == 0:
                    self._recover(ward, role)
            except AssertionError as broken:
                pytest.fail(f"seed {self.seed}, {fault}: {broken}")
            if how is not None:
                took[f"{fault.action} {how}"] += 1
        assert took.total() == number, f"too few faults took place: {took}"
        self._recover(ward, role)
        ward.all_is_well()
        possible = sum(map(len, groups.values()))
        sys.stdout.write(
            f"\n{role}: {number} of {possible} possible faults: {dict(took)}, parked {dict(ward.parked)}\n"
        )

    @staticmethod
    def _ready_for(ward: Any, role: str) -> None:
        """A picture waits for this service, which is down; nobody sends what the one that takes pictures takes."""
        ward.stop(role)
        if role == "capture":
            ward.stop("sync")
        elif not ward.envelopes():
            ward.take()

    @staticmethod
    def _recover(ward: Any, role: str) -> None:
        """The service is started again, and all arrives; whoever takes pictures takes the next one."""
        if role == "capture":
            ward.take()
        elif role == "receiver":
            ward.run(role)
        # One that starts offers at once; one that was told "later" waits for half a minute.
        ward.run("sync")
        ward.settle()


@pytest.fixture
def fire(injection, tmp_path, seed, long):
    return Fire(injection, tmp_path, seed, long)


@pytest.mark.parametrize("role", SERVICES)
def test_a_service_that_fails_at_a_system_call_loses_nothing_and_files_nothing_twice(role, ward, fire):
    fire.runs(ward, role, fire.number(role))


def test_the_same_holds_of_a_receiver_with_postgresql_and_a_bucket(large_ward, fire):
    fire.runs(large_ward, "receiver", fire.number("large"))
