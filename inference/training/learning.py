"""Teaching the network from drawn pictures alone, and writing it as ONNX. One seed, one machine: one network."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.training.network import SkinNet
from inference.training.pictures import STRIDE

CROP: Final = 192
"""Pixels of a side that are learned from at a time: many small batches teach more than few large ones."""
WEIGHTS: Final = (1.0, 0.6, 0.25, 0.5)
"""How much tattoo, wound, skin and print count in the loss."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast it learns.

    Attributes:
        seed: of weights, order and variation.
        steps: batches altogether.
        batch: pictures in each.
        rate: the highest learning rate; it rises over the first twentieth and falls along a cosine to nothing.
        threads: of the processor.
    """

    seed: int = 1
    steps: int = 12000
    batch: int = 8
    rate: float = 2e-3
    threads: int = 2


Shelf = Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]
"""Shards: N×side×side×3 pictures with N×4×side/4×side/4 truths."""


def learn(
    shelf: Callable[[], Shelf], plan: Plan, say: Callable[[int, float, float], None], keep: Callable[[SkinNet], None]
) -> SkinNet:
    """The network after `plan.steps` batches; `shelf` is asked again now and then, because pictures may still be drawn.

    `keep` is given the steady weights every 500 steps, so that a look at them need not wait.

    The weights returned are the running mean over the last thousand or so steps, which judge steadier than the last.
    """
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    network = SkinNet()
    steady = torch.optim.swa_utils.AveragedModel(network, avg_fn=_towards)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=2e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, plan.steps, pct_start=0.05)
    rng = np.random.default_rng(plan.seed)
    begun, total = time.monotonic(), 0.0
    for step, (pictures, truths) in enumerate(_batches(shelf, plan, rng), start=1):
        loss = _loss(network(pictures), truths)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        steady.update_parameters(network)
        total += float(loss.detach())
        if step % 100 == 0:
            say(step, total / 100, time.monotonic() - begun)
            total = 0.0
        if step % 500 == 0:
            keep(_settled(steady, shelf, plan))
    return _settled(steady, shelf, plan)


def _towards(kept: Tensor, new: Tensor, count: Tensor) -> Tensor:
    """The running mean, over few steps at first, so that the first weights, which know nothing, are soon forgotten."""
    share = max(1 - 0.998, 9 / (10 + float(count)))
    return kept + (new - kept) * share


def _settled(steady: nn.Module, shelf: Callable[[], Shelf], plan: Plan) -> SkinNet:
    """A copy of the averaged weights with batch statistics of their own, which the average never gathered."""
    kept = copy.deepcopy(steady.module)
    assert isinstance(kept, SkinNet)
    for module in kept.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    kept.train()
    short = replace(plan, steps=min(100, plan.steps))
    with torch.no_grad():
        for pictures, _ in _batches(shelf, short, np.random.default_rng(plan.seed + 1)):
            kept(pictures)
    return kept.eval()


def _batches(shelf: Callable[[], Shelf], plan: Plan, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    shards = shelf()
    for step in range(plan.steps):
        if step % 200 == 199:
            shards = shelf()
        pictures, truths = [], []
        for _ in range(plan.batch):
            drawn, truth = shards[int(rng.integers(len(shards)))]
            place = int(rng.integers(len(drawn)))
            picture, answer = _varied(rng, drawn[place], truth[place])
            pictures.append(picture)
            truths.append(answer)
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        yield batch.float(), torch.from_numpy(np.stack(truths)).float() / 255


def _varied(
    rng: np.random.Generator, picture: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A part of the picture, turned, mirrored, recoloured and now and then seen from farther away."""
    turns = int(rng.integers(4))
    picture, truth = np.rot90(picture, turns), np.rot90(truth, turns, (1, 2))
    if rng.random() < 0.5:
        picture, truth = picture[:, ::-1], truth[:, :, ::-1]
    if rng.random() < 0.25:
        picture, truth = _farther(rng, picture, truth)
    part = CROP // STRIDE
    y, x = (int(v) for v in rng.integers(0, truth.shape[1] - part + 1, 2))
    picture = picture[y * STRIDE : y * STRIDE + CROP, x * STRIDE : x * STRIDE + CROP]
    truth = truth[:, y : y + part, x : x + part]
    if rng.random() < 0.5:
        gain = np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
        picture = np.clip(picture * gain + np.float32(rng.normal(0, 8)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture), np.ascontiguousarray(truth)


def _farther(
    rng: np.random.Generator, picture: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Half as large, somewhere in a frame of one colour: pictures come with borders, and things are small."""
    side = picture.shape[0]
    level = int(rng.choice([0, 0, 128, 255, int(rng.integers(256))]))
    framed = np.full_like(picture, level)
    answer = np.zeros_like(truth)
    small = picture.reshape(side // 2, 2, side // 2, 2, 3).mean(axis=(1, 3))
    quarter = side // STRIDE
    fewer = truth.reshape(len(truth), quarter // 2, 2, quarter // 2, 2).mean(axis=(2, 4))
    y, x = (int(v) for v in rng.integers(0, quarter // 2 + 1, 2))
    framed[y * STRIDE : y * STRIDE + side // 2, x * STRIDE : x * STRIDE + side // 2] = small
    answer[:, y : y + quarter // 2, x : x + quarter // 2] = fewer
    return framed, answer


def _loss(logits: Tensor, truths: Tensor) -> Tensor:
    """Cross entropy of each kind, and the Dice loss of tattoo and wound over the batch."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, truths, reduction="none").mean(dim=(0, 2, 3))
    sure = torch.sigmoid(logits)
    shared = (sure * truths).sum(dim=(0, 2, 3))
    dice = 1 - (2 * shared + 1) / (sure.sum(dim=(0, 2, 3)) + truths.sum(dim=(0, 2, 3)) + 1)
    weights = torch.tensor(WEIGHTS)
    return (weights * (3 * each + 0.5 * dice)).sum()


class _Sure(nn.Module):
    """The network with probabilities instead of logits, as the device runs it."""

    def __init__(self, network: SkinNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """N×4×H/4×W/4, 0..1."""
        return torch.sigmoid(self.network(x))


def write_onnx(network: SkinNet, to: Path) -> None:
    """The network as ONNX with batch norms folded in, for one picture of 256×256 (the device sets its own size)."""
    torch.onnx.export(
        _Sure(network).eval(),
        (torch.zeros(1, 3, 256, 256),),
        str(to),
        input_names=["picture"],
        output_names=["sure"],
        opset_version=17,
        dynamo=False,
    )
