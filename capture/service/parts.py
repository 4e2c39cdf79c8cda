"""What the camera service is given. It makes none of it itself, so that keys, models and the vault can be swapped."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from capture.camera import Camera
from capture.encoding import LIVE_QUALITY, STILL_QUALITY
from capture.envelope import SealingContext
from capture.identifiers import CaptureId
from capture.ledger import Ledger
from capture.service.self_test import Check, Phantom, SelfTested
from capture.vault import Vault
from inference import Decoded
from inference.picture import Decision, Frame, LiveView, Photo, Redaction


class Deidentifies(Protocol):
    """What :class:`inference.Deidentifier` does for this service. Called from one thread at a time."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Manifest name of each model → its digest."""
        ...

    def live(self, frame: Frame) -> LiveView:
        """A moment of the viewfinder. Raises DetectionFailed."""
        ...

    def still(self, frame: Frame) -> Photo:
        """A still. Raises DetectionFailed."""
        ...

    def revise(self, frame: Frame, redaction: Redaction, decisions: Sequence[Decision]) -> Photo:
        """The still once more, with a person's decisions. Raises DecisionRefused."""
        ...

    def scan(self, frame: Frame) -> Sequence[Decoded]:
        """The codes that can be read in it. Called beside the others, from another thread."""
        ...

    def close(self) -> None:
        """End its workers; it is not used after this."""
        ...


@dataclass(frozen=True, slots=True)
class CameraServiceParts:
    """The parts of one camera service.

    Attributes:
        camera: not yet opened; from here on it belongs to the service.
        load_engine: loads the de-identifier; called in a thread, and again after it raised an InferenceError.
        vault: where envelopes go.
        ledger: the camera's chain.
        sealing_context: who seals for whom, asked anew for each capture, so that keys can rotate meanwhile.
        live_quality, still_quality: of the JPEGs.
        may_show_features: whether this clinician's role lets them show a patient's eyes or mouth; nobody's does, if not
            said otherwise.
        phantom: draws what the device tests itself with; without one it is not tested with a picture.
        checks: further parts of its test → what looks at each.
        self_tested: hears of each test that ended, with name and digest of each model in use.
        beat: called by the camera's thread each time that it comes round; a thread that hangs is silent.
        wall_ms: Unix milliseconds; said to the hospital, decides nothing.
        new_capture: 128 fresh random bits as a capture id.
    """

    camera: Camera
    load_engine: Callable[[], Deidentifies]
    vault: Vault
    ledger: Ledger
    sealing_context: Callable[[CaptureId, int], SealingContext] = field(repr=False)
    live_quality: int = LIVE_QUALITY
    still_quality: int = STILL_QUALITY
    may_show_features: Callable[[str], bool] = lambda _clinician: False
    phantom: Callable[[], Phantom] | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    self_tested: Callable[[SelfTested, Mapping[str, str]], None] = lambda _result, _models: None
    beat: Callable[[], None] = lambda: None
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    new_capture: Callable[[], CaptureId] = lambda: CaptureId(secrets.token_hex(16))
