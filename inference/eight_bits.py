"""A model's convolutions in eight bits, made from its own weights when it is loaded.

A convolution in whole numbers takes half the time of one in floats (docs/adr/0025-a-sieve-of-eight-bits.md). What it
needs to know beside the weights is how large each tensor becomes, which is measured once
(inference/training/ranges.py) and stands in the manifest. A tensor without a range stays in floats,
and so does every operator but Conv, Relu and Add.

Weights take seven bits: two products of seven and eight bits fit sixteen, in which processors without dot products
(AVX2) add them up, so that every processor gives the same answer. The layout is onnx.proto's (ModelProto.opset_import
= 8, GraphProto.node = 1, .initializer = 5); QLinearConv is ONNX's, QLinearAdd onnxruntime's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.onnx_graph import (
    BYTES,
    FLOAT,
    GRAPH_INITIALIZER,
    GRAPH_INPUT,
    GRAPH_OUTPUT,
    MODEL_GRAPH,
    TENSOR_NAME,
    VALUE_NAME,
    VARINT,
    Field,
    GraphUnreadable,
    bytes_in,
    read_fields,
    with_graph,
    write_fields,
)

WEIGHT_BITS: Final = 7
_MODEL_OPSET = 8
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_FIRST_OPSET_IN_EIGHT_BITS: Final = 11
_LAST_OPSET_ALIKE: Final = 12
"""Up to here what these graphs are made of means the same; a model of a later one is left alone."""
_RUNTIME_DOMAIN: Final = b"com.microsoft"
_GRAPH_NODE = 1
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_KIND, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_TENSOR_DIM, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_RAW = 1, 2, 4, 9
_TYPES: Final = {np.dtype(np.float32): FLOAT, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.int32): 6}
_SAFE: Final = frozenset({"Conv", "ConvTranspose", "BatchNormalization", "Relu", "Add", "Sigmoid"})
"""Operators that mean the same in every opset up to the last one alike."""
_STEPS: Final = 255
_SMALLEST_STEP: Final = 1e-8

Range = tuple[float, float]
"""The smallest and the largest value of a tensor."""
Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[bytes, ...] = ()
    domain: bytes = b""

    @property
    def output(self) -> str:
        return self.outputs[0]

    def field(self) -> Field:
        parts: list[Field] = [(_NODE_INPUT, BYTES, name.encode()) for name in self.inputs]
        parts += [(_NODE_OUTPUT, BYTES, name.encode()) for name in self.outputs]
        parts += [(_NODE_NAME, BYTES, f"{self.kind}:{self.output}".encode()), (_NODE_KIND, BYTES, self.kind.encode())]
        parts += [(_NODE_ATTRIBUTE, BYTES, attribute) for attribute in self.attributes]
        return _GRAPH_NODE, BYTES, write_fields([*parts, (_NODE_DOMAIN, BYTES, self.domain)])


def in_eight_bits(model: bytes, ranges: Mapping[str, Range]) -> bytes:
    """The same model, whose weights are constant, with each convolution and sum in eight bits that `ranges` reaches.

    A convolution needs a range for what goes in and what comes out (after its Relu); a sum for all three.

    Raises:
        GraphUnreadable: not such a model, a range that is none, or one of a tensor that is not there.
    """
    for name, (low, high) in ranges.items():
        if not (math.isfinite(high - low) and low <= high):
            raise GraphUnreadable(f"the range of {name} is none")
    fields = [_newer(one) if one[0] == _MODEL_OPSET else one for one in read_fields(model)]
    runtime = write_fields([(_OPSET_DOMAIN, BYTES, _RUNTIME_DOMAIN), (_OPSET_VERSION, VARINT, 1)])
    return with_graph([*fields, (_MODEL_OPSET, BYTES, runtime)], lambda graph: _rewritten(graph, ranges))


def worth_eight_bits(model: bytes, floating: int) -> tuple[str, ...]:
    """The tensors that want a range for all convolutions but the first so many, and all sums, to be in eight bits.

    The first convolutions look at many pixels with few weights, which floats do as quickly.

    Raises:
        GraphUnreadable: as `in_eight_bits`.
    """
    (graph,) = (bytes_in(one) for one in read_fields(model) if one[0] == MODEL_GRAPH)
    fields = list(read_fields(graph))
    nodes = [_node(bytes_in(one)) for one in fields if one[0] == _GRAPH_NODE]
    outputs = [_text(bytes_in(one), VALUE_NAME) for one in fields if one[0] == GRAPH_OUTPUT]
    readers = _readers(nodes, outputs)
    convolutions = [node for node in nodes if node.kind == "Conv"][floating:]
    names: dict[str, None] = {}
    for node in convolutions:
        names |= dict.fromkeys((node.inputs[0], _rectified(node, readers)))
    for node in (node for node in nodes if node.kind == "Add"):
        names |= dict.fromkeys((*node.inputs, node.output))
    return tuple(names)


def _newer(imported: Field) -> Field:
    """The opset of ONNX that has operators in eight bits."""
    parts = {number: value for number, _, value in read_fields(bytes_in(imported))}
    version = parts.get(_OPSET_VERSION)
    if parts.get(_OPSET_DOMAIN) or not isinstance(version, int) or version > _LAST_OPSET_ALIKE:
        raise GraphUnreadable("the model has operators that are not known here")
    return _MODEL_OPSET, BYTES, write_fields([(_OPSET_VERSION, VARINT, max(version, _FIRST_OPSET_IN_EIGHT_BITS))])


def _rewritten(graph: bytes, ranges: Mapping[str, Range]) -> bytes:
    fields = list(read_fields(graph))
    nodes = [_node(bytes_in(one)) for one in fields if one[0] == _GRAPH_NODE]
    weights = dict(_weight(bytes_in(one)) for one in fields if one[0] == GRAPH_INITIALIZER)
    outputs = [_text(bytes_in(one), VALUE_NAME) for one in fields if one[0] == GRAPH_OUTPUT]
    taken = [_text(bytes_in(one), VALUE_NAME) for one in fields if one[0] == GRAPH_INPUT]
    unknown = ranges.keys() - {*taken, *(node.output for node in nodes)}
    if unknown:
        raise GraphUnreadable(f"there is no tensor {min(unknown)} in the graph")
    made = _Rewriting(ranges, weights, _readers(nodes, outputs))
    for node in nodes:
        made.add(node)
    for output in outputs:
        made.need(output)
    wanted = {name for node in made.nodes for name in node.inputs}
    kept = [
        one
        for one in fields
        if one[0] not in (_GRAPH_NODE, GRAPH_INITIALIZER)
        or (one[0] == GRAPH_INITIALIZER and _text(bytes_in(one), TENSOR_NAME) in wanted)
    ]
    constants = [_constant(name, value) for name, value in made.constants.items()]
    return write_fields([*(node.field() for node in made.nodes), *kept, *constants])


def _readers(nodes: Sequence[_Node], outputs: Sequence[str]) -> dict[str, list[_Node | None]]:
    """Who takes each tensor; None is whoever runs the model."""
    readers: dict[str, list[_Node | None]] = {name: [None] for name in outputs}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def _rectified(node: _Node, readers: Mapping[str, Sequence[_Node | None]]) -> str:
    """What comes out of a convolution, after its Relu if nobody asks for it before."""
    asking = readers.get(node.output, ())
    only = asking[0] if len(asking) == 1 else None
    return only.output if only is not None and only.kind == "Relu" else node.output


@dataclass(slots=True)
class _Rewriting:
    """The nodes of the new graph, one after the other."""

    ranges: Mapping[str, Range]
    weights: Mapping[str, NDArray[np.float32] | None]
    readers: Mapping[str, Sequence[_Node | None]]
    nodes: list[_Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    small: set[str] = field(default_factory=set)
    """Tensors that there are in eight bits."""
    missing: set[str] = field(default_factory=set)
    """Tensors that there are in eight bits alone, or not at all since their Relu is part of the convolution before."""

    def add(self, node: _Node) -> None:
        if node.kind == "Conv" and self._convolve(node):
            return
        if node.kind == "Add" and self._sum(node):
            return
        if node.kind == "Relu" and node.output in self.small:
            return
        for name in node.inputs:
            self.need(name)
        self.nodes.append(node)

    def need(self, name: str) -> None:
        """Has the tensor in floats."""
        if name in self.missing:
            self.nodes.append(_Node("DequantizeLinear", (_eight(name), *self._step(name)), (name,)))
            self.missing.discard(name)

    def _convolve(self, node: _Node) -> bool:
        answer = _rectified(node, self.readers)
        weight, bias = (self.weights.get(name) for name in (*node.inputs[1:], "")[:2])
        if node.inputs[0] not in self.ranges or answer not in self.ranges or weight is None or weight.ndim != 4:
            return False
        if len(node.inputs) > 2 and bias is None:
            return False
        step, _ = step_of(self.ranges[node.inputs[0]])
        whole, steps = whole_weights(weight)
        parts: dict[str, Array] = {"weight": whole, "weight-step": steps, "weight-zero": np.zeros(len(steps), np.int8)}
        taken = (*self._in_eight(node.inputs[0]), *self._keep(node.output, parts), *self._step(answer))
        if bias is not None:
            whole_bias = np.round(bias.astype(np.float64) / (np.float64(step) * steps)).astype(np.int32)
            taken = (*taken, *self._keep(node.output, {"bias": whole_bias}))
        self._made(_Node("QLinearConv", taken, (_eight(answer),), node.attributes), answer)
        return True

    def _sum(self, node: _Node) -> bool:
        if any(name not in self.ranges for name in (*node.inputs, node.output)):
            return False
        taken = tuple(part for name in node.inputs for part in self._in_eight(name))
        self._made(
            _Node("QLinearAdd", (*taken, *self._step(node.output)), (_eight(node.output),), domain=_RUNTIME_DOMAIN),
            node.output,
        )
        return True

    def _made(self, node: _Node, answer: str) -> None:
        self.nodes.append(node)
        self.small.add(answer)
        self.missing.add(answer)

    def _in_eight(self, name: str) -> tuple[str, str, str]:
        """The tensor in eight bits with its step and its zero."""
        if name not in self.small:
            self.nodes.append(_Node("QuantizeLinear", (name, *self._step(name)), (_eight(name),)))
            self.small.add(name)
        return _eight(name), *self._step(name)

    def _step(self, name: str) -> tuple[str, str]:
        step, zero = step_of(self.ranges[name])
        step_name, zero_name = self._keep(name, {"step": np.asarray(step), "zero": np.asarray(zero)})
        return step_name, zero_name

    def _keep(self, name: str, values: Mapping[str, Array]) -> tuple[str, ...]:
        named = {f"{name}/{what}": value for what, value in values.items()}
        self.constants |= named
        return tuple(named)


def step_of(span: Range) -> tuple[np.float32, np.uint8]:
    """What one of 255 steps is worth, and the step that stands for 0, for values in that range and 0."""
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    step = np.float32(max((high - low) / _STEPS, _SMALLEST_STEP))
    return step, np.uint8(min(_STEPS, round(-low / float(step))))


def whole_weights(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """M×C×h×w weights as whole numbers of seven bits, and for each of the M what one is worth."""
    most = (1 << (WEIGHT_BITS - 1)) - 1
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1, initial=0.0)
    steps = np.maximum(largest / most, _SMALLEST_STEP).astype(np.float32)
    whole = np.clip(np.round(weight / steps[:, None, None, None]), -most, most)
    return whole.astype(np.int8), steps


def _eight(name: str) -> str:
    return f"{name}/8"


def _node(data: bytes) -> _Node:
    kind = _text(data, _NODE_KIND)
    if kind not in _SAFE:
        raise GraphUnreadable(f"the operator {kind} is not known here")
    inputs, outputs = (tuple(_texts(data, number)) for number in (_NODE_INPUT, _NODE_OUTPUT))
    if (
        not inputs
        or len(outputs) != 1
        or (kind == "Conv" and len(inputs) not in (2, 3))
        or (kind == "Add" and len(inputs) != 2)
    ):
        raise GraphUnreadable(f"a node {kind} takes or gives something else than it should")
    attributes = tuple(bytes_in(one) for one in read_fields(data) if one[0] == _NODE_ATTRIBUTE)
    return _Node(kind, inputs, outputs, attributes)


def _weight(data: bytes) -> tuple[str, NDArray[np.float32] | None]:
    """A weight's name and value; None of one that is no float, or is written number by number."""
    name = _text(data, TENSOR_NAME)
    fields = list(read_fields(data))
    raw = [bytes_in(one) for one in fields if one[0] in (_TENSOR_RAW, _TENSOR_FLOATS)]
    shape = [value for number, _, value in fields if number == _TENSOR_DIM]
    kinds = [value for number, _, value in fields if number == _TENSOR_TYPE]
    if kinds != [FLOAT] or len(raw) != 1:
        return name, None
    sizes = [size for size in shape if isinstance(size, int)]
    if len(sizes) != len(shape) or len(raw[0]) != 4 * int(np.prod(np.asarray(sizes, object))):
        raise GraphUnreadable(f"the weight {name} has another size than it says")
    value = np.frombuffer(raw[0], "<f4").reshape(sizes).astype(np.float32)
    if not np.isfinite(value).all():
        raise GraphUnreadable(f"the weight {name} holds something that is no number")
    return name, value


def _constant(name: str, value: Array) -> Field:
    fields: list[Field] = [(_TENSOR_DIM, VARINT, size) for size in value.shape]
    fields += [(_TENSOR_TYPE, VARINT, _TYPES[value.dtype]), (TENSOR_NAME, BYTES, name.encode())]
    raw = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return GRAPH_INITIALIZER, BYTES, write_fields([*fields, (_TENSOR_RAW, BYTES, raw)])


def _texts(message: bytes, number: int) -> list[str]:
    try:
        return [bytes_in(one).decode() for one in read_fields(message) if one[0] == number]
    except UnicodeDecodeError as error:
        raise GraphUnreadable("a name is no text") from error


def _text(message: bytes, number: int) -> str:
    found = _texts(message, number)
    if len(found) != 1:
        raise GraphUnreadable(f"field {number} should be there once")
    return found[0]
