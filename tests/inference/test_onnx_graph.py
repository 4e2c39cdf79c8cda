"""The wire editor: what it must change in a model file, and that it never does worse than refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.onnx_graph import GraphUnreadable, read_fields, with_input, write_fields

_VARINT, _BYTES = 0, 2
_FLOAT = 1

FIELDS = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 2**20), st.just(0), st.integers(0, 2**64 - 1)),
        st.tuples(st.integers(1, 2**20), st.just(1), st.binary(min_size=8, max_size=8)),
        st.tuples(st.integers(1, 2**20), st.just(2), st.binary(max_size=200)),
        st.tuples(st.integers(1, 2**20), st.just(5), st.binary(min_size=4, max_size=4)),
    ),
    max_size=8,
)


def _message(*fields: tuple[int, int | bytes]) -> bytes:
    return write_fields([(n, _VARINT if isinstance(v, int) else _BYTES, v) for n, v in fields])


def _value(name: bytes, *dims: int) -> bytes:
    shape = _message(*((1, _message((1, size))) for size in dims))
    return _message((1, name), (2, _message((1, _message((1, _FLOAT), (2, shape))))))


def careless_model(*, ir_version: int = 3) -> bytes:
    """out = x × w for the size 1×3×2×2, with the weight listed among the inputs, as CenterFace's exporter did."""
    weight = _message((1, 1), (2, _FLOAT), (8, b"w"), (9, np.float32(3).tobytes()))
    node = _message((1, b"x"), (1, b"w"), (2, b"out"), (4, b"Mul"))
    graph = _message(
        (1, node),
        (2, b"g"),
        (5, weight),
        (11, _value(b"x", 1, 3, 2, 2)),
        (11, _value(b"w", 1)),
        (12, _value(b"out", 1, 3, 2, 2)),
        (13, _value(b"out", 1, 3, 2, 2)),
    )
    return _message((1, ir_version), (8, _message((1, b""), (2, 11))), (7, graph))


@given(FIELDS)
def test_fields_survive_writing_and_reading(fields: list[tuple[int, int, int | bytes]]) -> None:
    assert list(read_fields(write_fields(fields))) == fields


@given(st.binary(max_size=300))
def test_garbage_gives_fields_or_one_error(data: bytes) -> None:
    try:
        fields = list(read_fields(data))
    except GraphUnreadable:
        return
    assert all(number >= 0 for number, _, _ in fields)


@given(st.binary(max_size=200))
def test_garbage_is_never_taken_for_a_model(data: bytes) -> None:
    with pytest.raises(GraphUnreadable):
        with_input(data, (1, 3, 32, 32))


@given(st.integers(0, len(careless_model()) - 1))
def test_a_truncated_model_is_refused_or_a_whole_message(length: int) -> None:
    with pytest.raises(GraphUnreadable):
        with_input(careless_model()[:length], (1, 3, 32, 32))


def test_weights_stop_being_inputs_and_the_size_becomes_the_one_asked_for() -> None:
    fixed = with_input(careless_model(), (1, 3, 4, 5))
    session = onnxruntime.InferenceSession(fixed, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("x", [1, 3, 4, 5])]
    x = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    assert np.array_equal(session.run(None, {"x": x})[0], x * 3)


def test_a_size_that_has_a_name_is_decided_by_each_run() -> None:
    opened = with_input(careless_model(), (1, 3, "height", "width"))
    session = onnxruntime.InferenceSession(opened, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, "height", "width"]
    for size in ((4, 5), (5, 4), (1, 1)):
        x = np.ones((1, 3, *size), np.float32)
        assert np.array_equal(session.run(None, {"x": x})[0], x * 3)


def test_a_graph_with_two_real_inputs_is_refused() -> None:
    graph = _message((11, _value(b"x", 1)), (11, _value(b"y", 1)))
    with pytest.raises(GraphUnreadable, match="2 inputs"):
        with_input(_message((1, 8), (7, graph)), (1,))


@pytest.mark.models
def test_centerface_answers_the_same_after_the_edit(models_folder: Path) -> None:
    data = (models_folder / "centerface.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    shape = (10, 3, 32, 32)
    x = np.random.default_rng(3).uniform(0, 255, shape).astype(np.float32)
    as_published = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    as_edited = onnxruntime.InferenceSession(with_input(data, shape), options, providers=["CPUExecutionProvider"])
    for before, after in zip(as_published.run(None, {"input.1": x}), as_edited.run(None, {"input.1": x}), strict=True):
        assert np.allclose(before, after, atol=1e-4)
