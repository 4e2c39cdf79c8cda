"""The command line at work: a site, a device, pictures, envelopes and the hospital, each through `wardlens` alone.

Every promise is kept with an exit status and a sentence, and a refusal leaves nothing behind.
"""

import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from firmware.demo.place import HOST, answers, free_ports
from inference.scenes import Prop, SceneSpec, draw_scene
from provisioning.errors import NotPaired
from provisioning.identity import DeviceIdentity
from provisioning.site import Site

pytestmark = pytest.mark.models
ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60
KINDS = {"face", "tattoo", "text", "code"}
WIDTH, HEIGHT = 1200, 900


@dataclass
class Ward:
    """One machine's folder with a hospital and a device in it, and the command that works on them."""

    folder: Path
    models: Path
    ports: dict[str, int]
    pairing: dict[str, Any] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def state(self) -> Path:
        return self.folder / "device"

    @property
    def enrolment(self) -> str:
        return f"{HOST}:{self.ports['enrolment']}"

    @property
    def envelopes(self) -> dict[Path, bytes]:
        """Whatever lies in the vault's folder of envelopes, half-written files among it."""
        return {path: path.read_bytes() for path in (self.state / "vault" / "envelopes").rglob("*") if path.is_file()}

    def config(self, name: str = "wardlens", **vault: int) -> Path:
        """A settings file; `vault` are values for that section."""
        sections: dict[str, dict[str, object]] = {
            "": {"state": self.state, "models": self.models},
            "camera": {"adapter": "replay", "source": self.folder / "pictures"},
            "vault": dict(vault),
            "receiver": {"site": self.site, "archive": self.folder / "archive", "port": self.ports["view"]},
            "broker": {"host": HOST, "port": self.ports["broker"]},
            "enrolment": {"host": HOST, "port": self.ports["enrolment"]},
        }
        file = self.folder / f"{name}.toml"
        file.write_text("\n".join(_section(title, values) for title, values in sections.items()))
        return file

    def _command(self, arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "firmware", *map(str, arguments)]

    @property
    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
        return clean | {"HOME": str(self.folder), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}

    def run(self, *arguments: object, config: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        """`wardlens` with these arguments, to its end."""
        given = () if arguments[0] == "envelope" else ("--config", config or self.folder / "wardlens.toml")
        done = subprocess.run(
            self._command((*arguments, *given)),
            cwd=ROOT,
            env=self._environment | environment,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def facts(self, *arguments: object, status: int = 0, **environment: str) -> Any:
        """What it says with --json."""
        done = self.run(*arguments, "--json", **environment)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def running(self, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """The same in the background, ended as a supervisor ends it."""
        log = self.folder / f"{'-'.join(str(a) for a in arguments[:2])}.log"
        with (
            log.open("a") as said,
            subprocess.Popen(
                self._command((*arguments, "--config", self.folder / "wardlens.toml")),
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
        assert "Traceback" not in log.read_text()


def _section(title: str, values: dict[str, object]) -> str:
    head = f"[{title}]\n" if title else ""
    plain = {name: value if isinstance(value, int) else str(value) for name, value in values.items()}
    return head + "".join(f"{name} = {json.dumps(value)}\n" for name, value in plain.items())


def refused(done: subprocess.CompletedProcess, status: int, *words: str) -> None:
    """The exit status, and one sentence with these words on standard error."""
    assert done.returncode == status, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def until(true, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A valid PNG header for that size; nobody who reads it first has to unpack anything."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def turned(jpeg: bytes) -> bytes:
    """The same picture, which now says that it was taken with the camera held upright."""
    exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", 0x0112, 3, 1, 6, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A drawn ward picture as a JPEG that has to be turned to be upright."""
    scene = draw_scene(SceneSpec(seed=3, props=(Prop.WRISTBAND, Prop.LABEL)), (WIDTH, HEIGHT))
    whole, data = cv2.imencode(".jpg", np.ascontiguousarray(cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2BGR)))
    assert whole
    return turned(data.tobytes())


@pytest.fixture(scope="module")
def unpaired(models_folder: Path, picture: bytes) -> Iterator[Ward]:
    """A site with a clinician, made by the command, and its enrolment server."""
    with tempfile.TemporaryDirectory(prefix="wl-", dir="/tmp") as folder, ExitStack() as background:
        ports = dict(zip(("broker", "enrolment", "view"), free_ports(3), strict=True))
        ward = Ward(Path(folder), models_folder, ports)
        (ward.folder / "pictures").mkdir()
        (ward.folder / "pictures" / "heel.jpg").write_bytes(picture)
        ward.config()
        made = ward.facts("site", "init", ward.site, "--id", "st-mary", "--name", "St Mary's", "--host", HOST)
        assert (made["site"], made["broker"]) == ("st-mary", f"{HOST}:{ports['broker']}")
        added = ward.run("site", "roster", "add", "4711", "Ada Nurse", "--pin", "481516")
        assert (added.returncode, "Ada Nurse is on the roster" in added.stdout) == (0, True), added.stderr
        background.enter_context(ward.running("site", "serve"))
        until(lambda: answers(ports["enrolment"]), "the enrolment server does not listen")
        yield ward


@pytest.fixture(scope="module")
def ward(unpaired: Ward) -> Ward:
    """The same with its device paired: invited, the digits compared, approved."""
    ward = unpaired
    line = ward.facts("site", "invite")["invitation"]
    with ward.running("device", "pair", "--invitation", line, "--name", "Ward 3, cart B") as pairing:
        digits = re.search(r"shows (\d{6})", pairing.stdout.readline())[1]
        (waiting,) = ward.facts("site", "show")["devices"]
        other = f"{(int(digits) + 1) % 1_000_000:06}"
        wrong = ward.run("site", "approve", waiting["device"], other)
        approved = ward.run("site", "approve", waiting["device"], digits)
        said = pairing.stdout.read()
        status = pairing.wait(WAIT_SECONDS)
    ward.pairing = {
        "line": line,
        "digits": digits,
        "waiting": waiting,
        "wrong": wrong,
        "approved": approved,
        "status": status,
        "said": said,
    }
    return ward


def ask(ward: Ward, *more: str) -> subprocess.CompletedProcess:
    """Take the picture without an answer to what it asks, or with `more`."""
    heel = ward.folder / "pictures" / "heel.jpg"
    return ward.run("capture", heel, "--patient", "943-476-5919", "--body-site", "84607009", "--json", *more)


@dataclass(frozen=True)
class Taken:
    """A picture that was captured: what the command said on the way, and a copy of its envelope."""

    question: subprocess.CompletedProcess
    left_by_question: dict[Path, bytes]
    confirms: tuple[str, ...]
    row: dict[str, Any]
    envelope: Path


@pytest.fixture(scope="module")
def taken(ward: Ward) -> Taken:
    """The picture, captured with the answers that the refusal asked for."""
    question = ask(ward)
    left = ward.envelopes
    kinds = re.findall(r"--confirm (\w+)", question.stderr)
    confirms = tuple(word for kind in dict.fromkeys(kinds) for word in ("--confirm", kind))
    done = ask(ward, *confirms, "--clinician", "4711")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    (path,) = [path for path in ward.envelopes if path.name == f"{row['capture']}.wle"]
    kept = ward.folder / "kept.wle"
    shutil.copyfile(path, kept)
    return Taken(question, left, confirms, row, kept)


def test_a_device_is_paired_once_the_hospital_has_confirmed_the_digits_it_shows(ward):
    paired, waiting = ward.pairing, ward.pairing["waiting"]
    assert (waiting["state"], waiting["digits"]) == ("waiting", paired["digits"])
    refused(paired["wrong"], 2, "These are not the six digits of that device.")
    assert (paired["approved"].returncode, "may now photograph" in paired["approved"].stdout) == (0, True)
    assert (paired["status"], waiting["device"] in paired["said"]) == (0, True)
    status = ward.facts("device", "status")
    assert {name: status[name] for name in ("device", "name", "site", "hospital", "broker")} == {
        "device": waiting["device"],
        "name": "Ward 3, cart B",
        "site": "st-mary",
        "hospital": "St Mary's",
        "broker": f"{HOST}:{ward.ports['broker']}",
    }
    refused(ward.run("device", "pair", "--invitation", paired["line"]), 2, "paired already")


def used(ward: Ward) -> str:
    return ward.pairing["line"]


def altered(ward: Ward) -> str:
    line = ward.pairing["line"]
    return line[:60] + ("A" if line[60] != "A" else "B") + line[61:]


def cut(ward: Ward) -> str:
    return ward.pairing["line"][:-9]


def expired(ward: Ward) -> str:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    return Site.load(ward.site, clock=lambda: an_hour_ago).invite(ward.enrolment, 5).line


def of_another_site(ward: Ward) -> str:
    folder = ward.folder / "other-site"
    return Site.create(folder, "st-mary", "St Mary's", hosts=[HOST]).invite(ward.enrolment, 5).line


@pytest.mark.parametrize(
    ("invitation", "sentence"),
    [
        (used, "This invitation was used already. Ask IT for a new one, and tell them so."),
        (altered, "This is not a whole Wardlens invitation."),
        (cut, "This is not a whole Wardlens invitation."),
        (expired, "This invitation has expired. Ask IT for a new one"),
        (of_another_site, "The server that answered is not the one that the invitation names."),
    ],
)
def test_an_invitation_that_is_not_good_pairs_nothing(ward, tmp_path, invitation, sentence):
    state = tmp_path / "device"
    refused(ward.run("device", "pair", "--invitation", invitation(ward), "--state", state), 1, sentence)
    with pytest.raises(NotPaired):
        DeviceIdentity.load(state)
    assert len(ward.facts("site", "show")["devices"]) == 1


BAD = {
    "letter.jpg": (b"Dear hospital, this is no picture.\n" * 9, "not a picture Wardlens can read"),
    "empty.jpg": (b"", "This file is empty."),
    "vast.png": (png(10_000, 10_000), "This picture has 100 megapixels"),
    "print.jpg": (
        b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 20, 8, HEIGHT, WIDTH, 4) + bytes(range(12)) + b"\xff\xd9",
        "CMYK",
    ),
    "moving.png": (png(640, 480, chunk(b"acTL", struct.pack(">II", 2, 0))), "several pictures"),
    "moving.jpg": (b"GIF89a" + struct.pack("<HHBBB", 640, 480, 0, 0, 0) + b"\x3b", "This is a GIF"),
}


def test_redact_writes_the_good_picture_upright_and_says_of_each_bad_one_what_is_wrong(ward, picture, tmp_path):
    folder, out, report = tmp_path / "photos", tmp_path / "redacted", tmp_path / "report.json"
    folder.mkdir()
    bad = {**BAD, "half.jpg": (picture[: len(picture) // 2], "ends too early")}
    for name, (data, _) in bad.items():
        (folder / name).write_bytes(data)
    (folder / "heel.jpg").write_bytes(picture)

    done = ward.run("redact", folder, "--out", out, "--json", report)

    refused(done, 1, "Some files were refused; nothing was written for them.")
    entries = {entry["file"]: entry for entry in json.loads(report.read_text())["files"]}
    assert entries.keys() == {"heel.jpg", *bad}
    shape = {"file", "width", "height", "outcomes", "regions", "milliseconds"}
    assert {name: entry.keys() - shape for name, entry in entries.items()} == {
        "heel.jpg": set(),
        **{name: {"error"} for name in bad},
    }
    for name, (_, words) in bad.items():
        assert words in entries[name]["error"]
        assert f"{name}: {entries[name]['error']}" in done.stderr
        assert set(entries[name]["outcomes"].values()) == {"unsure"}
    good = entries["heel.jpg"]
    assert ((good["width"], good["height"]), good["outcomes"].keys()) == ((HEIGHT, WIDTH), KINDS)
    assert good["outcomes"]["text"] != "clear"
    assert any(region["kind"] == "text" for region in good["regions"])
    assert [path.name for path in out.rglob("*")] == ["heel.jpg"]
    written = (out / "heel.jpg").read_bytes()
    assert b"Exif" not in written
    assert cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED).shape == (WIDTH, HEIGHT, 3)


def test_a_picture_that_asks_something_is_not_kept_until_somebody_answers_by_name(ward, taken):
    asked = taken.confirms[1::2]
    assert "tattoo" in asked
    assert set(asked) <= KINDS
    refused(taken.question, 1, "needs a person's answer about:", "Nothing of it was kept.", *asked)
    assert taken.left_by_question == {}
    refused(ask(ward, *taken.confirms), 2, "--clinician BADGE")


def test_a_captured_picture_is_in_the_vault_under_its_capture_and_digest(ward, taken):
    assert (taken.row["file"], len(taken.row["digest"])) == ("heel.jpg", 64)
    assert taken.envelope.stat().st_size == taken.row["bytes"]
    seen = ward.facts("envelope", "inspect", taken.envelope)
    assert (seen["capture"], seen["digest"]) == (taken.row["capture"], taken.row["digest"])
    assert sum(ward.facts("device", "status")["vault"].values()) >= 1


def test_one_bad_file_is_named_and_the_others_are_kept(ward, taken, tmp_path):
    (tmp_path / "letter.jpg").write_bytes(b"Dear hospital,")
    before = len(ward.envelopes)
    done = ask(ward, str(tmp_path / "letter.jpg"), *taken.confirms, "--clinician", "4711")
    refused(done, 1, "not a picture Wardlens can read", "1 of 2 files were not taken")
    rows = {row["file"]: row for row in json.loads(done.stdout)}
    assert rows["heel.jpg"]["capture"]
    assert rows["letter.jpg"]["capture"] is None
    assert len(ward.envelopes) == before + 1


def test_a_full_device_says_so_and_keeps_nothing_half(ward, taken):
    before = ward.envelopes
    done = ward.run(
        "capture",
        ward.folder / "pictures" / "heel.jpg",
        "--patient",
        "943-476-5919",
        *taken.confirms,
        "--clinician",
        "4711",
        config=ward.config("full", reserve_megabytes=1_000_000_000),
    )
    refused(done, 1, "The device is full, so the picture was not taken.")
    assert ward.envelopes == before


def test_an_envelope_opens_with_the_sites_key_for_its_owner_alone(ward, taken, tmp_path):
    opened = ward.facts("envelope", "open", taken.envelope, "--site", ward.site, "--out", tmp_path)
    (jpeg,) = tmp_path.iterdir()
    assert (str(jpeg), jpeg.stem) == (opened["picture"], taken.row["capture"])
    assert stat.S_IMODE(jpeg.stat().st_mode) == 0o600
    assert cv2.imread(str(jpeg)).shape == (WIDTH, HEIGHT, 3)
    encounter = opened["record"]["encounter"]
    assert (encounter["patient"], encounter["clinician"]) == ("943-476-5919", "4711")


@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.5, 0.98, 1.0], ids="{:g} of its length".format)
def test_an_envelope_with_one_byte_changed_opens_nothing(ward, taken, tmp_path, part):
    data = bytearray(taken.envelope.read_bytes())
    data[round(part * (len(data) - 1))] ^= 1
    changed, out = tmp_path / "changed.wle", tmp_path / "out"
    changed.write_bytes(data)
    refused(ward.run("envelope", "open", changed, "--site", ward.site, "--out", out), 1, "wardlens: ")
    assert not out.exists()


def test_another_site_opens_no_envelope_of_this_one(ward, taken, tmp_path):
    Site.create(tmp_path / "site", "st-john", "St John's", hosts=[HOST])
    out = tmp_path / "out"
    refused(ward.run("envelope", "open", taken.envelope, "--site", tmp_path / "site", "--out", out), 1, "site")
    assert not out.exists()


@pytest.mark.usefixtures("taken")
def test_the_audit_log_is_whole_until_a_byte_of_it_changes(ward, tmp_path):
    whole = ward.facts("device", "ledger", "verify")
    assert whole["camera"]["whole"]
    assert whole["camera"]["lines"] >= 1
    state = tmp_path / "device"
    shutil.copytree(ward.state, state)
    chain = state / "ledger" / "camera.jsonl"
    data = chain.read_bytes()
    at = data.index(b'"at_ms":') + len(b'"at_ms":') + 5
    chain.write_bytes(data[:at] + (b"1" if data[at : at + 1] != b"1" else b"2") + data[at + 1 :])
    done = ward.run("device", "ledger", "verify", "--state", state, "--json")
    refused(done, 1, "The audit log was altered or is damaged. Keep this device apart and call IT. Chain camera: Line ")
    assert not json.loads(done.stdout)["camera"]["whole"]


@pytest.mark.usefixtures("taken")
def test_the_audit_log_is_written_out_as_fhir(ward, tmp_path):
    out = tmp_path / "ledger.ndjson"
    facts = ward.facts("device", "ledger", "export", "--out", out)
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(events) == facts["events"]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    told = {coding["code"] for event in events for coding in event["subtype"]}
    assert {
        "pairing-started",
        "paired",
        "manifest-taken",
        "service-started",
        "service-stopped",
        "capture-sealed",
    } <= told


def test_doctor_finds_a_paired_device_fit_and_only_its_broker_away(ward):
    parts = {part["part"]: part for part in ward.facts("doctor", status=1)}
    states = {part: found["state"] for part, found in parts.items()}
    assert {part for part, state in states.items() if state == "failed"} == {"broker"}
    assert (states["models"], states["camera"], states["keys"]) == ("ok", "ok", "ok")
    assert "pictures wait safely" in parts["broker"]["sentence"]
    assert "belongs to St Mary's" in parts["keys"]["sentence"]


def test_a_model_with_one_bit_flipped_is_found_and_never_used(ward, picture, tmp_path):
    models, out = tmp_path / "models", tmp_path / "redacted"
    shutil.copytree(ward.models, models)
    model = max(models.glob("*.onnx"), key=lambda path: path.stat().st_size)
    with model.open("r+b") as file:
        file.seek(model.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    parts = {part["part"]: part for part in ward.facts("doctor", status=1, WARDLENS_MODELS=str(models))}
    assert parts["models"]["state"] == "failed"
    assert "wardlens models fetch" in parts["models"]["sentence"]
    (tmp_path / "heel.jpg").write_bytes(picture)
    done = ward.run("redact", tmp_path / "heel.jpg", "--out", out, "--models", models)
    refused(done, 1, "wardlens models fetch")
    assert list(out.rglob("*")) == []


def test_the_hospital_counts_exports_once_and_can_open_what_it_was_sent(ward, taken, tmp_path):
    sent = len([path for path in ward.envelopes if path.suffix == ".wle"])
    out = tmp_path / "export"
    with ExitStack() as background:
        background.enter_context(ward.running("broker", "run", ward.folder / "broker"))
        until(lambda: answers(ward.ports["broker"]), "the broker does not listen")
        background.enter_context(ward.running("receiver", "run"))
        background.enter_context(ward.running("sync", "run"))
        until((ward.folder / "archive").is_dir, "the receiver made no archive")
        until(lambda: ward.facts("receiver", "status")["counts"]["captures"] == sent, "not every picture arrived")
        until(lambda: not ward.envelopes, "what was receipted is not erased")
    assert Counter(ward.facts("device", "status")["vault"]) == {"erased": sent}
    assert ward.facts("receiver", "export", "--out", out) == {"written": sent, "unchanged": 0, "damaged": []}
    assert ward.facts("receiver", "export", "--out", out) == {"written": 0, "unchanged": sent, "damaged": []}
    assert len(list(out.rglob("*.jpg"))) == len(list(out.rglob("*.json"))) == sent
    assert any(taken.row["capture"] in path.name for path in out.rglob("*"))
    assert ward.facts("receiver", "openable") == {"openable": sent, "not_openable": []}
