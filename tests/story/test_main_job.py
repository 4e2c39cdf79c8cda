"""The whole way of a picture, with real processes, a real broker and real models."""

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from capture.service import CameraClient
from capture.vault import State
from firmware.demo.story import Story
from firmware.device import open_vault
from firmware.hospital import open_archive, receiver_broker
from firmware.ledgers import verify_ledgers
from firmware.supervision import Supervisor
from provisioning.site import Site
from sync.mqtt import BrokerSettings, TlsFiles, open_connection
from sync.protocol import topics
from sync.receiver import OpeningKey

pytestmark = pytest.mark.models
ROOT = Path(__file__).resolve().parents[2]
BROKERS = ("mosquitto", "embedded")


def files_below(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def plaintexts(canaries, pictures, received):
    """Byte strings that would give a picture or a patient away."""
    needles = list(canaries.words)
    for picture in sorted(pictures.glob("*.png")):
        row = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
        height, width = row.shape[:2]
        needles += [
            np.ascontiguousarray(row[height * n // 7, width // 3 : width // 3 + 24]).tobytes() for n in range(1, 7)
        ]
        needles.append(picture.read_bytes()[4096:4160])
    for jpeg in received:
        needles += [jpeg[len(jpeg) * n // 9 :][:48] for n in range(1, 9)]
    return needles


def hits(needles, where):
    return [(name, needle) for name, data in where for needle in needles if needle in data]


@pytest.mark.parametrize("broker", BROKERS)
def test_every_picture_arrives_once_and_nothing_of_it_is_seen_on_the_way(broker, place, pictures, canaries, program):
    if broker == "mosquitto":
        program("mosquitto")
    told = []
    with Supervisor(place.logs) as supervisor:
        story = Story(
            place,
            supervisor,
            told.append,
            embedded=broker == "embedded",
            patient=canaries.patient,
            more_receivers=["ears"],
        )
        story.begin()
        shown, expected = re.fullmatch(
            r"Paired: the device shows (\d{6}), the hospital shows (\d{6})\.", told[0]
        ).groups()
        assert shown == expected

        # While the uplink is stopped, everything waits in the vault: sealed, and in no other place.
        uplink = next(child.process.pid for child in supervisor.children if child.name == "sync")
        os.kill(uplink, signal.SIGSTOP)
        rows = asyncio.run(_taken(story, sorted(pictures.iterdir())))
        assert all(row.capture for row in rows), [row.sentence for row in rows]
        device = place.settings.state
        with open_vault(place.settings) as vault:
            waiting = vault.entries()
        assert {entry.state for entry in waiting} == {State.SEALED}

        site = Site.load(place.site)
        on_the_wire = _listen(site, place, uplink, len(rows)) if broker == "mosquitto" else _wait_all(place, uplink)

        archive = open_archive(place.settings)
        received = [archive.picture(filed) for filed in archive.everything()]
        out = place.folder / "out"
        story.deliver(rows, out)
    assert all(row.arrived for row in rows)
    assert len(received) == len(rows) == len(list(out.glob("*.jpg")))
    assert {filed["manifest"]["encounter"]["patient"] for filed in map(_json, out.glob("*.json"))} == {canaries.patient}
    assert all(chain["whole"] for chain in verify_ledgers(place.settings).values())

    needles = plaintexts(canaries, pictures, received)
    on_disk = [
        (path, path.read_bytes()) for path in files_below(device, place.broker, place.logs, place.folder / "run")
    ]
    assert hits(needles, on_disk) == []
    assert hits(needles, on_the_wire) == []
    assert hits(needles, [(p, str(p).encode()) for p in files_below(place.folder)]) == []
    # The search itself works: the hospital's side does hold them.
    assert hits(needles, [(path, path.read_bytes()) for path in out.iterdir()])


async def _taken(story, pictures):
    async with CameraClient(story._place.settings.socket) as client:
        await story._until_ready(client)
        return [row for place in range(len(pictures)) for row in await story._one(client, pictures, place)]


def _json(path):
    return json.loads(path.read_text())


def _wait_all(place, uplink):
    """Let the uplink go on until every envelope is erased; nothing is overheard."""
    os.kill(uplink, signal.SIGCONT)
    _until_erased(place, lambda: None)
    return []


def _until_erased(place, meanwhile):
    deadline = time.monotonic() + 60
    with open_vault(place.settings) as vault:
        while any(entry.state is not State.ERASED for entry in vault.entries()):
            meanwhile()
            assert time.monotonic() < deadline, "not every envelope was receipted and erased"
            time.sleep(0.02)


def _listen(site, place, uplink, count):
    """The same, while a second pair of ears with a receiver's rights hears every message on the broker."""
    ours, paths = receiver_broker(place.settings, site), site.receiver_tls("ears")
    tls = TlsFiles(paths.ca, paths.certificate, paths.key)
    ears = open_connection(BrokerSettings(ours.host, ours.port, "ears", tls))
    ears.subscribe(topics.EVERY_UP, topics.EVERY_STATE)
    heard = []

    def listen():
        for arrival in ears.step(0.05):
            if hasattr(arrival, "payload"):
                heard.append((arrival.topic, arrival.topic.encode() + b"\0" + arrival.payload))
                ears.acknowledge(arrival)

    os.kill(uplink, signal.SIGCONT)
    _until_erased(place, listen)
    deadline = time.monotonic() + 60
    while (
        len({topic for topic, _ in heard if topic.endswith("/chunk")}) < count
    ):  # the uplink is faster than these ears
        assert time.monotonic() < deadline, "not every envelope was heard"
        listen()
    ears.close()
    return heard


def test_the_device_holds_nothing_that_opens_its_vault(place, program):
    with Supervisor(place.logs) as supervisor:
        Story(place, supervisor, lambda _line: None, embedded=True).begin()
        keys = Site.load(place.site).opening_keys()
    secrets = [key.to_bytes() for key in keys] + [key.to_bytes()[:64] for key in keys]
    held = [(path, path.read_bytes()) for path in files_below(place.settings.state)]
    assert held
    assert hits(secrets, held) == []
    assert isinstance(keys[0], OpeningKey)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_serves_both_pages_and_its_end_leaves_no_process_and_no_secret(
    ending, tmp_path, temporary, pictures, models_folder
):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(temporary)}
    environment |= {"WARDLENS_MODELS": str(models_folder), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    # A machine that is somebody's device and hospital already: the demo must not touch either.
    real = {"WARDLENS_STATE": tmp_path / "device", "WARDLENS_RECEIVER__SITE": tmp_path / "site"}
    environment |= {name: str(path) for name, path in real.items()}
    command = [sys.executable, "-m", "firmware", "demo", "--photos", str(pictures), "--count", "1"]
    with _running([*command, "--out", str(tmp_path / "out")], environment) as demo:
        text = _until_served(demo.stdout)
        assert "1 of 1 arrived and verified" in text
        panel = re.search(r"http://localhost:\d+/", text).group()
        hospital = re.search(r"http://127\.0\.0\.1:\d+/login\?token=\S+", text).group()
        with httpx.Client(follow_redirects=True, timeout=20) as browser:
            for page in (panel, hospital):
                answer = browser.get(page)
                assert (answer.status_code, "Wardlens" in answer.text) == (200, True)
        assert len(_processes_of(temporary)) >= 6
        demo.send_signal(ending)
        begun = time.monotonic()
        demo.stdout.read()
        assert demo.wait(10) == 0
        assert time.monotonic() - begun < 3.0
    assert _processes_of(temporary) == []
    assert not any(path.exists() for path in real.values())
    assert list(temporary.iterdir()) == []
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".jpg", ".json"}
    record = _json(next((tmp_path / "out").glob("*.json")))
    picture = next((tmp_path / "out").glob("*.jpg")).read_bytes()
    assert record["manifest"]["image"]["sha256"] == hashlib.sha256(picture).hexdigest()


@contextmanager
def _running(command, environment):
    """A demo that is ended, with all its children, when the block is left by a failure."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _until_served(lines):
    said = ""
    for line in lines:
        said += line
        if "Ctrl-C ends" in line:
            return said
    pytest.fail(f"the demo ended before it served its pages:\n{said}")


def _processes_of(folder):
    """The processes whose command line or working folder is in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command:
            found.append(command)
    return found


def test_a_picture_that_cannot_be_read_is_named_and_fails_the_demo_but_not_the_others(
    tmp_path, pictures, models_folder
):
    (pictures / "1.png").write_bytes(b"this is a letter, not a picture")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "firmware",
            "demo",
            "--photos",
            str(pictures),
            "--out",
            str(tmp_path / "out"),
            "--no-browser",
        ],
        cwd=ROOT,
        env=os.environ | {"WARDLENS_MODELS": str(models_folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r"1\.png .*JPEG or PNG", done.stdout)
    assert "2 of 3 arrived and verified" in done.stdout
    assert "Traceback" not in done.stderr
