"""Teaching the head, from drawn pictures alone, and writing it as ONNX. One seed, one machine: one head."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from inference.onnx_graph import with_inputs_named
from inference.training.features import Shard
from inference.training.network import TAPS, SkinHead

WEIGHTS: Final = (1.0, 0.6, 0.25, 0.5)
"""How much tattoo, wound, skin and print count in the loss."""
OPSET: Final = 9
"""CenterFace's own: both run as one graph."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast it learns.

    Attributes:
        seed: of weights and order.
        steps: batches altogether.
        batch: pictures in each.
        rate: the highest learning rate; it rises over the first twentieth and falls along a cosine to nothing.
        threads: of the processor.
    """

    seed: int = 1
    steps: int = 6000
    batch: int = 16
    rate: float = 3e-3
    threads: int = 1


def learn(shards: Sequence[Shard], plan: Plan, say: Callable[[int, float, float], None]) -> SkinHead:
    """The head after `plan.steps` batches out of the shards; `say` hears of step, mean loss and seconds."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    head = SkinHead()
    optimiser = torch.optim.AdamW(head.parameters(), lr=plan.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, plan.steps, pct_start=0.05)
    begun, total = time.monotonic(), 0.0
    for step, (taps, truths) in enumerate(_batches(shards, plan), start=1):
        loss = _loss(head(*taps), truths)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % 100 == 0:
            say(step, total / 100, time.monotonic() - begun)
            total = 0.0
    return head.eval()


def _batches(shards: Sequence[Shard], plan: Plan) -> Iterator[tuple[list[Tensor], Tensor]]:
    rng = np.random.default_rng(plan.seed)
    for _ in range(plan.steps):
        drawn = [shards[int(rng.integers(len(shards)))] for _ in range(plan.batch)]
        places = [int(rng.integers(len(shard.truths))) for shard in drawn]
        taps = [
            torch.from_numpy(np.stack([shard.taps[level][place] for shard, place in zip(drawn, places, strict=True)]))
            for level in range(len(TAPS))
        ]
        truths = np.stack([shard.truths[place] for shard, place in zip(drawn, places, strict=True)])
        yield [tap.float() for tap in taps], torch.from_numpy(truths).float() / 255


def _loss(logits: Tensor, truths: Tensor) -> Tensor:
    """Cross entropy of each kind, and its Dice loss over the batch."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, truths, reduction="none").mean(dim=(0, 2, 3))
    sure = torch.sigmoid(logits)
    shared = (sure * truths).sum(dim=(0, 2, 3))
    dice = 1 - (2 * shared + 1) / (sure.sum(dim=(0, 2, 3)) + truths.sum(dim=(0, 2, 3)) + 1)
    return (torch.tensor(WEIGHTS) * (3 * each + 0.5 * dice)).sum()


class _Sure(nn.Module):
    """The head with probabilities instead of logits, as the device runs it; its names begin with `skin`."""

    def __init__(self, head: SkinHead) -> None:
        super().__init__()
        self.skin = head

    def forward(self, quarter: Tensor, eighth: Tensor, sixteenth: Tensor, last: Tensor) -> Tensor:
        """N×4×H/4×W/4, 0..1."""
        return torch.sigmoid(self.skin(quarter, eighth, sixteenth, last))


def write_onnx(head: SkinHead, to: Path) -> None:
    """The head as ONNX, its inputs named as the backbone names them, with batch norms folded in."""
    seen = tuple(torch.zeros(1, wide, 64 >> level, 64 >> level) for level, (_, wide) in enumerate(TAPS))
    torch.onnx.export(
        _Sure(head).eval(),
        seen,
        str(to),
        input_names=[f"tap_{name}" for name, _ in TAPS],
        output_names=["skin/sure"],
        opset_version=OPSET,
        dynamo=False,
    )
    to.write_bytes(with_inputs_named(to.read_bytes(), {f"tap_{name}": name for name, _ in TAPS}))
