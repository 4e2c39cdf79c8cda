"""The live view between a camera's frames: faces looked for in every frame, the other kinds beside them.

Nothing is shown before its own faces were looked for. The other kinds take longer, so they are looked for beside the
frames, in one that is shown meanwhile, and leave a worker free for the next frame's faces; what was found is held from
that frame's moment on, moved as the picture moved since (inference/motion.py) and grown by its age. A kind whose last
look has become too old is waited for: the view degrades by showing fewer frames, never by covering less.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from inference import policy
from inference.detectors import Detector
from inference.hold import Hold
from inference.looking import Answers, Deadline, Look, begin_look
from inference.motion import Follower, Motion
from inference.picture import Frame, Kind, Region
from inference.policy import Thresholds
from inference.workers import Workers

STALE_NS: Final = 100_000_000
"""A kind whose last look is of a frame older than this is waited for before anything is shown."""
AGAIN_NS: Final = STALE_NS // 2
"""From this age of its last look on a detector looks again: oftener, it would take the processor from the slowest."""


@runtime_checkable
class SeesWounds(Protocol):
    """A detector that also says how much of the picture it takes for a wound."""

    wound: float | None


@dataclass(frozen=True, slots=True)
class _Beside:
    """A look that goes on while frames are shown."""

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
        self._beside_frames = tuple(d for d in detectors if Kind.FACE not in d.kinds)
        self._workers = workers
        self._room = max(1, workers.threads - 1)
        self._thresholds = thresholds
        self._deadline = deadline_seconds
        self._hold = Hold()
        self._follower = Follower()
        self._looked_ns: dict[Detector, int] = {}
        self._looking: dict[Detector, _Beside] = {}

    def regions(self, frame: Frame) -> tuple[tuple[Region, ...], dict[str, float]]:
        """What to cover in the frame, and how long each look took in milliseconds.

        Raises:
            DetectionFailed: a detector failed; show nothing of this frame.
        """
        now = frame.monotonic_ns
        took = self._move(frame)
        took |= self._take(self._done())
        late = [d for d in self._beside_frames if not self._is_within(self._looked_ns.get(d), now, STALE_NS)]
        took |= self._take(d for d in late if d in self._looking and not self._counts(d, now))
        faces = begin_look(self._always, frame.pixels, self._workers)
        self._begin(self._due(now)[: max(0, self._room - len(self._looking))], frame)
        answers = faces.answers(Deadline(self._deadline))
        self._keep(self._always, answers, now)
        self._begin((detector for detector in late if detector not in self._looking), frame)
        took |= answers.milliseconds | self._take([*late, *self._done()])
        return self._hold.regions(now), took

    @property
    def wound(self) -> float | None:
        """The share of the last frame looked at that is taken for a wound; None where no detector looks for any."""
        return next((d.wound for d in self._beside_frames if isinstance(d, SeesWounds)), None)

    def ages(self, now_ns: int) -> Mapping[Kind, int]:
        """How long before `now_ns`, in nanoseconds, each kind was last looked for by all that look for it.

        A kind that one of them never looked for is not there.
        """
        ages: dict[Kind, int] = {}
        for kind in Kind:
            looked = [self._age_ns(d, now_ns) for d in (*self._always, *self._beside_frames) if kind in d.kinds]
            if looked and None not in looked:
                ages[kind] = max(age for age in looked if age is not None)
        return ages

    def _move(self, frame: Frame) -> dict[str, float]:
        """Moves what is held as the picture moved."""
        begun = time.perf_counter()
        motion = self._follower.step(frame.pixels)
        self._hold = self._hold.moved(motion)
        for beside in self._looking.values():
            beside.motions.append(motion)
        return {"motion": (time.perf_counter() - begun) * 1e3}

    def _due(self, now_ns: int) -> list[Detector]:
        """Those that should look again, the longest waiting first."""
        idle = (detector for detector in self._beside_frames if detector not in self._looking)
        due = [one for one in idle if not self._is_within(self._looked_ns.get(one), now_ns, AGAIN_NS)]
        return sorted(due, key=lambda detector: self._looked_ns.get(detector, 0))

    def _begin(self, detectors: Iterable[Detector], frame: Frame) -> None:
        """Has these look at the frame, beside what is shown."""
        for detector in detectors:
            self._looking[detector] = _Beside(begin_look([detector], frame.pixels, self._workers), frame.monotonic_ns)

    def _done(self) -> list[Detector]:
        """Those whose look beside the frames has ended."""
        return [detector for detector, beside in self._looking.items() if beside.look.done]

    def _take(self, detectors: Iterable[Detector]) -> dict[str, float]:
        """The answers of these detectors' looks beside the frames, waited for; of those that are looking."""
        took: dict[str, float] = {}
        for detector in list(detectors):
            beside = self._looking.pop(detector, None)
            if beside is not None:
                answers = beside.look.answers(Deadline(self._deadline))
                self._keep([detector], answers, beside.frame_ns, beside.motions)
                took |= answers.milliseconds
        return took

    def _counts(self, detector: Detector, now_ns: int) -> bool:
        """Whether what this detector is looking at is new enough to be waited for."""
        return self._is_within(self._looking[detector].frame_ns, now_ns, STALE_NS)

    def _keep(
        self, detectors: Sequence[Detector], answers: Answers, seen_ns: int, motions: Sequence[Motion] = ()
    ) -> None:
        found = policy.covered(answers.regions, self._thresholds)
        self._hold = self._hold.after(tuple(detectors), found, seen_ns, motions)
        self._looked_ns |= dict.fromkeys(detectors, seen_ns)

    @staticmethod
    def _is_within(seen_ns: int | None, now_ns: int, most_ns: int) -> bool:
        return seen_ns is not None and 0 <= now_ns - seen_ns <= most_ns

    def _age_ns(self, detector: Detector, now_ns: int) -> int | None:
        """How long ago this detector last looked; None if never. Another one of its kind does not look for it."""
        looked = self._looked_ns.get(detector)
        return None if looked is None else now_ns - looked
