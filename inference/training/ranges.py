"""`python -m inference.training.ranges`: how large each tensor of CenterFace becomes, for inference/models.toml.

What a model in eight bits needs to know (inference/eight_bits.py) is measured on drawn wards with a portrait before
them, at any size, turn and light, and damaged as wards damage pictures: one seed decides all of it. The portrait is the
public-domain one of `wardlens models fetch --with-samples`. Needs no extra: nothing is learned here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas, fit_turned
from inference.detectors.faces import MODEL
from inference.eight_bits import Range, worth_eight_bits
from inference.manifest import EightBits, Model, load_manifest, read_model
from inference.models import answer_to_known_input, open_in_eight_bits
from inference.onnx_graph import with_input, with_outputs
from inference.picture import Pixels
from inference.runtime import new_session
from inference.scenes import draw_scene

FLOATING: Final = 3
"""Convolutions that stay in floats: they see all pixels, with 16 or 32 channels, and floats are as quick there."""
LOOKS: Final = (Canvas(320, 256), Canvas(512, 384), Canvas(256, 192))
SIZE: Final = (960, 720)
HEAD: Final = (86, 0, 366, 300)
"""Of the portrait, left, top, right, bottom: head and shoulders."""
FACE: Final = (226.0, 124.0)
"""The middle of its face."""
FACE_HEIGHT: Final = 119.0
HEIGHTS: Final = (25.0, 420.0)
"""Pixels of the drawn ward that a face takes."""
MOST_FACES: Final = 3


def pictures(portrait: Pixels, count: int, seed: int) -> Iterator[Pixels]:
    """Drawn wards with up to three portraits in each; the same seed gives the same pixels."""
    for number in range(count):
        chance = np.random.default_rng((seed, number))
        ward = draw_scene(seed * 10_000 + number, SIZE).pixels.astype(np.float32)
        for _ in range(int(chance.integers(0, MOST_FACES + 1))):
            ward = _with_face(ward, portrait, chance)
        turned = np.rot90(_damaged(ward, chance), int(chance.integers(0, 4)))
        yield np.ascontiguousarray(np.clip(turned, 0, 255).astype(np.uint8))


def _with_face(ward: NDArray[np.float32], portrait: Pixels, chance: np.random.Generator) -> NDArray[np.float32]:
    height = float(np.exp(chance.uniform(*np.log(HEIGHTS))))
    degrees = float(90 * chance.integers(0, 4) * (chance.random() < 0.6) + chance.normal(0, 15))
    way = np.asarray(cv2.getRotationMatrix2D(FACE, degrees, height / FACE_HEIGHT), np.float64)
    way[:, 2] = way[:, 2] + chance.uniform((0, 0), SIZE) - np.asarray(FACE)
    left, top, right, bottom = HEAD
    mask = np.zeros(portrait.shape[:2], np.float32)
    mask[top:bottom, left:right] = 1
    there = cv2.warpAffine(mask, way, SIZE)[..., None]
    head = cv2.warpAffine(portrait.astype(np.float32), way, SIZE, borderMode=cv2.BORDER_REPLICATE)
    light = np.exp(chance.normal(0, 0.2, 3) + chance.normal(-0.1, 0.4))
    return np.asarray(ward * (1 - there) + np.clip(head * light, 0, 255) * there, np.float32)


def _damaged(ward: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """As it is, or dark, glaring, moved, out of focus, noisy, or without colour."""
    damages = (
        lambda: ward * chance.uniform(0.15, 0.6),
        lambda: ward * chance.uniform(1.1, 1.8),
        lambda: cv2.blur(ward, (int(chance.integers(3, 16)), 1)),
        lambda: cv2.GaussianBlur(ward, (0, 0), float(chance.uniform(1, 4))),
        lambda: ward + chance.normal(0, chance.uniform(3, 20), ward.shape),
        lambda: np.repeat(ward.mean(axis=2, keepdims=True), 3, axis=2),
    )
    way = int(chance.integers(0, 10))
    return np.asarray(np.clip(damages[way]() if way < len(damages) else ward, 0, 255), np.float32)


def ranges_of(model: bytes, seen: Iterator[Pixels]) -> dict[str, Range]:
    """The smallest and the largest value of every tensor that wants a range, over all pictures and looks."""
    plain = with_input(model, (1, 3, "height", "width"))
    names = worth_eight_bits(plain, FLOATING)
    session = new_session(with_outputs(plain, names))
    name = session.get_inputs()[0].name
    ranges: dict[str, Range] = dict.fromkeys(names, (0.0, 0.0))
    for pixels in seen:
        for canvas in LOOKS:
            placed, _ = fit_turned(pixels, canvas, 0)
            answers = session.run(None, {name: np.asarray(cv2.dnn.blobFromImage(placed), np.float32)})
            for tensor, answer in zip(names, answers, strict=True):
                low, high = ranges[tensor]
                ranges[tensor] = min(low, float(answer.min())), max(high, float(answer.max()))
    return {tensor: (_rounded(low), _rounded(high)) for tensor, (low, high) in ranges.items()}


def manifest_rows(made: Model, answers: Sequence[Sequence[float]], ranges: Mapping[str, Range]) -> str:
    """What stands in `inference/models.toml` below the model."""
    rows = "\n".join(f"  [{', '.join(f'{figure:.6f}' for figure in answer)}]," for answer in answers)
    spans = "\n".join(f'"{name}" = [{low:g}, {high:g}]' for name, (low, high) in ranges.items())
    names = f'name = "{made.name}"\nsha256 = "{made.sha256}"'
    return f"[model.eight_bits]\n{names}\nanswers = [\n{rows}\n]\n[model.eight_bits.ranges]\n{spans}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Measure the ranges, and print them with the model's known answer in eight bits."""
    parser = argparse.ArgumentParser("python -m inference.training.ranges", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of the models")
    parser.add_argument("--portrait", type=Path, required=True, help="the portrait, 512×512")
    parser.add_argument("--count", type=int, default=120, help="pictures to measure on")
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    model = load_manifest().model(MODEL)
    portrait = cv2.imread(str(asked.portrait), cv2.IMREAD_COLOR_RGB)
    if portrait is None:
        parser.error(f"{asked.portrait} is no picture")
    seen = pictures(np.asarray(portrait, np.uint8), asked.count, asked.seed)
    data = read_model(model, asked.models)
    ranges = ranges_of(data, seen)
    small = open_in_eight_bits(model, EightBits(f"{model.name}-8", "", (), ranges), data)
    print(manifest_rows(small.model, answer_to_known_input(small), ranges))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
