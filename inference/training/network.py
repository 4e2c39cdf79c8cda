"""Our own network: the face model's backbone, taught further, and a head that says tattoo, wound, skin and print.

The backbone (CenterFace's, a MobileNetV2) has seen photographs, which ours has few of: taught whole from drawn pictures
alone, a network of as many weights learned several times slower and knew colours only. With the backbone as it is, the
head missed more (docs/adr/0011-a-network-of-its-own.md). 1.4 million weights, 77,000 of them the head's.
"""

from __future__ import annotations

from typing import Final

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

TAPS: Final = (("387", 24), ("413", 32), ("474", 96), ("500", 160))
"""Values that CenterFace's graph computes at a quarter, an eighth, a sixteenth and a thirty-second of the size, by the
names its exporter gave them, and their channels."""
WIDTH: Final = 32
RARE: Final = -2.0
"""The first logits: most of a picture is none of the four."""


def _conv(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Backbone(nn.Module):
    """N×3×H×W pixels, RGB 0 to 255 → the four taps. Its norms are folded into its convolutions already."""

    def __init__(self, model: bytes) -> None:
        """Out of the face model's file, up to the last tap."""
        super().__init__()
        graph = onnx.load_model_from_string(model).graph
        weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
        self.convolutions = nn.ModuleDict()
        self._steps: list[tuple[str, list[str], str]] = []
        self._input = graph.node[0].input[0]
        for node in graph.node:
            if node.op_type == "Conv":
                self.convolutions[node.output[0]] = _convolution(node, weights)
            self._steps.append((node.op_type, [name for name in node.input if name not in weights], node.output[0]))
            if node.output[0] == TAPS[-1][0]:
                break

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """The taps. What comes before the first of them learns nothing: edges and colours are the same everywhere."""
        values = {self._input: pixels}
        for kind, inputs, output in self._steps:
            given = [values[name] for name in inputs]
            if kind == "Conv":
                values[output] = self.convolutions[output](given[0])
            else:
                values[output] = torch.relu(given[0]) if kind == "Relu" else given[0] + given[1]
            if output == TAPS[0][0]:
                values[output] = values[output].detach()
        return [values[name] for name, _ in TAPS]


def _convolution(node: onnx.NodeProto, weights: dict[str, Tensor]) -> nn.Conv2d:
    how = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    kernel, bias = weights[node.input[1]], weights[node.input[2]]
    wide, narrow, *size = kernel.shape
    made = nn.Conv2d(narrow * how["group"], wide, size, how["strides"], how["pads"][0], groups=how["group"])
    made.weight.data.copy_(kernel)
    assert made.bias is not None
    made.bias.data.copy_(bias)
    return made


class Head(nn.Module):
    """The backbone's values at four levels → N×4×H/4×W/4 logits: tattoo, wound, skin, print.

    From the coarsest level up, each joined with the next finer one (Lin et al., "Feature Pyramid Networks", 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        self.side = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(wide), _conv(wide, WIDTH, 1)) for _, wide in TAPS)
        self.deep = _conv(WIDTH, WIDTH)
        self.whole = nn.Conv2d(WIDTH, WIDTH, 1)
        self.join = nn.ModuleList(nn.Sequential(_conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH)) for _ in range(3))
        self.out = nn.Conv2d(WIDTH, 4, 1)
        nn.init.constant_(self.out.bias, RARE)

    def forward(self, quarter: Tensor, eighth: Tensor, sixteenth: Tensor, last: Tensor) -> Tensor:
        """The logits."""
        sides = [side(x) for side, x in zip(self.side, (quarter, eighth, sixteenth, last), strict=True)]
        y = self.deep(sides[3])
        y = torch.relu(y + self.whole(y.mean(dim=(2, 3), keepdim=True)))
        for join, finer in zip(self.join, reversed(sides[:3]), strict=True):
            y = join(nn.functional.interpolate(y, scale_factor=2.0, mode="nearest") + finer)
        logits: Tensor = self.out(y)
        return logits


class SkinNetwork(nn.Module):
    """N×3×H×W pixels, RGB 0 to 255, H and W multiples of 32 → N×4×H/4×W/4 logits: tattoo, wound, skin, print."""

    def __init__(self, model: bytes) -> None:
        """On the backbone of the face model in that file."""
        super().__init__()
        self.backbone = Backbone(model)
        self.head = Head()

    def forward(self, pixels: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(*self.backbone(pixels))
        return logits
