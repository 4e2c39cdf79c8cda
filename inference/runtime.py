"""onnxruntime, imported so that it tells nobody, and with one memory for all sessions.

Its Linux wheels report to their maker: from the import on they look up a collector's name, and leave a file in the
temporary folder (seen with 1.32.0). `disable_telemetry_events()` comes too late for that; the environment does not.
What sees patients calls nobody, so no other module imports onnxruntime.

A session left to itself has an arena of its own, or none and then the C library's heap, which a still's tensors leave
full of holes. One arena for all of them holds what the largest looks need beside each other, and no more
(docs/benchmarks.md).
"""

from __future__ import annotations

import os
from typing import Any, Final

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

__all__ = ["new_session", "onnxruntime_pybind11_state"]

_QUIET: Final = 3
_AS_REQUESTED: Final = 1
"""The arena grows by what is asked for, not by the next power of two."""

onnxruntime.create_and_register_allocator(
    onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    ),
    onnxruntime.OrtArenaCfg(
        {
            "max_mem": 0,
            "arena_extend_strategy": _AS_REQUESTED,
            "initial_chunk_size_bytes": -1,
            "max_dead_bytes_per_chunk": -1,
        }
    ),
)


def new_session(data: bytes) -> Any:
    """A session on this processor for a model, with the settings that inference/models.py gives reasons for.

    Raises one of onnxruntime's errors, or ValueError, when the model cannot be run.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
