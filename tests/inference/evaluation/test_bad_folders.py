"""A folder that is not as described is refused by one sentence that says what is wrong with which entry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Kind
from inference.evaluation import DatasetWrong, Folder
from inference.evaluation.annotation_format import parse_annotations

GOOD = {"file": "noise.png", "width": 160, "height": 120, "regions": []}
FACE = {"kind": "face", "box": [10, 10, 20, 20]}


def regions(*entries) -> list:
    return [{**GOOD, "regions": list(entries)}]


@pytest.mark.parametrize(
    ("annotations", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "wardlens-annotations-1"),
        ({"format": "wardlens-annotations-2", "images": [GOOD]}, "wardlens-annotations-1"),
        ({"format": "wardlens-annotations-1"}, "no pictures"),
        ([], "no pictures"),
        (["noise.png"], "Picture 1 .* not an object"),
        ([{**GOOD, "file": 7}], "names no file"),
        ([{**GOOD, "file": "a\0b"}], "names no file"),
        ([{**GOOD, "file": "absent.jpg"}], "no absent.jpg"),
        ([{**GOOD, "file": "../noise.png"}], "leaves the folder"),
        ([{**GOOD, "file": "/etc/hostname"}], "leaves the folder"),
        ([{**GOOD, "file": "deep/../../noise.png"}], "leaves the folder"),
        ([{**GOOD, "wound_mask": "../mask.png"}], "wound_mask.*leaves the folder"),
        ([{**GOOD, "wound_mask": "absent.png"}], "no absent.png"),
        ([{**GOOD, "width": 161}], "160×120 pixels,.*161×120"),
        ([{**GOOD, "height": True}], '"height" is True'),
        ([{**GOOD, "width": -1}], '"width" is -1'),
        ([{"file": "noise.png", "width": 160, "height": 120}], "no list of"),
        ([{**GOOD, "skin_tone": 11}], '"skin_tone" is 11'),
        ([{**GOOD, "skin_tone": "4"}], "skin_tone"),
        ([{**GOOD, "skin_tone": True}], "skin_tone"),
        ([{**GOOD, "kinds": ["scar"]}], "'scar' is no kind"),
        ([{**GOOD, "kinds": "face"}], "not a list of kinds"),
        (regions("face"), "region that is not an object"),
        (regions({"kind": "scar", "box": [1, 1, 2, 2]}), "'scar' is no kind; the kinds are face, tattoo, text, code"),
        (regions({"kind": [], "box": [1, 1, 2, 2]}), "is no kind"),
        (regions({"kind": "face"}), "neither or both"),
        (regions({**FACE, "polygon": [[1, 1], [2, 1], [2, 2]]}), "neither or both"),
        (regions({"kind": "face", "box": [1, 1, 2]}), "is not \\[x, y, width, height\\]"),
        (regions({"kind": "face", "box": [1, 1, 2, 0]}), "is not \\[x, y, width, height\\]"),
        (regions({"kind": "face", "box": [1, 1, 2, float("nan")]}), "is not \\[x, y, width, height\\]"),
        (regions({"kind": "face", "box": [1, 1, 2, 10**400]}), "is not \\[x, y, width, height\\]"),
        (regions({"kind": "face", "polygon": [[1, 1], [2, 2]]}), "three or more"),
        (regions({"kind": "face", "polygon": [[1, 1], [2, 2], "x"]}), "three or more"),
        (regions({"kind": "face", "polygon": 4}), "three or more"),
        (regions({"kind": "face", "box": [200, 10, 5, 5]}), "outside the picture"),
        (regions({**FACE, "legible": "no"}), "legible"),
        (regions({**FACE, "mask": "../m.png"}), "leaves the folder"),
        (regions({**FACE, "mask": "absent.png"}), "no absent.png"),
        (regions({**FACE, "mask": "empty.png"}), "empty.png.*shows nothing"),
        (regions({**FACE, "mask": "small.png"}), "small.png.*20×10 pixels"),
        ([{**GOOD, "file": "letter.jpg"}], "letter.jpg.*cannot be read"),
    ],
)
def test_a_bad_folder_is_refused_by_its_reason(write_folder, annotations, says: str) -> None:
    blank = np.zeros((120, 160), dtype=np.uint8)
    folder = write_folder(annotations, **{"empty.png": blank, "small.png": blank[:10, :20]})
    (folder / "letter.jpg").write_text("Dear hospital,")
    with pytest.raises(DatasetWrong, match=says) as refused:
        Folder(folder).check()
    assert str(refused.value).endswith((".", "?"))
    assert "\n" not in str(refused.value)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / "annotations.json" / "deeper"):
        with pytest.raises(DatasetWrong, match="There is no annotations"):
            Folder(path)
    (tmp_path / "annotations.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetWrong, match="not UTF-8"):
        Folder(tmp_path)


def test_a_link_that_leads_out_of_the_folder_is_refused(write_folder, tmp_path: Path) -> None:
    folder = write_folder([{**GOOD, "file": "link.png"}])
    (folder / "noise.png").rename(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(DatasetWrong, match="leads out of"):
        Folder(folder)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["file", "width", "regions", "skin_tone", "kinds", "wound_mask", "kind", "box", "polygon", "mask"]),
)
def test_garbage_in_any_field_gives_entries_or_one_refusal(garbage, name: str) -> None:
    entry = {**GOOD, "regions": [{**FACE}]}
    (entry if name in {*GOOD, "skin_tone", "kinds", "wound_mask"} else entry["regions"][0])[name] = garbage
    try:
        entries = parse_annotations(json.dumps({"format": "wardlens-annotations-1", "images": [entry]}))
    except DatasetWrong:
        return
    assert len(entries) == 1


def test_what_is_annotated_is_what_is_read(write_folder) -> None:
    mask = np.zeros((120, 160), dtype=np.uint8)
    mask[30:40, 50:70] = 255
    folder = write_folder(
        [
            {**GOOD, "skin_tone": 8, "wound_mask": "m.png", "regions": [{**FACE, "mask": "m.png"}], "source": "drawn"},
            {**GOOD, "kinds": ["code"], "regions": []},
            {**GOOD, "regions": [{"kind": "text", "polygon": [[1, 2], [30, 2], [30, 12]], "legible": False}]},
        ],
        **{"m.png": mask},
    )
    first, second, third = Folder(folder)
    assert (first.name, first.width, first.height, first.monk) == ("noise.png", 160, 120, 8)
    assert first.truths[0].mask is not None
    assert first.wound is not None
    assert first.wound.sum() == first.truths[0].mask.sum() == 200
    assert first.truths[0].polygon == ((10, 10), (30, 10), (30, 30), (10, 30))
    assert third.truths[0].legible is False
    # Kinds that an entry does not name are those that occur in the set.
    assert (first.kinds, second.kinds) == ({Kind.FACE, Kind.TEXT}, {Kind.CODE})
    assert Folder(folder).name == "set"


def test_the_pixels_are_read_as_red_green_blue(write_folder) -> None:
    blue_in_opencv = np.zeros((120, 160, 3), dtype=np.uint8)
    blue_in_opencv[..., 0] = 200
    (picture,) = Folder(write_folder(None, **{"noise.png": blue_in_opencv}))
    assert picture.pixels[0, 0].tolist() == [0, 0, 200]


@pytest.mark.parametrize(
    ("limit", "places"), [(1, [0]), (2, [0, 5]), (4, [0, 2, 5, 7]), (10, [*range(10)]), (99, [*range(10)])]
)
def test_a_limit_takes_pictures_from_the_whole_set(write_folder, limit: int, places: list[int]) -> None:
    folder = write_folder([{**GOOD, "skin_tone": place + 1} for place in range(10)])
    taken = Folder(folder, limit=limit)
    assert [picture.monk for picture in taken] == [place + 1 for place in places]
    assert len(taken) == len(places)
