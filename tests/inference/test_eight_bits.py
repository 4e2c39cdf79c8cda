"""Models in eight bits: near what they say in floats, in whole numbers that every processor adds up alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import load_manifest
from inference.canvas import Canvas, fit_turned
from inference.detectors import centerface
from inference.detectors.faces import ROUNDED, SIEVE
from inference.eight_bits import WEIGHT_BITS, in_eight_bits, step_of, whole_weights, worth_eight_bits
from inference.models import known_input, load_models
from inference.onnx_graph import GraphUnreadable, with_outputs, write_fields
from inference.picture import Pixels

_VARINT, _BYTES, _FLOAT = 0, 2, 1
CHANNELS = 4
TENSORS = ("seen", "drawn", "sum")


def message(*fields: tuple[int, int | bytes]) -> bytes:
    return write_fields([(n, _VARINT if isinstance(v, int) else _BYTES, v) for n, v in fields])


def node(kind: str, inputs: str, output: str, *attributes: bytes) -> bytes:
    return message(
        *((1, name.encode()) for name in inputs.split()),
        (2, output.encode()),
        (4, kind.encode()),
        *((5, attribute) for attribute in attributes),
    )


def ints(name: str, *values: int) -> bytes:
    return message((1, name.encode()), *((8, value) for value in values), (20, 7))


def tensor(name: str, value: np.ndarray) -> bytes:
    plain = value.astype(np.float32)
    return message(*((1, size) for size in plain.shape), (2, _FLOAT), (8, name.encode()), (9, plain.tobytes()))


def value_of(name: str, *sizes: int) -> bytes:
    shape = message(*((1, message((1, size))) for size in sizes))
    return message((1, name.encode()), (2, message((1, message((1, _FLOAT), (2, shape))))))


def network(seed: int, *, kind: str = "Relu", opset: int = 9) -> bytes:
    """A convolution with its Relu, one without, and their sum, on 1×3×8×8."""
    chance = np.random.default_rng(seed)
    first, second = chance.normal(0, 1, (CHANNELS, 3, 3, 3)), chance.normal(0, 1, (CHANNELS, CHANNELS, 1, 1))
    graph = message(
        (1, node("Conv", "x first bias", "raw", ints("pads", 1, 1, 1, 1))),
        (1, node(kind, "raw", "seen")),
        (1, node("Conv", "seen second", "drawn")),
        (1, node("Add", "seen drawn", "sum")),
        (2, b"g"),
        (5, tensor("first", first)),
        (5, tensor("bias", chance.normal(0, 1, CHANNELS))),
        (5, tensor("second", second)),
        (11, value_of("x", 1, 3, 8, 8)),
        (12, value_of("sum", 1, CHANNELS, 8, 8)),
    )
    return message((1, 4), (8, message((2, opset))), (7, graph))


def session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ranges_on(model: bytes, picture: np.ndarray) -> dict[str, tuple[float, float]]:
    answers = session(with_outputs(model, ("x", *TENSORS))).run(None, {"x": picture})
    return {name: (float(a.min()), float(a.max())) for name, a in zip(("x", *TENSORS), answers, strict=True)}


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_in_eight_bits_a_network_says_nearly_the_same(seed: int) -> None:
    model, picture = network(seed), np.random.default_rng(seed + 1).normal(0, 1, (1, 3, 8, 8)).astype(np.float32)
    ranges = ranges_on(model, picture)
    small = in_eight_bits(model, ranges)
    assert b"QLinearConv" in small
    assert b"QLinearAdd" in small
    (whole,), (rounded,) = (session(one).run(None, {"x": picture}) for one in (model, small))
    step, _ = step_of(ranges["sum"])
    assert np.abs(whole - rounded).max() < 8 * float(step)


def test_without_a_range_everything_stays_in_floats() -> None:
    model, picture = network(3), np.random.default_rng(4).normal(0, 1, (1, 3, 8, 8)).astype(np.float32)
    small = in_eight_bits(model, {})
    assert b"QLinear" not in small
    assert np.array_equal(session(model).run(None, {"x": picture})[0], session(small).run(None, {"x": picture})[0])


def test_what_wants_a_range_is_every_tensor_of_the_later_convolutions_and_of_sums() -> None:
    assert worth_eight_bits(network(1), floating=1) == TENSORS
    assert worth_eight_bits(network(1), floating=0) == ("x", *TENSORS)


@given(st.floats(-50, 50), st.floats(0, 100))
def test_a_value_in_the_range_is_off_by_half_a_step_at_most_and_nothing_stays_nothing(low: float, wide: float) -> None:
    step, zero = step_of((low, low + wide))
    assert 0 <= int(zero) <= 255
    for value in np.linspace(min(low, 0), max(low + wide, 0), 7):
        whole = np.clip(np.round(value / float(step)) + int(zero), 0, 255)
        assert abs((whole - int(zero)) * float(step) - value) <= float(step) * 1.01
    assert (int(zero) - int(zero)) * float(step) == 0


@given(st.integers(0, 1000), st.floats(1e-6, 1e3))
def test_weights_are_off_by_half_of_what_one_is_worth_at_most(seed: int, size: float) -> None:
    weight = np.random.default_rng(seed).normal(0, size, (5, 2, 3, 3)).astype(np.float32)
    whole, steps = whole_weights(weight)
    assert np.abs(whole * steps[:, None, None, None] - weight).max() <= steps.max() * 0.501
    assert np.abs(whole).max() == 2 ** (WEIGHT_BITS - 1) - 1


def test_two_products_fit_sixteen_bits_in_which_some_processors_add_them_up() -> None:
    assert 2 * 255 * (2 ** (WEIGHT_BITS - 1) - 1) < 2**15


@pytest.mark.parametrize(
    ("model", "ranges", "says"),
    [
        (network(1), {"elsewhere": (0.0, 1.0)}, "no tensor elsewhere"),
        (network(1), {"seen": (1.0, 0.0)}, "range of seen"),
        (network(1), {"seen": (0.0, float("inf"))}, "range of seen"),
        (network(1, kind="Sign"), {}, "operator Sign"),
        (network(1, opset=17), {}, "operators"),
        (b"", {}, "no graph"),
    ],
)
def test_what_is_no_such_model_or_range_is_refused(model: bytes, ranges: dict, says: str) -> None:
    with pytest.raises(GraphUnreadable, match=says):
        in_eight_bits(model, ranges)


@given(st.binary(max_size=200))
def test_garbage_is_never_taken_for_a_model(data: bytes) -> None:
    with pytest.raises(GraphUnreadable):
        in_eight_bits(data, {})


@given(st.data())
def test_a_damaged_model_is_refused_or_rewritten(data: st.DataObject) -> None:
    model = bytearray(network(1))
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    try:
        in_eight_bits(bytes(model), {"seen": (0.0, 5.0), "drawn": (-5.0, 5.0), "sum": (-5.0, 9.0)})
    except GraphUnreadable:
        return


@pytest.mark.models
def test_centerface_in_eight_bits_sees_a_face_as_surely_and_none_where_there_is_none(
    models_folder: Path, astronaut: Pixels
) -> None:
    whole = load_models(load_manifest(), models_folder)["centerface"]
    assert whole.quick is not None
    assert whole.quick.model.sha256 != whole.model.sha256
    for degrees in (0, 90, 180, 270):
        placed, _ = fit_turned(astronaut, Canvas(320, 256), degrees)
        picture = np.ascontiguousarray(placed.transpose(2, 0, 1)[None], np.float32)
        surely, rounded = (centerface.surest(model.run(picture)) for model in (whole, whole.quick))
        assert abs(surely - rounded) < 2 * ROUNDED
    nothing = known_input(Canvas(320, 256), (0, 255))
    assert centerface.surest(whole.quick.run(nothing)) < SIEVE
