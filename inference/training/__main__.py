"""`python -m inference.training`: from a seed to a model file."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inference.manifest import fetch, load_manifest, read_model
from inference.training.entry import BACKBONE, manifest_entry
from inference.training.learning import Plan, learn, write_onnx
from inference.training.pictures import draw
from inference.training.shards import Shard, keep
from inference.training.sources import fetch_sources
from inference.training.stock import Stock

SIDE: Final = 256
SHARD: Final = 250
"""Pictures in one shard."""


def main() -> None:
    """Make the model, step by step; each step that was done before is not done again."""
    asked = _arguments()
    sources, shards = asked.work / "sources", asked.work / f"shards-{asked.seed}"
    fetch_sources(sources)
    fetch(load_manifest(), asked.work / "models")
    stock = Stock.load(sources, asked.photographs)
    print(f"drawing with {stock}", flush=True)  # noqa: T201 - a command
    numbers = range(-(-asked.pictures // SHARD))
    draw_one = partial(draw_shard, asked.work, asked.photographs, asked.seed)
    with ProcessPoolExecutor(asked.drawers) as drawers:
        for number in drawers.map(draw_one, numbers):
            print(f"drawn: shard {number + 1} of {len(numbers)}", flush=True)  # noqa: T201 - a command
    plan = Plan(seed=asked.seed, head_steps=asked.head_steps, steps=asked.steps, threads=asked.threads)
    backbone = read_model(load_manifest().model(BACKBONE), asked.work / "models")
    network = learn(backbone, [Shard.open(shards / f"{number:04}") for number in numbers], plan, _say)
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


@lru_cache(maxsize=1)
def _stock(sources: Path, photographs: Path | None) -> Stock:
    return Stock.load(sources, photographs)


def _say(step: int, loss: float, seconds: float) -> None:
    print(f"step {step}: loss {loss:.4f}, {seconds:.0f} s", flush=True)  # noqa: T201 - a command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m inference.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model file to write (.onnx)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is fetched and drawn (about 3 GB)")
    parser.add_argument("--photographs", type=Path, help="folder of photographs of skin to draw on; none without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1", help="of the model, as the manifest names it")
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--head-steps", type=int, default=Plan().head_steps, help="batches for the head alone")
    parser.add_argument("--steps", type=int, default=Plan().steps, help="batches for the whole network")
    parser.add_argument("--threads", type=int, default=1, help="of the processor, to learn with")
    parser.add_argument("--drawers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    return parser.parse_args()


if __name__ == "__main__":
    main()
