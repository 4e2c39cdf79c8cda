"""A small segmentation network: a picture in, at a quarter of its size how sure it is of four things.

The four are tattoo, wound, skin and print.

An encoder to a thirty-second of the size, a view of the whole picture, and a decoder that adds the finer levels again.
Plain 3×3 convolutions: on the CPUs that Wardlens runs on, onnxruntime computes them faster per weight than depthwise
ones. About 0.6 million weights; ONNX under 3 MB.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

WIDTHS: Final = (16, 24, 40, 64, 96)
"""Channels at a half, a quarter, an eighth, a sixteenth and a thirty-second of the size."""
MEAN: Final = (0.5, 0.5, 0.5)
SPREAD: Final = 0.25
RARE: Final = -2.0
"""The first logits: most of a picture is none of the four."""


def _conv(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Block(nn.Module):
    """Two convolutions beside a short cut (He et al., "Deep Residual Learning", 2016)."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _conv(width, width, dilation=dilation)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W, the same shape."""
        return torch.relu(x + self.second(self.first(x)))


class SkinNet(nn.Module):
    """N×3×H×W RGB of 0..255, H and W multiples of 32 → N×4×H/4×W/4 logits: tattoo, wound, skin, print."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, last = WIDTHS
        self.stem = nn.Sequential(_conv(3, half, stride=2), _conv(half, quarter, stride=2), Block(quarter))
        self.eighth = nn.Sequential(_conv(quarter, eighth, stride=2), Block(eighth))
        self.sixteenth = nn.Sequential(_conv(eighth, sixteenth, stride=2), Block(sixteenth), Block(sixteenth))
        self.last = nn.Sequential(_conv(sixteenth, last, stride=2), Block(last), Block(last, dilation=2))
        self.whole = nn.Conv2d(last, last, 1)
        self.up = nn.ModuleList(
            nn.Conv2d(a, b, 1) for a, b in ((last, sixteenth), (sixteenth, eighth), (eighth, quarter))
        )
        self.join = nn.ModuleList(_conv(width, width) for width in (sixteenth, eighth, quarter))
        self.answer = nn.Conv2d(quarter, 4, 1)
        nn.init.constant_(self.answer.bias, RARE)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = (x * (1 / 255) - MEAN[0]) * (1 / SPREAD)
        quarter = self.stem(x)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        y = torch.relu(last + self.whole(last.mean(dim=(2, 3), keepdim=True)))
        for up, join, finer in zip(self.up, self.join, (sixteenth, eighth, quarter), strict=True):
            y = nn.functional.interpolate(up(y), scale_factor=2.0, mode="nearest")
            y = join(y + finer)
        logits: Tensor = self.answer(y)
        return logits
