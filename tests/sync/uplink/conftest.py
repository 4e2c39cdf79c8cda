"""A device with a real vault and ledger, and a hospital in memory that listens at a real broker."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from capture.envelope import Body, Envelope, KeySigner, SealingContext, seal
from capture.identifiers import CaptureId, DeviceId, SiteId, capture_id
from capture.ledger import Ledger, read_heads
from capture.vault import State, Vault
from sync.errors import BrokerUnavailable
from sync.mqtt import BrokerSettings, Message, Retained, open_connection
from sync.protocol import Receivers, topics
from sync.protocol.simulated import Faults, Hospital
from sync.receiver.opening import OpeningKey
from sync.uplink import Uplink, UplinkSettings

RECEIVER = "receiver-1"


def until(holds: Callable[[], Any], seconds: float = 20.0, *, or_say: Callable[[], object] = lambda: "") -> None:
    """Nothing, as soon as a condition holds; fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {or_say()}"
        time.sleep(0.01)


class HospitalThread:
    """Receivers over MQTT, with the simulated hospital's store behind them. It survives its broker."""

    def __init__(self, port: int, tls: Any, site: str, protocol: Any = "auto") -> None:
        self.hospital = Hospital(SiteId(site), Random(1).random)
        self.faults = Faults()
        self.got: Counter[tuple[str, str]] = Counter()
        self.largest = 0
        self.deaf = threading.Event()
        self._settings = BrokerSettings("localhost", port, RECEIVER, tls, protocol)
        self._stop = threading.Event()
        self.listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wardlens-test-receiver")

    def start(self) -> None:
        self._thread.start()
        assert self.listening.wait(20), "the hospital could not connect"

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._serve()
            except BrokerUnavailable:
                self.listening.clear()
                self._stop.wait(0.1)

    def _serve(self) -> None:
        gone = Retained(topics.RECEIVERS, Receivers(present=False, receiver=RECEIVER, session=1).encode())
        connection = open_connection(self._settings, will=gone)
        connection.subscribe(topics.SHARED_UP if connection.terms.shares else topics.EVERY_UP)
        connection.publish(
            topics.RECEIVERS, Receivers(present=True, receiver=RECEIVER, session=1).encode(), retain=True
        )
        self.listening.set()

        def send(device: DeviceId, capture: CaptureId, payload: bytes) -> None:
            connection.publish(topics.down(device, capture), payload)

        while not self._stop.is_set():
            for arrival in connection.step(0.05):
                if isinstance(arrival, Message):
                    where = topics.parse_up(arrival.topic)
                    self.got[where.capture, where.kind] += 1
                    self.largest = max(self.largest, len(arrival.payload))
                    if not self.deaf.is_set():
                        self.hospital.deliver(arrival.topic, arrival.payload, time.time(), self.faults, send)
                    connection.acknowledge(arrival)
        connection.publish(gone.topic, gone.payload, retain=True)
        connection.close()


class Ward:
    """One device: its vault, its ledger and its uplink in a thread."""

    def __init__(self, folder: Path, port: int, tls: Any, site: str, hospital: Hospital, **settings: Any) -> None:
        self.device = DeviceId(tls.certificate.stem)
        self.folder = folder
        self.site = SiteId(site)
        self.vault = Vault(folder / "vault", reserve_bytes=1024 * 1024)
        self._signer = KeySigner(serialization.load_pem_private_key(tls.key.read_bytes(), None))
        self.ledger = Ledger(folder, "sync", self._signer)
        self._opening = OpeningKey.generate()
        self._certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes()).public_bytes(
            serialization.Encoding.DER
        )
        self.settings = UplinkSettings(
            "localhost", port, self.device, self.site, tls, folder, version="0.0", **settings
        )
        self._receipt_keys = hospital.receipt_keys
        self.uplink = self.make_uplink()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def make_uplink(self) -> Uplink:
        return Uplink(
            self.vault,
            self.ledger,
            self.settings,
            lambda: self._receipt_keys,
            lambda: read_heads(self.folder),
            chance=lambda: 0.05,
        )

    def take(self, size: int, *, urgent: bool = False) -> Envelope:
        """A sealed picture of about this size in the vault."""
        counter = self.vault.next_counter()
        capture = capture_id(hashlib.sha256(f"{self.device} {counter}".encode()).hexdigest()[:32])
        context = SealingContext(
            capture, self.device, self.site, counter, (self._opening.public,), self._signer, (self._certificate,)
        )
        envelope = seal(Body(b"{}", os.urandom(size)), context)
        self.vault.put(envelope, urgent=urgent)
        return envelope

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self.uplink.run, args=(self._stop,), name=f"wardlens-{self.device}")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()

    def close(self) -> None:
        self.stop()
        self.ledger.close()
        self.vault.close()

    def states(self) -> Counter[State]:
        return Counter(entry.state for entry in self.vault.entries())

    def all_erased(self, seconds: float = 20.0) -> None:
        until(
            lambda: set(self.states()) == {State.ERASED},
            seconds,
            or_say=lambda: (self.states(), self.uplink.status()),
        )


@pytest.fixture
def hospital_at(certificates: Any) -> Iterator[Callable[..., HospitalThread]]:
    """Starts receivers at a broker."""
    with ExitStack() as running:

        def start(broker: Any, **options: Any) -> HospitalThread:
            options.setdefault("protocol", broker.speaks)
            thread = HospitalThread(broker.port, certificates.client("receiver", RECEIVER), "north-hospital", **options)
            running.callback(thread.stop)
            thread.start()
            return thread

        yield start


@pytest.fixture
def ward_at(certificates: Any, tmp_path: Path) -> Iterator[Callable[..., Ward]]:
    """Makes a device for a broker and a hospital; the test starts it."""
    with ExitStack() as running:

        def make(broker: Any, hospital: Hospital, name: str = "ward-7", **settings: Any) -> Ward:
            settings.setdefault("protocol", broker.speaks)
            tls = settings.pop("tls", None) or certificates.client("device", name)
            folder = tmp_path / name
            folder.mkdir()
            ward = Ward(folder, broker.port, tls, "north-hospital", hospital, **settings)
            running.callback(ward.close)
            return ward

        yield make


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Waits for a condition."""
    return until
