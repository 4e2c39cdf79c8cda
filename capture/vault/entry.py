"""What the vault says of an envelope, and of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from capture.identifiers import CaptureId
from capture.vault.states import State


@dataclass(frozen=True, slots=True)
class Entry:
    """What the queue knows of an envelope.

    Attributes:
        capture: its id, and its file's name.
        digest: SHA-256 of its bytes, 64 hex digits.
        length: how many bytes.
        counter: the device's count; the order of things. 0 where a damaged file could not say.
        urgent: whether it goes before the others. A queue that was rebuilt from the files has forgotten it.
        state: what is known of it.
        sealed_at_ms: when it was put here, by this machine's clock, for people; nothing is decided by it.
        offers: how often it was offered.
        reason: why it is parked, a slug; empty otherwise.
        receipt: the hospital's receipt, byte for byte, once there is one.
    """

    capture: CaptureId
    digest: str
    length: int
    counter: int
    urgent: bool
    state: State
    sealed_at_ms: int
    offers: int = 0
    reason: str = ""
    receipt: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a picture could be taken now.

    Attributes:
        writable: whether a put is expected to work.
        sentence: what to do where it is not; "The vault is ready." where it is.
        free_bytes: room left on its disk.
    """

    writable: bool
    sentence: str
    free_bytes: int
