"""Models ready to run: verified bytes, settings for a small machine, and a known answer at load.

Settings, and why: one session for each model, whatever canvas it is used on, because a session holds the weights twice;
one memory for all sessions (inference/runtime.py); no plan of memory for each shape (one block of 150 MiB for a large
canvas, which must then be free in one piece); no spinning threads (they starve the camera); one thread for each run
(several detectors beside each other scale better than several threads in one). Canvases are few, so the memory does
not grow without end as it does with shapes that always differ (onnxruntime issue 11627).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.eight_bits import in_eight_bits
from inference.errors import ModelMisbehaves
from inference.manifest import Answer, EightBits, Manifest, Model, read_model
from inference.onnx_graph import GraphUnreadable, with_input
from inference.runtime import new_session, onnxruntime_pybind11_state

Tensor = NDArray[np.float32]

_ANY_CANVAS: Final = (1, 3, "height", "width")
_TOLERANCE: Final = 0.02
"""Of the output's largest figure: processors round differently, by about 1e-5; a broken kernel is far outside."""
_RUNTIME_ERRORS: Final[tuple[type[Exception], ...]] = (
    RuntimeError,
    ValueError,
    *(e for e in vars(onnxruntime_pybind11_state).values() if isinstance(e, type) and issubclass(e, Exception)),
)
"""onnxruntime's own exceptions share no base but Exception; an unreadable graph is a ValueError."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified model and its session. Safe to run from several threads, on canvases of any size."""

    model: Model
    _session: Any = field(repr=False)
    _shapes: dict[Canvas, list[tuple[int, ...]]] = field(default_factory=dict, repr=False)
    quick: LoadedModel | None = field(default=None, repr=False)
    """The same in eight bits: half the time, and not quite the same answer. None where the manifest has no ranges."""

    def prepare(self, canvas: Canvas) -> None:
        """Has run on this canvas once, so that the first picture does not wait for memory.

        Several detectors share a model and its canvases; whoever prepares it first does so for all of them.

        Raises:
            ModelMisbehaves: the runtime fails on it.
        """
        if canvas not in self._shapes:
            self.run(np.zeros((1, 3, canvas.height, canvas.width), dtype=np.float32))

    def run(self, tensor: Tensor) -> list[Tensor]:
        """The model's outputs for a 1×3×H×W float32 tensor.

        Raises:
            ModelMisbehaves: the runtime failed, an output holds a value that is no finite number, or the outputs have
                other shapes than the first time on that canvas.
        """
        try:
            outputs = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
        except _RUNTIME_ERRORS as error:
            raise ModelMisbehaves(f"The model {self.model.name} failed while it ran. Call IT.") from error
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelMisbehaves(f"The model {self.model.name} answered with something that is no number. Call IT.")
        shapes = [np.shape(output) for output in outputs]
        if shapes != self._shapes.setdefault(Canvas(tensor.shape[3], tensor.shape[2]), shapes):
            raise ModelMisbehaves(f"The model {self.model.name} answered with something of another shape. Call IT.")
        return [np.asarray(output, dtype=np.float32) for output in outputs]


def load_models(manifest: Manifest, folder: Path) -> dict[str, LoadedModel]:
    """Every model of the manifest by its name, verified, and seen to give its known answer on this machine.

    Raises:
        ModelMissing: a file is not there.
        ModelAltered: a file is another one.
        ModelMisbehaves: a model cannot be run here, or answers otherwise than it should.
    """
    data = {model.name: read_model(model, folder) for model in manifest.models}
    return {model.name: _loaded(model, data[model.name]) for model in manifest.models}


def _loaded(model: Model, data: bytes) -> LoadedModel:
    loaded = _checked(LoadedModel(model, open_session(data, model.name)))
    if model.eight_bits is None:
        return loaded
    return replace(loaded, quick=_checked(open_in_eight_bits(model, model.eight_bits, data)))


def _checked(loaded: LoadedModel) -> LoadedModel:
    check_answer(loaded.model.name, loaded.model.golden.answers, answer_to_known_input(loaded))
    return loaded


def open_in_eight_bits(model: Model, small: EightBits, data: bytes) -> LoadedModel:
    """The model in eight bits, whose answer nobody has looked at yet. Its digest is that of the graph as it runs.

    Raises:
        ModelMisbehaves: it cannot be made, or the runtime refuses it.
    """
    name = small.name
    try:
        rewritten = in_eight_bits(with_input(data, _ANY_CANVAS), small.ranges)
    except GraphUnreadable as error:
        raise ModelMisbehaves(f"The model {name} cannot be made on this machine. Call IT.") from error
    golden = replace(model.golden, answers=small.answers)
    digest = hashlib.sha256(rewritten).hexdigest()
    made = replace(model, name=name, sha256=digest, golden=golden, eight_bits=None)
    return LoadedModel(made, open_session(rewritten, name))


def answer_to_known_input(loaded: LoadedModel) -> tuple[Answer, ...]:
    """What each output is like for the known input."""
    golden = loaded.model.golden
    return tuple(_figures(output) for output in loaded.run(known_input(Canvas(*golden.size), golden.range)))


def known_input(size: Canvas, values: tuple[float, float]) -> Tensor:
    """A pattern of waves and edges, the same everywhere: 1×3×H×W with values in that range."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    waves = [np.sin(x / (3 + c) + c) * np.cos(y / (5 - c)) * 0.375 + 0.5 for c in range(3)]
    edges = ((x // 16 + y // 16) % 2) * 0.1875 - 0.09375
    low, high = values
    pattern: Tensor = (np.clip(np.stack(waves) + edges, 0, 1) * (high - low) + low).astype(np.float32)[None]
    return pattern


def check_answer(name: str, expected: tuple[Answer, ...], answer: tuple[Answer, ...]) -> None:
    """Nothing, if the answer is the known one but for rounding.

    Raises:
        ModelMisbehaves: it is another.
    """
    if len(expected) != len(answer) or not all(_alike(*rows) for rows in zip(expected, answer, strict=True)):
        raise ModelMisbehaves(
            f"The model {name} does not give its known answer on this machine. Do not use this device; call IT."
        )


def _alike(wanted: Answer, got: Answer) -> bool:
    room = _TOLERANCE * max(map(abs, wanted[:3]))
    return all(abs(a - b) <= room for a, b in zip(wanted[:3], got[:3], strict=True)) and (
        abs(wanted[3] - got[3]) <= _TOLERANCE
    )


def _figures(output: Tensor) -> Answer:
    weight = np.abs(output.astype(np.float64))
    places = (np.arange(output.shape[-1]) + 0.5) / output.shape[-1]
    centroid = float((weight * places).sum() / weight.sum()) if weight.any() else 0.0
    return float(output.mean()), float(output.std()), float(output.max()), centroid


def open_session(data: bytes, name: str) -> Any:
    """A session for a model whose input is 1×3×H×W with any H and W; `name` is for the sentence.

    Raises:
        ModelMisbehaves: the runtime refuses the model.
    """
    try:
        return new_session(with_input(data, _ANY_CANVAS))
    except _RUNTIME_ERRORS as error:
        raise ModelMisbehaves(f"The model {name} cannot be run on this machine. Call IT.") from error
