"""`python -m inference.training`: from a seed to a model file."""

from __future__ import annotations

import argparse
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inference.manifest import fetch, load_manifest, read_model
from inference.training.drawings import Book
from inference.training.entry import BACKBONE, manifest_entry
from inference.training.features import Shard, keep_features
from inference.training.learning import Plan, learn, write_onnx
from inference.training.pictures import draw
from inference.training.sources import fetch_sources

SIDE: Final = 256
SHARD: Final = 250
"""Pictures in one shard."""


def main() -> None:
    """Make the model, step by step; each step that was done before is not done again."""
    asked = _arguments()
    sources, shards = asked.work / "sources", asked.work / f"shards-{asked.seed}"
    fetch_sources(sources)
    fetch(load_manifest(), asked.work / "models")
    Book.load(sources, seed=asked.seed)
    numbers = range(-(-asked.pictures // SHARD))
    with ProcessPoolExecutor(asked.drawers) as drawers:
        for number in drawers.map(draw_shard, *zip(*((asked.work, asked.seed, n) for n in numbers), strict=True)):
            print(f"drawn: shard {number + 1} of {len(numbers)}", flush=True)  # noqa: T201 - a command
    plan = Plan(seed=asked.seed, steps=asked.steps, threads=asked.threads)
    head = learn([Shard.load(shards / f"{number:04}") for number in numbers], plan, _say)
    write_onnx(head, asked.out)
    print(f"Written to {asked.out}. Its entry in inference/models.toml:\n")  # noqa: T201 - the same
    print(manifest_entry(asked.out, asked.work / "models", version=asked.version))  # noqa: T201 - the same


def draw_shard(work: Path, seed: int, number: int) -> int:
    """Draws a shard's pictures and keeps what the backbone sees in them, if that is not there; gives `number`."""
    cv2.setNumThreads(1)
    at = work / f"shards-{seed}" / f"{number:04}"
    if not at.is_dir():
        book = _book(work / "sources", seed)
        made = [draw(np.random.default_rng((seed, number * SHARD + place)), book, SIDE) for place in range(SHARD)]
        backbone = read_model(load_manifest().model(BACKBONE), work / "models")
        aside = at.with_name(f".{number:04}-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        pictures, truths = np.stack([one.pixels for one in made]), np.stack([one.truth for one in made])
        keep_features(backbone, pictures, truths, aside, seed=number)
        aside.rename(at)
    return number


@lru_cache(maxsize=1)
def _book(sources: Path, seed: int) -> Book:
    return Book.load(sources, seed=seed)


def _say(step: int, loss: float, seconds: float) -> None:
    print(f"step {step}: loss {loss:.4f}, {seconds:.0f} s", flush=True)  # noqa: T201 - a command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m inference.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model file to write (.onnx)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is fetched and drawn (about 8 GB)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1", help="of the model, as the manifest names it")
    parser.add_argument("--pictures", type=int, default=18_000)
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--threads", type=int, default=1, help="of the processor, to learn with")
    parser.add_argument("--drawers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    return parser.parse_args()


if __name__ == "__main__":
    main()
