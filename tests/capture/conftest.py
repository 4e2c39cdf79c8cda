"""A site, a device and envelopes between them, as the vectors' script makes them."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from capture.envelope import Body, Envelope, seal
from capture.identifiers import CaptureId

Sealer = Callable[..., Envelope]
MEMORY = Path("/dev/shm")


@pytest.fixture
def memory_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one, for tests that open hundreds of files, each with its fsyncs."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path_factory.mktemp("on-disk")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="wardlens-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    """tests/vectors/make_envelope.py: its keys, its certificates and how it breaks envelopes."""
    path = Path(__file__).parent.parent / "vectors" / "make_envelope.py"
    spec = importlib.util.spec_from_file_location("wardlens_vectors_make_envelope", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sealed(maker: ModuleType) -> Sealer:
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
