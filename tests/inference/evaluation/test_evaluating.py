"""An evaluation from end to end, with engines that see what they are told: every figure is known beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from inference import Deidentifier, Kind, Region
from inference.evaluation import AS_IS, MEASURES, AnnotatedPicture, PictureRow, Tone, Truth, evaluate, named, to_json
from inference.evaluation.measures import figures
from inference.evaluation.rows import Seen, TruthRow, WoundRow
from inference.geometry import box_polygon
from inference.picture import Pixels

LEFT, RIGHT = box_polygon((10, 10, 50, 50)), box_polygon((100, 10, 140, 50))
ON_THE_LEFT = Region(Kind.FACE, box_polygon((5, 5, 55, 55)), 0.99, "m")


@dataclass(frozen=True)
class Drawn:
    """Pictures that a test made."""

    pictures: tuple[AnnotatedPicture, ...]
    name: str = "drawn"

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[AnnotatedPicture]:
        return iter(self.pictures)


@pytest.fixture
def dataset(noise: Pixels) -> Drawn:
    """Two light pictures with two faces each, and a dark one with a wound on the left."""
    faces = (Truth(Kind.FACE, LEFT), Truth(Kind.FACE, RIGHT))
    wound = np.zeros(noise.shape[:2], dtype=np.bool_)
    wound[10:50, 30:70] = True
    kinds = frozenset({Kind.FACE})
    return Drawn(
        (
            AnnotatedPicture("one", noise, faces, kinds, monk=2),
            AnnotatedPicture("two", noise, faces, kinds, monk=3),
            AnnotatedPicture("foot", noise, (), kinds, wound=wound, monk=9),
        )
    )


def share(figure) -> float | None:
    return None if figure is None else figure.share.value


def test_every_figure_is_what_the_engine_did(engine_that_sees, dataset: Drawn) -> None:
    run = evaluate(engine_that_sees(ON_THE_LEFT), dataset).run("as-is")
    shares = {figure.measure.name: figure.share for figure in run.figures}
    assert (shares["face.covered"].part, shares["face.covered"].whole) == (2, 4)
    assert (shares["face.half"].value, shares["face.missed"].value) == (0.5, 0.5)
    assert shares["wound.hidden_unasked"].value == pytest.approx(26 * 40 / 1600)
    assert shares["wound.hidden_asked"].value == 0
    assert shares["wound.hidden_by_face"].value == pytest.approx(26 * 40 / 1600)
    assert shares["wound.damaged_unasked"].value == 1
    assert (shares["asks"].value, shares["asks.with_unlooked"].value, shares["asks.face"].value) == (0, 1, 0)
    assert shares["false"].value == pytest.approx((51 * 51 / (160 * 120)) / 3)
    assert shares["failed"].value == 0
    assert run.nobody_looked == (Kind.TATTOO,)
    assert "asks.tattoo" not in shares
    assert not {name for name in shares if name.startswith(("code", "text", "tattoo"))}


def test_every_figure_is_also_given_by_skin_tone_and_the_worst_bin_is_named(engine_that_sees, dataset: Drawn) -> None:
    run = evaluate(engine_that_sees(ON_THE_LEFT), dataset).run("as-is")
    false = run.figure("false")
    assert false is not None
    assert (false.by_tone[Tone.LIGHT].value, false.worst_and_best) == (0, (Tone.DARK, Tone.LIGHT))
    covered = run.figure("face.covered")
    assert covered is not None
    assert (set(covered.by_tone), covered.worst_and_best) == ({Tone.LIGHT}, None)
    assert run.tone_sources == {"annotated": 3}


def test_a_doubtful_region_over_a_wound_is_a_question_and_no_silent_damage(engine_that_sees, dataset: Drawn) -> None:
    doubtful = Region(Kind.FACE, ON_THE_LEFT.polygon, 0.6, "m")
    run = evaluate(engine_that_sees(doubtful), dataset).run("as-is")
    assert share(run.figure("wound.hidden_unasked")) == 0
    assert share(run.figure("wound.hidden_asked")) == pytest.approx(26 * 40 / 1600)
    assert share(run.figure("wound.damaged_unasked")) == 0
    assert share(run.figure("asks.needless")) == 1


def test_turned_pictures_are_measured_where_the_truth_went(engine_that_sees, dataset: Drawn) -> None:
    """An engine that covers the top left corner covers the left face as it is, and the right one turned by 90°."""
    report = evaluate(engine_that_sees(ON_THE_LEFT), dataset, named(["as-is", "turn-90", "turn-180"]))
    assert [run.degradation for run in report.runs] == ["as-is", "turn-90", "turn-180"]
    covered = [[truth.share for truth in run.rows[0].seen.truths] for run in report.runs if run.rows[0].seen]
    assert covered[0] == [1, 0]
    # The right face lies at (100, 10) of 160×120; turned by 90° it lies at (10, 20).
    assert covered[1] == [0, pytest.approx(36 * 40 / 1600)]
    assert covered[2] == [0, 0]


def test_a_degradation_leaves_out_pictures_that_it_does_not_change(engine_that_sees, dataset: Drawn) -> None:
    report = evaluate(engine_that_sees(), dataset, named(["as-is", "mask"]))
    assert [len(run.rows) for run in report.runs] == [3, 2]


def test_an_engine_that_fails_is_a_row_that_says_so(scripted, dataset: Drawn) -> None:
    looked = []

    def fails_once(image: Pixels) -> list[Region]:
        looked.append(image)
        if len(looked) == 1:
            raise RuntimeError("out of memory")
        return []

    engine = Deidentifier(still=[scripted(Kind.FACE, does=fails_once)], live=[], second_look=[], threads=1)
    run = evaluate(engine, dataset).run("as-is")
    engine.close()
    failed = run.figure("failed")
    assert failed is not None
    assert (failed.share.part, failed.share.whole) == (1, 3)
    assert "face failed on this picture" in run.rows[0].failure
    covered = run.figure("face.covered")
    assert covered is not None
    assert covered.share.trials == 2


def test_progress_tells_every_picture_under_every_degradation(engine_that_sees, dataset: Drawn) -> None:
    told: list[tuple[int, str]] = []
    evaluate(
        engine_that_sees(), dataset, named(["as-is", "hand"]), progress=lambda done, name: told.append((done, name))
    )
    assert told == [(0, "one"), (1, "one"), (2, "two"), (3, "two"), (4, "foot"), (5, "foot"), (6, "")]


def test_two_engines_are_compared_by_the_same_rows(engine_that_sees, dataset: Drawn) -> None:
    both = Region(Kind.FACE, box_polygon((95, 5, 145, 55)), 0.99, "m")
    reports = [evaluate(engine, dataset) for engine in (engine_that_sees(), engine_that_sees(ON_THE_LEFT, both))]
    assert [share(report.run("as-is").figure("face.covered")) for report in reports] == [0, 1]
    assert [[row.file for row in report.run("as-is").rows] for report in reports] == [["one", "two", "foot"]] * 2
    with pytest.raises(KeyError):
        reports[0].run("dark")


def test_the_report_is_json_with_every_row_and_every_interval(engine_that_sees, dataset: Drawn) -> None:
    report = evaluate(engine_that_sees(ON_THE_LEFT), dataset, (AS_IS,))
    facts = json.loads(json.dumps(to_json((report,))))
    assert facts["format"] == "wardlens-evaluation-1"
    assert facts["models"] == {f"{kind}-model": "0" * 64 for kind in ("face", "text", "code")}
    (run,) = facts["sets"][0]["runs"]
    assert (facts["sets"][0]["set"], run["degradation"], run["pictures"], run["failed"]) == ("drawn", "as-is", 3, 0)
    assert run["nobody_looked"] == ["tattoo"]
    assert [row["file"] for row in run["rows"]] == ["one", "two", "foot"]
    assert [truth["share"] for truth in run["rows"][0]["truths"]] == [1, 0]
    assert run["rows"][2]["wound"]["hidden"] == 26 * 40
    for figure in (*run["measures"].values(), *run["measures"]["failed"]["by_tone"].values()):
        assert 0 <= figure["low"] <= figure["share"] <= figure["high"] <= 1
    assert run["measures"]["false"]["worst_tone"] == "dark"


def test_words_that_cannot_be_read_are_counted_apart() -> None:
    rows = (TruthRow(Kind.TEXT, 0.95, 20), TruthRow(Kind.TEXT, 0.6, 8), TruthRow(Kind.TEXT, 0.0, 20, legible=False))
    found = {figure.measure.name: figure.share for figure in figures([a_row(truths=rows)])}
    assert (found["text.covered"].value, found["text.covered"].trials) == (1, 1)
    assert (found["text.not_judged.half"].value, found["text.not_judged.half"].trials) == (0.5, 2)


def test_codes_are_counted_by_what_can_be_read() -> None:
    rows = tuple(TruthRow(Kind.CODE, 1.0, 40, readable_before=True, readable=left) for left in (True, False, False))
    found = {figure.measure.name: figure.share for figure in figures([a_row(truths=rows)])}
    assert (found["code.readable"].part, found["code.readable_before"].part) == (1, 3)


def a_row(**seen) -> PictureRow:
    nothing = {
        "truths": (),
        "asks": frozenset(),
        "nobody_looked": frozenset(),
        "hiding": frozenset(),
        "second_look_found": False,
        "covered": 0.0,
        "outside": 0.0,
        "false": None,
        "readable_elsewhere": False,
        "wound": None,
        "milliseconds": 1.0,
    }
    return PictureRow("p", 10, 10, seen=Seen(**(nothing | seen)))


@pytest.mark.parametrize(
    ("hidden", "asks", "damaged"), [(50, (), 0), (51, (), 1), (51, (Kind.TEXT,), 0), (1000, (Kind.FACE, Kind.CODE), 0)]
)
def test_a_wound_is_damaged_from_more_than_five_per_cent_without_a_question(hidden: int, asks, damaged: float) -> None:
    wound = WoundRow(1000, hidden, dict.fromkeys(Kind, 0))
    found = {figure.measure.name: figure.share for figure in figures([a_row(wound=wound, asks=frozenset(asks))])}
    assert found["wound.damaged_unasked"].value == damaged


def test_a_wound_is_seen_to_be_hidden_only_where_a_person_is_asked_about_it() -> None:
    wound = WoundRow(1000, 400, dict.fromkeys(Kind, 0))
    asked = [a_row(wound=wound, asks=frozenset(Kind)), a_row(wound=wound, hiding=frozenset({Kind.FACE}))]
    found = {figure.measure.name: figure.share for figure in figures(asked)}
    assert (found["wound.damaged_unseen"].part, found["wound.damaged_unseen"].whole) == (1, 2)
    assert found["wound.hidden_unseen"].value == pytest.approx(0.2)
    assert found["asks.wound"].part == 1


def test_measures_have_names_of_their_own_and_say_nothing_about_nothing() -> None:
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
    assert figures([]) == ()


def test_a_row_is_measured_or_failed_and_never_both_or_neither() -> None:
    with pytest.raises(ValueError, match="measured or failed"):
        PictureRow("p", 1, 1)
    with pytest.raises(ValueError, match="measured or failed"):
        PictureRow("p", 1, 1, seen=a_row().seen, failure="it broke")
    with pytest.raises(ValueError, match="not more of them"):
        WoundRow(10, 11, {})
