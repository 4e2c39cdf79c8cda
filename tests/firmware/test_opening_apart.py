"""Two machines: one that receives and has no opening key, one that opens and has no broker."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from capture.canonical import to_canonical
from capture.envelope import Body
from capture.identifiers import CaptureId
from firmware.hospital import open_archive, receiver_parts
from firmware.hospital_view import hospital_view, login_link
from firmware.settings import load_settings
from provisioning.enrolment import pair, serving_enrolment
from provisioning.site import Site
from sync.protocol import Chunk, Offer, Upload, topics
from sync.receiver import view_served
from tests.sealing import sealed_by

ROOT = Path(__file__).resolve().parents[2]
JPEG = b"\xff\xd8\xff\xd9"

RECEIVE = """
import base64, json, sys
from pathlib import Path
read = []
def look(event, arguments):
    if event == "open" and "/keys/" in str(arguments[0]):
        read.append(str(arguments[0]))
sys.addaudithook(look)
from firmware.hospital import open_archive, receiver_parts
from firmware.settings import load_settings
from provisioning.site import Site
from sync.receiver.ingest import Delivery, Ingest
settings = load_settings(Path(sys.argv[1]))
parts = receiver_parts(settings, Site.load(settings.receiver.site))
ingest = Ingest(open_archive(settings), site=parts.site, trust=parts.trust, keys=parts.opening_keys,
                key_ids=parts.opening_key_ids, signer=parts.receipt_signer)
_, work = ingest.handle([Delivery(topic, base64.b64decode(payload)) for topic, payload in json.load(sys.stdin)])
answers = [json.loads(answer.payload)["type"] for one in work for answer in ingest.complete(one)]
print(json.dumps({"answers": answers, "read": read}))
"""


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """A site with a device that IT has confirmed."""
    folder = tmp_path_factory.mktemp("hospital")
    site = Site.create(folder / "site", "north-hospital", "North Hospital")

    def approve(digits):
        (waiting,) = site.pending()
        site.approve(waiting.id, digits)

    with serving_enrolment(site) as server:
        device = pair(site.invite(f"127.0.0.1:{server.port}").line, folder / "device", on_digits=approve)
    return SimpleNamespace(site=site, device=device)


@pytest.fixture
def machines(paired, tmp_path):
    """The receiving machine's settings and site folder, and the opening machine's; they share the archive."""
    made = {}
    for name, opens in (("receiving", "false"), ("opening", "true")):
        folder = tmp_path / name
        shutil.copytree(paired.site.folder, folder / "site")
        file = folder / "wardlens.toml"
        file.write_text(
            f'[receiver]\nsite = "{folder}/site"\narchive = "{tmp_path}/archive"\nopen = {opens}\n'
            '[log]\nlevel = "error"\n'
        )
        made[name] = SimpleNamespace(config=file, sealing=folder / "site/keys/sealing")
    return SimpleNamespace(**made)


def taken(device, number=1):
    """A capture of the device, sealed as its manifest says."""
    capture = CaptureId(f"{number:032x}")
    manifest = {
        "capture": capture,
        "site": device.site,
        "counter": number,
        "device": {"id": device.device},
        "encounter": {"patient": "PAT-1"},
        "image": {"sha256": hashlib.sha256(JPEG).hexdigest()},
    }
    return sealed_by(device, Body(to_canonical(manifest), JPEG), number=number, counter=number)


def received(machine, envelope):
    """What the receiver of this machine answers, and which files with keys it opened for it."""
    upload = Upload.cut(envelope.capture, envelope.digest, len(envelope.raw), 16 * 1024)
    messages = [(topics.offer(envelope.device, envelope.capture), Offer(upload, envelope.counter, ()).encode())]
    for index in range(upload.count):
        offset, size = upload.span(index)
        chunk = Chunk(upload, index, envelope.raw[offset : offset + size])
        messages.append((topics.chunk(envelope.device, envelope.capture), chunk.encode()))
    said = json.dumps([(topic, base64.b64encode(payload).decode()) for topic, payload in messages])
    child = subprocess.run(
        [sys.executable, "-c", RECEIVE, machine.config],
        input=said,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(child.stdout.splitlines()[-1])


def wardlens(machine, *arguments, status=0):
    """What `wardlens receiver …` says on this machine."""
    done = subprocess.run(
        [sys.executable, "-m", "firmware", "receiver", *arguments, "--config", machine.config],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if "--json" in arguments and done.stdout else done.stderr


def test_a_receiver_that_does_not_open_reads_no_opening_key_though_it_lies_there(machines, paired):
    sealed = received(machines.receiving, taken(paired.device, 1))
    assert sealed["answers"] == ["receipt"]
    assert [path for path in sealed["read"] if "/sealing/" in path] == []
    assert [path for path in sealed["read"] if "/receipt/" in path], "it signs, so the look at what it reads works"
    opened = received(machines.opening, taken(paired.device, 2))
    assert opened["answers"] == ["receipt"]
    assert [path for path in opened["read"] if "/sealing/" in path]


def test_a_machine_without_an_opening_key_receives_and_one_with_it_opens(machines, paired, tmp_path):
    for path in machines.receiving.sealing.glob("*.json"):
        path.unlink()
    envelope = taken(paired.device)
    assert received(machines.receiving, envelope)["answers"] == ["receipt"]
    counts = wardlens(machines.receiving, "status", "--json")["counts"]
    assert (counts["captures"], counts["sealed"], counts["not_openable"]) == (1, 1, 0)
    assert "no opening key" in wardlens(machines.receiving, "open", status=2)
    assert wardlens(machines.receiving, "status", "--json")["counts"]["sealed"] == 1

    assert wardlens(machines.opening, "open", "--json") == {"opened": 1, "not_openable": {}}
    assert wardlens(machines.opening, "open", "--json") == {"opened": 0, "not_openable": {}}
    assert wardlens(machines.receiving, "status", "--json")["counts"]["sealed"] == 0
    wardlens(machines.receiving, "export", "--out", tmp_path / "out")
    assert (tmp_path / "out" / f"{envelope.capture}.jpg").read_bytes() == JPEG


def test_a_receiver_with_its_view_runs_without_the_keys_that_make_devices(machines, paired):
    """Root, issuing CA and the enrolment server's key stay on the machine that enrols (docs/adr/0020)."""
    keys = machines.receiving.sealing.parent
    makers = [keys / "root.pem", *keys.glob("issuing*.pem"), keys / "enrolment.pem"]
    assert [
        path for path in received(machines.receiving, taken(paired.device, 1))["read"] if Path(path) in makers
    ] == []
    for path in makers:
        path.unlink()
    assert received(machines.receiving, taken(paired.device, 2))["answers"] == ["receipt"]
    settings = load_settings(machines.receiving.config)
    view = hospital_view(settings, Site.load(settings.receiver.site), open_archive(settings))
    with (
        view_served(view) as address,
        httpx.Client(base_url=address, follow_redirects=True, trust_env=False) as browser,
    ):
        token = login_link(settings, "Ada Admin", ["it"]).partition("token=")[2]
        assert paired.device.device in browser.get("/login", params={"token": token}).text
        assert browser.get("/devices/invite").status_code == 404
        left = re.compile(r"^wardlens_site_least_certificate_seconds (\S+)$", re.MULTILINE)
        (seconds,) = left.findall(browser.get("/metrics").text)
        assert 396 * 86_400 < float(seconds) <= 397 * 86_400
        Site.load(settings.receiver.site).layout.certificate("broker").unlink()
        assert left.findall(browser.get("/metrics").text) == ["NaN"]


