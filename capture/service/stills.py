"""The stills in review: in memory only, few, and gone when they are accepted, discarded or the screen locks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from capture.errors import StillDropped, StillsFull, StillUnknown
from capture.identifiers import CaptureId
from capture.quality import Quality
from capture.scale_marker import Marker
from inference.picture import Frame, Photo

MOST_HELD: Final = 4
"""Four Frames of 12 megapixels with their Photos are 300 MB."""


@dataclass(frozen=True, slots=True)
class HeldStill:
    """A picture in review.

    Attributes:
        capture: its id from the shutter on; the same when it is sealed.
        frame: the raw pixels, kept so that a person can uncover what was covered wrongly. Never encoded.
        photo: the picture as it is now.
        quality: what the quality gate measured.
        marker: whether our scale is in view.
        taken_at_ms: Unix milliseconds.
        milliseconds: stage → what it took, one after the other, from the shutter on.
        within: what de-identification took inside, some of it side by side.
    """

    capture: CaptureId
    frame: Frame = field(repr=False)
    photo: Photo = field(repr=False)
    quality: Quality
    marker: Marker
    taken_at_ms: int
    milliseconds: Mapping[str, float]
    within: Mapping[str, float] = field(default_factory=dict)


class Shelf:
    """Holds at most `capacity` stills. Every method may be called from any thread."""

    def __init__(self, capacity: int = MOST_HELD) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: dict[CaptureId, HeldStill] = {}
        self._sweeps = 0

    def __len__(self) -> int:
        return len(self._held)

    def room(self) -> int:
        """A ticket for one more still, to be handed to :meth:`add`.

        Raises:
            StillsFull: there is no room.
        """
        with self._lock:
            if len(self._held) >= self._capacity:
                raise StillsFull
            return self._sweeps

    def add(self, still: HeldStill, ticket: int) -> None:
        """Hold `still`.

        Raises:
            StillDropped: everything was discarded since the ticket was given; a locked screen leaves no picture behind.
            StillsFull: there is no room.
        """
        with self._lock:
            if ticket != self._sweeps:
                raise StillDropped
            if len(self._held) >= self._capacity:
                raise StillsFull
            self._held[still.capture] = still

    def lift(self, capture: str) -> tuple[HeldStill, int]:
        """This still, no more held, for who is about to keep it; and a ticket to put it back with :meth:`add`.

        Raises:
            StillUnknown: it is not held.
        """
        with self._lock:
            still = self._get(capture)
            del self._held[still.capture]
            return still, self._sweeps

    def get(self, capture: str) -> HeldStill:
        """The still with this id.

        Raises:
            StillUnknown: it is not held.
        """
        with self._lock:
            return self._get(capture)

    def replace(self, still: HeldStill) -> None:
        """The same still after a decision.

        Raises:
            StillUnknown: it was discarded meanwhile.
        """
        with self._lock:
            self._get(still.capture)
            self._held[still.capture] = still

    def discard(self, capture: str) -> int:
        """Forget this still; 1 when it was held, else 0."""
        with self._lock:
            return int(self._held.pop(CaptureId(capture), None) is not None)

    def discard_all(self) -> int:
        """Forget all, and what is being taken too; how many were held."""
        with self._lock:
            count = len(self._held)
            self._held.clear()
            self._sweeps += 1
            return count

    def _get(self, capture: str) -> HeldStill:
        still = self._held.get(CaptureId(capture))
        if still is None:
            raise StillUnknown
        return still
