"""onnxruntime, imported so that it tells nobody.

Its Linux wheels report to their maker: from the import on they look up a collector's name, and leave a file in the
temporary folder (seen with 1.32.0). `disable_telemetry_events()` comes too late for that; the environment does not.
What sees patients calls nobody, so no other module imports onnxruntime.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

__all__ = ["onnxruntime", "onnxruntime_pybind11_state"]
