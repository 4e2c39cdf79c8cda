"""A real ward and hospital in one folder: a site, a paired device, Mosquitto, services that may die, and a judge."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy import select as rows_of

from capture.tpm import leave_tpm
from capture.vault import State
from firmware.demo.place import HOST, DemoPlace, make_place
from firmware.device import key_maker, open_vault
from firmware.hospital import archive_settings
from firmware.ledgers import verify_ledgers
from firmware.settings import load_settings
from provisioning.broker import mosquitto_config
from provisioning.enrolment import pair, serving_enrolment
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from provisioning.terms import BrokerAddress
from sync.brokers import PrivateMosquitto
from sync.errors import BrokerUnavailable
from sync.mqtt import BrokerSettings, Message, TlsFiles, open_connection
from sync.protocol import decode_receipt, topics
from sync.receiver.archive import Archive, ArchiveSettings
from sync.receiver.archive.tables import captures, metadata, receipts

SERVICES = Path(__file__).parent / "services.py"
ROLES = ("capture", "sync", "receiver", "rival")
LISTENER = "watcher"
RIVAL = "receiver-2"
PATIENCE = 90.0
LOOK_SECONDS = 1.0


def until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    """Nothing, as soon as the condition holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Process:
    """A service that was started."""

    pid: int
    handle: int

    def ended(self, within: float = 0.0) -> bool:
        """Whether it has ended, at the latest after so many seconds."""
        waiting = select.poll()
        waiting.register(self.handle, select.POLLIN)
        return bool(waiting.poll(within * 1000))

    def stopped(self) -> bool:
        """Whether it has stopped by itself, and waits to be told to go on."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def go_on(self) -> None:
        signal.pidfd_send_signal(self.handle, signal.SIGCONT)

    def kill(self) -> None:
        """As at a power cut, and waited for."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        assert self.ended(PATIENCE)
        os.close(self.handle)


