"""An own S3 service is set up from the settings file, and its credentials from where nobody copies them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.buckets import bucket_options
from firmware.errors import RequestWrong
from firmware.hospital import archive_settings, open_archive
from firmware.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
SECRET = "wJalrXUtnFEMI"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": SECRET}
FILE = f"[default]\naws_access_key_id = test\naws_secret_access_key = {SECRET}\n"


@pytest.fixture
def machine(tmp_path, bucket):
    """The settings file of a hospital whose archive is in the bucket, and the file with its credentials."""
    url, options = bucket
    credentials = tmp_path / "credentials"
    credentials.write_text(FILE)
    credentials.chmod(0o600)
    config = tmp_path / "hospital.toml"

    def settings(s3: str = "", objects: str = f"{url}/{tmp_path.name}", endpoint: str = options["endpoint"]):
        config.write_text(
            f'[receiver]\narchive = "{tmp_path}/archive"\nobjects = "{objects}"\n'
            f'[s3]\nendpoint = "{endpoint}"\nregion = "eu-own-1"\n{s3}\n'
        )
        return load_settings(config)

    named = f'credentials = "{credentials}"'
    return SimpleNamespace(config=config, credentials=credentials, settings=settings, named=named, folder=tmp_path)


def wardlens(machine, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WARDLENS_"))}
    return subprocess.run(
        [sys.executable, "-m", "firmware", "receiver", *arguments, "--config", machine.config],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def filed(ward, hospital):
    """Files a capture in the archive of some settings; its id."""

    def file(settings):
        archive, envelope = open_archive(settings), ward.envelope(1)
        try:
            assert hospital.drive(ward.ingest(archive), envelope)[-1]["type"] == "receipt"
        finally:
            archive.close()
        return envelope.capture

    return file


@pytest.mark.parametrize("where", ["file", "environment"])
def test_an_export_comes_out_of_an_own_service_that_the_settings_name(machine, filed, where, monkeypatch):
    settings = machine.settings(machine.named if where == "file" else "")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    capture = filed(settings)
    assert not (machine.folder / "archive" / "objects").exists()
    done = wardlens(machine, "export", "--out", machine.folder / "out", "--json", **KEYS if where != "file" else {})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["written"] == 1
    assert (machine.folder / "out" / f"{capture}.jpg").read_bytes().startswith(b"\xff\xd8")


def test_credentials_that_the_service_refuses_are_a_sentence(machine, filed):
    settings = machine.settings(machine.named)
    filed(settings)
    machine.credentials.write_text(FILE.replace("= test", "= another"))
    done = wardlens(machine, "export", "--out", machine.folder / "out")
    assert done.returncode == 1
    assert "refuses these credentials" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr


def test_the_settings_file_has_no_place_for_a_secret(machine):
    for line in ('secret_access_key = "x"', 'access_key_id = "x"', 'session_token = "x"'):
        with pytest.raises(RequestWrong, match="s3"):
            machine.settings(line)
    with pytest.raises(RequestWrong, match="no credentials"):
        bucket_options(machine.settings(machine.named, objects="s3://key:secret@bucket/prefix"), {})


def test_a_credentials_file_that_others_can_read_is_not_used(machine):
    settings = machine.settings(machine.named)
    machine.credentials.chmod(0o640)
    with pytest.raises(RequestWrong, match=f"chmod 600 {machine.credentials}"):
        archive_settings(settings)
    (machine.folder / "archive").mkdir()
    assert "chmod 600" in wardlens(machine, "status").stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"aws_secret_access_key = {SECRET}", "is not a credentials file"),
        (f"[default]\naws_secret_access_key = {SECRET}", "does not say aws_access_key_id"),
        (f"[other]\naws_access_key_id = a\naws_secret_access_key = {SECRET}", "does not say aws_access_key_id and"),
    ],
)
def test_a_credentials_file_that_lacks_something_says_what_and_shows_no_secret(machine, content, sentence):
    settings = machine.settings(machine.named)
    machine.credentials.write_text(content)
    with pytest.raises(RequestWrong, match=sentence) as caught:
        bucket_options(settings, {})
    assert SECRET not in str(caught.value)


def test_half_of_the_credentials_and_none_are_refused_for_an_own_service(machine):
    settings = machine.settings()
    with pytest.raises(RequestWrong, match="aws_secret_access_key"):
        bucket_options(settings, {"AWS_ACCESS_KEY_ID": "test"})
    with pytest.raises(RequestWrong, match=r"s3\.credentials"):
        bucket_options(settings, {})
    assert "access_key_id" not in bucket_options(machine.settings(endpoint=""), {}), "Amazon's has the machine's role"


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("minio.st-mary.example", "not an address"),
        ("https://key:secret@minio.st-mary.example", "not an address"),
        ("https://minio.st-mary.example/bucket", "not an address"),
        ("https://[::1", "not an address"),
        ("https://minio.st-mary.example:none", "not an address"),
        ("http://minio.st-mary.example:9000", "must be https"),
    ],
)
def test_an_endpoint_that_is_none_or_that_all_could_listen_to_is_refused(machine, endpoint, sentence):
    with pytest.raises(RequestWrong, match=sentence):
        bucket_options(machine.settings(machine.named, endpoint=endpoint), {})


def test_each_setting_reaches_the_store_by_its_name(machine, ward):
    authority = machine.folder / "authority.pem"
    authority.write_bytes(ward.issuer.certificate.public_bytes(Encoding.PEM))
    lines = f'path_style = false\nauthorities = "{authority}"\n{machine.named}'
    options = bucket_options(machine.settings(lines, endpoint="https://own.example:9000"), KEYS | {"AWS_REGION": "x"})
    assert options == {
        "endpoint": "https://own.example:9000",
        "region": "eu-own-1",
        "virtual_hosted_style_request": "true",
        "access_key_id": "test",
        "secret_access_key": SECRET,
        "root_certificate": authority.read_text(),
    }
    open_archive(machine.settings(lines, endpoint="https://own.example:9000")).close()
    authority.write_text("-----BEGIN")
    with pytest.raises(RequestWrong, match=r"s3\.authorities"):
        bucket_options(machine.settings(f'authorities = "{authority}"'), KEYS)
