"""A film whose redaction was killed goes on where it was, and comes out as if nothing had happened."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from capture.redact import redact
from inference.policy import Pair, Thresholds

ROOT = Path(__file__).resolve().parents[3]
FRAMES = 20


@pytest.fixture
def killed(films, tmp_path):
    """Redacts a walk of 20 frames in a process that is killed right after that step."""
    source = films.write(tmp_path / "walk.mp4", films.walk(FRAMES))

    def die(step):
        command = [sys.executable, Path(__file__).with_name("dying_film.py"), source, tmp_path / "out", str(step)]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=120, check=False)
        assert done.returncode == -signal.SIGKILL
        return source, tmp_path / "out"

    return die


@pytest.mark.parametrize(
    ("step", "looks_left"), [(1, 19), (7, 13), (FRAMES, 0), (FRAMES + 1, 0), (FRAMES + 9, 0), (2 * FRAMES, 0)]
)
def test_a_run_that_was_killed_goes_on_where_it_was(killed, blinking, films, step, looks_left):
    source, out = killed(step)
    assert {path.name for path in out.iterdir()} >= {".walk.mp4.sightings"}
    assert not (out / "walk.mp4").exists()
    detector, engine = blinking()
    (entry,) = redact(engine, [source], out).files
    assert (entry.error, detector.looked) == ("", looks_left)
    assert [path.name for path in out.iterdir()] == ["walk.mp4"]
    _, fresh = blinking()
    (same,) = redact(fresh, [source], out.with_name("fresh")).files
    ours, theirs = (list(films.frames(folder / "walk.mp4")) for folder in (out, out.with_name("fresh")))
    assert len(ours) == FRAMES
    assert np.array_equal(ours, theirs)
    assert (entry.regions, entry.film) == (same.regions, same.film)


def test_what_was_kept_is_private_and_holds_coordinates_only(killed):
    _, out = killed(7)
    (log,) = out.iterdir()
    assert log.stat().st_mode & 0o777 == 0o600
    lines = log.read_bytes().splitlines()
    assert len(lines) == 1 + 7
    assert all(json.loads(line).keys() == {"at", "on_wounds", "regions"} for line in lines[1:])
    assert all(len(line) < 250 for line in lines[1:])


TORN = {
    "half a record": lambda data: data[:-9],
    "a record of nothing": lambda data: data + bytes(40) + b"\n",
    "a record of something else": lambda data: data + b'{"at":9999999999,"regions":[{"kind":"hat"}]}\n',
    "a record of an earlier time": lambda data: data + b'{"at":5,"regions":[]}\n',
    "a number that does not add up": lambda data: data + b'{"frames":3}\n',
}


@pytest.mark.parametrize("torn", TORN)
def test_a_record_that_is_not_whole_is_looked_for_again(killed, blinking, films, torn):
    source, out = killed(7)
    (log,) = out.iterdir()
    log.write_bytes(TORN[torn](log.read_bytes()))
    detector, engine = blinking()
    redact(engine, [source], out)
    assert detector.looked == (14 if torn == "half a record" else 13)
    assert films.shown(out / "walk.mp4") == [False] * FRAMES


def test_another_film_under_the_same_name_is_begun_anew(killed, blinking, films):
    source, out = killed(7)
    films.write(source, films.walk(FRAMES, step=4))
    detector, engine = blinking()
    redact(engine, [source], out)
    assert detector.looked == FRAMES


@pytest.mark.parametrize("change", ["model", "threshold", "detector"])
def test_another_engine_begins_anew(killed, blinking, change):
    source, out = killed(7)
    detector, engine = blinking()
    thresholds = Thresholds(face=Pair(0.4, 0.7)) if change == "threshold" else None
    if change == "model":
        detector.models = {"magenta": "1" * 64}
    if change == "detector":
        detector.name = "better"
    redact(type(engine)(still=[], live=[detector], second_look=[], threads=1, thresholds=thresholds), [source], out)
    assert detector.looked == FRAMES


def test_what_was_kept_of_another_film_is_not_believed(killed, blinking):
    """Times that are not this film's: refused, and the next run begins anew."""
    source, out = killed(7)
    (log,) = out.iterdir()
    log.write_bytes(log.read_bytes().replace(b'"at":80000000', b'"at":80000001'))
    detector, engine = blinking()
    (entry,) = redact(engine, [source], out).files
    assert "other frames" in entry.error
    assert list(out.iterdir()) == []
    assert redact(engine, [source], out).failed == ()
    assert detector.looked == FRAMES


def test_two_runs_do_not_write_one_film(killed, blinking):
    source, out = killed(7)
    (log,) = out.iterdir()
    before = log.read_bytes()
    _, engine = blinking()
    with log.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        (entry,) = redact(engine, [source], out).files
    assert "Another run" in entry.error
    assert log.read_bytes() == before
    assert redact(engine, [source], out).failed == ()


def test_an_interruption_keeps_what_was_seen_and_an_error_does_not(blinking, films, tmp_path):
    source = films.write(tmp_path / "walk.mp4", films.walk(FRAMES))

    def stop(step):
        if step.doing == "looking" and step.share > 0.4:
            raise KeyboardInterrupt

    detector, engine = blinking()
    with pytest.raises(KeyboardInterrupt):
        redact(engine, [source], tmp_path / "out", progress=stop)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".walk.mp4.sightings"]
    redact(engine, [source], tmp_path / "out")
    assert FRAMES <= detector.looked <= FRAMES + engine.threads + 1  # and those that were being looked at
