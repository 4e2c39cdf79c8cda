"""Reading a code that somebody holds to the camera. What it says goes to the caller and nowhere else.

A code counts once two looks in a row read the same one and no other. The live view goes on meanwhile: a look takes the
latest preview frame and neither keeps nor delays it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from capture.camera import CameraState, CameraSupervisor
from capture.errors import CameraFailed, CodesDiffer, CodeUnseen, ScanBusy, ScanStopped
from capture.service.engine import Engine
from inference import Decoded

SCAN_S: Final = 8.0
"""How long one request looks."""
PACE_S: Final = 0.08
"""How long a look rests before the next."""
_FRAME_S: Final = 0.25


class CodeKind(StrEnum):
    """What is held to the camera."""

    BADGE = "badge"
    WRISTBAND = "wristband"
    INVITATION = "invitation"


_BOTH: Final = frozenset({"code128", "datamatrix", "qrcode"})
SYMBOLOGIES: Final[Mapping[CodeKind, frozenset[str]]] = MappingProxyType(
    {
        CodeKind.BADGE: _BOTH | {"code39"},
        CodeKind.WRISTBAND: _BOTH,
        CodeKind.INVITATION: frozenset({"qrcode"}),
    }
)
"""Which symbologies each kind is printed in; others in view are passed over.

Not PDF417: held small or slanting it is misread, twice alike too (docs/evaluation.md). Code 39 has no check character
of its own, so it says who somebody claims to be, and never who the patient is.
"""


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """A code that was read: its symbology in lowercase without spaces, and what it says, which is not in the repr."""

    symbology: str
    text: str = field(repr=False)


class Scanner:
    """Looks for a code in the live view's frames, for one caller at a time."""

    def __init__(
        self,
        camera: CameraSupervisor,
        engine: Engine,
        *,
        patience_s: float = SCAN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera = camera
        self._engine = engine
        self._patience_s = patience_s
        self._clock = clock
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._closed = False

    def stop(self) -> None:
        """End the scan that runs, if any, within one look."""
        self._stopped.set()

    def close(self) -> None:
        """End the scan that runs, and let none begin."""
        self._closed = True

    def scan(self, kind: CodeKind) -> ScannedCode:
        """The one code of this kind in view, read twice alike.

        Raises:
            ScanBusy: another scan runs.
            ScanStopped: :meth:`stop` was called meanwhile, or :meth:`close` at any time.
            CodesDiffer: several different codes are in view.
            CodeUnseen: none was read in time.
            CameraFailed: the camera gives nothing.
            EngineNotReady: nothing reads codes yet.
        """
        if not self._turn.acquire(blocking=False):
            raise ScanBusy
        try:
            self._stopped.clear()
            return self._look(kind)
        finally:
            self._turn.release()

    def _look(self, kind: CodeKind) -> ScannedCode:
        ends, sequence, before = self._clock() + self._patience_s, 0, frozenset[ScannedCode]()
        while self._clock() < ends:
            if self._closed or self._stopped.is_set():
                raise ScanStopped
            newer = self._camera.frames.newer_than(sequence, _FRAME_S)
            if newer is None:
                status = self._camera.status
                if status.state is not CameraState.READY:
                    raise CameraFailed(status.sentence)
                continue
            sequence, frame = newer
            seen = codes_of(self._engine.scan(frame), kind)
            if code := agreed(before, seen):
                return code
            before = seen
            self._stopped.wait(PACE_S)  # somebody may wait all day at the sign-in page
        raise CodeUnseen


def codes_of(found: Iterable[Decoded], kind: CodeKind) -> frozenset[ScannedCode]:
    """What one look has read that may be of this kind."""
    read = (ScannedCode(_plain(one.format), one.text) for one in found)
    return frozenset(code for code in read if code.symbology in SYMBOLOGIES[kind])


def agreed(before: frozenset[ScannedCode], now: frozenset[ScannedCode]) -> ScannedCode | None:
    """The code that two looks in a row agree on; None where they do not, or saw nothing.

    Raises:
        CodesDiffer: both looks saw the same several codes.
    """
    if not now or before != now:
        return None
    if len(now) > 1:
        raise CodesDiffer
    (code,) = now
    return code


def _plain(symbology: str) -> str:
    return symbology.replace(" ", "").lower()
