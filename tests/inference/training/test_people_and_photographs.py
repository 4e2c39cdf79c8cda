"""Bodies out of a mesh, and skin out of photographs: from a ball and a folder of two pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.training.people import People
from inference.training.photographs import Photographs

SIDE = 64
RINGS = 24


def _ball(skin: np.ndarray) -> People:
    """A ball of 1.6 m that bears one skin, its triangles turned outwards."""
    down, round_ = np.meshgrid(np.linspace(0, np.pi, RINGS), np.linspace(0, 2 * np.pi, RINGS), indexing="ij")
    place = np.stack([np.sin(down) * np.cos(round_), np.cos(down), np.sin(down) * np.sin(round_)], axis=2)
    number = np.arange(RINGS * RINGS).reshape(RINGS, RINGS)
    corners = [number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]]
    triangles = np.concatenate(
        [np.stack([corners[k] for k in half], 2).reshape(-1, 3) for half in ((0, 1, 2), (0, 2, 3))]
    )
    spots = np.stack([round_ / (2 * np.pi), down / np.pi], axis=2).reshape(-1, 2).astype(np.float32)
    eyes = np.zeros(len(triangles), np.bool_)
    places = (place * 8).reshape(-1, 3).astype(np.float32)
    return People(places, triangles.astype(np.int32), spots[triangles], eyes, (skin,), (skin,))


def test_a_mesh_is_seen_from_outside_and_the_nearest_part_hides_the_rest() -> None:
    people = _ball(np.full((8, 8, 3), 0.4, np.float32))
    filled = []
    for seed in range(20):
        one = people.body(np.random.default_rng(seed), SIDE)
        inside = (one.outline > 0.99).astype(np.uint8)
        filled.append(inside.mean())
        holes, labels = cv2.connectedComponents(1 - inside)
        edge = set(labels[[0, -1]].ravel()) | set(labels[:, [0, -1]].ravel())
        assert set(range(1, holes)) <= edge, "what is not the ball reaches the picture's edge: the ball has no holes"
        bent = cv2.GaussianBlur(one.height, (0, 0), 3)[8:-8, 8:-8]
        if inside.all():
            steps = np.diff(bent, 2, axis=0), np.diff(bent, 2, axis=1)
            assert all(np.median(step) < 0 for step in steps), "the near side of a ball bends away from the camera"
    assert np.mean(filled) > 0.5


def test_a_seed_decides_a_body_out_of_the_mesh_and_its_colours_are_light() -> None:
    people = _ball(np.random.default_rng(0).uniform(0.1, 0.9, (16, 16, 3)).astype(np.float32))
    first, again = (people.body(np.random.default_rng(5), SIDE) for _ in range(2))
    assert np.array_equal(first.albedo, again.albedo)
    assert np.array_equal(first.height, again.height)
    assert 0 < first.albedo.min() <= first.albedo.max() <= 1
    assert first.examined


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for name, tint in (("b.png", (120, 140, 190)), ("a.JPG", (40, 60, 90))):
        noise = rng.integers(-20, 20, (90, 70, 3))
        cv2.imwrite(str(tmp_path / name), np.clip(np.array(tint) + noise, 0, 255).astype(np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_photographs_are_the_pictures_of_a_folder_and_their_digest_tells_another(folder: Path) -> None:
    kept = Photographs.of(folder)
    assert [path.name for path in kept.paths] == ["a.JPG", "b.png"]
    before = kept.digest
    assert Photographs.of(folder).digest == before
    (folder / "b.png").rename(folder / "c.png")
    assert Photographs.of(folder).digest != before


def test_a_folder_without_pictures_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures: give the folder"):
        Photographs.of(tmp_path)


def test_photographed_skin_takes_the_tone_it_is_asked_for_and_its_own_wounds_are_not_known(folder: Path) -> None:
    kept = Photographs.of(folder)
    light, dark = (
        np.median(kept.skin(np.random.default_rng(2), SIDE, tone), axis=(0, 1)).mean() for tone in (1.5, 9.5)
    )
    assert light > 4 * dark
    for made in (kept.close(np.random.default_rng(3), SIDE), kept.limb(np.random.default_rng(3), SIDE)):
        assert not made.examined
        assert made.albedo.shape == (SIDE, SIDE, 3)
        assert 0 < made.albedo.min() <= made.albedo.max() <= 1
