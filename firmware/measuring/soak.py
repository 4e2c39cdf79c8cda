"""Whether the camera service's work lets go of its memory: frames and stills in a loop, and what the process holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from capture.encoding import LIVE_QUALITY, encode_jpeg
from capture.envelope import SealingContext
from capture.vault import Vault
from firmware.measuring.figures import slope
from firmware.measuring.live import live_frames
from firmware.measuring.memory import resident_mib
from firmware.measuring.stills import take
from inference import Deidentifier, Frame

FRAMES_PER_STILL: Final = 10
"""10,000 frames and 1,000 stills: what docs/benchmarks.md holds it to."""
WARM_UP: Final = 0.2
"""The first part of a run fills caches and pools, and says nothing about growth."""
_SAMPLES: Final = 200


@dataclass(slots=True)
class Held:
    """What the process held, frame by frame."""

    frames: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    def note(self, frame: int, mib: float) -> None:
        """So much after so many frames."""
        self.frames.append(frame)
        self.mib.append(mib)

    def after_warm_up(self) -> Held:
        """What counts."""
        from_frame = WARM_UP * self.frames[-1]
        kept = [(frame, mib) for frame, mib in zip(self.frames, self.mib, strict=True) if frame >= from_frame]
        return Held([frame for frame, _ in kept], [mib for _, mib in kept])


def measure_memory(
    deidentifier: Deidentifier, still: Frame, context: SealingContext, vault: Vault, frames: int
) -> dict[str, Any]:
    """`frames` of the live view, encoded, and after each ten a still, sealed, put in the vault, receipted and erased.

    `frames` is at least 2 × :data:`FRAMES_PER_STILL`.
    """
    held = Held()
    every = max(1, frames // _SAMPLES)
    stills = 0
    for number, frame in zip(range(1, frames + 1), live_frames(None), strict=False):
        encode_jpeg(deidentifier.live(frame), quality=LIVE_QUALITY)
        if number % FRAMES_PER_STILL == 0:
            envelope, _ = take(deidentifier, still, context, vault)
            vault.receipted(envelope.capture, envelope.digest, b"bench")
            vault.erase(envelope.capture)
            stills += 1
        if number % every == 0:
            held.note(number, resident_mib())
    counted = held.after_warm_up()
    return {
        "memory": {
            "frames": frames,
            "stills": stills,
            "first_mib": counted.mib[0],
            "last_mib": counted.mib[-1],
            "most_mib": max(held.mib),
            "mib_per_1000_frames": 1000 * slope(counted.frames, counted.mib),
        }
    }