class Services:
    """services.py, from which every service is forked."""

    def __init__(self, place: DemoPlace, environment: dict[str, str] | None = None) -> None:
        temporary = place.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
        # A file of Python's own is none of the service's.
        clean |= {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        self._place = place
        self._mother = subprocess.Popen(
            [sys.executable, SERVICES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean | (environment or {}),
        )
        place.logs.mkdir(exist_ok=True)

    def start(self, role: str, *, traced: bool = False, **more: Any) -> Process:
        asked = {"role": role, "config": str(self._place.file), "log": str(self._place.logs / f"{role}.log")}
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(json.dumps(asked | {"traced": traced} | more) + "\n")
        self._mother.stdin.flush()
        pid = int(self._mother.stdout.readline())
        return Process(pid, os.pidfd_open(pid))

    def close(self) -> None:
        """Its children end with it."""
        self._mother.kill()
        self._mother.communicate()


class Wire:
    """Whatever a device says to the broker, seen as a receiver sees it: scanned at once, and counted."""

    def __init__(self, settings: BrokerSettings, canaries: list[bytes]) -> None:
        self.kinds: Counter[str] = Counter()
        self.leaks: list[str] = []
        self.listening = threading.Event()
        self._settings, self._canaries = settings, canaries
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-bench-wire")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(BrokerUnavailable):
                self._listen()
            self.listening.clear()
            self._stop.wait(0.05)

    def _listen(self) -> None:
        connection = open_connection(self._settings)
        connection.subscribe(topics.EVERY_UP, topics.EVERY_STATE, topics.RECEIVERS)
        self.listening.set()
        try:
            while not self._stop.is_set():
                for arrival in connection.step(0.05):
                    if isinstance(arrival, Message):
                        connection.acknowledge(arrival)
                        self.kinds[arrival.topic.rsplit("/", 1)[-1]] += 1
                        said = arrival.topic.encode() + arrival.payload
                        self.leaks += [f"{arrival.topic}: {c[:12]!r}" for c in self._canaries if c in said]
        finally:
            connection.close()


@dataclass
class Ward:
    """What a test does to the device and the hospital, and what must hold of them at every moment.

    Attributes:
        taken: capture → digest, of every picture that was reported as taken.
        canaries: bytes that give the patient or the picture away.
        settled: those of them that left the device, rightly.
        read: those of them whose objects the archive gave back whole.
        parked: why pictures waited for a person, and how often.
        spoken: how much each service had logged when it was last started.
        looked: what each file was like when it was last searched for canaries.
    """

    place: DemoPlace
    archive: ArchiveSettings
    services: dict[str, Services]
    broker: PrivateMosquitto
    picture: Path
    encounter: dict[str, str]
    canaries: list[bytes]
    wire: Wire
    running: dict[str, Process] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    parked: Counter[str] = field(default_factory=Counter)
    spoken: dict[str, int] = field(default_factory=dict)
    looked: dict[Path, tuple[int, int, int]] = field(default_factory=dict)

    def begin(self) -> None:
        """All services, and the first picture: what the hospital has of it is what nobody else may have."""
        for role in ("receiver", "sync"):
            self.run(role)
        self.until(lambda: "broker-connected" in self.said("receiver"), "the receiver, and its archive")
        self.take()
        self.until(self.arrived, "the first picture to arrive")
        with self._opened() as archive:
            jpeg = archive.picture(archive.newest(1)[0])
        self.canaries += [jpeg[len(jpeg) * part // 4 :][:32] for part in (1, 2, 3)]

    # What happens -------------------------------------------------------------------------------------------------

    def run(self, role: str, **how: Any) -> Process:
        """This service, started; whatever ran in its place is killed."""
        self.stop(role)
        self.spoken[role] = len(self._log(role))
        asked: dict[str, Any] = {"told": str(self.told)}
        match role:
            case "capture":
                asked |= {"picture": str(self.picture), "encounter": self.encounter, "number": 1}
            case "sync":
                asked |= {"hours": 0, "waited": str(self.waited)}
            case _:
                asked |= {"name": RIVAL if role == "rival" else "", "step": "", "stops": False, "marks": ""}
                asked |= {"object_options": dict(self.archive.object_options)}
        self.running[role] = self.services[role].start(role, **asked | how)
        return self.running[role]

    @contextlib.contextmanager
    def moved(self, roles: Sequence[str], environment: dict[str, str]) -> Iterator[None]:
        """These services run in another environment, until the block ends."""
        before, services = dict(self.services), Services(self.place, environment)
        self.services |= dict.fromkeys(roles, services)
        try:
            yield
        finally:
            self.services |= before
            for role in set(roles) - {"capture"}:
                self.run(role)
            services.close()

    def stop(self, role: str) -> None:
        if role in self.running:
            self.running.pop(role).kill()

    def take(self, number: int = 1) -> None:
        """Pictures, reported as taken."""
        self.hear()
        before = len(self.taken)
        assert self.run("capture", number=number).ended(PATIENCE + number), "the picture was not taken in time"
        self.stop("capture")
        self.hear()
        assert len(self.taken) == before + number, self.said("capture")

    def hear(self) -> None:
        """Notes what was reported as taken."""
        if self.told.exists():
            self.taken |= dict(line.split() for line in self.told.read_text().splitlines())

    @property
    def told(self) -> Path:
        """Where pictures are reported as taken, a line each."""
        return self.place.folder / "told"

    @property
    def waited(self) -> Path:
        """Where a device that waits for hours says that they are over."""
        return self.place.folder / "waited"

    def ends_or_arrives(self, role: str, seconds: float = PATIENCE) -> str:
        """What comes first: the service "ended", all "arrived" by its work, or it "hung" until the time was over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.running[role].ended(0.01):
                return "ended"
            if role != "capture" and self.arrived():
                return "arrived"
        return "hung"

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Nothing, as soon as the condition holds; fails at once if a service ended, for it then never would."""
        until(lambda: holds() or self._ended(), what)
        assert not self._ended(), f"a service ended by itself: {self._words()}"

    def _ended(self) -> list[str]:
        return [role for role, process in self.running.items() if role != "capture" and process.ended()]

    def _words(self) -> str:
        return "".join(self.said(role) for role in ("sync", "receiver"))

    def settle(self, patience: float = 0.0, every: float = 0.01) -> None:
        """All arrives, with a person who looks at the screen now and then and lets what is parked be tried again.

        Args:
            patience: seconds that it may take, instead of those that are always enough for a few pictures.
            every: seconds between two looks at where the pictures are.
        """
        end = time.monotonic() + (patience or PATIENCE)
        look = time.monotonic() + LOOK_SECONDS
        while not self.arrived():
            self.running["sync"].ended(every)
            assert not self._ended(), f"a service ended by itself: {self._words()}"
            assert time.monotonic() < end, f"it did not all arrive: {self._words()}"
            if time.monotonic() > look:
                look = time.monotonic() + LOOK_SECONDS
                self._retry_parked()
        self.what_is_gone_has_its_receipt()

    def _retry_parked(self) -> None:
        with open_vault(self.place.settings) as vault:
            for entry in vault.entries():
                if entry.state is State.PARKED:
                    self.parked[entry.reason] += 1
                    vault.retry(entry.capture)

    def folders_of(self, role: str) -> tuple[str, ...]:
        """Where this service may make files."""
        settings = self.place.settings
        own = settings.receiver.archive if role == "receiver" else settings.state
        return (str(own), str(self.told), str(self.place.logs))

    def said(self, role: str) -> str:
        """What this service has logged since it was started."""
        return self._log(role)[self.spoken.get(role, 0) :]

    def _log(self, role: str) -> str:
        log = self.place.logs / f"{role}.log"
        return log.read_bytes().decode("latin-1") if log.exists() else ""

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Archive]:
        archive = Archive.open(self.archive)
        try:
            yield archive
        finally:
            archive.close()

    # What must hold -----------------------------------------------------------------------------------------------

    def envelopes(self) -> dict[str, Path]:
        return {path.stem: path for path in (self.place.settings.state / "vault/envelopes").rglob("*.wle")}

    def filed(self) -> dict[str, tuple[str, bytes]]:
        """Capture → digest and receipt of what is filed of all that is not settled; fails if one has two rows."""
        joined = captures.outerjoin(receipts, captures.c.capture == receipts.c.capture)
        asked = rows_of(captures.c.capture, captures.c.digest, receipts.c.receipt).select_from(joined)
        with self.rows() as connection:
            found = connection.execute(asked.where(captures.c.capture.in_(self._open_questions()))).all()
        assert len({row[0] for row in found}) == len(found), "a capture was filed twice"
        return {row[0]: (row[1], bytes(row[2])) for row in found}

    def _open_questions(self) -> set[str]:
        return self.taken.keys() - self.settled

    @contextlib.contextmanager
    def rows(self) -> Iterator[Connection]:
        """The archive's database, looked at from outside."""
        engine = create_engine(self.archive.database, poolclass=NullPool)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def arrived(self) -> bool:
        """Whether everything that was taken is at the hospital and gone from the device."""
        return not self.envelopes() and self._open_questions() <= self.filed().keys()

    def nothing_is_lost(self) -> None:
        """Asserts what must hold at every moment, whoever is dead: read from outside, touching nothing."""
        self.hear()
        # The device first: what leaves it between the two looks is in the second one.
        there = {}
        for capture, path in self.envelopes().items():
            with contextlib.suppress(FileNotFoundError):
                there[capture] = path.read_bytes()
        filed = self.filed()
        for capture in self._open_questions():
            digest = self.taken[capture]
            if capture in there:
                assert hashlib.sha256(there[capture]).hexdigest() == digest, f"{capture} changed in the vault"
            else:
                assert capture in filed, f"{capture} was reported as taken, and is in no place"
            if capture in filed:
                assert filed[capture][0] == digest, f"{capture} is filed as something else"
        self.nothing_is_seen()

    def what_is_gone_has_its_receipt(self) -> None:
        """Asserts that every envelope which left the device was freed by the site's signature over exactly it."""
        identity = DeviceIdentity.load(self.place.settings.state)
        filed, there = self.filed(), self.envelopes()
        with open_vault(self.place.settings) as vault:
            entries = {entry.capture: entry for entry in vault.entries()}
        for capture in self._open_questions() - there.keys():
            entry, (digest, receipt) = entries[capture], filed[capture]
            assert entry.state is State.ERASED, f"{capture} is {entry.state} and has no file"
            assert entry.receipt == receipt, f"{capture} has two receipts that differ"
            named = decode_receipt(receipt)
            named.verify(identity.receipt_keys)
            assert (named.device, named.capture, named.digest) == (identity.device, capture, digest)
            assert digest == self.taken[capture] == entry.digest
            self.settled.add(capture)

    def nothing_is_seen(self) -> None:
        """Asserts that no word of the patient and no byte of the picture is on the device, in a log or on the wire."""
        assert self.wire.leaks == []
        folders = (self.place.settings.state, self.place.logs, self.place.broker, self.place.folder / "tmp")
        for path in (path for folder in folders for path in folder.rglob("*")):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, OSError):
                self._search(path)
        assert not list((self.place.folder / "tmp").iterdir())

    def _search(self, path: Path) -> None:
        """Asserts that no canary is in this file; what was searched before and only grew is searched from there on."""
        state = path.stat()
        looked, self.looked[path] = self.looked.get(path), (state.st_ino, state.st_size, state.st_mtime_ns)
        if looked == self.looked[path]:
            return
        data = path.read_bytes()
        if path.parent == self.place.logs and looked is not None:
            data = data[max(0, looked[1] - 64) :]
        leaks = [canary[:12] for canary in self.canaries if canary in data]
        if leaks:
            del self.looked[path]
        assert not leaks, f"plaintext in {path}"

    def the_archive_gives_it_back(self) -> None:
        """Asserts that what is filed is there and whole, sealed in its envelope and plain in its picture."""
        with self._opened() as archive:
            for filed in archive.everything():
                if filed.capture not in self.read:
                    sealed, picture = archive.envelope(filed), archive.picture(filed)
                    assert not [canary[:12] for canary in self.canaries if canary in sealed]
                    assert self.canaries[-1] in picture
                    self.read.add(filed.capture)
        assert self.taken.keys() <= self.read

    def nothing_is_in_the_dumps(self) -> None:
        """Asserts that only the record's own rows name the patient, and that no row of any table is a picture."""
        for table, dump in self.dumps().items():
            leaks = [canary[:12] for canary in self.canaries if canary in dump]
            assert not leaks or (table == captures.name and leaks == [self.canaries[0][:12]]), f"{table}: {leaks}"

    def dumps(self) -> dict[str, bytes]:
        """Every column of every row of each table of the archive, end to end."""
        with self.rows() as connection:
            return {
                table.name: b"".join(
                    value if isinstance(value, bytes) else str(value).encode()
                    for row in connection.execute(rows_of(table))
                    for value in row
                )
                for table in metadata.sorted_tables
            }

    def all_is_well(self) -> None:
        """Asserts every promise of a ward at rest, the ledger's and the archive's bytes among them."""
        self.nothing_is_lost()
        self.what_is_gone_has_its_receipt()
        missing = self._open_questions() - self.filed().keys()
        assert self.arrived(), f"there: {sorted(self.envelopes())}, not filed: {missing}"
        assert self.settled == self.taken.keys()
        self.the_archive_gives_it_back()
        self.nothing_is_in_the_dumps()
        ledgers = verify_ledgers(self.place.settings)
        assert all(chain["whole"] for chain in ledgers.values()), ledgers


def _picture_in(folder: Path) -> tuple[Path, bytes]:
    """A picture of its own, long enough for two chunks, and some bytes of its pixels."""
    pixels = np.random.default_rng(secrets.randbits(64)).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    path = folder / "pictures" / "wound.png"
    path.parent.mkdir()
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path, pixels[120, 100:116].tobytes()


def _place_in(folder: Path, database: str, objects: str, keys: str) -> DemoPlace:
    place = make_place(folder, folder / "pictures", models=folder, mqtt="auto")
    where = f'[receiver]\ndatabase = "{database}"\nobjects = "{objects}"'
    text = place.file.read_text().replace("[receiver]", where).replace('keys = "file"', f'keys = "{keys}"')
    place.file.write_text(text)
    return DemoPlace(folder, place.file, load_settings(place.file))


def _paired_site(place: DemoPlace) -> Site:
    settings = place.settings
    at, receivers = BrokerAddress(HOST, settings.broker.port), [settings.receiver.name, RIVAL, LISTENER]
    site = Site.create(place.site, "north-hospital", "North Hospital", hosts=[HOST], broker=at, receivers=receivers)

    def approve(digits: str) -> None:
        (waiting,) = (device for device in site.pending() if device.digits == digits)
        site.approve(waiting.id, digits)

    with serving_enrolment(site) as enrolment:
        line = site.invite(f"{HOST}:{enrolment.port}").line
        pair(line, settings.state, on_digits=approve, make_key=key_maker(settings))
    leave_tpm()  # as the command that pairs does when it ends
    return site


@contextlib.contextmanager
def ward_in(
    folder: Path,
    *,
    database: str = "",
    bucket: tuple[str, dict[str, str]] = ("", {}),
    store: str = "persistence false",
    keys: str = "file",
) -> Iterator[Ward]:
    """A ward at work: paired, its broker and its services up, and one picture already on its way.

    Args:
        folder: where everything of it is; a short path.
        database: URL of the archive's rows; SQLite in the archive's folder if empty.
        bucket: where the archive's objects are, and how it is reached; the archive's folder if empty.
        store: what Mosquitto's configuration says of its store; `{folder}` is the broker's.
        keys: where the device's are made, as `device.keys` says it.
    """
    picture, pixels = _picture_in(folder)
    place = _place_in(folder, database, bucket[0], keys)
    site, settings = _paired_site(place), place.settings
    settings.receiver.archive.mkdir(mode=0o700)
    patient = f"CANARY-{secrets.token_hex(4).upper()}"
    # No badge: one would be on the ledger, which says who accepted each picture.
    encounter = {"patient": patient, "clinician": f"NURSE {patient}", "note": f"NOTE {patient}"}
    canaries, port = [patient.encode(), pixels], settings.broker.port
    text = mosquitto_config(site, place.broker, port, host=HOST)
    text = text.replace("persistence false", store.format(folder=place.broker))
    files = site.receiver_tls(LISTENER)
    tls = TlsFiles(files.ca, files.certificate, files.key)
    with contextlib.ExitStack() as running:
        mosquitto = running.enter_context(PrivateMosquitto(text, place.broker, host=HOST, port=port))
        services = Services(place)
        running.callback(services.close)
        wire = Wire(BrokerSettings(HOST, port, LISTENER, tls), canaries)
        running.callback(wire.close)
        archive = replace(archive_settings(settings), object_options=bucket[1])
        ward = Ward(place, archive, dict.fromkeys(ROLES, services), mosquitto, picture, encounter, canaries, wire)
        ward.begin()
        yield ward
