"""How fast a picture is sealed, and what a bench seals with."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from capture.envelope import Body, KeySigner, SealingContext, SealingKey, seal
from capture.identifiers import CaptureId, DeviceId, SiteId
from firmware.measuring.figures import percentiles

MEGABYTE: Final = 1_000_000
SEALED_MEGABYTES: Final = 5


def bench_context(recipient: SealingKey) -> SealingContext:
    """A device that there is not, which seals to `recipient`."""
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    return SealingContext(
        CaptureId("0" * 32), DeviceId("bench"), SiteId("bench"), 1, (recipient,), signer, (b"certificate",)
    )


def next_capture(context: SealingContext) -> SealingContext:
    """The same for another capture."""
    return replace(context, capture=CaptureId(os.urandom(16).hex()), counter=context.counter + 1)


def measure_sealing(context: SealingContext, count: int) -> dict[str, Any]:
    """Sealing 5 MB (HPKE, AEAD, signature), and what SHA-256 alone does here."""
    body = Body(b"{}", os.urandom(SEALED_MEGABYTES * MEGABYTE))
    seals = [_timed(partial(seal, body, next_capture(context))) for _ in range(count)]
    hashes = [_timed(partial(hashlib.sha256, body.jpeg)) for _ in range(count)]
    return {
        "seal_ms": statistics.median(seals),
        "seal_range_ms": percentiles(seals, (50, 95)),
        "seal_megabytes_per_second": SEALED_MEGABYTES * 1000 / statistics.median(seals),
        "hash_megabytes_per_second": SEALED_MEGABYTES * 1000 / statistics.median(hashes),
    }


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000
