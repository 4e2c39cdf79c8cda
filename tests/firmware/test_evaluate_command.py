"""`wardlens evaluate` as its users meet it: a folder in, tables, JSON and a sheet out, a sentence where it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import typer

from firmware.command import app
from inference.evaluation import DEGRADATIONS
from inference.scenes import Prop, SceneSpec, draw_scene

ROOT = Path(__file__).resolve().parents[2]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from firmware.command import main; main()"


@pytest.fixture
def evaluate(tmp_path):
    """Runs the command in an empty folder, with these models."""

    def run(*arguments, models=None):
        return subprocess.run(
            [sys.executable, "-c", START, "evaluate", *map(str, arguments)],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "COLUMNS": "160",
                "LC_ALL": "C.UTF-8",
                "WARDLENS_MODELS": str(models or tmp_path / "no-models"),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def ward(tmp_path):
    """A folder with two drawn scenes, of a light and of a dark skin."""
    folder = tmp_path / "ward"
    folder.mkdir()
    images = []
    for tone in (2, 9):
        scene = draw_scene(SceneSpec(tone, tone=tone, props=(Prop.LABEL, Prop.QR)), (800, 600))
        cv2.imwrite(str(folder / f"scene-{tone}.png"), cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folder / f"wound-{tone}.png"), scene.wound_mask.astype("uint8") * 255)
        regions = [{"kind": region.kind, "polygon": region.polygon} for region in scene.truth]
        images.append(
            {
                "file": f"scene-{tone}.png",
                "width": 800,
                "height": 600,
                "regions": regions,
                "kinds": ["face", "text", "code"],
                "skin_tone": tone,
                "wound_mask": f"wound-{tone}.png",
            }
        )
    (folder / "annotations.json").write_text(json.dumps({"format": "wardlens-annotations-1", "images": images}))
    return folder


def test_every_degradation_is_named_by_the_help_and_by_the_page():
    help_text = typer.main.get_command(app).commands["evaluate"].params
    (option,) = (one.help for one in help_text if one.name == "degrade")
    page = (ROOT / "docs/evaluation.md").read_text("utf-8")
    single = [degradation.name for degradation in DEGRADATIONS if not degradation.name.startswith("turn-")]
    for name in (*single, "turn-45", "turn-315", "all"):
        assert name in option
        assert f"`{name}`" in page


@pytest.mark.models
def test_drawn_scenes_are_measured_shown_and_written_down(evaluate, ward, models_folder, tmp_path):
    options = ["--degrade", "as-is,turn-90", "--json", "figures.json", "--sheet", "worst.png", "--tone-bins"]
    done = evaluate(ward, *options, models=models_folder)
    assert done.returncode == 0, done.stderr
    assert "evaluate: 4 of 4" in done.stderr
    for words in ("turn-90", "codes still readable", "wound pixels covered, nobody asked", "light", "2 annotated"):
        assert words in done.stdout
    facts = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    runs = {run["degradation"]: run for run in facts["sets"][0]["runs"]}
    assert set(runs) == {"as-is", "turn-90"}
    assert set(facts["models"]) >= {"centerface"}
    for run in runs.values():
        assert (run["pictures"], run["failed"]) == (2, 0)
        codes = run["measures"]["code.readable"]
        assert (codes["part"], codes["trials"]) == (0, 4)
        assert run["measures"]["code.readable_before"]["part"] >= 2
        assert set(run["measures"]["wound.hidden_unasked"]["by_tone"]) == {"light", "dark"}
        assert all(row["truths"] for row in run["rows"])
    sheet = cv2.imread(str(tmp_path / "worst.png"))
    assert sheet is not None
    assert (tmp_path / "worst.png").stat().st_mode & 0o777 == 0o600
    # The test pictures are shown in the file that was named, and nowhere else.
    assert {path.name for path in tmp_path.iterdir()} >= {"figures.json", "worst.png", "ward"}
    assert not [path for path in tmp_path.rglob("*.png") if path.parent != ward and path.name != "worst.png"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["absent"], 2, ["no annotations.json in absent", "docs/evaluation.md"]),
        (["ward", "--degrade", "fog"], 2, ["'fog'", "turn-45", "all"]),
        (["ward", "--sheet", "worst.jpg"], 2, [".png"]),
        (["ward", "--limit", "0"], 2, ["--limit"]),
        (["ward", "--json", "absent/figures.json"], 1, ["absent/figures.json", "Check the path"]),
        (["ward"], 1, ["wardlens models fetch"]),
        ([], 2, ["DATASET"]),
    ],
)
def test_a_request_that_cannot_be_met_is_a_sentence(evaluate, ward, arguments, status, words):
    done = evaluate(*arguments)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_broken_picture_is_found_before_the_work_and_nothing_is_written(evaluate, ward, tmp_path):
    (ward / "scene-9.png").write_bytes((ward / "scene-9.png").read_bytes()[:60])
    done = evaluate(ward, "--json", "figures.json")
    assert done.returncode == 2
    assert "scene-9.png" in done.stderr
    assert not (tmp_path / "figures.json").exists()
