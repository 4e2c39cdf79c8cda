"""What can go wrong in the engine: each fault armed in the real detectors, models and functions, and put right again.

Every exception carries words that must be in no log and on no screen.
"""

from __future__ import annotations

import concurrent.futures
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
import pytest

from inference import Deidentifier, DetectionFailed, Frame, Kind, ModelMisbehaves, Region
from inference.guard import Guarded
from inference.picture import Pixels
from inference.runtime import onnxruntime_pybind11_state

WORDS: Final = "ANNA-MILLER-1957"
HANGING_S: Final = 0.4
"""The deadline while somebody hangs."""
PATIENCE_S: Final = 600.0
"""The deadline of good pictures: a busy machine is no fault."""

EXCEPTIONS: Final[tuple[type[BaseException], ...]] = (
    RuntimeError, ValueError, TypeError, MemoryError, OSError, RecursionError, FloatingPointError, IndexError,
    StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit, concurrent.futures.CancelledError, TimeoutError,
    cv2.error, ModelMisbehaves, DetectionFailed,
    onnxruntime_pybind11_state.Fail, onnxruntime_pybind11_state.RuntimeException,
    onnxruntime_pybind11_state.InvalidArgument, onnxruntime_pybind11_state.EPFail,
)  # fmt: skip

TRIANGLE: Final = ((10.0, 10.0), (60.0, 10.0), (10.0, 60.0))

NONSENSE: Final[Mapping[str, Callable[[frozenset[Kind]], object]]] = {
    "none": lambda _kinds: None,
    "a-tuple": lambda _kinds: (),
    "words": lambda _kinds: "[]",
    "a-number": lambda _kinds: 0,
    "boxes": lambda _kinds: [(0, 0, 10, 10)],
    "a-none-in-a-list": lambda _kinds: [None],
    "another-kind": lambda kinds: [Region(next(k for k in Kind if k not in kinds), TRIANGLE, 0.9, WORDS)],
    "a-score-that-is-no-number": lambda kinds: [Region(next(iter(kinds)), TRIANGLE, math.nan, WORDS)],
    "a-score-above-1": lambda kinds: [Region(next(iter(kinds)), TRIANGLE, 1.5, WORDS)],
    "a-place-that-is-no-number": lambda kinds: [
        Region(next(iter(kinds)), ((0.0, 0.0), (math.inf, 1.0), (1.0, 1.0)), 0.9, WORDS)
    ],
}
"""What a detector may answer instead of its regions."""

NO_OUTLINES: Final[Mapping[str, object]] = {
    "none": None,
    "words": "[]",
    "an-array": np.zeros((3, 2)),
    "a-number-in-a-list": [7],
    "a-line": [((1.0, 1.0), (2.0, 2.0))],
    "a-place-that-is-no-number": [((0.0, 0.0), (math.nan, 1.0), (1.0, 1.0))],
}
"""What the wound guard may answer instead of outlines."""


def _filled(value: float) -> Callable[[list[Any]], object]:
    return lambda outputs: [np.full_like(output, value) for output in outputs]


