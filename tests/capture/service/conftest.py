"""A whole device for the camera service's tests: real vault, ledger and keys; a detector of one colour."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from capture.camera import CameraSettings, open_camera
from capture.envelope import KeySigner, SealingContext
from capture.envelope.verification import DOCUMENT_SIGNING
from capture.errors import CameraServiceAway
from capture.identifiers import device_id, site_id
from capture.ledger import Ledger
from capture.service import CameraClient, CameraServiceParts, run_camera_service
from capture.vault import Vault
from inference import Deidentifier, Kind, Region
from inference.picture import Pixels
from sync.receiver.opening import OpeningKey

T = TypeVar("T")

MAGENTA = (255, 0, 255)


class ColourDetector:
    """Finds what is magenta and calls it a face: exact, quick, and blind to everything else."""

    name = "colour"
    models: Mapping[str, str] = {"colour": "0" * 64}

    def __init__(self, kinds: frozenset[Kind] = frozenset(Kind)) -> None:
        self.kinds = kinds
        self.broken = False

    def detect(self, image: Pixels) -> list[Region]:
        if self.broken:
            raise RuntimeError("the detector was told to break")
        near = np.abs(image.astype(np.int16) - np.array(MAGENTA)).max(axis=2) < 60
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if rows.size == 0:
            return []
        left, right, top, bottom = columns[0] - 2, columns[-1] + 3, rows[0] - 2, rows[-1] + 3
        return [Region(Kind.FACE, ((left, top), (right, top), (right, bottom), (left, bottom)), 0.9, "colour")]


def deidentifier_of(detector: ColourDetector) -> Deidentifier:
    return Deidentifier(still=[detector], live=[detector], second_look=[detector], threads=1)


def ward_picture(width: int, height: int, seed: int = 0) -> Pixels:
    """Skin-coloured texture with a magenta square that stands for a face."""
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, 3), dtype=np.uint8)
    picture = np.clip(noise.astype(np.int16) + np.array((150, 110, 90)), 0, 255).astype(np.uint8)
    side = min(width, height) // 5
    picture[side : 2 * side, side : 2 * side] = MAGENTA
    return picture


def write_picture(path: Path, pixels: Pixels) -> None:
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device-1")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=30))
    usage = dict.fromkeys(signature(x509.KeyUsage).parameters, False) | {"digital_signature": True}
    for extension in (
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://site-1/device/device-1")]),
        x509.ExtendedKeyUsage([DOCUMENT_SIGNING]),
        x509.KeyUsage(**usage),
        x509.BasicConstraints(ca=False, path_length=None),
    ):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True, slots=True)
class Device:
    """The parts of a device, and what a test wants to reach of them."""

    parts: CameraServiceParts
    pictures: Path
    socket: Path
    detector: ColourDetector
    opening: OpeningKey

    @property
    def vault(self) -> Vault:
        vault = self.parts.vault
        assert isinstance(vault, Vault)
        return vault

    def with_parts(self, **changes: object) -> Device:
        return replace(self, parts=replace(self.parts, **changes))

    @contextmanager
    def running(self) -> Iterator[Path]:
        """The real service on its socket, in a thread."""
        stop = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                run_camera_service(self.parts, self.socket, stop)
            except BaseException as failed:  # noqa: BLE001 - shown to the test that started it
                failures.append(failed)

        thread = threading.Thread(target=run, name="service-under-test")
        thread.start()
        try:
            yield self.socket
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive(), "the service did not stop"
            assert not failures, failures

    def story(self, act: Callable[[CameraClient], Coroutine[Any, Any, T]], *, timeout_s: float = 60.0) -> T:
        """What `act` gives, played with a client against the running service once camera and engine are ready."""

        async def play() -> T:
            async with CameraClient(self.socket, timeout_s=timeout_s) as client:
                await self.healthy(client, lambda h: h["camera"]["state"] == h["engine"]["state"] == "ready")
                return await act(client)

        with self.running():
            return asyncio.run(play())

    @staticmethod
    async def healthy(client: CameraClient, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first health report that is as wanted; fails after half a minute."""
        async with asyncio.timeout(30):
            while True:
                try:
                    health = await client.health()
                except CameraServiceAway:
                    await asyncio.sleep(0.02)
                    continue
                if wanted(health):
                    return health
                await asyncio.sleep(0.02)


@contextmanager
def device_in(tmp_path: Path) -> Iterator[Device]:
    """A device whose whole state is in this folder."""
    pictures = tmp_path / "pictures"
    pictures.mkdir(exist_ok=True)
    for number, size in enumerate(((800, 600), (480, 640), (1000, 700))):
        write_picture(pictures / f"{number}.png", ward_picture(*size, seed=number))
    key = ec.derive_private_key(4711, ec.SECP256R1())  # the same after a restart
    signer, opening = KeySigner(key), OpeningKey.generate()
    certificates = (_certificate(key),)
    detector = ColourDetector()
    (tmp_path / "ledger").mkdir(exist_ok=True)
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault, Ledger(tmp_path / "ledger", "camera", signer) as ledger:
        parts = CameraServiceParts(
            camera=open_camera(CameraSettings("replay", (pictures,), frames_per_second=60)),
            load_engine=lambda: deidentifier_of(detector),
            vault=vault,
            ledger=ledger,
            sealing_context=lambda capture, counter: SealingContext(
                capture, device_id("device-1"), site_id("site-1"), counter, (opening.public,), signer, certificates
            ),
        )
        yield Device(parts, pictures, tmp_path / "run" / "camera.sock", detector, opening)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with device_in(tmp_path) as made:
        yield made
