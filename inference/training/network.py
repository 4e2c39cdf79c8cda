"""Our own network: a backbone that knows photographs, taught further, and a head: tattoo, wound, skin, print.

The backbone is the first thirteen blocks of EfficientNet-Lite0 (Tan and Le, "EfficientNet", 2019; the variant without
squeeze-and-excitation), as ImageNet taught it. What ink is ours learns from what we draw; what skin, hair, cloth and
wood look like the backbone has seen (docs/adr/0012-a-backbone-that-knows-things.md). 1.5 million weights, 77,000 of
them the head's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

TAPS: Final = {2: 24, 4: 40, 10: 112, 12: 192}
"""The blocks whose values the head is given, at a quarter, an eighth, a sixteenth and a thirty-second of the size, and
their channels."""
WIDTH: Final = 32
RARE: Final = -2.0
"""The first logits: most of a picture is none of the four."""
_HALVING: Final = frozenset({1, 3, 5, 11})
"""Blocks that halve the size."""
_MIDDLE: Final = 127.0
_SPREAD: Final = 128.0
"""Of the pixels that ImageNet's classifier was given."""
_EPSILON: Final = 1e-3
_CEILING: Final = 6.0


def _conv(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Folded(nn.Conv2d):
    """A convolution with its norm folded in, padded as TensorFlow pads: what is odd comes after, not before."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, norm: str, stride: int = 1, *, bounded: bool) -> None:
        kernel = weights[f"{name}.weight"]
        scale, shift, mean, variance = (
            weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        by = scale / torch.sqrt(variance + _EPSILON)
        wide, narrow, size, _ = kernel.shape
        groups = wide if narrow == 1 else 1
        super().__init__(narrow * groups, wide, size, stride, 0 if stride > 1 else size // 2, groups=groups)
        self.weight.data.copy_(kernel * by[:, None, None, None])
        assert self.bias is not None
        self.bias.data.copy_(shift - mean * by)
        before = (size - stride) // 2
        self._around = (before, size - stride - before) * 2 if stride > 1 else None
        self._bounded = bounded

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W, 0 to 6 where it is bounded."""
        if self._around:
            x = nn.functional.pad(x, self._around)
        y = super().forward(x)
        return y.clamp(0, _CEILING) if self._bounded else y


class _Block(nn.Module):
    """Wider, over its surroundings, narrower again, and beside what came in where that has the same shape."""

    def __init__(self, weights: Mapping[str, Tensor], number: int) -> None:
        super().__init__()
        at, stride = f"_blocks.{number}.", 2 if number in _HALVING else 1
        widen = f"{at}_expand_conv"
        self.steps = nn.Sequential()
        if f"{widen}.weight" in weights:
            self.steps.append(_Folded(weights, widen, f"{at}_bn0", bounded=True))
        self.steps.append(_Folded(weights, f"{at}_depthwise_conv", f"{at}_bn1", stride, bounded=True))
        self.steps.append(_Folded(weights, f"{at}_project_conv", f"{at}_bn2", bounded=False))
        self._beside = stride == 1 and self.steps[0].in_channels == self.steps[-1].out_channels

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W."""
        y: Tensor = self.steps(x)
        return x + y if self._beside else y


class Backbone(nn.Module):
    """N×3×H×W pixels, RGB 0 to 255 → the four taps."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """From the state of a whole EfficientNet-Lite0, by the names of `efficientnet-lite-pytorch`."""
        super().__init__()
        self.stem = _Folded(weights, "_conv_stem", "_bn0", 2, bounded=True)
        self.blocks = nn.ModuleList(_Block(weights, number) for number in range(max(TAPS) + 1))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """The taps."""
        taps, y = [], self.stem((pixels - _MIDDLE) / _SPREAD)
        for number, block in enumerate(self.blocks):
            y = block(y)
            if number in TAPS:
                taps.append(y)
        return taps


class Head(nn.Module):
    """The backbone's values at four levels → N×4×H/4×W/4 logits: tattoo, wound, skin, print.

    From the coarsest level up, each joined with the next finer one (Lin et al., "Feature Pyramid Networks", 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        self.side = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(wide), _conv(wide, WIDTH, 1)) for wide in TAPS.values())
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

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """On the backbone with those weights."""
        super().__init__()
        self.backbone = Backbone(weights)
        self.head = Head()

    def forward(self, pixels: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(*self.backbone(pixels))
        return logits
