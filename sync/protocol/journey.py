"""One capture's way out of the device, as the machine remembers it while it runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from capture.identifiers import CaptureId
from sync.protocol.effects import Work
from sync.protocol.phases import Phase, Step, advance
from sync.protocol.pieces import Pieces, Upload


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a capture is: chunks given to the broker, of all."""

    capture: CaptureId
    sent: int
    count: int


@dataclass(slots=True)
class Journey:
    """What is known of one capture. Changed only by :class:`~sync.protocol.device.DeviceMachine`.

    Attributes:
        work: the envelope.
        phase: see :mod:`sync.protocol.phases`.
        upload: the pieces it was last offered in.
        unsent: chunks that are missing there and not yet given to the broker.
        deadline: when the phase has lasted too long.
        not_before: while WAITING, when its turn may come.
        attempts: how often it came back without progress.
        fewest_missing: the smallest number of missing chunks that an answer named.
        asked: whether an offer waits for its answer.
        told_to_wait: whether `not_before` is what a receiver asked for.
        marked: whether the vault knows that it was offered.
    """

    work: Work
    phase: Phase = Phase.WAITING
    upload: Upload | None = None
    unsent: deque[int] = field(default_factory=deque)
    deadline: float = 0.0
    not_before: float = 0.0
    attempts: int = 0
    fewest_missing: int | None = None
    asked: bool = False
    told_to_wait: bool = False
    marked: bool = False

    def __post_init__(self) -> None:
        self.marked = self.work.offered

    @property
    def upload_now(self) -> Upload:
        """The pieces it was last offered in; asked only after an offer."""
        assert self.upload is not None
        return self.upload

    def apply(self, step: Step) -> bool:
        """Whether the step means something in this phase; if so, the phase has changed as the table says."""
        after = advance(self.phase, step)
        if after is None:
            return False
        self.phase = after
        return True

    def begin(self, upload: Upload) -> None:
        """Note the pieces of a new offer."""
        self.upload = upload
        self.unsent.clear()
        self.asked = True

    def learn_missing(self, pieces: Pieces) -> None:
        """Note what an answer said is missing. Less than ever before is progress, and ends the backing off."""
        self.unsent = deque(pieces.missing())
        missing = len(self.unsent)
        if self.fewest_missing is None or missing < self.fewest_missing:
            self.fewest_missing = missing
            self.attempts = 0

    def progress(self) -> Progress:
        """How far it is."""
        upload = self.upload_now
        return Progress(upload.capture, upload.count - len(self.unsent), upload.count)
