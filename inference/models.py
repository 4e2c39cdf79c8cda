"""Models ready to run: verified bytes, fixed shapes, settings for a small machine, and a known answer at load.

Settings, and why: no memory arena (it grows without end, onnxruntime issue 11627), no spinning threads (they starve the
camera), one thread for each run (the de-identifier runs several detectors beside each other, which scales better than
several threads in one), one shape for each session.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.errors import ModelMisbehaves
from inference.manifest import Golden, Model, read_model
from inference.onnx_graph import GraphUnreadable, with_fixed_input

Tensor = NDArray[np.float32]

GOLDEN_CANVAS: Final = Canvas(160, 128)
_GOLDEN_TOLERANCE: Final = 0.02
"""Of the output's largest figure: other processors round otherwise, by about 1e-5; a broken kernel is far outside."""
_QUIET: Final = 3


@dataclass(slots=True)
class LoadedModel:
    """A verified model, with a session for each canvas it is used on. Safe to run from several threads."""

    model: Model
    _data: bytes = field(repr=False)
    _sessions: dict[Canvas, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def prepare(self, canvas: Canvas) -> None:
        """Makes the session for this canvas and runs it once, so that the first picture does not wait.

        Raises:
            ModelMisbehaves: the runtime refuses the model or fails on it.
        """
        self.run(np.zeros((1, 3, canvas.height, canvas.width), dtype=np.float32))

    def run(self, tensor: Tensor) -> list[Tensor]:
        """The model's outputs for a 1×3×H×W float32 tensor.

        Raises:
            ModelMisbehaves: the runtime failed, or an output holds a value that is no finite number.
        """
        session = self._session(Canvas(tensor.shape[3], tensor.shape[2]))
        try:
            outputs = session.run(None, {session.get_inputs()[0].name: tensor})
        except (RuntimeError, ValueError) as error:
            raise ModelMisbehaves(f"The model {self.model.name} failed while it ran. Call IT.") from error
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelMisbehaves(f"The model {self.model.name} answered with something that is no number. Call IT.")
        return [np.asarray(output, dtype=np.float32) for output in outputs]

    def _session(self, canvas: Canvas) -> Any:
        with self._lock:
            if canvas not in self._sessions:
                self._sessions[canvas] = _open(self._data, canvas, self.model.name)
            return self._sessions[canvas]


def load_model(model: Model, folder: Path) -> LoadedModel:
    """The model, verified, and seen to give its known answer on this machine.

    Raises:
        ModelMissing: its file is not there.
        ModelAltered: its file is another one.
        ModelMisbehaves: it cannot be run here, or answers otherwise than it should.
    """
    loaded = LoadedModel(model, read_model(model, folder))
    check_answer(model.name, model.golden, answer_to_known_input(loaded))
    return loaded


def answer_to_known_input(loaded: LoadedModel) -> tuple[Golden, ...]:
    """Mean, standard deviation and maximum of each output for the known input."""
    outputs = loaded.run(known_input())
    return tuple((float(out.mean()), float(out.std()), float(out.max())) for out in outputs)


def known_input() -> Tensor:
    """A pattern of waves and edges, the same everywhere: 1×3×128×160, 0 to 255."""
    y, x = np.mgrid[0 : GOLDEN_CANVAS.height, 0 : GOLDEN_CANVAS.width].astype(np.float64)
    waves = [np.sin(x / (3 + c) + c) * np.cos(y / (5 - c)) * 96 + 128 for c in range(3)]
    edges = ((x // 16 + y // 16) % 2) * 48 - 24
    pattern: Tensor = np.clip(np.stack(waves) + edges, 0, 255).astype(np.float32)[None]
    return pattern


def check_answer(name: str, expected: tuple[Golden, ...], answer: tuple[Golden, ...]) -> None:
    """Nothing, if the answer is the known one but for rounding.

    Raises:
        ModelMisbehaves: it is another.
    """
    same = len(expected) == len(answer) and all(
        abs(got - wanted) <= _GOLDEN_TOLERANCE * max(map(abs, wanted_row))
        for wanted_row, got_row in zip(expected, answer, strict=True)
        for wanted, got in zip(wanted_row, got_row, strict=True)
    )
    if not same:
        raise ModelMisbehaves(
            f"The model {name} does not give its known answer on this machine. Do not use this device; call IT."
        )


def _open(data: bytes, canvas: Canvas, name: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        fixed = with_fixed_input(data, (1, 3, canvas.height, canvas.width))
        return onnxruntime.InferenceSession(fixed, options, providers=["CPUExecutionProvider"])
    except (GraphUnreadable, RuntimeError, ValueError) as error:
        raise ModelMisbehaves(f"The model {name} cannot be run on this machine. Call IT.") from error
