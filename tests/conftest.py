"""What all rooms' tests share: where real pictures, models and servers are, a real PostgreSQL, a bucket in memory,
sealed envelopes, and a portrait that anybody may use.

A missing server is a skip on a newcomer's machine and a failure in CI: under `WARDLENS_REQUIRE_SERVERS=1` every skip
fails, but for tests marked `data` while `WARDLENS_TEST_DATA` is unset, and skips whose reason begins with "hardware:".
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from capture.envelope import Body, Envelope, seal
from capture.identifiers import CaptureId
from capture.tpm import WHERE, leave_tpm
from inference import PackageFile, PackageUnavailable, Pixels, fetch_package_file
from tests.tpm import SoftwareTpm

# A shared two-core machine may pause any example; a slow example is not a broken promise.
settings.register_profile("wardlens", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wardlens")

REQUIRE_SERVERS = os.environ.get("WARDLENS_REQUIRE_SERVERS") == "1"
POSTGRES = Path("/usr/lib/postgresql")
TEST_DATA = os.environ.get("WARDLENS_TEST_DATA", "")
MODELS = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share" / "wardlens" / "models")
ASTRONAUT = PackageFile("pypi", "scikit-image", "0.26.0", "skimage/data/astronaut.png")
ASTRONAUT_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real pictures; mark the test `data`."""
    if not TEST_DATA:
        pytest.skip("WARDLENS_TEST_DATA does not name the folder of real pictures")
    return Path(TEST_DATA)


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """The folder of model weights; mark the test `models`."""
    if not any(MODELS.glob("*.onnx")):
        pytest.skip(f"no models in {MODELS}; run `wardlens models fetch`")
    return MODELS


@pytest.fixture(scope="session")
def astronaut(models_folder: Path) -> Pixels:
    """The public-domain portrait of Eileen Collins that scikit-image's wheel carries, 512×512."""
    path = models_folder / "astronaut.png"
    if not path.exists():
        try:
            fetch_package_file(ASTRONAUT, ASTRONAUT_SHA256, path)
        except PackageUnavailable as error:
            pytest.skip(str(error))
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """Gives the path of a real server's program, such as `program("mosquitto")`, or skips with the reason."""

    def find(name: str) -> Path:
        # Debian puts servers where an ordinary user's PATH does not look.
        found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
        if found is None:
            pytest.skip(f"{name} is not installed; tests/servers.sh says how")
        return Path(found)

    return find


@pytest.fixture
def tpm(
    program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SoftwareTpm]:
    """A TPM of this test's own, in use wherever a TPM is asked for, also by the processes that the test starts."""
    if not sorted(Path("/usr/lib").glob("*/ossl-modules/tpm2.so")):
        pytest.skip("tpm2-openssl is not installed; tests/servers.sh says how")
    chip = SoftwareTpm(program("swtpm"), tmp_path_factory.mktemp("tpm"))
    monkeypatch.setenv(WHERE, chip.where)
    monkeypatch.setenv("TSS2_LOG", "all+NONE")
    chip.put_in()
    try:
        yield chip
    finally:
        leave_tpm()
        chip.close()


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(POSTGRES.glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "pg_ctl").exists():
            return folder
    pytest.skip("PostgreSQL is not installed; tests/servers.sh says how")


