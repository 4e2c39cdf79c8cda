"""The comparison itself: turns in order, each frame judged by its own face, a peer that fails named in a sentence."""

import ast
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from firmware.errors import WorkFailed
from firmware.measuring import contenders
from firmware.measuring.contenders import Block, Deface, WardlensFilms, default_mask
from firmware.measuring.film import Film
from firmware.measuring.peers import FILM_FACES, OURS, PEERS, Turns, compare, figures_of, ratio, ratios, rows_of
from inference import Deidentifier, Kind, Region
from inference.geometry import bounds, box_polygon

CHILD = Path(contenders.__file__).with_name("deface_child.py")
FACES = [box_polygon((10 * n, 10, 10 * n + 40, 60)) for n in range(1, 8)]


@pytest.fixture
def film():
    return Film(np.zeros((len(FACES), 480, 640, 3), np.uint8), tuple(FACES))


class Scripted:
    """Covers the face of some frames, and takes ten milliseconds for each."""

    def __init__(self, name, seen, covers):
        self.name, self._seen, self._covers = name, seen, covers

    def look(self, frames):
        self._seen.append((self.name, list(frames)))
        return Block((10.0,) * len(frames), tuple((FACES[n],) if n in self._covers else () for n in frames))


def test_contenders_take_turns_on_the_same_frames_after_some_that_do_not_count(film):
    seen = []
    compare([Scripted("a", seen, ()), Scripted("b", seen, ())], film, Turns(rounds=1, block=4), lambda *_: None)
    first, second = [[4, 5, 6], [0, 1, 2, 3]], [[1, 2, 3], [4, 5, 6]]
    assert seen == [(name, frames) for turn in (first, second) for name in "ab" for frames in turn]


def test_each_frame_is_judged_by_its_own_face(film):
    turns = Turns(rounds=2, block=3)
    blocks = compare([Scripted("a", [], {0, 1, 4})], film, turns, lambda *_: None)["a"]
    figures = figures_of(blocks, film, turns)
    assert figures["face_half_covered"] == figures["face_covered"] == pytest.approx(3 / 7)
    assert [one["frame"] for one in figures["uncovered"]] == [2, 3, 5, 6] * 2
    assert figures["fps"] == pytest.approx(100)
    assert len(figures["fps_of_each_block"]) == 6


def test_a_ratio_compares_blocks_that_stood_beside_each_other():
    assert ratio([100, 50, 10], [50, 25, 5]) == 2.0


def test_the_table_has_a_row_for_everybody_and_a_ratio_for_us():
    one = {
        "fps": 10.0,
        "fps_of_each_block": [10.0],
        "latency_ms": {"p99": 1.0},
        "face_half_covered": 1.0,
        "face_covered": 0.5,
    }
    everybody = dict.fromkeys((*PEERS, *OURS), one)
    rows = rows_of({"contenders": everybody, "ratios": ratios(everybody)})
    assert [row["who"] for row in rows] == list(everybody)
    assert [row["× OpenCV"] for row in rows] == ["–", "–", "1.00", "1.00", "1.00"]
    assert [row["p99 ms"] for row in rows if row["who"] == FILM_FACES] == ["–"], "no frame of a film has its own"


class BrightFaces:
    """Sees a face wherever the frame is bright."""

    name, kinds, models = "bright", frozenset({Kind.FACE}), MappingProxyType({"bright": "0" * 64})

    def detect(self, image):
        return [Region(Kind.FACE, box_polygon((10, 10, 60, 60)), 0.9, "bright")] if image.mean() > 100 else []


def test_a_film_of_ours_is_timed_as_a_whole_and_covered_before_a_face_is_seen():
    bright = np.arange(8) >= 6
    pixels = np.where(bright[:, None, None, None], 200, 50) * np.ones((8, 480, 640, 3))
    engine = Deidentifier(still=(), live=[BrightFaces()], second_look=(), threads=2)
    block = WardlensFilms("films", engine, Film(pixels.astype(np.uint8), (FACES[0],) * 8)).look(range(8))
    engine.close()
    assert len(set(block.milliseconds)) == 1
    assert len(block.shapes) == 8
    assert all(block.shapes), "what is held before it was seen"


def test_defaces_mask_is_the_ellipse_of_its_box_three_tenths_larger_on_each_side():
    assert bounds(default_mask((100.4, 100.9, 200.2, 300.7))) == pytest.approx((70, 40, 230, 360), abs=0.5)


@pytest.fixture
def deface_of(tmp_path, monkeypatch):
    """Stands a package named deface beside the child, as the peers' environment has one, and starts the child."""

    def start(source):
        package = tmp_path / "deface"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "centerface.py").write_text(source)
        np.save(tmp_path / "film.npy", np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3))
        python = tmp_path / "python"
        python.write_text(
            f'#!/bin/sh\nshift\nexec {sys.executable} -c \'import runpy, sys; sys.path.insert(0, "{tmp_path}");'
            ' sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$@"\n'
        )
        python.chmod(0o755)
        return Deface("deface", python, tmp_path / "film.npy", "opencv")

    return start


ANSWERS = """
import numpy as np
class CenterFace:
    def __init__(self, in_shape, backend):
        print("Running on something.")
        self.backend = backend
    def __call__(self, frame, threshold):
        assert threshold == 0.2
        return np.array([[float(frame[0, 0, 0]), 0.0, 100.0, 50.0, 0.9]]), None
"""


def test_deface_answers_for_the_frames_it_is_asked(deface_of):
    with deface_of(ANSWERS) as deface:
        block = deface.look([2, 0])
    assert block.shapes == ((default_mask((96, 0, 100, 50)),), (default_mask((0, 0, 100, 50)),))
    assert len(block.milliseconds) == 2


@pytest.mark.parametrize("source", ["raise ImportError", ANSWERS.replace("0.2", "0.3")])
def test_a_peer_that_fails_is_named_in_a_sentence(deface_of, source):
    with pytest.raises(WorkFailed, match="deface ended without an answer"):
        deface_of(source).look([0])


def test_a_peer_that_is_not_there_is_named_in_a_sentence(tmp_path):
    with pytest.raises(WorkFailed, match="make bench-peers"):
        Deface("deface", tmp_path / "nowhere", tmp_path / "film.npy", "opencv")


def test_what_runs_in_the_peers_environment_imports_nothing_of_ours():
    tree = ast.parse(CHILD.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy", "deface"}
