"""The list of models, the graphs in them, and the annotations of a test set."""

from __future__ import annotations

import json
from importlib import resources

from inference.eight_bits import in_eight_bits
from inference.errors import DatasetWrong
from inference.evaluation.annotation_format import parse_annotations
from inference.manifest import parse_manifest
from inference.onnx_graph import GraphUnreadable, read_fields, with_input, write_fields
from parsers.parser import Parser
from parsers.seeds import in_words

_SHAPE = ("N", 3, "H", "W")


def _graph() -> bytes:
    """A model with one input, one output, one weight, and the shapes that somebody left in it."""
    dims = write_fields([(1, 2, write_fields([(1, 0, 640)])), (1, 2, write_fields([(2, 2, b"W")]))])
    tensor = write_fields([(1, 0, 1), (2, 2, dims)])
    picture, answer, weight = (
        write_fields([(1, 2, name), (2, 2, write_fields([(1, 2, tensor)]))]) for name in (b"x", b"y", b"w")
    )
    sizes = [(1, 0, size) for size in (1, 3, 1, 1)]
    initializer = write_fields([*sizes, (2, 0, 1), (8, 2, b"w"), (9, 2, b"\0\0\x80?" * 3)])
    node = write_fields([(1, 2, b"x"), (1, 2, b"w"), (2, 2, b"y"), (4, 2, b"Conv")])
    graph = write_fields(
        [(1, 2, node), (5, 2, initializer), (11, 2, picture), (11, 2, weight), (12, 2, answer), (13, 2, answer)]
    )
    return write_fields(
        [
            (1, 0, 3),
            (2, 2, b"tests"),
            (7, 2, graph),
            (8, 2, write_fields([(2, 0, 9)])),
            (15, 5, b"\0\0\0\0"),
            (16, 1, bytes(8)),
        ]
    )


def _models() -> list[bytes]:
    text = resources.files("inference").joinpath("models.toml").read_bytes()
    return [text, b"[[model]]".join(text.split(b"[[model]]")[:2])]


def _annotations() -> list[bytes]:
    images = [
        {
            "file": "a.png",
            "width": 64,
            "height": 48,
            "kinds": ["face", "text"],
            "wound_mask": "masks/a.png",
            "skin_tone": 3,
            "regions": [
                {"kind": "face", "box": [1, 2, 30, 20.5]},
                {"kind": "text", "polygon": [[1, 1], [9, 1], [9, 9]], "legible": False, "mask": "masks/t.png"},
            ],
        },
        {"file": "b.png", "width": 64, "height": 48, "regions": []},
    ]
    return [json.dumps({"format": "wardlens-annotations-1", "images": images}).encode()]


PARSERS = (
    Parser(
        "models-toml",
        ("inference.manifest.parse_manifest",),
        _models,
        lambda data: parse_manifest(in_words(data)),
        (ValueError,),
    ),
    Parser(
        "onnx-fields",
        ("inference.onnx_graph.read_fields",),
        lambda: [_graph()],
        lambda data: list(read_fields(data)),
        (GraphUnreadable,),
        write_fields,
    ),
    Parser(
        "onnx-graph",
        ("inference.onnx_graph.with_input",),
        lambda: [_graph()],
        lambda data: with_input(data, _SHAPE),
        (GraphUnreadable,),
        lambda model: model,
    ),
    Parser(
        "onnx-eight-bits",
        ("inference.eight_bits.in_eight_bits",),
        lambda: [_graph()],
        lambda data: in_eight_bits(data, {"x": (0.0, 255.0), "y": (-1.0, 1.0)}),
        (GraphUnreadable,),
    ),
    Parser(
        "annotations",
        ("inference.evaluation.annotation_format.parse_annotations",),
        _annotations,
        lambda data: parse_annotations(in_words(data)),
        (DatasetWrong,),
    ),
)
