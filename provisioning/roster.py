"""The clinicians whom a site lets use its devices, and their PINs.

A PIN is kept as argon2id (RFC 9106, the low-memory choice: 64 MiB, three passes). Four digits are soon tried by whoever
holds the hash, so the roster is given only to approved devices, and the panel counts and slows attempts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from capture.identifiers import is_badge
from provisioning.errors import NotAccepted

_PIN = re.compile(r"[0-9]{4,12}", re.ASCII)
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=[0-9]{1,7},t=[0-9]{1,2},p=[0-9]{1,2}\$[A-Za-z0-9+/]{16,64}\$[A-Za-z0-9+/]{16,128}"
)
_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4, type=Type.ID)
# A manifest cannot make a device spend more than this on one PIN.
_MAX_MEMORY_KIB, _MAX_PASSES, _MAX_LANES = 262144, 8, 8


class Role(Enum):
    """What somebody may do at a device: a ward lead also sees what others took with it."""

    CLINICIAN = "clinician"
    WARD_LEAD = "ward-lead"


@dataclass(frozen=True, slots=True)
class Clinician:
    """One line of the roster."""

    badge: str
    name: str
    role: Role
    pin_hash: str = field(repr=False)

    def __post_init__(self) -> None:
        if not is_badge(self.badge):
            raise ValueError("a badge is 1 to 64 letters, digits, dots, hyphens and underscores")
        if not 1 <= len(self.name) <= 80 or not self.name.isprintable() or self.name != self.name.strip():
            raise ValueError("a clinician's name is 1 to 80 printable characters")
        if not _HASH.fullmatch(self.pin_hash) or not _bounded(self.pin_hash):
            raise ValueError("the PIN is not kept as an argon2id hash of bounded cost")


def hash_pin(pin: str) -> str:
    """`pin` as an argon2id hash with its own salt.

    Raises:
        NotAccepted: not 4 to 12 digits.
    """
    if not _PIN.fullmatch(pin):
        raise NotAccepted("A PIN has 4 to 12 digits.")
    return _HASHER.hash(pin)


def enlist(badge: str, name: str, role: str, pin: str) -> Clinician:
    """A clinician with a fresh PIN hash.

    Raises:
        NotAccepted: one of the values; the sentence says which.
    """
    try:
        return Clinician(badge, name.strip(), Role(role), hash_pin(pin))
    except ValueError as error:
        raise NotAccepted(f"This clinician cannot be added: {error}.") from error


def verify_pin(roster: Iterable[Clinician], badge: str, pin: str) -> Clinician | None:
    """The clinician whose badge and PIN these are, or None. An unknown badge takes as long as a wrong PIN."""
    clinician = next((each for each in roster if each.badge == badge), None)
    try:
        _HASHER.verify(clinician.pin_hash if clinician else _nobody(), pin)
    except (VerificationError, InvalidHashError):
        return None
    return clinician


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this as a PIN")


def _bounded(pin_hash: str) -> bool:
    memory, passes, lanes = (int(part.partition("=")[2]) for part in pin_hash.split("$")[3].split(","))
    return memory <= _MAX_MEMORY_KIB and 1 <= passes <= _MAX_PASSES and 1 <= lanes <= _MAX_LANES
