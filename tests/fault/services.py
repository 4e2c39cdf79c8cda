"""The services of a ward and its hospital as processes that a test may kill. Run by ward.py, never by hand.

Everything is loaded once; then each line of standard input, one JSON object, forks one service and is answered with
its process id. `role` is what it runs, `config` the settings file, `log` where it prints, `told` where "capture"
writes one line for each picture that it reported as taken. With `traced` it begins only when a tracer has hold of all
its threads, so that strace counts the service's own system calls and not Python's. With `step` a receiver ends at that
step of its work, as at a power cut, or, with `stops`, stops there until it is told to go on (SIGCONT). With `marks` it
writes the name of each step into that file.
"""

from __future__ import annotations

import ctypes
import encodings.idna
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

import capture.service
import sync.mqtt
import sync.uplink
from capture.encounter import BODY_SITES, Consent, Encounter
from firmware.commands.room_errors import sentence_of
from firmware.device import camera_service_parts, make_uplink
from firmware.from_files import Answers, FileCapturer
from firmware.hospital import receiver_broker, receiver_parts
from firmware.logging import configure_logging
from firmware.settings import Settings, load_settings
from inference import Deidentifier, Kind
from provisioning import durable
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from sync.receiver import run_receiver
from sync.receiver.archive import Archive
from sync.receiver.ingest import Ingest
from sync.receiver.service import Receiver

DIED_AT_ITS_STEP = 9
assert encodings.idna
assert psycopg
assert capture.service
assert sync.mqtt
assert sync.uplink, "loaded here, so that no service spends its first system calls on it"


class NothingFound:
    """A detector that looks for every kind and finds nothing: what it looks at is not what these tests are about."""

    name = "nothing"
    models = {"nothing": "0" * 64}  # noqa: RUF012 - what the port asks for
    kinds = frozenset(Kind)

    def detect(self, image: Any) -> list[Any]:
        return []


def take(settings: Settings, told: Path, asked: dict[str, Any]) -> None:
    """Pictures, all the way into the vault; a line of each in `told` is what the person reads: taken."""
    parts = camera_service_parts(settings, DeviceIdentity.load(settings.state))
    looking = Deidentifier(still=[NothingFound()], live=[], second_look=[NothingFound()], threads=1)
    body_site, consent = next(iter(BODY_SITES)), Consent(record=True)
    who = Encounter(**asked["encounter"], laterality=None, body_site=body_site, consent=consent)
    capturer = FileCapturer(parts, looking, "1.0")
    line = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for _ in range(asked["number"]):
        kept = capturer.take(Path(asked["picture"]), who, Answers("4711"))
        os.write(line, f"{kept.capture} {kept.digest}\n".encode())


class Waits(threading.Event):
    """A stop that never comes, and a clock: every wait for it passes at once, and the clock says that it passed.

    Once `hours` have passed, `told` says how many have, at every wait.
    """

    def __init__(self, hours: float, told: Path) -> None:
        super().__init__()
        self._skipped = 0.0
        self._hours, self._told = hours, told

    def clock(self) -> float:
        return time.monotonic() + self._skipped

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._skipped += timeout
        if self._skipped > self._hours * 3600:
            durable.write(self._told, f"{self._skipped / 3600}\n".encode())
        return False


def send(settings: Settings, asked: dict[str, Any]) -> None:
    """The uplink, until it is killed. Alone in its ward, it waits a tenth of what one of a fleet would wait."""
    identity, chance = DeviceIdentity.load(settings.state), random.SystemRandom().random
    if not asked["hours"]:
        make_uplink(settings, identity, chance=lambda: chance() / 10).run(threading.Event())
        return
    waits = Waits(asked["hours"], Path(asked["waited"]))
    make_uplink(settings, identity, clock=waits.clock, chance=lambda: 0.9 + chance() / 10).run(waits)


def receive(settings: Settings, asked: dict[str, Any]) -> None:
    """A receiver, until it is killed; with `step`, until it gets there."""
    name = asked["name"] or settings.receiver.name
    settings = settings.model_copy(update={"receiver": settings.receiver.model_copy(update={"name": name})})
    parts = receiver_parts(settings, Site.load(settings.receiver.site))
    parts = replace(parts, archive=replace(parts.archive, object_options=asked["object_options"]))
    if not asked["step"] and not asked["marks"]:
        run_receiver(parts)
        return
    steps = [asked["step"]]
    marks = os.open(asked["marks"] or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def at(step: str) -> None:
        os.write(marks, f"{step}\n".encode())
        if step not in steps:
            return
        steps.remove(step)
        if not asked["stops"]:
            os._exit(DIED_AT_ITS_STEP)
        os.kill(os.getpid(), signal.SIGSTOP)

    archive = Archive.open(parts.archive)
    ingest = Ingest(
        archive,
        site=parts.site,
        trust=parts.trust,
        keys=parts.opening_keys,
        key_ids=parts.opening_key_ids,
        signer=parts.receipt_signer,
        step=at,
    )
    broker = receiver_broker(settings, Site.load(settings.receiver.site))
    Receiver(parts.name, broker, archive, ingest, step=at).run(threading.Event())


def serve(asked: dict[str, Any]) -> None:
    """What `asked` names, in this process, to its end."""
    settings = load_settings(Path(asked["config"]))
    configure_logging(settings.log)
    match asked["role"]:
        case "capture":
            take(settings, Path(asked["told"]), asked)
        case "sync":
            send(settings, asked)
        case "receiver" | "rival":
            receive(settings, asked)


def wait_for_tracer() -> None:
    """Nothing, once every thread of this process is traced."""
    while any("TracerPid:\t0\n" in (task / "status").read_text() for task in Path("/proc/self/task").iterdir()):
        time.sleep(0.001)


def begin(asked: dict[str, Any]) -> None:
    """The child's life. It ends with its parent, and lets whoever may trace us do it (Yama's ptrace_scope 1)."""
    prctl = partial(ctypes.CDLL(None).prctl)
    prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER, any
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if asked["traced"]:
        wait_for_tracer()
    status = 1
    try:
        serve(asked)
        status = 0
    except BaseException as error:  # noqa: BLE001 - said in the log, as the command line would
        known = sentence_of(error) if isinstance(error, Exception) else None
        sys.stderr.write(known[1] + "\n" if known else traceback.format_exc())
    finally:
        os._exit(status)


def main() -> None:
    """Forks what it is asked for until standard input ends. Single-threaded, so that a fork is whole."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            begin(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