def test_a_wrong_key_is_reported_and_tried_again_when_asked(machines, paired):
    envelope = taken(paired.device)
    received(machines.receiving, envelope)
    other = Site.load(machines.opening.sealing.parents[1])
    (right,) = machines.opening.sealing.glob("*.json")
    other.rotate_sealing_key()
    aside = right.rename(machines.opening.config.parent / right.name)
    assert wardlens(machines.opening, "open", "--json", status=1) == {
        "opened": 0,
        "not_openable": {envelope.capture: "no-key"},
    }
    aside.rename(right)
    assert wardlens(machines.opening, "open", "--json") == {"opened": 0, "not_openable": {}}
    assert wardlens(machines.opening, "open", "--again", "--json") == {"opened": 1, "not_openable": {}}


def test_an_opening_key_that_others_can_read_opens_nothing_and_shuts_nothing(machines, paired):
    received(machines.receiving, taken(paired.device))
    (path,) = machines.opening.sealing.glob("*.json")
    path.chmod(0o640)
    assert f"chmod 600 {path}" in wardlens(machines.opening, "open", status=1)
    path.chmod(0o600)
    assert wardlens(machines.opening, "open", "--json") == {"opened": 1, "not_openable": {}}


@pytest.fixture
def lost(paired, tmp_path):
    """A hospital whose site folder is gone: its archive with a sealed picture, and the break-glass key's file."""
    folder = tmp_path / "lost"
    site = Site.create(folder.parent / "lost", "lost-hospital", "Lost Hospital")
    key = tmp_path / "break-glass.json"
    site.make_break_glass(key)

    def approve(digits):
        (waiting,) = site.pending()
        site.approve(waiting.id, digits)

    with serving_enrolment(site) as server:
        device = pair(site.invite(f"127.0.0.1:{server.port}").line, tmp_path / "device", on_digits=approve)
    config = tmp_path / "lost.toml"
    config.write_text(f'[receiver]\nsite = "{folder}"\narchive = "{tmp_path}/archive"\nopen = false\n')
    machine = SimpleNamespace(config=config)
    envelopes = [taken(device, number) for number in (1, 2)]
    for envelope in envelopes:
        assert received(machine, envelope)["answers"] == ["receipt"]
    shutil.rmtree(folder)
    return SimpleNamespace(machine=machine, key=key, device=device.device, envelopes=envelopes)


