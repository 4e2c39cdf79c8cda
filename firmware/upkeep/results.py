"""What a device says became of a command, signed while there is a key to sign with."""

from __future__ import annotations

from typing import Final

from provisioning.clock import Clock
from provisioning.commands import Outcome, Result, sentence_of, sign_result
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused
from provisioning.identity import DeviceIdentity
from provisioning.keys import read_ec_key

_FOR_GOOD: Final = frozenset(
    {
        EnrolmentRefusal.COMMAND_UNKNOWN,
        EnrolmentRefusal.DEVICE_UNKNOWN,
        EnrolmentRefusal.SIGNATURE_WRONG,
        EnrolmentRefusal.REQUEST_DAMAGED,
        EnrolmentRefusal.REQUEST_TOO_LARGE,
    }
)


def signed(of: DeviceIdentity, number: int, outcome: Outcome, sentence: str, clock: Clock) -> bytes:
    """The result of the command with that number, as the site gets it.

    Raises:
        KeyExposed: others can read the identity key.
    """
    result = Result(of.site, of.device, number, outcome, sentence_of(sentence), clock())
    return sign_result(result, read_ec_key(of.identity_key))


def never_taken(refused: EnrolmentRefused) -> bool:
    """Whether the site will not take this result at another time either; one that is only busy takes it later.

    A site that was restored from its backup does not know its own command.
    """
    return refused.reason in _FOR_GOOD
