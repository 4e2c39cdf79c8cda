"""A picture where the engine failed is never sealed (promise 1): faults in the real engine, behind the real socket.

After each fault: nothing new in the vault, nothing on the disk but what belongs there, no word of it in a log or on
the screen, a sentence that says what to do, and the next picture is taken as if nothing had been.

The ordinary run takes a few of 868 faults, chosen by a seed; `make fault` takes 245, WARDLENS_FAULTS_SEED others.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import logging
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import structlog

from capture.camera import CameraSettings, open_camera
from capture.encounter import BODY_SITES
from capture.errors import CameraServiceAway, CameraServiceRefused
from capture.pictures import read_picture
from capture.service import CameraClient, as_found, parse_live_message
from capture.vault import Vault
from inference import Deidentifier, Frame

pytestmark = pytest.mark.models

LONG = os.environ.get("WARDLENS_FAULTS") == "long"
SEED = int(os.environ.get("WARDLENS_FAULTS_SEED", "20261"))
PART = (
    {"detectors": 100, "models": 50, "functions": 30, "live": 20, "files": 40}
    if LONG
    else {"detectors": 3, "models": 2, "functions": 3, "live": 3, "files": 5}
)
"""How many of each group are taken."""

PATIENT = "PAT-4711-FAULT"
ENCOUNTER = {
    "patient": PATIENT,
    "clinician": "nurse-7",
    "body_site": next(iter(BODY_SITES)),
    "consent": {"record": True},
}
SAYS_WHAT_TO_DO = re.compile(r"Try again|[Cc]all IT|Run `|Restart the device|Wait a moment")


def _module():
    """faults.py beside this file: tests are no packages."""
    spec = importlib.util.spec_from_file_location("wardlens_tests_faults", Path(__file__).parent / "faults.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


faults = _module()


@pytest.fixture(scope="module")
def tampering(models_folder):
    made = faults.Tampering(models_folder)
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Every line that this process logs, rendered as the device renders it."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)
    structlog.reset_defaults()


@pytest.fixture
def ward(device, tampering, astronaut, tmp_path, monkeypatch):
    """The device with the real engine in the tester's hands, before it a patient with a face and a printed name."""
    picture = cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR)
    cv2.rectangle(picture, (20, 400), (500, 500), (240, 240, 240), -1)
    cv2.putText(picture, "MILLER ANNA 1957", (30, 465), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (20, 20, 20), 4)
    for path in device.pictures.iterdir():
        path.unlink()
    assert cv2.imwrite(str(device.pictures / "patient.png"), picture)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    camera = open_camera(CameraSettings("replay", (device.pictures,), frames_per_second=2))
    return device.with_parts(camera=camera, load_engine=tampering.engine)


class Watch:
    """What a device holds outside its memory, and whether a fault changed it."""

    def __init__(self, device, logged):
        self._device, self._logged = device, logged
        self._folder = device.pictures.parent
        self._raw = np.ascontiguousarray(cv2.imread(str(next(device.pictures.iterdir())))[256, 200:240]).tobytes()
        self.mark()

    def mark(self):
        self._before = self._files()
        self._sealed = self._device.vault.entries()

    def nothing_left(self, fault):
        """Asserts that since the mark nothing was sealed, written or logged that a failed picture may not leave."""
        assert self._device.vault.entries() == self._sealed, f"sealed after: {fault}"
        after = self._files()
        new = after.keys() - self._before.keys() - {"vault/counter"}
        assert not new, f"written after: {fault}: {new}"
        changed = {name for name in after if after[name] != self._before.get(name)}
        assert all(name.split("/")[0] in ("ledger", "vault") for name in changed), fault
        for name in changed:
            self._holds_no_patient(after[name], f"{name} after {fault}")
        self._holds_no_patient(self._logged.getvalue().encode(), f"the log after {fault}")
        self._before = after

    def _holds_no_patient(self, data, where):
        for canary in (PATIENT.encode(), faults.WORDS.encode(), b"\xff\xd8\xff", self._raw, self._raw[::-1]):
            assert canary not in data, f"{canary[:12]!r} in {where}"

    def _files(self):
        paths = (path for path in self._folder.rglob("*") if path.is_file() and path.suffix not in (".wle", ".png"))
        return {str(path.relative_to(self._folder)): path.read_bytes() for path in paths}


