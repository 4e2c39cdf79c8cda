"""What the process with the network imports of this room loads nothing that sees pixels."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("face", ["capture.envelope", "capture.vault", "capture.ledger", "sync.receiver.opening"])
def test_a_light_face_loads_no_pixels_and_no_models(face):
    program = f"import sys, {face}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"numpy", "cv2", "onnxruntime", "inference", "simplejpeg"} & set(done.stdout.split())
