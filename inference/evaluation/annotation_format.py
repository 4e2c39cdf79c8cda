"""The text of an `annotations.json`, as entries: format `wardlens-annotations-1` (docs/evaluation.md). Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from inference.errors import DatasetWrong
from inference.evaluation.annotations import MONK_TONES
from inference.geometry import bounds, box_polygon
from inference.picture import Kind, Polygon

FORMAT: Final = "wardlens-annotations-1"


@dataclass(frozen=True, slots=True)
class RegionEntry:
    """A region as it is written down; `mask` names a PNG of its exact pixels."""

    kind: Kind
    polygon: Polygon
    legible: bool = True
    mask: PurePosixPath | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture as it is written down: names of files in the folder, and what is in the picture."""

    file: PurePosixPath
    width: int
    height: int
    regions: tuple[RegionEntry, ...]
    kinds: frozenset[Kind]
    wound_mask: PurePosixPath | None = None
    monk: int | None = None


def parse_annotations(text: str) -> tuple[Entry, ...]:
    """Every picture that the text describes, in its order; kinds that no picture claims are those that occur.

    Raises:
        DatasetWrong: not JSON, not this format, or an entry that makes no sense.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetWrong(f"annotations.json is not JSON: {error}.") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise DatasetWrong(f'annotations.json does not say "format": "{FORMAT}"; docs/evaluation.md describes it.')
    images = facts.get("images")
    if not isinstance(images, list) or not images:
        raise DatasetWrong('annotations.json lists no pictures under "images"; name at least one.')
    parsed = [_entry(image, place) for place, image in enumerate(images)]
    occurring = frozenset(region.kind for _, regions, _ in parsed for region in regions)
    return tuple(
        Entry(regions=regions, kinds=occurring if kinds is None else kinds, **fields)
        for fields, regions, kinds in parsed
    )


def _entry(image: Any, place: int) -> tuple[dict[str, Any], tuple[RegionEntry, ...], frozenset[Kind] | None]:
    where = f"Picture {place + 1} in annotations.json"
    if not isinstance(image, dict):
        raise DatasetWrong(f"{where} is not an object; docs/evaluation.md describes the format.")
    file = _path(image.get("file"), f'{where}: "file"')
    where = f"{file} in annotations.json"
    width, height = (_side(image, name, where) for name in ("width", "height"))
    regions = image.get("regions")
    if not isinstance(regions, list):
        raise DatasetWrong(f'{where} has no list of "regions"; write an empty one if nothing is in it.')
    tone = image.get("skin_tone")
    if tone is not None and (not isinstance(tone, int) or isinstance(tone, bool) or tone not in MONK_TONES):
        raise DatasetWrong(f'{where}: "skin_tone" is {tone!r}; it is 1 to 10 of the Monk scale.')
    fields = {
        "file": file,
        "width": width,
        "height": height,
        "wound_mask": _optional_path(image, "wound_mask", where),
        "monk": tone,
    }
    return fields, tuple(_region(region, (width, height), where) for region in regions), _kinds(image, where)


def _kinds(image: Mapping[str, Any], where: str) -> frozenset[Kind] | None:
    kinds = image.get("kinds")
    if kinds is None:
        return None
    if not isinstance(kinds, list):
        raise DatasetWrong(f'{where}: "kinds" is not a list of kinds; one could be ["face", "text"].')
    return frozenset(_kind(kind, where) for kind in kinds)


def _region(region: Any, size: tuple[int, int], where: str) -> RegionEntry:
    if not isinstance(region, dict):
        raise DatasetWrong(f"{where} has a region that is not an object; docs/evaluation.md describes the format.")
    legible = region.get("legible", True)
    if not isinstance(legible, bool):
        raise DatasetWrong(f'{where}: "legible" is {legible!r}; it is true or false.')
    return RegionEntry(
        _kind(region.get("kind"), where), _outline(region, size, where), legible, _optional_path(region, "mask", where)
    )


def _kind(kind: Any, where: str) -> Kind:
    if kind not in list(Kind):
        raise DatasetWrong(f"{where}: {kind!r} is no kind; the kinds are {', '.join(Kind)}.")
    return Kind(kind)


def _outline(region: Mapping[str, Any], size: tuple[int, int], where: str) -> Polygon:
    if ("box" in region) == ("polygon" in region):
        raise DatasetWrong(f'{where} has a region with neither or both of "box" and "polygon"; give one.')
    if "box" in region:
        box = _numbers(region["box"], 4)
        if box is None or box[2] <= 0 or box[3] <= 0:
            raise DatasetWrong(f'{where}: the "box" {region["box"]!r} is not [x, y, width, height].')
        polygon = box_polygon((box[0], box[1], box[0] + box[2], box[1] + box[3]))
    else:
        points = region["polygon"]
        corners = [_numbers(point, 2) for point in points] if isinstance(points, list) else []
        found = tuple((corner[0], corner[1]) for corner in corners if corner is not None)
        if len(found) < 3 or len(found) != len(corners):
            raise DatasetWrong(f'{where} has a "polygon" that is not three or more [x, y].')
        polygon = found
    left, top, right, bottom = bounds(polygon)
    if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
        raise DatasetWrong(f"{where} has a region outside the picture; are its numbers pixels, origin top left?")
    return polygon


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) and _is_finite(n) for n in value):
        return None
    return tuple(float(number) for number in value)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # JSON has whole numbers that no float holds
        return False


def _side(image: Mapping[str, Any], name: str, where: str) -> int:
    side = image.get(name)
    if isinstance(side, int) and not isinstance(side, bool) and side >= 1:
        return side
    raise DatasetWrong(f'{where}: "{name}" is {side!r}; it is the upright picture\'s, in pixels.')


def _optional_path(holder: Mapping[str, Any], name: str, where: str) -> PurePosixPath | None:
    return None if holder.get(name) is None else _path(holder[name], f'{where}: "{name}"')


def _path(value: Any, where: str) -> PurePosixPath:
    """A file inside the folder: neither absolute nor upwards."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise DatasetWrong(f"{where} names no file.")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise DatasetWrong(f"{where} leaves the folder ({value}); name files inside it.")
    return path
