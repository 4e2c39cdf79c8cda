"""A head on the face model's backbone: from what it sees on its way, how sure we are of tattoo, wound, skin and print.

The backbone (CenterFace's, a MobileNetV2) has seen a million photographs and is run for faces anyway, so its features
cost nothing more, and a head on them learns from drawn pictures what holds in real ones. Taught whole from drawn
pictures alone, a network of ten times as many weights learned several times slower. About 77,000 weights.
"""

from __future__ import annotations

from typing import Final

import torch
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


class SkinHead(nn.Module):
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
