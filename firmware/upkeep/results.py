"""What a device says became of a command, signed while there is a key to sign with."""

from __future__ import annotations

from provisioning.clock import Clock
from provisioning.commands import Outcome, Result, sentence_of, sign_result
from provisioning.identity import DeviceIdentity
from provisioning.keys import read_ec_key


def signed(of: DeviceIdentity, number: int, outcome: Outcome, sentence: str, clock: Clock) -> bytes:
    """The result of the command with that number, as the site gets it.

    Raises:
        KeyExposed: others can read the identity key.
    """
    result = Result(of.site, of.device, number, outcome, sentence_of(sentence), clock())
    return sign_result(result, read_ec_key(of.identity_key))
