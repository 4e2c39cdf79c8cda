"""The live view between a camera's frames: faces looked for in every frame, the other kinds in turn beside them.

Nothing is shown before its own faces were looked for. The other kinds take longer, so one of them at a time is looked
for beside the faces, in a frame that was shown meanwhile; what it found is held from that frame's moment on, moved as
the picture moved since (inference/motion.py) and grown by its age. A kind whose last look has become too old is waited
for: the view degrades by showing fewer frames, never by covering less.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from inference import policy
from inference.detectors import Detector
from inference.hold import Hold
from inference.looking import Answers, Deadline, Look, begin_look, look
from inference.motion import Follower, Motion
from inference.picture import Frame, Kind, Region
from inference.policy import Thresholds
from inference.workers import Workers

STALE_NS: Final = 250_000_000
"""A kind whose last look is of a frame older than this is waited for before anything is shown."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """A look that goes on while frames are shown."""

    detector: Detector
    look: Look
    frame_ns: int
    motions: list[Motion] = field(default_factory=list)
    """Of the picture since that frame."""


class Viewfinder:
    """What is covered in each frame of one stream. For one caller at a time."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        workers: Workers,
        thresholds: Thresholds,
        deadline_seconds: float,
    ) -> None:
        self._always = tuple(d for d in detectors if Kind.FACE in d.kinds)
        self._in_turn = tuple(d for d in detectors if Kind.FACE not in d.kinds)
        self._workers = workers
        self._thresholds = thresholds
        self._deadline = deadline_seconds
        self._hold = Hold()
        self._follower = Follower()
        self._looked_ns: dict[Detector, int] = {}
        self._beside: _Beside | None = None

    def regions(self, frame: Frame) -> tuple[tuple[Region, ...], dict[str, float]]:
        """What to cover in the frame, and how long each look took in milliseconds.

        Raises:
            DetectionFailed: a detector failed; show nothing of this frame.
        """
        now = frame.monotonic_ns
        took = self._move(frame)
        took |= self._take(wait=False)
        late = [d for d in self._in_turn if self._is_late(d, now)]
        if self._beside is not None and self._beside.detector in late and self._is_late_at(self._beside.frame_ns, now):
            took |= self._take(wait=True)  # of a frame too old to count; its worker is needed
        if self._beside is None and (oldest := self._oldest(now, late)) is not None:
            self._beside = _Beside(oldest, begin_look([oldest], frame.pixels, self._workers), now)
        beside = self._beside.detector if self._beside is not None else None
        took |= self._see([*self._always, *(d for d in late if d is not beside)], frame)
        if beside in late:
            took |= self._take(wait=True)
        return self._hold.regions(now), took

    def ages(self, now_ns: int) -> Mapping[Kind, int]:
        """How long before `now_ns`, in nanoseconds, each kind was last looked for by all that look for it.

        A kind that one of them never looked for is not there.
        """
        ages: dict[Kind, int] = {}
        for kind in Kind:
            looked = [self._age_ns(d, now_ns) for d in (*self._always, *self._in_turn) if kind in d.kinds]
            if looked and None not in looked:
                ages[kind] = max(age for age in looked if age is not None)
        return ages

    def _move(self, frame: Frame) -> dict[str, float]:
        """Moves what is held as the picture moved."""
        begun = time.perf_counter()
        motion = self._follower.step(frame.pixels)
        self._hold = self._hold.moved(motion)
        if self._beside is not None:
            self._beside.motions.append(motion)
        return {"motion": (time.perf_counter() - begun) * 1e3}

    def _see(self, detectors: Sequence[Detector], frame: Frame) -> dict[str, float]:
        answers = look(detectors, frame.pixels, self._workers, Deadline(self._deadline))
        self._keep(detectors, answers, frame.monotonic_ns)
        return answers.milliseconds

    def _take(self, *, wait: bool) -> dict[str, float]:
        """The answer of the look beside the frames, if it is there or to be waited for."""
        beside = self._beside
        if beside is None or not (wait or beside.look.done):
            return {}
        self._beside = None
        answers = beside.look.answers(Deadline(self._deadline))
        self._keep([beside.detector], answers, beside.frame_ns, beside.motions)
        return answers.milliseconds

    def _keep(
        self, detectors: Sequence[Detector], answers: Answers, seen_ns: int, motions: Sequence[Motion] = ()
    ) -> None:
        found = policy.covered(answers.regions, self._thresholds)
        kinds = frozenset(kind for detector in detectors for kind in detector.kinds)
        self._hold = self._hold.after(kinds, found, seen_ns, motions)
        self._looked_ns |= dict.fromkeys(detectors, seen_ns)

    def _oldest(self, now_ns: int, late: Sequence[Detector]) -> Detector | None:
        """Whose turn it is: a late one first, and of those the one that was looked for longest ago."""
        waiting = late or self._in_turn
        ages = {detector: self._age_ns(detector, now_ns) for detector in waiting}
        never = [detector for detector, age in ages.items() if age is None]
        return never[0] if never else max(waiting, key=lambda d: ages[d] or 0, default=None)

    def _is_late(self, detector: Detector, now_ns: int) -> bool:
        age = self._age_ns(detector, now_ns)
        return age is None or not 0 <= age <= STALE_NS

    def _is_late_at(self, seen_ns: int, now_ns: int) -> bool:
        return not 0 <= now_ns - seen_ns <= STALE_NS

    def _age_ns(self, detector: Detector, now_ns: int) -> int | None:
        """How long ago this detector last looked; None if never. Another one of its kind does not look for it."""
        looked = self._looked_ns.get(detector)
        return None if looked is None else now_ns - looked
