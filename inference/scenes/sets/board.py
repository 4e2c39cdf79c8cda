"""A picture under construction, and beside its pixels, for each of them, which mark is to be seen there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Pixels
from inference.scenes.body import grid
from inference.scenes.light import Lamp, cast
from inference.scenes.printing import Box, Sheet
from inference.scenes.sets.bending import Bend, Seen
from inference.scenes.texture import Field


class Finish(Enum):
    """What a sheet is made of: how strong and how wide its highlight is."""

    PAPER = (10.0, 0.40)
    PLASTIC = (95.0, 0.16)
    GLASS = (40.0, 0.22)
    INK = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mark as it was laid; how much of it is left to be seen shows at the end.

    Attributes:
        height: of a capital as it stands in the picture, pixels; 0 for what is not text.
        narrow: how wide a letter is for its height, 1 where it is seen straight.
        area: pixels of it if nothing hid it.
        turn: radians by which its lines are turned in the picture.
    """

    kind: Kind
    text: str
    format: str = ""
    height: float = 0.0
    narrow: float = 1.0
    area: float = 0.0
    turn: float = 0.0
    whole: bool = False


@dataclass(slots=True)
class Board:
    """The picture.

    Attributes:
        pixels: H×W×3 uint8 RGB.
        skin, wound: H×W bool.
        marks: H×W int32: 0, or the place of a draft in `drafts` plus 1. `wholes` is the same for whole things.
    """

    pixels: Pixels
    skin: NDArray[np.bool_]
    wound: NDArray[np.bool_]
    lamp: Lamp
    unit: float
    marks: NDArray[np.int32] = field(init=False)
    wholes: NDArray[np.int32] = field(init=False)
    drafts: list[Draft] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.marks = np.zeros(self.skin.shape, np.int32)
        self.wholes = np.zeros(self.skin.shape, np.int32)

    def lay(
        self,
        sheet: Sheet,
        bend: Bend,
        finish: Finish = Finish.PAPER,
        *,
        whole: str = "",
        part: bool = False,
        cut: bool = False,
    ) -> None:
        """Lays `sheet` into the picture.

        With `whole`, all of it is to be covered and that is its text; a `part` is stuck onto a whole and belongs to it;
        what is `cut` is a wound where it is inked.
        """
        window = self._window(bend.corners(sheet), finish)
        if window is None:
            return
        x, y = grid((window[0].stop - window[0].start, window[1].stop - window[1].start))
        seen = bend.seen(x + np.float32(window[1].start), y + np.float32(window[0].start), sheet)
        u, v = seen.dots(sheet)
        crowd = sheet.scale / bend.size
        face, alpha = sheet.pixels, sheet.alpha
        if crowd > 1.2:
            # More pixels on the sheet than in the picture: without this, thin bars would flicker.
            face = np.asarray(cv2.GaussianBlur(face, (0, 0), 0.4 * crowd), np.uint8)
            alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.4 * crowd), np.uint8)
        drawn = cv2.remap(face, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(alpha, u, v, cv2.INTER_LINEAR).astype(np.float32) / np.float32(255) * seen.there
        lit = self._lit(np.asarray(drawn, np.float32), seen, finish)
        ground = self.pixels[window].astype(np.float32)
        if finish is Finish.INK:
            dim = np.clip(ground.mean(axis=2, keepdims=True) / 150, 0.35, 1.1)
            mixed = ground + (np.asarray(drawn, np.float32) * dim - ground) * (cover * 0.9)[..., None]
        else:
            high = self.unit
            shadow = 0.45 * cast(cover, self.lamp, 0.5 * high, 0.6 * high)
            shadow += 0.3 * cast(cover, self.lamp, 0.2 * high, 0.25 * high)
            ground = ground * (1 - shadow * (1 - cover))[..., None]
            mixed = ground + (lit - ground) * cover[..., None]
        self.pixels[window] = np.clip(mixed, 0, 255).astype(np.uint8)
        if cut:
            self.wound[window] |= (cover > 0.3) & self.skin[window]
        self._note(sheet, window, seen, cover if finish is not Finish.INK else None, whole, part=part)

    def ink(self, where: NDArray[np.bool_]) -> None:
        """Notes a tattoo, which is there already, if any of it is to be seen: the outline around all of its lines."""
        if not where.any():
            return
        hull = cv2.convexHull(cv2.findNonZero(where.astype(np.uint8)))
        whole = np.zeros(where.shape, np.uint8)
        cv2.fillConvexPoly(whole, hull, 1)
        self.drafts.append(Draft(Kind.TATTOO, "", area=float(whole.sum())))
        self.marks[(whole > 0) & self.skin] = len(self.drafts)

    def _window(self, corners: NDArray[np.float64], finish: Finish) -> tuple[slice, slice] | None:
        margin = 0 if finish is Finish.INK else 4 * self.unit
        rows, columns = self.skin.shape
        x0, y0 = (int(max(0, v - margin)) for v in corners.min(axis=0))
        x1, y1 = int(min(columns, corners[:, 0].max() + margin)), int(min(rows, corners[:, 1].max() + margin))
        return (slice(y0, y1), slice(x0, x1)) if x1 - x0 > 2 and y1 - y0 > 2 else None

    def _lit(self, face: Field, seen: Seen, finish: Finish) -> Field:
        lamp = self.lamp
        up = 1 / np.sqrt(seen.across * seen.across + seen.down * seen.down + 1)
        facing = np.clip((lamp.z - seen.across * lamp.x - seen.down * lamp.y) * up / lamp.z, 0, 1.25)
        half_x, half_y = -lamp.x / (1 + lamp.z), -lamp.y / (1 + lamp.z)
        # Where the surface leans halfway to the lamp, it mirrors it.
        away = (seen.across - half_x) ** 2 + (seen.down - half_y) ** 2
        strength, width = finish.value
        shine = strength * np.exp(-np.minimum(away / np.float32(width * width), 30))
        if finish is Finish.GLASS:
            return np.asarray(face + shine[..., None], np.float32)
        return np.asarray(face * (0.30 + 0.70 * facing)[..., None] * 0.96 + shine[..., None], np.float32)

    def _note(
        self,
        sheet: Sheet,
        window: tuple[slice, slice],
        seen: Seen,
        cover: Field | None,
        whole: str,
        *,
        part: bool,
    ) -> None:
        marks, wholes = self.marks[window], self.wholes[window]
        if cover is not None:
            hides = cover > 0.5
            marks[hides] = 0
            if not part:
                wholes[hides] = 0
            self.skin[window] &= ~hides
            self.wound[window] &= ~hides
        else:
            hides = seen.there > 0.5
        if whole:
            self.drafts.append(Draft(Kind.TEXT, whole, whole=True, area=float(hides.sum())))
            wholes[hides] = len(self.drafts)
        for line in sheet.lines:
            for text, box in line.words:
                self._mark(Draft(Kind.TEXT, text), box, line.capital, marks, where=hides, seen=seen)
        for name, text, box in sheet.codes:
            self._mark(Draft(Kind.CODE, text, name), box, 0.0, marks, where=hides, seen=seen)

    def _mark(
        self,
        draft: Draft,
        box: Box,
        capital: float,
        marks: NDArray[np.int32],
        *,
        where: NDArray[np.bool_],
        seen: Seen,
    ) -> None:
        left, top, width, height = box
        inside = (seen.u >= left) & (seen.u < left + width) & (seen.v >= top) & (seen.v < top + height) & where
        rows, columns = np.nonzero(inside)
        if not rows.size:
            return
        # The middle one of its pixels says how it is turned and foreshortened.
        y, x = (int(np.median(v)) for v in (rows, columns))
        y, x = min(max(y, 2), inside.shape[0] - 3), min(max(x, 2), inside.shape[1] - 3)
        slope = (
            np.array(
                [[field[y, x + 2] - field[y, x - 2], field[y + 2, x] - field[y - 2, x]] for field in (seen.u, seen.v)],
                np.float64,
            )
            / 4
        )
        if abs(np.linalg.det(slope)) < 1e-9:
            return
        (a, b), (c, d) = np.linalg.inv(slope)
        spread, wide, tall = abs(a * d - b * c), float(np.hypot(a, c)), float(np.hypot(b, d))
        self.drafts.append(
            Draft(
                draft.kind,
                draft.text,
                draft.format,
                height=capital * spread / wide,
                narrow=wide / tall,
                area=width * height * spread,
                turn=float(np.arctan2(c, a)),
            )
        )
        marks[inside] = len(self.drafts)