def a_part(found, group):
    return random.Random(f"{SEED}/{group}").sample(found, PART[group])


async def refused(client, fault, still):
    """What the fault's step is refused with."""
    try:
        match fault.step:
            case "take":
                await client.take()
            case "look":
                await client.picture(still["id"])
            case "decide":
                await client.decide(still["id"], [{"action": "confirm", "kind": "tattoo", "by": "nurse-7"}])
            case "accept":
                await client.accept(still["id"], ENCOUNTER)
    except CameraServiceRefused as said:
        return said
    pytest.fail(f"leaked: {fault.name}")


async def answered(client):
    """A new still whose every question is answered."""
    still = await client.take()
    decisions = as_found(still, "nurse-7")
    return await client.decide(still["id"], decisions) if decisions else still


async def one_fault(client, fault, watch):
    """The fault, and after it the same step once more: refused while it lasts, done when it is over."""
    held = [] if fault.step == "take" else [await answered(client)]
    watch.mark()
    with fault.armed():
        said = await refused(client, fault, held[0] if held else None)
        health = await client.health()
    assert said.status >= 500, f"{fault.name}: {said.status} {said.error}"
    for sentence in (said.sentence, health["engine"]["sentence"]):
        assert faults.WORDS not in sentence, fault.name
    assert SAYS_WHAT_TO_DO.search(said.sentence), f"{fault.name}: {said.sentence}"
    assert health["stills_held"] == len(held), fault.name
    watch.nothing_left(fault.name)
    good = held[0] if held else await answered(client)
    assert {region["kind"] for region in good["redaction"]["regions"]} >= {"face", "text"}, fault.name
    assert (await client.picture(good["id"]))[:2] == b"\xff\xd8"
    return good


async def all_faults(client, chosen, device, logged):
    """Each fault once, the first of them with nothing taken yet, the others after pictures that were."""
    watch = Watch(device, logged)
    for number, fault in enumerate(chosen):
        async with asyncio.timeout(faults.PATIENCE_S):
            good = await one_fault(client, fault, watch)
            if number % 10 == 0 or fault.step == "accept":
                await client.accept(good["id"], ENCOUNTER)
            else:
                await client.discard(good["id"])
    return len(chosen)


def test_after_a_fault_in_the_engine_nothing_is_sealed_and_the_next_picture_is_taken(ward, tampering, logged):
    frame = Frame(read_picture(next(ward.pictures.iterdir()).read_bytes()), 0)
    groups = {
        "detectors": list(faults.detector_faults(tampering)),
        "models": list(faults.model_faults(tampering, tampering.used_by_a_still(frame))),
        "functions": list(faults.function_faults(tampering)),
    }
    chosen = [fault for name, found in groups.items() for fault in a_part(found, name)]
    random.Random(SEED).shuffle(chosen)  # so that each kind is met first and later, and after every other

    async def act(client):
        return await all_faults(client, chosen, ward, logged)

    assert ward.story(act, timeout_s=faults.PATIENCE_S) == sum(PART[name] for name in groups)
    accepted = sum(number % 10 == 0 or fault.step == "accept" for number, fault in enumerate(chosen))
    assert len(ward.vault.entries()) == accepted, "what was accepted between the faults, and nothing else"


