"""What the receiver's tests share: an archive on each database, a ward that can say anything, a real PostgreSQL."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

POSTGRES = Path("/usr/lib/postgresql")


def _loaded(path: Path) -> ModuleType:
    """The helpers beside this file. Tests are no packages, and the processes they kill load the same file."""
    name = f"wardlens_tests_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def hospital() -> ModuleType:
    """tests/sync/receiver/hospital.py."""
    return _loaded(Path(__file__).parent / "hospital.py")


@pytest.fixture
def ward(hospital: ModuleType) -> Any:
    """A site with its devices."""
    return hospital.Ward()


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


@pytest.fixture
def postgres_database(postgres: str) -> str:
    """The URL of a new, empty PostgreSQL database."""
    from sqlalchemy import create_engine, text  # noqa: PLC0415 - only where a database is made

    name = f"archive_{os.urandom(4).hex()}"
    server = create_engine(postgres.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    return postgres.format(name=name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn: its URL, or nothing for SQLite in the archive's own folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


@pytest.fixture
def make_archive(hospital: ModuleType, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens archives in the test's folder, and closes them."""
    opened: list[Any] = []

    def make(**changes: Any) -> Any:
        opened.append(hospital.open_archive(tmp_path / "archive", **changes))
        return opened[-1]

    yield make
    for archive in opened:
        archive.close()


@pytest.fixture
def archive(make_archive: Callable[..., Any], database: str) -> Any:
    """An empty archive, on each database in turn."""
    return make_archive(database=database)


@pytest.fixture
def small_archive(make_archive: Callable[..., Any]) -> Any:
    """An empty archive on SQLite, for what does not depend on the database."""
    return make_archive()


class _Bucket(BaseHTTPRequestHandler):
    """As much of S3 as the archive uses: put, get and list, in memory."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def do_PUT(self) -> None:
        length = int(self.headers.get("x-amz-decoded-content-length") or self.headers["content-length"])
        self.objects[self.path] = self.rfile.read(length)
        self._answer(200, b"")

    def do_GET(self) -> None:
        if "list-type" in self.path:
            self._answer(
                200, b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
            )
        elif self.path in self.objects:
            self._answer(200, self.objects[self.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"1"')
        self.send_header("last-modified", "Mon, 23 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
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
