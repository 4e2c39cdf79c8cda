"""Batches of drawn pictures, in an order and with changes that a seed decides: no picture is seen twice alike.

The first batches come from the first shards alone, and so learning begins while the rest is being drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.training.pictures import UNKNOWN
from inference.training.shards import Shard

_FIRST: Final = 0.2
"""Share of the shards that the first batch is taken from."""
_PREPARED: Final = 4
"""Batches that are read ahead."""
_MOVED: Final = 0.6
_SURE: Final = 0.99
_GREY: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures, N×3×side×side float32 of 0 to 255; truths, N×4×side/4×side/4 of 0 to 1; 1 where the truth is known."""

    pixels: Tensor
    truths: Tensor
    known: Tensor


@dataclass(frozen=True, slots=True)
class Library:
    """All shards of a run.

    Attributes:
        count: how many there will be.
        shard: the shard of that number; waits until it is drawn.
        all_by: the batch from which on all of them are used.
    """

    count: int
    shard: Callable[[int], Shard]
    all_by: int

    def reach(self, batch: int) -> int:
        """How many of the shards a batch is taken from."""
        share = _FIRST + (1 - _FIRST) * min(1.0, batch / max(1, self.all_by))
        return max(1, min(self.count, int(self.count * share)))


def batches(library: Library, size: int, seed: int, device: torch.device, first: int = 0) -> Iterator[Batch]:
    """Batches without end, of `size` pictures each, from the one of number `first` on."""
    with ThreadPoolExecutor(1) as reader:
        waiting = [reader.submit(_read, library, size, seed, first + ahead) for ahead in range(_PREPARED)]
        for number in count(first + _PREPARED):
            pixels, truths = waiting.pop(0).result()
            waiting.append(reader.submit(_read, library, size, seed, number))
            yield _changed(np.random.default_rng((seed, number, 1)), pixels.to(device), truths.to(device))


def _read(library: Library, size: int, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Pictures as they were drawn, N×side×side×3 uint8, and their truths."""
    rng = np.random.default_rng((seed, number))
    pixels, truths = [], []
    for _ in range(size):
        shard = library.shard(int(rng.integers(library.reach(number))))
        place = int(rng.integers(len(shard.truths)))
        pixels.append(shard.pixels[place])
        truths.append(shard.truths[place])
    return torch.from_numpy(np.stack(pixels)), torch.from_numpy(np.stack(truths))


def _changed(rng: np.random.Generator, pixels: Tensor, truths: Tensor) -> Batch:
    """The pictures turned, mirrored, nearer or farther, and as other cameras and lamps would give them."""
    known = (truths != UNKNOWN).float()
    values, marked = pixels.permute(0, 3, 1, 2).float(), truths.float() / 255 * known
    placed = torch.as_tensor(_placings(rng, len(values)), dtype=torch.float32, device=values.device)
    values, marked, known = (_seen(one, placed) for one in (values, marked, known))
    return Batch(_relit(rng, values), marked, (known > _SURE).float())


def _placings(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """N×2×3: quarter turns and mirrorings, and for most of the pictures another size, angle and place too."""
    moved = rng.random(size) < _MOVED
    zoom = np.where(moved, np.exp(rng.uniform(np.log(0.65), np.log(1.5), size)), 1)
    turn = rng.integers(4, size=size) * np.pi / 2 + np.where(moved, rng.normal(0, 0.2, size), 0)
    shift = np.where(moved, rng.uniform(-0.2, 0.2, (2, size)), 0)
    mirror = rng.choice([-1, 1], size)
    across = [zoom * np.cos(turn) * mirror, -zoom * np.sin(turn), shift[0]]
    down = [zoom * np.sin(turn) * mirror, zoom * np.cos(turn), shift[1]]
    return np.moveaxis(np.array([across, down]), 2, 0)


def _seen(planes: Tensor, placed: Tensor) -> Tensor:
    """N×C×H×W through N×2×3 affine maps of -1 to 1, mirrored beyond their edges."""
    grid = torch.nn.functional.affine_grid(placed, list(planes.shape), align_corners=False)
    return torch.nn.functional.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)


def _relit(rng: np.random.Generator, pixels: Tensor) -> Tensor:
    """Other brightness, contrast, gamma, white balance and saturation; noise."""
    size = len(pixels)

    def each(values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values.reshape(size, -1, 1, 1), dtype=torch.float32, device=pixels.device)

    values = (pixels / 255).clamp(1e-3, 1) ** each(np.exp(rng.normal(0, 0.2, size)))
    values = values * each(np.exp(rng.normal(0, 0.12, size))) * each(np.exp(rng.normal(0, 0.06, (size, 3))))
    grey = values.mean(dim=1, keepdim=True)
    colourful = np.where(rng.random(size) < _GREY, 0.0, np.exp(rng.normal(0, 0.2, size)))
    values = grey + (values - grey) * each(colourful)
    middle = values.mean(dim=(1, 2, 3), keepdim=True)
    values = middle + (values - middle) * each(np.exp(rng.normal(0, 0.12, size)))
    grain = each(np.where(rng.random(size) < 0.3, rng.uniform(0, 0.04, size), 0.0))
    noise = torch.as_tensor(rng.standard_normal(pixels.shape[1:], np.float32), device=pixels.device)
    return (values + grain * noise).clamp(0, 1) * 255