def _ends_with_us() -> None:
    """The server that runs next ends when this process does, even if a test run is killed (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private PostgreSQL on a unix socket: the URL of its server, to which a database's name is added."""
    programs = _programs()
    # The server refuses to run as root, so it runs as its own user where we are root. A socket's path is short.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="wardlens-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    as_user: dict[str, Any] = {"user": user, "cwd": "/"}
    made = [programs / "initdb", "-D", data, "-A", "trust", "-U", "wardlens", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, **as_user)
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off"]
    command = [programs / "postgres", "-D", data, *(part for setting in settings for part in ("-c", setting))]
    with subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        preexec_fn=_ends_with_us,  # noqa: PLW1509 - it makes one system call and takes no lock
        **as_user,
    ) as server:
        try:
            end = time.monotonic() + 30
            ready = [programs / "pg_isready", "-q", "-h", folder]
            while subprocess.run(ready, check=False).returncode != 0:
                assert server.poll() is None, "PostgreSQL ended at once"
                assert time.monotonic() < end, "PostgreSQL does not answer"
                time.sleep(0.05)
            yield f"postgresql+psycopg://wardlens@/{{name}}?host={folder}"
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[], str]:
    """Makes an empty PostgreSQL database, and gives its URL."""

    def make() -> str:
        from sqlalchemy import create_engine, text  # noqa: PLC0415 - only where a database is made

        name = f"archive_{os.urandom(4).hex()}"
        server = create_engine(postgres.format(name="postgres"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        server.dispose()
        return postgres.format(name=name)

    return make


@pytest.fixture
def postgres_database(new_database: Callable[[], str]) -> str:
    """The URL of a new, empty PostgreSQL database."""
    return new_database()


class _Bucket(BaseHTTPRequestHandler):
    """As much of S3 as the archive uses: put, get and list, in memory, for one key id (signatures are not checked)."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def do_PUT(self) -> None:
        length = int(self.headers.get("x-amz-decoded-content-length") or self.headers["content-length"])
        data = self.rfile.read(length)
        if self._refused():
            return
        if len(data) == length:  # a client that dies half-way leaves nothing, as with S3
            self.objects[self.path] = data
        self._answer(200, b"")

    def do_GET(self) -> None:
        if self._refused():
            return
        if "list-type" in self.path:
            self._answer(
                200, b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
            )
        elif self.path in self.objects:
            self._answer(200, self.objects[self.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _refused(self) -> bool:
        refused = "Credential=test/" not in self.headers.get("authorization", "")
        if refused:
            self._answer(403, b"<Error><Code>InvalidAccessKeyId</Code></Error>")
        return refused

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"1"')
        self.send_header("last-modified", "Mon, 23 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def bucket() -> Iterator[tuple[str, dict[str, str]]]:
    """A bucket that speaks S3 on loopback: its URL and the options to reach it."""
    handler = type("Bucket", (_Bucket,), {"objects": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield (
        "s3://wardlens/archive",
        {
            "endpoint": f"http://127.0.0.1:{server.server_port}",
            "region": "us-east-1",
            "access_key_id": "test",
            "secret_access_key": "test",
            "allow_http": "true",
        },
    )
    server.shutdown()
    thread.join()
    server.server_close()


def _may_skip(item: pytest.Item | None, reason: str) -> bool:
    if not REQUIRE_SERVERS or "hardware:" in reason:
        return True
    return item is not None and not TEST_DATA and item.get_closest_marker("data") is not None


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not _may_skip(item, _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped where every server is required: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and not _may_skip(None, _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped where every server is required: {_reason(report)}"
    return report


@pytest.fixture
def resident_bytes() -> Callable[[], int]:
    """How much memory this process holds, garbage swept up."""

    def measured() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    return measured


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    """tests/vectors/make_envelope.py: its keys, its certificates and how it breaks envelopes."""
    path = Path(__file__).parent / "vectors" / "make_envelope.py"
    spec = importlib.util.spec_from_file_location("wardlens_vectors_make_envelope", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sealed(maker: ModuleType) -> Callable[..., Envelope]:
    """Makes an envelope of a new capture: `sealed(counter)`, `sealed(counter, size=…)`."""

    def make(counter: int, *, size: int = 64, capture: str | None = None) -> Envelope:
        name = CaptureId(capture or secrets.token_hex(16))
        jpeg = b"\xff\xd8" + secrets.token_bytes(size) + b"\xff\xd9"
        manifest = maker.to_canonical(
            {
                "capture": name,
                "counter": counter,
                "device": {"id": maker.DEVICE},
                "image": {"sha256": maker.hashlib.sha256(jpeg).hexdigest()},
                "site": maker.SITE,
            }
        )
        context = replace(maker.CONTEXT, capture=name, counter=counter, recipients=maker.CONTEXT.recipients[:1])
        return seal(Body(manifest, jpeg), context)

    return make
