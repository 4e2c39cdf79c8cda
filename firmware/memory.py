"""How this process asks the system for memory: large buffers are kept and used again, in one heap.

A 12-megapixel frame or a 5 MB envelope is fresh memory each time, and glibc gives it back at once; faulting its pages
in again costs more than sealing does. A heap for each thread would keep the same buffer once for each
(docs/benchmarks.md).
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_KEEP_BYTES: Final = 128 * 1024 * 1024
_LARGEST_THRESHOLD: Final = 32 * 1024 * 1024
"""glibc takes no larger one: mallopt(3)."""


def give_back_free_memory() -> bool:
    """Whether the C library gave back pages that were kept and are not in use; one that is not glibc goes on."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


def keep_large_buffers() -> bool:
    """Whether the C library was told; one that is not glibc goes on as it is. Before the first thread is started."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_M_TRIM_THRESHOLD, _KEEP_BYTES))
    return all(mallopt(*setting) for setting in wanted)