def test_after_a_fault_in_the_live_view_nothing_is_shown_and_it_comes_back(ward, tampering, logged):
    chosen = a_part(list(faults.live_faults(tampering)), "live")

    async def until(stream, shown):
        while bool(parse_live_message(await stream.next_message()).jpeg) is not shown:
            pass

    async def act(client):
        watch = Watch(ward, logged)
        async with client.live() as stream:
            for fault in chosen:
                async with asyncio.timeout(faults.PATIENCE_S):
                    await until(stream, True)
                    with fault.armed():
                        await until(stream, False)
                    await until(stream, True)
                watch.nothing_left(fault.name)
        return len(chosen)

    assert ward.story(act, timeout_s=faults.PATIENCE_S) == len(chosen)
    assert ward.vault.entries() == ()


def test_with_a_model_that_is_missing_or_altered_the_service_takes_no_picture(ward, models_folder, logged, tmp_path):
    names = sorted(path.name for path in models_folder.glob("*.onnx"))
    chosen = a_part([(name, what) for name in names for what in faults.FILES], "files")
    whole, folder = {name: (models_folder / name).read_bytes() for name in names}, tmp_path / "models"
    folder.mkdir()

    def put_right():
        for name in names:
            path = folder / name
            if path.is_dir():
                path.rmdir()
            path.write_bytes(whole[name])

    async def act(client):
        await ward.healthy(client, lambda h: h["camera"]["state"] == "ready" and h["engine"]["state"] == "failed")
        watch = Watch(ward, logged)
        said = await refused(client, faults.Fault("a model is not there", put_right), None)
        watch.nothing_left("a model that is not there")
        return said, (await client.health())["engine"]["sentence"]

    for name, what in chosen:
        put_right()
        faults.FILES[what](folder / name, models_folder / names[names.index(name) - 1])
        with ward.with_parts(load_engine=lambda: Deidentifier.load(folder, threads=2)).running() as socket:
            said, engine = asyncio.run(_played(socket, act))
        assert (said.status, said.error) == (503, "engine_not_ready"), f"{name} {what}"
        assert said.sentence == engine
        assert name.removesuffix(".onnx") in engine
        assert "wardlens models fetch" in engine
    put_right()
    assert Deidentifier.load(folder, threads=1).facts, "put right, it loads: nothing but the file was wrong"
    assert ward.vault.entries() == ()


async def _played(socket, act):
    async with CameraClient(socket, timeout_s=faults.PATIENCE_S) as client:
        return await act(client)


KILLED = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import device_in
from capture.service import run_camera_service
import importlib
module, name = sys.argv[3].rsplit(".", 1)
setattr(importlib.import_module(module), name, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
with device_in(Path(sys.argv[2])) as device:
    run_camera_service(device.parts, device.socket, threading.Event())
"""


KILLED_AT = (
    "inference.policy.outcomes",
    "capture.sealing.seal",
    "inference.policy.still_visible",
    "capture.service.shutter.assess",
    "capture.service.keeping.encode_jpeg",
)


@pytest.mark.parametrize("place", KILLED_AT if LONG else KILLED_AT[:2])
def test_a_service_killed_while_it_works_on_a_picture_leaves_nothing_of_it(place, tmp_path):
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), place]

    async def until_killed(client):
        await _ready(client)
        with pytest.raises(CameraServiceAway):
            await client.accept((await client.take())["id"], ENCOUNTER)

    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}) as service:
        try:
            asyncio.run(_played(tmp_path / "run" / "camera.sock", until_killed))
            assert service.wait(faults.PATIENCE_S) == -signal.SIGKILL
        finally:
            service.kill()
    left = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not [name for name in left if name.endswith(".wle") or name.startswith("tmp/")]
    told = b"".join(data for name, data in left.items() if not name.startswith("pictures/"))
    assert PATIENT.encode() not in told
    assert b"\xff\xd8\xff" not in told
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault:
        assert vault.entries() == ()


async def _ready(client):
    async with asyncio.timeout(faults.PATIENCE_S):
        while True:
            with contextlib.suppress(CameraServiceAway):
                health = await client.health()
                if health["camera"]["state"] == health["engine"]["state"] == "ready":
                    return
            await asyncio.sleep(0.05)
