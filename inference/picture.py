"""The values that pass between a camera, the detectors and whoever keeps a picture.

A :class:`Frame` is raw pixels and has no way out: it cannot be pickled, converted or encoded. What may leave memory is
a :class:`Photo` (a still) or a :class:`LiveView` (a moment of the viewfinder), and only
:mod:`inference.deidentifier` can make either, because only it holds the mint. So "raw pixels cannot be encoded" is
a type error for mypy and a TypeError at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NoReturn, final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""H×W×3 uint8, RGB, upright."""

Polygon = tuple[tuple[float, float], ...]
"""At least three (x, y) corners in pixels, origin top left."""


class Kind(StrEnum):
    """What an identifier can be."""

    FACE = "face"
    TATTOO = "tattoo"
    TEXT = "text"
    CODE = "code"


class Outcome(StrEnum):
    """What a detector answered for one kind. UNSURE asks a person; it is never read as CLEAR."""

    FOUND = "found"
    CLEAR = "clear"
    UNSURE = "unsure"


BY_PERSON: Final = "person"
"""What stands in place of a model in a region that a person drew."""


class Action(StrEnum):
    """What a person may decide in review."""

    ADD = "add"
    REMOVE = "remove"
    SHOW = "show"
    CONFIRM = "confirm"
    LEAVE = "leave"


def frozen_pixels(pixels: Pixels) -> Pixels:
    """The same pixels as a read-only, C-contiguous H×W×3 uint8 array.

    Raises:
        ValueError: not an H×W×3 uint8 array, or no pixel in it.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels must be H×W×3 uint8 and not empty, got {pixels.dtype} {pixels.shape}")
    view = np.ascontiguousarray(pixels).view()
    view.flags.writeable = False
    return view


class _StaysInMemory:
    """Refuses the ways by which Python objects leave memory unnoticed."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} never leaves memory: it cannot be pickled or copied")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Frame(_StaysInMemory):
    """Raw pixels from a camera. Never leaves the camera service; no function encodes one.

    Attributes:
        pixels: H×W×3 uint8 RGB, upright, read-only.
        monotonic_ns: when the light was taken, on this machine's monotonic clock.
        metadata: what the sensor said (exposure, gain, a replayed picture's place in its row); never a patient's name.
    """

    pixels: Pixels = field(repr=False)
    monotonic_ns: int
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", frozen_pixels(self.pixels))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


@final
@dataclass(frozen=True, slots=True)
class Region:
    """Where an identifier is.

    Attributes:
        kind: what it is.
        polygon: its outline in pixels of the picture it was found in; what is covered is exactly this.
        score: 0 to 1, the model's own; 1.0 when a person drew it.
        model: the manifest name of the model that found it, or "person".
    """

    kind: Kind
    polygon: Polygon
    score: float
    model: str

    def __post_init__(self) -> None:
        if len(self.polygon) < 3:
            raise ValueError("a region needs at least three corners")
        if not all(np.isfinite(value) for corner in self.polygon for value in corner):
            raise ValueError("a region's corners must be finite numbers")
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a region's score lies in 0..1, got {self.score}")


