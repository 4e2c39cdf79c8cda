"""Teaching the network, and writing it as ONNX. One seed, one machine, one number of threads: one network.

First the head learns on the backbone as it is, so that its first guesses spoil nothing; then both learn together, the
backbone slowly. Two processors take hours for that, so what was learned is kept now and then, and a run that was
interrupted goes on from there to the network that it would have made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from inference.training.batches import Batch, Library, batches
from inference.training.network import SkinNetwork

WEIGHTS: Final = (1.0, 0.6, 0.25, 0.5)
"""How much tattoo, wound, skin and print count in the loss."""
OPSET: Final = 9
_HEAD_FASTER: Final = 5
"""Beside the backbone, the head learns so many times as fast."""
_SMALL: Final = 64
"""Weights of a tensor up to which it is written in full."""
_EVERY: Final = 100
"""Steps after which it says how it stands, and keeps what it has."""


class BegunOtherwise(Exception):  # noqa: N818 - named for what is known
    """What is kept was learned by another plan or from other pictures."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast it learns.

    Attributes:
        seed: of weights and order.
        head_steps: batches for the head alone.
        steps: batches for both.
        batch: pictures in each.
        head_rate, rate: the highest learning rates of the head alone, and of the backbone. Rates rise over the first
            tenth of a course and fall along a cosine to nothing.
        threads: of the processor.
        device: where it is computed, by PyTorch's name.
        brief: products in bfloat16, which makes another network: on two processors that have it 2.5 s a step, not 3.2.
    """

    seed: int = 1
    head_steps: int = 500
    steps: int = 4600
    batch: int = 32
    head_rate: float = 2e-3
    rate: float = 1e-4
    threads: int = 1
    device: str = "cpu"
    brief: bool = False


Say = Callable[[int, float, float], None]
"""Hears of step, mean loss since the last time, and seconds."""


def learn(weights: Mapping[str, Tensor], library: Library, plan: Plan, kept: Path, say: Say) -> SkinNetwork:
    """The network on the backbone with those weights, after both of the plan's courses through the library.

    Args:
        weights: the backbone's, by EfficientNet-Lite0's names.
        library: what it learns from.
        plan: how.
        kept: the file that holds what was learned so far; a run begins where it ends.
        say: hears how it stands.

    Raises:
        BegunOtherwise: `kept` is of another plan.
    """
    torch.manual_seed(plan.seed)
    torch.set_num_threads(plan.threads)
    device = torch.device(plan.device)
    network = SkinNetwork(weights).to(device, memory_format=torch.channels_last)
    together = {network.backbone: plan.rate, network.head: plan.rate * _HEAD_FASTER}
    first = _Course(network, {network.head: plan.head_rate}, 0, plan.head_steps)
    second = _Course(network, together, plan.head_steps, plan.steps)
    decides = {name: value for name, value in asdict(plan).items() if name not in {"device", "threads"}}
    progress = _Progress(kept, {**decides, "shards": library.count, "all_by": library.all_by})
    progress.restore(network=network)
    for course in (first, second):
        if progress.before < course.end:
            course.go_on(library, plan, progress, say)
    return network.cpu().eval()


class _Progress:
    """What was learned so far, in a file: whole, or as it was before.

    Attributes:
        before: batches that an earlier run learned from.
    """

    def __init__(self, at: Path, of: Mapping[str, object]) -> None:
        self._at, self._of = at, dict(of)
        self.before, self._parts = 0, {}
        if not at.exists():
            return
        state = torch.load(at, map_location="cpu", weights_only=True)
        if state["of"] != self._of:
            raise BegunOtherwise(
                f"{at} was begun with {state['of']}, not with {self._of}: give the same options to go on, or "
                "remove it to begin again"
            )
        self.before, self._parts = state["done"], state["parts"]

    def restore(self, **parts: Any) -> None:
        """Each part as the earlier run left it; as it is where there was none."""
        for name in parts.keys() & self._parts.keys():
            parts[name].load_state_dict(self._parts[name])

    def keep(self, done: int, **parts: Any) -> None:
        """The parts after so many batches."""
        aside = self._at.with_name(f".{self._at.name}-{os.getpid()}")
        states = {name: part.state_dict() for name, part in parts.items()}
        torch.save({"of": self._of, "done": done, "parts": states}, aside)
        aside.replace(self._at)


@dataclass(frozen=True, slots=True)
class _Course:
    """Steps in which only the parts that have a rate learn; the first is from batch `begin`."""

    network: SkinNetwork
    rates: Mapping[nn.Module, float]
    begin: int
    steps: int

    @property
    def end(self) -> int:
        return self.begin + self.steps

    def go_on(self, library: Library, plan: Plan, progress: _Progress, say: Say) -> None:
        """To the end, from its begin or from where an earlier run stopped within it."""
        self.network.requires_grad_(requires_grad=False)
        for part in self.rates:
            part.requires_grad_(requires_grad=True)
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in self.rates.items()]
        optimiser = torch.optim.AdamW(groups, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, list(self.rates.values()), self.steps, pct_start=0.1)
        first = max(progress.before, self.begin)
        if first > self.begin:
            progress.restore(optimiser=optimiser, schedule=schedule)
        drawn = batches(library, plan.batch, plan.seed, torch.device(plan.device), first)
        begun, losses = time.monotonic(), []
        for done, batch in enumerate(islice(drawn, self.end - first), start=first + 1):
            with torch.autocast(batch.pixels.device.type, torch.bfloat16, enabled=plan.brief):
                logits = self.network(batch.pixels.contiguous(memory_format=torch.channels_last))
            loss = _loss(logits.float(), batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.detach())
            if done % _EVERY == 0 or done == self.end:
                progress.keep(done, network=self.network, optimiser=optimiser, schedule=schedule)
                say(done, float(torch.stack(losses).mean()), time.monotonic() - begun)
                losses.clear()


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of each kind, and its Dice loss over the batch."""
    known, truths = batch.known, batch.truths * batch.known
    each = nn.functional.binary_cross_entropy_with_logits(logits, truths, reduction="none")
    each = (each * known).sum(dim=(0, 2, 3)) / known.sum(dim=(0, 2, 3)).clamp(min=1)
    sure = torch.sigmoid(logits) * known
    shared = (sure * truths).sum(dim=(0, 2, 3))
    dice = 1 - (2 * shared + 1) / (sure.sum(dim=(0, 2, 3)) + truths.sum(dim=(0, 2, 3)) + 1)
    return (torch.tensor(WEIGHTS, device=logits.device) * (3 * each + 0.5 * dice)).sum()


class _Sure(nn.Module):
    """The network with probabilities instead of logits, as the device runs it."""

    def __init__(self, network: SkinNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """N×4×H/4×W/4, 0..1."""
        return torch.sigmoid(self.network(pixels))


def write_onnx(network: SkinNetwork, to: Path) -> None:
    """The network as ONNX with its norms folded in, its weights in half precision until they are loaded."""
    torch.onnx.export(
        _Sure(network).eval(),
        (torch.zeros(1, 3, 64, 64),),
        str(to),
        input_names=["pixels"],
        output_names=["sure"],
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(str(to))
    onnx.save(_halved(model), str(to))


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each large tensor stored as 16-bit floats and cast back: half the file, the same arithmetic."""
    casts, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size > _SMALL:
            name = f"{tensor.name}.half"
            kept.append(numpy_helper.from_array(values.astype(np.float16), name))
            casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
        else:
            kept.append(tensor)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model
