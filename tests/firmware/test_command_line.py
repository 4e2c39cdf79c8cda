"""The command as its users meet it: help with an example, an exit status, one sentence, never a traceback."""

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from firmware.command import app
from firmware.demo.place import free_ports
from provisioning.certificates import SERVER_DAYS
from provisioning.site import Site

ROOT = Path(__file__).resolve().parents[2]


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.fixture
def wardlens(tmp_path):
    """Runs the command as a newcomer would, in a home of its own."""

    def run(*arguments, **environment):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        return _run(clean | environment, tmp_path, arguments)

    return run


def _run(environment, folder, arguments):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from firmware.command import main; main()",
        ]
        + [str(argument) for argument in arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done, status, *words):
    """One sentence that says what to do, on standard error, and the exit status; nothing of Python's."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(path):
    help_text = ALL[path].help or ""
    assert f"Example: wardlens {' '.join(path)}" in help_text


def test_help_is_quick_because_it_loads_no_room(wardlens):
    assert "photograph" in wardlens("--help").stdout
    loaded = subprocess.run(
        [sys.executable, "-c", "import firmware.command, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"onnxruntime", "cv2", "numpy", "sqlalchemy", "fastapi", "paho"} & set(loaded)


def test_an_unknown_command_or_option_is_a_wrong_request(wardlens):
    assert wardlens("photograph").returncode == 2
    assert wardlens("doctor", "--loud").returncode == 2


def test_a_site_is_made_shown_and_not_made_again(wardlens, tmp_path):
    made = wardlens("site", "init", tmp_path / "site", "--id", "st-mary", "--name", "St Mary's", "--json")
    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    assert (facts["site"], facts["name"]) == ("st-mary", "St Mary's")
    shown = json.loads(wardlens("site", "show", "--site", tmp_path / "site", "--json").stdout)
    assert (shown["root_key"], shown["devices"]) == (facts["root_key"], [])
    refused(wardlens("site", "init", tmp_path / "site"), 2, "already")


def test_an_invitation_is_a_line_and_a_png(wardlens, tmp_path):
    wardlens("site", "init", tmp_path / "site")
    png = tmp_path / "invitation.png"
    done = wardlens("site", "invite", "--site", tmp_path / "site", "--png", png, "--json")
    assert len(json.loads(done.stdout)["invitation"]) <= 300
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_ends_of_a_sites_own_certificates_are_shown_and_told_by_its_server(wardlens, tmp_path):
    created = datetime.now(UTC) - timedelta(days=SERVER_DAYS - 30)
    site = Site.create(tmp_path / "site", "north", "North", clock=lambda: created).folder
    until = json.loads(wardlens("site", "show", "--site", site, "--json").stdout)["certificates_until"]
    assert set(until) == {"broker", "enrolment", "receiver.main", "issuing"}
    assert until["broker"] == (created + timedelta(days=SERVER_DAYS)).strftime("%Y-%m-%d %H:%M")
    assert until["broker"] in wardlens("site", "show", "--site", site).stdout

    (port,) = free_ports(1)
    chosen = {"WARDLENS_ENROLMENT__PORT": str(port), "WARDLENS_LOG__FORMAT": "json"}
    command = [sys.executable, "-m", "firmware", "site", "serve", "--site", site]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | chosen, stderr=subprocess.PIPE, text=True) as server:
        try:
            told = {}
            while set(told) != {"broker", "enrolment", "receiver.main"}:
                line = server.stderr.readline()
                assert line
                if "certificate-ends" in line:
                    said = json.loads(line)
                    told[said["certificate"]] = said
        finally:
            server.terminate()
    assert all(said["alarm"] and said["days"] == 29 for said in told.values())


@pytest.mark.parametrize("form", [["--json"], []])
def test_who_invites_to_a_host_that_is_new_to_the_server_is_told_to_restart_it(wardlens, tmp_path, form):
    wardlens("site", "init", tmp_path / "site")
    invite = ["site", "invite", "--site", tmp_path / "site", *form, "--address"]
    assert wardlens(*invite, "localhost:8444").stderr == ""
    first = wardlens(*invite, "wardlens.st-mary.example:8444")
    assert "Restart `wardlens site serve`" in first.stderr
    assert "wardlens.st-mary.example" in first.stderr
    assert first.returncode == 0
    if form:
        assert json.loads(first.stdout)["invitation"]
    assert wardlens(*invite, "wardlens.st-mary.example:8444").stderr == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_device_is_not_sent_to_where_a_server_listens_on_every_address(wardlens, tmp_path, host):
    wardlens("site", "init", tmp_path / "site")
    invite = ["site", "invite", "--site", tmp_path / "site"]
    refused(wardlens(*invite, WARDLENS_ENROLMENT__HOST=host), 2, "--address")
    refused(wardlens(*invite, "--address", f"[{host}]:8444"), 2, "--address")
    assert wardlens(*invite, "--address", "10.0.0.5:8444", WARDLENS_ENROLMENT__HOST=host).returncode == 0


def test_a_clinician_is_added_listed_and_removed(wardlens, tmp_path):
    site = tmp_path / "site"
    wardlens("site", "init", site)
    assert wardlens("site", "roster", "add", "4711", "Ada Nurse", "--pin", "481516", "--site", site).returncode == 0
    (row,) = json.loads(wardlens("site", "roster", "list", "--site", site, "--json").stdout)
    assert (row["badge"], row["name"]) == ("4711", "Ada Nurse")
    assert wardlens("site", "roster", "remove", "4711", "--site", site).returncode == 0
    refused(wardlens("site", "roster", "remove", "4711", "--site", site), 2, "roster")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["site", "show", "--site", "nowhere"], 2, ["wardlens site init"]),
        (["site", "invite", "--name", "Ward 3"], 2, ["--confirm"]),
        (["site", "invite", "--confirm", "--json"], 2, ["--confirm"]),
        (["site", "invite", "--confirm", "--name", " Ward"], 2, ["called"]),
        (["device", "status"], 2, ["not paired"]),
        (["device", "pair", "--invitation", "WARDLENS1:nonsense"], 1, ["invitation"]),
        (["device", "wipe", "--yes"], 2, ["--state"]),
        (["redact", "absent.jpg", "--out", "redacted"], 2, ["absent.jpg"]),
        (["capture", "x.jpg", "--patient", "p", "--body-site", "1"], 2, ["body site"]),
        (["capture", "x.jpg", "--patient", "p", "--clinician", "4711", "--confirm", "scar"], 2, ["--confirm"]),
        (["capture", "x.jpg", "--patient", "p", "--confirm", "tattoo"], 2, ["--clinician"]),
        (["receiver", "status"], 2, ["no archive", "--config"]),
        (["receiver", "export", "--out", "received"], 2, ["no archive", "--config"]),
        (["capture", "x.jpg", "--patient", "p"], 2, ["not paired"]),
        (["envelope", "inspect", "absent.wle"], 2, ["absent.wle"]),
        (["demo", "--photos", "absent"], 2, ["absent"]),
        (["doctor", "--config", "absent.toml"], 2, ["--config"]),
        (["draw", "faces", "--out", "drawn"], 2, ["paper", "ward"]),
        (["draw", "paper", "--out", "drawn", "--count", "0"], 2, ["--count"]),
        (["draw", "paper", "--out", "drawn", "--seed", "-1"], 2, ["--seed"]),
    ],
)
def test_a_wrong_request_gets_a_sentence_that_says_what_to_do(wardlens, arguments, status, words):
    refused(wardlens(*arguments), status, *words)


def test_a_set_is_drawn_with_its_annotations_and_never_over_another(wardlens, tmp_path):
    done = wardlens("draw", "wounds", "--out", tmp_path / "drawn", "--count", "2", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert "draw wounds: 2 of 2 wounds-0002" in done.stderr
    rows = json.loads((tmp_path / "drawn" / "annotations.json").read_text("utf-8"))["images"]
    assert [row["file"] for row in rows] == ["wounds-0001.jpg", "wounds-0002.jpg"]
    assert all((tmp_path / "drawn" / row["wound_mask"]).is_file() for row in rows)
    refused(wardlens("draw", "wounds", "--out", tmp_path / "drawn"), 2, "empty folder")


def test_a_path_that_cannot_be_written_is_a_sentence_and_a_written_invitation_is_private(wardlens, tmp_path):
    wardlens("site", "init", tmp_path / "site")
    invite = ["site", "invite", "--site", tmp_path / "site", "--png"]
    refused(wardlens(*invite, tmp_path / "absent" / "x.png"), 1, "Check the path")
    assert wardlens(*invite, tmp_path / "x.png").returncode == 0
    assert (tmp_path / "x.png").stat().st_mode & 0o777 == 0o600


def test_pages_with_patients_are_not_served_to_the_network_without_tls(wardlens, tmp_path):
    wardlens("site", "init", tmp_path / "site")
    refused(wardlens("panel", "run", WARDLENS_PANEL__HOST="0.0.0.0"), 2, "TLS")
    refused(wardlens("receiver", "run", "--site", tmp_path / "site", WARDLENS_RECEIVER__HOST="0.0.0.0"), 2, "TLS")


def test_the_demo_does_not_keep_its_keys_among_other_files(wardlens, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "letter.txt").write_text("mine")
    refused(wardlens("demo", "--keep", tmp_path / "kept"), 2, "new folder")


def test_an_interrupted_wipe_is_finished_before_the_device_is_paired_again(wardlens, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "wipe-begun").touch()
    (state / "leftover").write_text("of the site before")
    refused(wardlens("device", "pair", "--state", state, "--invitation", "nonsense"), 1, "invitation")
    assert not (state / "leftover").exists()
    assert not (state / "wipe-begun").exists()


def test_a_file_that_is_no_envelope_is_refused_by_its_reason(wardlens, tmp_path):
    (tmp_path / "letter.wle").write_text("Dear hospital,")
    refused(wardlens("envelope", "inspect", tmp_path / "letter.wle"), 1, "envelope")
    vectors = json.loads((ROOT / "tests" / "vectors" / "envelope.json").read_text("utf-8"))
    (case,) = (case for case in vectors["refused"] if case["name"] == "not a certificate")
    (tmp_path / "stranger.wle").write_bytes(base64.b64decode(case["envelope"]))
    refused(wardlens("envelope", "inspect", tmp_path / "stranger.wle"), 1, "certificate")


def test_doctor_says_what_is_wrong_on_a_bare_machine(wardlens, tmp_path):
    done = wardlens("doctor", "--json", WARDLENS_MODELS=str(tmp_path / "models"))
    parts = {part["part"]: part for part in json.loads(done.stdout)}
    assert done.returncode == 1
    assert parts["models"]["state"] == "failed"
    assert "wardlens models fetch" in parts["models"]["sentence"]
    assert parts["keys"]["state"] == "warning"
    assert parts["clock"]["state"] == "ok"


def test_models_that_are_missing_are_named_by_verify(wardlens, tmp_path):
    done = wardlens("models", "verify", "--json", "--models", tmp_path / "models")
    assert done.returncode == 1
    assert {row["state"] for row in json.loads(done.stdout)} == {"missing"}


def test_models_are_listed_with_licence_and_origin(wardlens):
    rows = json.loads(wardlens("models", "list", "--json").stdout)
    assert {row["kind"] for row in rows} >= {"face", "text"}
    assert all(row["licence"] and row["from"] and row["trained_on"] for row in rows)
