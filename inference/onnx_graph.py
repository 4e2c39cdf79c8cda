"""A model file with its graph made fit for the input that it is given.

Published models are often exported carelessly: CenterFace lists its weights among the graph's inputs, so the runtime
must believe that a caller could change them and cannot fold Conv and BatchNorm (2.2 to 2.9 times slower), and it names
an input size that nobody uses. This module edits those few fields on the wire format itself, with no ONNX package on
the device: https://protobuf.dev/programming-guides/encoding and the field numbers of onnx.proto (ModelProto.graph = 7,
GraphProto.initializer = 5, .input = 11, .output = 12, .value_info = 13). All else passes through byte for
byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

VARINT, _FIXED64, BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_IR_VERSION, MODEL_GRAPH = 1, 7
GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 5, 11, 12, 13
TENSOR_NAME = 8
VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_TENSOR_ELEMENT, _TENSOR_TYPE_SHAPE = 1, 2
FLOAT = 1
_SHAPE_DIM, _DIM_VALUE, _DIM_PARAM = 1, 1, 2
_FIRST_IR_WITH_CONSTANT_WEIGHTS: Final = 4

Field = tuple[int, int, int | bytes]
"""Field number, wire type, value: an int for varints, bytes for the rest."""

Shape = Sequence[int | str]
"""Sizes of a tensor; a name stands for one that each run decides anew."""


class GraphUnreadable(ValueError):  # noqa: N818 - named for what is known
    """The model file is not an ONNX graph. Delete it and run `wardlens models fetch`."""


def with_input(model: bytes, shape: Shape) -> bytes:
    """The same model with one input of `shape`, its weights constant, and no stale shapes.

    Raises:
        GraphUnreadable: not a protobuf message with a graph that has exactly one input beside its weights.
    """
    newer: list[Field] = [
        (number, wire, max(value, _FIRST_IR_WITH_CONSTANT_WEIGHTS))
        if number == _MODEL_IR_VERSION and isinstance(value, int)
        else (number, wire, value)
        for number, wire, value in read_fields(model)
    ]
    return with_graph(newer, lambda graph: _edit_graph(graph, shape))


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """The same model that answers with these tensors of floats, in this order, instead of its own outputs.

    Raises:
        GraphUnreadable: not a protobuf message with one graph.
    """
    kind = write_fields([(_TENSOR_ELEMENT, VARINT, FLOAT)])
    wanted = [
        write_fields(
            [(VALUE_NAME, BYTES, name.encode()), (_VALUE_TYPE, BYTES, write_fields([(_TYPE_TENSOR, BYTES, kind)]))]
        )
        for name in names
    ]

    def answering(graph: bytes) -> bytes:
        kept = [field for field in read_fields(graph) if field[0] != GRAPH_OUTPUT]
        return write_fields([*kept, *((GRAPH_OUTPUT, BYTES, value) for value in wanted)])

    return with_graph(list(read_fields(model)), answering)


def with_graph(model: Sequence[Field], change: Callable[[bytes], bytes]) -> bytes:
    """The model of these fields with its graph changed.

    Raises:
        GraphUnreadable: there is no graph, or several, or what `change` raises.
    """
    graphs = [field for field in model if field[0] == MODEL_GRAPH]
    if len(graphs) != 1:
        raise GraphUnreadable("the file holds no graph, or several")
    changed: Field = (MODEL_GRAPH, BYTES, change(bytes_in(graphs[0])))
    return write_fields([changed if field[0] == MODEL_GRAPH else field for field in model])


def _edit_graph(graph: bytes, shape: Shape) -> bytes:
    fields = list(read_fields(graph))
    weights = {_bytes_of(bytes_in(field), TENSOR_NAME) for field in fields if field[0] == GRAPH_INITIALIZER}
    kept: list[Field] = []
    inputs = 0
    for field in fields:
        number = field[0]
        if number == GRAPH_INPUT:
            if _bytes_of(bytes_in(field), VALUE_NAME) in weights:
                continue
            inputs += 1
            kept.append((number, BYTES, _with_shape(bytes_in(field), shape)))
        elif number == GRAPH_OUTPUT:
            kept.append((number, BYTES, _with_shape(bytes_in(field), None)))
        elif number != _GRAPH_VALUE_INFO:
            kept.append(field)
    if inputs != 1:
        raise GraphUnreadable(f"the graph has {inputs} inputs beside its weights; one was expected")
    return write_fields(kept)


def _with_shape(value_info: bytes, shape: Shape | None) -> bytes:
    """The ValueInfoProto with this shape, or with none, so that the runtime infers it."""
    tensor = _bytes_of(_bytes_of(value_info, _VALUE_TYPE), _TYPE_TENSOR)
    fields = [field for field in read_fields(tensor) if field[0] != _TENSOR_TYPE_SHAPE]
    if shape is not None:
        dims = write_fields([(_SHAPE_DIM, BYTES, write_fields([_dimension(size)])) for size in shape])
        fields.append((_TENSOR_TYPE_SHAPE, BYTES, dims))
    kept = [field for field in read_fields(value_info) if field[0] != _VALUE_TYPE]
    kept.append((_VALUE_TYPE, BYTES, write_fields([(_TYPE_TENSOR, BYTES, write_fields(fields))])))
    return write_fields(kept)


def _dimension(size: int | str) -> Field:
    return (_DIM_PARAM, BYTES, size.encode()) if isinstance(size, str) else (_DIM_VALUE, VARINT, size)


def read_fields(data: bytes) -> Iterator[Field]:
    """The fields of one protobuf message, in their order.

    Raises:
        GraphUnreadable: truncated, or not a protobuf message.
    """
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _read_varint(data, position)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, position = _read_varint(data, position)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise GraphUnreadable(f"unknown wire type {wire}")
        end = position + length
        if number == 0 or end > len(data):
            raise GraphUnreadable("a field ends beyond the file")
        yield number, wire, data[position:end]
        position = end


def write_fields(fields: Sequence[Field]) -> bytes:
    """The message with these fields."""
    parts = bytearray()
    for number, wire, value in fields:
        parts += _varint(number << 3 | wire)
        if isinstance(value, int):
            parts += _varint(value)
        else:
            parts += _varint(len(value)) + value if wire == BYTES else value
    return bytes(parts)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise GraphUnreadable("a number ends beyond the file")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise GraphUnreadable("a number is longer than ten bytes")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def bytes_in(field: Field) -> bytes:
    """The message or the text that a field holds.

    Raises:
        GraphUnreadable: it holds a number.
    """
    if not isinstance(field[2], bytes):
        raise GraphUnreadable(f"field {field[0]} should hold a message")
    return field[2]


def _bytes_of(message: bytes, number: int) -> bytes:
    found = [bytes_in(field) for field in read_fields(message) if field[0] == number]
    if not found:
        raise GraphUnreadable(f"field {number} is missing")
    return found[-1]
