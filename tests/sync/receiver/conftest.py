"""What the receiver's tests share: an archive on each database, and a ward that can say anything."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


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
