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

from inference.training.drawings import Book
from inference.training.entry import manifest_entry
from inference.training.learning import Plan, Shelf, learn, write_onnx
from inference.training.pictures import draw
from inference.training.sources import fetch_sources

SIDE: Final = 256
SHARD: Final = 250
"""Pictures in one file."""
ENOUGH: Final = 8
"""Shards with which learning begins while the rest is drawn."""


def main() -> None:
    """Make the model, step by step; each step that was done before is not done again."""
    asked = _arguments()
    sources, drawn = asked.work / "sources", asked.work / f"pictures-{asked.seed}"
    drawn.mkdir(parents=True, exist_ok=True)
    fetch_sources(sources)
    Book.load(sources, seed=asked.seed)
    shards = -(-asked.pictures // SHARD)
    with ProcessPoolExecutor(asked.drawers) as drawers:
        work = [drawers.submit(draw_shard, sources, drawn, asked.seed, number) for number in range(shards)]
        for begun in work[: ENOUGH if asked.impatient else shards]:
            begun.result()
        plan = Plan(seed=asked.seed, steps=asked.steps, threads=asked.threads)
        network = learn(partial(_shelf, drawn), plan, _say, partial(write_onnx, to=asked.out))
        for begun in work:
            begun.result()
    write_onnx(network, asked.out)
    print(f"Written to {asked.out}. Its entry in inference/models.toml:\n")  # noqa: T201 - a command
    print(manifest_entry(asked.out, version=asked.version))  # noqa: T201 - the same


def draw_shard(sources: Path, drawn: Path, seed: int, number: int) -> None:
    """Draws the pictures of one shard into its file, if it is not there."""
    cv2.setNumThreads(1)
    at = drawn / f"{number:04}.npz"
    if at.is_file():
        return
    book = _book(sources, seed)
    made = [draw(np.random.default_rng((seed, number * SHARD + place)), book, SIDE) for place in range(SHARD)]
    aside = at.with_suffix(f".{os.getpid()}.part")
    with aside.open("wb") as file:
        np.savez(file, pictures=np.stack([one.pixels for one in made]), truths=np.stack([one.truth for one in made]))
    aside.replace(at)


@lru_cache(maxsize=1)
def _book(sources: Path, seed: int) -> Book:
    return Book.load(sources, seed=seed)


_kept: dict[Path, tuple[np.ndarray, np.ndarray]] = {}


def _shelf(drawn: Path) -> Shelf:
    for at in sorted(drawn.glob("*.npz")):
        if at not in _kept:
            with np.load(at) as stored:
                _kept[at] = stored["pictures"], stored["truths"]
    return [_kept[at] for at in sorted(_kept)]


def _say(step: int, loss: float, seconds: float) -> None:
    print(f"step {step}: loss {loss:.4f}, {seconds:.0f} s", flush=True)  # noqa: T201 - a command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m inference.training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model file to write (.onnx)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is fetched and drawn (about 5 GB)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1", help="of the model, as the manifest names it")
    parser.add_argument("--pictures", type=int, default=22_500)
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the processor, to learn with")
    parser.add_argument("--drawers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    parser.add_argument("--impatient", action="store_true", help="begin to learn while pictures are still drawn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
