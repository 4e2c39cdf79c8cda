"""The services of a ward and its hospital as processes that a test may kill. Run by ward.py, never by hand.

Everything is loaded once; then each line of standard input, one JSON object, forks one service and is answered with
its process id. `role` is what it runs, `config` the settings file, `log` where it prints, `told` where "capture"
writes one line for each picture that it reported as taken. With `traced` it begins only when a tracer has hold of all
its threads, so that strace counts the service's own system calls and not Python's. With `step` a receiver ends at that
step of its work, as at a power cut.
"""

from __future__ import annotations

import ctypes
import encodings.idna
import json
import os
import signal
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

import capture.service
import sync.mqtt
import sync.uplink
from capture.encounter import BODY_SITES, Consent, Encounter
from firmware.commands.device import run_sync
from firmware.commands.room_errors import sentence_of
from firmware.device import camera_service_parts
from firmware.from_files import Answers, FileCapturer
from firmware.hospital import receiver_broker, receiver_parts
from firmware.logging import configure_logging
from firmware.settings import Settings, load_settings
from inference import Deidentifier, Kind
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


def take(settings: Settings, told: Path, picture: Path, encounter: dict[str, str]) -> None:
    """One picture, all the way into the vault; its line in `told` is what the person reads: taken."""
    parts = camera_service_parts(settings, DeviceIdentity.load(settings.state))
    looking = Deidentifier(still=[NothingFound()], live=[], second_look=[NothingFound()], threads=1)
    who = Encounter(**encounter, laterality=None, body_site=next(iter(BODY_SITES)), consent=Consent(record=True))
    kept = FileCapturer(parts, looking, "1.0").take(picture, who, Answers("4711"))
    line = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(line, f"{kept.capture} {kept.digest}\n".encode())


def receive(settings: Settings, step: str) -> None:
    """A receiver, until it is killed; with `step`, until it gets there."""
    parts = receiver_parts(settings, Site.load(settings.receiver.site))
    if not step:
        run_receiver(parts)
        return

    def end_at(name: str) -> None:
        if name == step:
            os._exit(DIED_AT_ITS_STEP)

    archive = Archive.open(parts.archive)
    ingest = Ingest(
        archive,
        site=parts.site,
        trust=parts.trust,
        keys=parts.opening_keys,
        signer=parts.receipt_signer,
        step=end_at,
    )
    broker = receiver_broker(settings, Site.load(settings.receiver.site))
    Receiver(parts.name, broker, archive, ingest, step=end_at).run(threading.Event())


def serve(asked: dict[str, Any]) -> None:
    """What `asked` names, in this process, to its end."""
    settings = load_settings(Path(asked["config"]))
    configure_logging(settings.log)
    match asked["role"]:
        case "capture":
            take(settings, Path(asked["told"]), Path(asked["picture"]), asked["encounter"])
        case "sync":
            run_sync(config=Path(asked["config"]))
        case "receiver":
            receive(settings, asked["step"])


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