@final
@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about a picture in review.

    Attributes:
        action: ADD covers `polygon`; REMOVE uncovers the one at `index`; SHOW uncovers the wound inside `polygon` on a
            face; CONFIRM says that nothing of an UNSURE kind is left uncovered; LEAVE says that what is covered of a
            kind hides no wound, or is to stay all the same.
        kind: which kind it is about.
        by: who decided, as the roster names them.
        at_ms: when, in Unix milliseconds.
        polygon: for ADD and SHOW.
        index: for REMOVE, the region's place in the Redaction that was reviewed.
        reason: why, in the person's words; required for REMOVE and SHOW.
        features: for REMOVE and SHOW of a face, whether eyes and mouth are to be seen too. Whoever follows it has made
            sure that consent and role allow that.
    """

    action: Action
    kind: Kind
    by: str
    at_ms: int
    polygon: Polygon | None = None
    index: int | None = None
    reason: str = ""
    features: bool = False

    def __post_init__(self) -> None:
        if self.action is Action.ADD and self.polygon is None:
            raise ValueError("to add a region, say where it is")
        if self.action is Action.REMOVE and (self.index is None or not self.reason.strip()):
            raise ValueError("to uncover a region, say which one and why")
        if self.action is Action.SHOW and (self.kind is not Kind.FACE or not self.polygon or not self.reason.strip()):
            raise ValueError("to show a wound on a face, say where it is and why")
        if self.features and (self.kind is not Kind.FACE or self.action not in {Action.SHOW, Action.REMOVE}):
            raise ValueError("only a face has features to show")

    @property
    def uncovers(self) -> bool:
        """Whether more is seen after it than before."""
        return self.action in {Action.REMOVE, Action.SHOW}


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """A part of a face that a person uncovered, because there is a wound.

    What is seen lies inside `polygon`, in no polygon of `kept`, and in no region but those of faces that a detector
    found.

    Attributes:
        polygon: where the wound was marked.
        kept: what stays covered there all the same, the eyes and the mouth; nothing where they too may be seen.
    """

    polygon: Polygon
    kept: tuple[Polygon, ...]


@final
@dataclass(frozen=True, slots=True)
class Redaction:
    """The de-identification record of one picture: what each detector answered, what was covered, who decided what.

    Attributes:
        width, height: of the picture, pixels; regions are in its coordinates.
        regions: everything that is covered, but for what is `shown`.
        outcomes: the answer for each kind; every kind is there.
        models: manifest name → SHA-256 (hex) of each model that looked.
        thresholds: name → score from which a region counts, as used.
        policy: version of the redaction policy.
        second_look: what a second look at the redacted pixels answered.
        decisions: what people decided, oldest first.
        shown: the parts of faces that people uncovered.
    """

    width: int
    height: int
    regions: tuple[Region, ...]
    outcomes: Mapping[Kind, Outcome]
    models: Mapping[str, str]
    thresholds: Mapping[str, float]
    policy: str
    second_look: Outcome
    decisions: tuple[Decision, ...] = ()
    shown: tuple[Shown, ...] = ()

    def __post_init__(self) -> None:
        if set(self.outcomes) != set(Kind):
            raise ValueError("a redaction answers for every kind")
        for name in ("outcomes", "models", "thresholds"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def unanswered(self) -> tuple[Kind, ...]:
        """The kinds that are unsure and that no person has confirmed. While any is left, nothing may be sealed."""
        confirmed = {decision.kind for decision in self.decisions if decision.action is Action.CONFIRM}
        return tuple(k for k in Kind if self.outcomes[k] is Outcome.UNSURE and k not in confirmed)

    @property
    def hiding(self) -> tuple[Kind, ...]:
        """The kinds that are unsure and of which a detector had something covered, while no person has looked at that.

        It may be in doubt, or lie on what was taken for a wound; either way it may hide one. While any is left, nothing
        may be sealed.
        """
        settled = {one.kind for one in self.decisions if one.action in {Action.LEAVE, Action.SHOW}}
        covered = {region.kind for region in self.regions if region.model != BY_PERSON} - settled
        return tuple(k for k in Kind if self.outcomes[k] is Outcome.UNSURE and k in covered)

    @property
    def recognisable(self) -> bool:
        """Whether the picture shows features by which somebody may know the patient: a person uncovered of a face."""
        return bool(self.shown) or any(one.action is Action.REMOVE and one.kind is Kind.FACE for one in self.decisions)

    @property
    def shows_features(self) -> bool:
        """Whether eyes or mouth were uncovered on purpose, which needs a consent and a role of its own."""
        return any(decision.features for decision in self.decisions)


_MINT: Final = object()
"""Held by the de-identifier alone (and by tests that prove what happens without it)."""


class _Deidentified(_StaysInMemory):
    """Pixels that have been through de-identification."""

    __slots__ = ("_pixels",)

    def __init__(self, pixels: Pixels, mint: object) -> None:
        if mint is not _MINT:
            raise TypeError(
                f"a {type(self).__name__} is made by a Deidentifier, from a Frame; nothing else may make one"
            )
        self._pixels = frozen_pixels(pixels)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if cls.__module__ != __name__:
            raise TypeError("de-identified pictures have two types, and no third")
        super().__init_subclass__(**kwargs)

    @property
    def pixels(self) -> Pixels:
        """H×W×3 uint8 RGB, read-only, every region filled."""
        return self._pixels

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self._pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self._pixels.shape[0])


@final
class Photo(_Deidentified):
    """A still that has been through de-identification, with its record."""

    __slots__ = ("milliseconds", "redaction")

    def __init__(
        self, pixels: Pixels, redaction: Redaction, milliseconds: Mapping[str, float], *, mint: object = None
    ) -> None:
        super().__init__(pixels, mint)
        self.redaction = redaction
        self.milliseconds: Mapping[str, float] = MappingProxyType(dict(milliseconds))


@final
class LiveView(_Deidentified):
    """One moment of the viewfinder, de-identified, with the regions it covers.

    Attributes:
        regions: what is covered.
        monotonic_ns: when the light was taken.
        milliseconds: what each stage took.
        wound: the share of the frame, or of one just before, that is taken for a wound, 0 to 1; None where nobody
            looked. A guide for whoever holds the camera, and nothing more.
    """

    __slots__ = ("milliseconds", "monotonic_ns", "regions", "wound")

    def __init__(
        self,
        pixels: Pixels,
        regions: tuple[Region, ...],
        monotonic_ns: int,
        milliseconds: Mapping[str, float],
        *,
        wound: float | None = None,
        mint: object = None,
    ) -> None:
        super().__init__(pixels, mint)
        self.wound = wound
        self.regions = regions
        self.monotonic_ns = monotonic_ns
        self.milliseconds: Mapping[str, float] = MappingProxyType(dict(milliseconds))
