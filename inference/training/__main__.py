"""`python -m inference.training`: from a seed to a model file."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from inference.training.batches import Library
from inference.training.entry import manifest_entry
from inference.training.learning import BegunOtherwise, Plan, learn, write_onnx
from inference.training.pictures import draw
from inference.training.shards import Shard, keep
from inference.training.sources import BACKBONE, fetch_sources
from inference.training.stock import Stock

SIDE: Final = 256
SHARD: Final = 250
"""Pictures in one shard."""
_ALL_BY: Final = 0.6
"""Share of all batches after which every shard is used."""


def main() -> None:
    """Make the model, step by step; each step that was done before is not done again."""
    asked = _arguments()
    sources, shards = asked.work / "sources", asked.work / f"shards-{asked.seed}"
    fetch_sources(sources)
    stock = Stock.load(sources, asked.photographs)
    print(f"drawing with {stock}", flush=True)  # noqa: T201 - a command
    count = -(-asked.pictures // SHARD)
    plan = Plan(**{each.name: getattr(asked, each.name) for each in fields(Plan)})
    backbone = torch.load(BACKBONE.at(sources), map_location="cpu", weights_only=True)
    draw_one = partial(draw_shard, asked.work, asked.photographs, asked.seed)
    with ProcessPoolExecutor(asked.drawers) as drawers:
        drawn = [drawers.submit(draw_one, number) for number in range(count)]

        @cache
        def shard(number: int) -> Shard:
            drawn[number].result()
            return Shard.open(shards / f"{number:04}")

        library = Library(count, shard, all_by=int(_ALL_BY * (plan.head_steps + plan.steps)))
        try:
            network = learn(backbone, library, plan, asked.work / f"learned-{asked.seed}.pt", _say)
        except BegunOtherwise as otherwise:
            raise SystemExit(str(otherwise)) from otherwise
    write_onnx(network, asked.out)
    print(f"Written to {asked.out}. Its entry in inference/models.toml:\n")  # noqa: T201 - the same
    print(manifest_entry(asked.out, version=asked.version))  # noqa: T201 - the same


def draw_shard(work: Path, photographs: Path | None, seed: int, number: int) -> int:
    """Draws a shard's pictures, if it is not there; gives `number`."""
    cv2.setNumThreads(1)
    at = work / f"shards-{seed}" / f"{number:04}"
    if not at.is_dir():
        stock = _stock(work / "sources", photographs)
        made = [draw(np.random.default_rng((seed, number * SHARD + place)), stock, SIDE) for place in range(SHARD)]
        keep(made, at)
    return number


@cache
def _stock(sources: Path, photographs: Path | None) -> Stock:
    return Stock.load(sources, photographs)


def _say(step: int, loss: float, seconds: float) -> None:
    print(f"step {step}: loss {loss:.4f}, {seconds:.0f} s", flush=True)  # noqa: T201 - a command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m inference.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model file to write (.onnx)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is fetched and drawn (about 8 GB)")
    parser.add_argument("--photographs", type=Path, help="folder of photographs of skin to draw on; none without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1", help="of the model, as the manifest names it")
    parser.add_argument("--pictures", type=int, default=32_000)
    parser.add_argument("--head-steps", type=int, default=Plan().head_steps, help="batches for the head alone")
    parser.add_argument("--steps", type=int, default=Plan().steps, help="batches for the whole network")
    parser.add_argument("--batch", type=int, default=Plan().batch, help="pictures in a batch")
    parser.add_argument("--rate", type=float, default=Plan().rate, help="the backbone's highest learning rate")
    parser.add_argument("--head-rate", type=float, default=Plan().head_rate, help="the head's, while it learns alone")
    parser.add_argument("--device", default=Plan().device, help="where to learn: cpu, or cuda for an NVIDIA card")
    parser.add_argument("--brief", action="store_true", help="multiply in bfloat16, where processor or card have it")
    parser.add_argument("--threads", type=int, default=1, help="of the processor, to learn with")
    parser.add_argument("--drawers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    return parser.parse_args()


if __name__ == "__main__":
    main()