def _one_value(value: float) -> Callable[[list[Any]], object]:
    def spoil(outputs: list[Any]) -> object:
        spoilt = [np.array(output) for output in outputs]
        spoilt[-1].flat[spoilt[-1].size // 2] = value
        return spoilt

    return spoil


MAPS: Final[Mapping[str, Callable[[list[Any]], object]]] = {
    "nan": _filled(math.nan),
    "one-nan": _one_value(math.nan),
    "inf": _one_value(math.inf),
    "minus-inf": _one_value(-math.inf),
    "above-1": _filled(9.0),
    "below-0": _filled(-9.0),
    "too-few-outputs": lambda outputs: outputs[:-1],
    "nothing": lambda _outputs: [],
    "half-as-high": lambda outputs: [output[:, :, : output.shape[2] // 2] for output in outputs],
    "one-dimension-less": lambda outputs: [output[0] for output in outputs],
}
"""What a model may answer instead of its maps."""


class Tampered:
    """A real detector or guard, and what it does instead of looking while something is armed."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.name = getattr(real, "name", "wound")
        self.kinds = getattr(real, "kinds", frozenset())
        self.models = real.models
        self.instead: Callable[[], object] | None = None

    def prepare(self) -> None:
        self._real.prepare()

    def detect(self, image: Pixels) -> Any:
        return self._real.detect(image) if self.instead is None else self.instead()

    def guarded(self, image: Pixels) -> Any:
        return self._real.guarded(image) if self.instead is None else Guarded([], cast("Any", self.instead()))


class TamperedSession:
    """A real session of onnxruntime, and what becomes of its answer while something is armed."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.spoil: Callable[[list[Any]], object] | None = None
        self.runs = 0

    def get_inputs(self) -> Any:
        return self._real.get_inputs()

    def run(self, names: object, feed: object) -> Any:
        self.runs += 1
        outputs = self._real.run(names, feed)
        return outputs if self.spoil is None else self.spoil(outputs)


class Tampering:
    """The engine of this release with a hand on every part of it."""

    def __init__(self, models: Path) -> None:
        self._loaded = Deidentifier.load(models, threads=2)
        looks = {"first": self._loaded._still, "second": self._loaded._second_look, "live": self._loaded._live}
        self.looks = {look: tuple(Tampered(one) for one in detectors) for look, detectors in looks.items()}
        self.guard = Tampered(self._loaded._guard)
        self.sessions = {model.model.name: self._held(model) for model in self._models()}
        self._engines: list[Deidentifier] = []

    def engine(self) -> Deidentifier:
        """A de-identifier of these parts: what the service loads."""
        loaded = self._loaded
        made = Deidentifier(
            still=self.looks["first"],
            live=self.looks["live"],
            second_look=self.looks["second"],
            guard=self.guard,
            reader=loaded._reader,
            never_clear=loaded._never_clear,
            thresholds=loaded._thresholds,
            threads=2,
            still_deadline_seconds=PATIENCE_S,
        )
        self._engines.append(made)
        return made

    def used_by_a_still(self, frame: Frame) -> list[str]:
        """The sessions that a still of this frame uses."""
        for session in self.sessions.values():
            session.runs = 0
        self._loaded.still(frame)
        return [name for name, session in self.sessions.items() if session.runs]

    @contextmanager
    def in_a_hurry(self) -> Iterator[None]:
        """Everybody else answers at once, and the deadline is short: who hangs is the only one who is late."""
        everybody = [one for looks in self.looks.values() for one in looks]
        for one in everybody:
            one.instead = list
        self.guard.instead = list
        self._engines[-1]._still_deadline = HANGING_S
        try:
            yield
        finally:
            self._engines[-1]._still_deadline = PATIENCE_S
            for one in (*everybody, self.guard):
                one.instead = None

    def close(self) -> None:
        self._loaded.close()

    def _models(self) -> list[Any]:
        found: dict[int, Any] = {}
        for one in (*(d for looks in self.looks.values() for d in looks), self.guard):
            for name in ("_model", "_finder", "_reader"):
                model = getattr(getattr(one._real, "_skin", one._real), name, None)
                model = getattr(model, "_model", model)  # a reader of lines holds its model
                if model is not None:
                    found[id(model)] = model
        return list(found.values())

    @staticmethod
    def _held(model: Any) -> TamperedSession:
        session = TamperedSession(model._session)
        object.__setattr__(model, "_session", session)
        return session


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the engine fails.

    Attributes:
        name: for the report.
        armed: arms it for as long as the context lasts.
        step: what it makes fail: `live`, `take`, `look` (the still's picture), `decide` or `accept`.
    """

    name: str
    armed: Callable[[], AbstractContextManager[object]]
    step: str = "take"


def raised(error: type[BaseException]) -> Callable[..., Any]:
    """A function that raises this, with words that nobody may read."""

    def fail(*_args: object, **_more: object) -> object:
        raise error(WORDS)

    return fail


@contextmanager
def _instead(part: Tampered, does: Callable[[], object]) -> Iterator[None]:
    part.instead = does
    try:
        yield
    finally:
        part.instead = None


@contextmanager
def _spoilt(session: TamperedSession, spoil: Callable[[list[Any]], object]) -> Iterator[None]:
    session.spoil = spoil
    try:
        yield
    finally:
        session.spoil = None


@contextmanager
def _hanging(tampering: Tampering, part: Tampered, answer: Callable[[], object]) -> Iterator[None]:
    """It answers only when the fault is over: long after its deadline."""
    release = threading.Event()
    with tampering.in_a_hurry():
        part.instead = lambda: (release.wait(60), answer())[1]
        try:
            yield
        finally:
            release.set()


@contextmanager
def _patched(target: str, does: Callable[..., Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, does)
        yield


@contextmanager
def _no_thread(tampering: Tampering) -> Iterator[None]:
    pool = tampering._engines[-1]._workers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool._pool, "submit", raised(RuntimeError))
        yield


def detector_faults(tampering: Tampering) -> Iterator[Fault]:
    """Every detector of both looks, and the guard: raising, answering nonsense, hanging, answering too late."""
    parts = [(look, one) for look in ("first", "second") for one in tampering.looks[look]]
    for look, part in (*parts, ("guard", tampering.guard)):
        at = f"{look}/{part.name}"
        for error in EXCEPTIONS:
            yield Fault(f"{at} raises {error.__name__}", _arm(_instead, part, raised(error)))
        nonsense = NO_OUTLINES if look == "guard" else {n: _of(make, part.kinds) for n, make in NONSENSE.items()}
        for name, answer in nonsense.items():
            given = answer if look != "guard" else _given(answer)
            yield Fault(f"{at} answers {name}", _arm(_instead, part, given))
        yield Fault(f"{at} hangs, then answers", _arm(_hanging, tampering, part, list))
        yield Fault(f"{at} hangs, then raises", _arm(_hanging, tampering, part, raised(RuntimeError)))


def model_faults(tampering: Tampering, used: list[str]) -> Iterator[Fault]:
    """Every session that a good still uses: raising what onnxruntime raises, answering with broken maps."""
    for name in used:
        session = tampering.sessions[name]
        for spoilt, spoil in MAPS.items():
            yield Fault(f"{name} answers {spoilt}", _arm(_spoilt, session, spoil))
        for error in (MemoryError, onnxruntime_pybind11_state.Fail, onnxruntime_pybind11_state.RuntimeException):
            yield Fault(f"{name} raises {error.__name__}", _arm(_spoilt, session, raised(error)))


def function_faults(tampering: Tampering) -> Iterator[Fault]:
    """What is ours between the detectors and the vault, failing at each step."""
    places = {
        "inference.deidentifier.cover": ("take", "decide"),
        "inference.deidentifier.coverage": ("take",),
        "inference.deidentifier.on_a_wound": ("take",),
        "inference.policy.outcomes": ("take",),
        "inference.policy.covered": ("take",),
        "inference.policy.still_visible": ("take",),
        "capture.service.shutter.assess": ("take",),
        "capture.service.app.encode_jpeg": ("look",),
        "capture.service.keeping.encode_jpeg": ("accept",),
        "capture.service.keeping.seal_capture": ("accept",),
        "capture.sealing.capture_manifest": ("accept",),
        "capture.sealing.seal": ("accept",),
    }
    for place, steps in places.items():
        for step in steps:
            for error in (MemoryError, ValueError, cv2.error, StopIteration, SystemExit):
                name = f"{place.rpartition('.')[2]} raises {error.__name__} at {step}"
                yield Fault(name, _arm(_patched, place, raised(error)), step)
    yield Fault("no thread can be had", _arm(_no_thread, tampering))


def live_faults(tampering: Tampering) -> Iterator[Fault]:
    """Every detector of the live view, and what is ours between it and the screen."""
    for part in tampering.looks["live"]:
        wrong = {
            f"raises {error.__name__}": raised(error) for error in (RuntimeError, MemoryError, SystemExit, cv2.error)
        }
        for name in ("none", "boxes", "a-score-that-is-no-number"):
            wrong[f"answers {name}"] = _of(NONSENSE[name], part.kinds)
        for name, does in wrong.items():
            yield Fault(f"live/{part.name} {name}", _arm(_instead, part, does), "live")
    for error in (MemoryError, StopIteration, SystemExit):
        fails = _arm(_patched, "capture.service.live.encode_jpeg", raised(error))
        yield Fault(f"the live view's encode_jpeg raises {error.__name__}", fails, "live")


def _arm(context: Callable[..., AbstractContextManager[object]], *args: object) -> Callable[[], Any]:
    return lambda: context(*args)


def _of(make: Callable[[frozenset[Kind]], object], kinds: frozenset[Kind]) -> Callable[[], object]:
    return lambda: make(kinds)


def _given(answer: object) -> Callable[[], object]:
    return lambda: answer


def _flipped(data: bytes, place: float) -> bytes:
    at = int(place * (len(data) - 1))
    return data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :]


FILES: Final[Mapping[str, Callable[[Path, Path], object]]] = {
    "missing": lambda path, _other: path.unlink(),
    "empty": lambda path, _other: path.write_bytes(b""),
    "truncated": lambda path, _other: path.write_bytes(path.read_bytes()[:-1]),
    "cut in half": lambda path, _other: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a byte longer": lambda path, _other: path.write_bytes(path.read_bytes() + b"\0"),
    "flipped early": lambda path, _other: path.write_bytes(_flipped(path.read_bytes(), 0.01)),
    "flipped in the middle": lambda path, _other: path.write_bytes(_flipped(path.read_bytes(), 0.5)),
    "flipped at the end": lambda path, _other: path.write_bytes(_flipped(path.read_bytes(), 1.0)),
    "another model": lambda path, other: path.write_bytes(other.read_bytes()),
    "a folder": lambda path, _other: (path.unlink(), path.mkdir()),
}
"""What may have become of a model's file before the start."""