def test_the_break_glass_key_opens_without_the_site_and_somebody_has_to_look_at_it(lost, tmp_path):
    wardlens(lost.machine, "open", status=2)
    assert wardlens(lost.machine, "alarms", "--json") == []
    opened = wardlens(lost.machine, "open", "--break-glass", lost.key, "--json")
    assert opened == {"opened": 2, "not_openable": {}}
    (alarm,) = wardlens(lost.machine, "alarms", "--json")
    assert (alarm["device"], alarm["kind"], alarm["times"]) == (lost.device, "break-glass", 2)
    assert lost.envelopes[0].capture in alarm["sentence"]
    wardlens(lost.machine, "export", "--out", tmp_path / "out")
    assert (tmp_path / "out" / f"{lost.envelopes[1].capture}.jpg").read_bytes() == JPEG


def test_what_the_break_glass_key_does_not_open_raises_nothing_and_stays(machines, paired, lost):
    envelope = taken(paired.device, 3)
    assert received(machines.receiving, envelope)["answers"] == ["receipt"]
    opened = wardlens(lost.machine, "open", "--break-glass", lost.key, "--json", status=1)
    assert (opened["opened"], list(opened["not_openable"])) == (2, [envelope.capture])
    assert [alarm["device"] for alarm in wardlens(lost.machine, "alarms", "--json")] == [lost.device]
    assert wardlens(machines.opening, "open", "--again", "--json") == {"opened": 1, "not_openable": {}}


def test_a_break_glass_key_is_not_left_at_work_and_not_used_when_others_can_read_it(lost, machines):
    assert "safe" in wardlens(lost.machine, "open", "--break-glass", lost.key, "--follow", status=2)
    assert "safe" in wardlens(lost.machine, "open", "--break-glass", lost.key, "--site", "/nowhere", status=2)
    lost.key.chmod(0o644)
    assert f"chmod 600 {lost.key}" in wardlens(lost.machine, "open", "--break-glass", lost.key, status=1)
    assert wardlens(lost.machine, "status", "--json")["counts"]["sealed"] == 2


@contextmanager
def following(machine):
    command = [sys.executable, "-m", "firmware", "receiver", "open", "--follow", "--config", machine.config]
    environment = os.environ | {"WARDLENS_LOG__LEVEL": "info", "WARDLENS_LOG__FORMAT": "json"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(20) == 0


def test_one_that_follows_opens_what_waits_and_what_comes_and_ends_at_a_sigterm(machines, paired):
    received(machines.receiving, taken(paired.device, 1))
    with following(machines.opening) as process:
        assert f"{1:032x}" in next(line for line in process.stderr if "capture-opened" in line)
        received(machines.receiving, taken(paired.device, 2))
        assert f"{2:032x}" in next(line for line in process.stderr if "capture-opened" in line)
    assert wardlens(machines.receiving, "status", "--json")["counts"]["sealed"] == 0


def test_a_receiver_opens_unless_it_is_told_not_to(machines):
    assert load_settings(machines.opening.config).receiver.open
    site = Site.load(machines.receiving.sealing.parents[1])
    assert receiver_parts(load_settings(machines.receiving.config), site).opening_keys is None


def test_what_a_device_seals_to_an_old_key_is_filed_as_well(machines, paired):
    site = Site.load(machines.receiving.sealing.parents[1])
    retired = site.opening_key_ids()
    new = site.rotate_sealing_key()
    assert site.opening_key_ids() == retired | {new}
    assert received(machines.receiving, taken(paired.device))["answers"] == ["receipt"]
    assert wardlens(machines.opening, "open", "--json") == {"opened": 1, "not_openable": {}}
