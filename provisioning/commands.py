"""What a site may tell one device to do, and what the device answers: signed, numbered, dated. Pure.

Bytes in, verified values out, as for the manifest: nothing of a command is believed before its signature by the pinned
root is, and nothing of a result before its signature by the device's identity key is. The format is
docs/formats/enrolment.md; why so, docs/adr/0015.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm

from capture.canonical import from_base64, to_base64
from capture.identifiers import DeviceId, SiteId, device_id, site_id
from provisioning import canonical
from provisioning.canonical import field, moment
from provisioning.clock import seconds
from provisioning.errors import CommandRefusal, CommandRefused
from provisioning.terms import check_name
from provisioning.updates import Update

FORMAT: Final = "wardlens-site-command/1"
RESULT_FORMAT: Final = "wardlens-command-result/1"
MAX_COMMAND: Final = 4096
EVEN_UNSENT: Final = "even-unsent"
"""The argument of a wipe that does not ask about pictures which wait."""

_LABEL: Final = b"wardlens site command v1\n"
_RESULT_LABEL: Final = b"wardlens command result v1\n"
_FIELDS: Final = {"format", "site", "device", "number", "name", "argument", "issued", "expires"}
_RESULT_FIELDS: Final = {"format", "site", "device", "number", "outcome", "sentence", "at"}
_SKEW: Final = 3600
_LARGEST: Final = 2**53 - 1
_SENTENCE: Final = 300


class CommandName(Enum):
    """What a device can be told."""

    SELF_TEST = "self-test"
    RENEW = "renew"
    RENAME = "rename"
    WIPE = "wipe"
    UPDATE = "update"


class Outcome(Enum):
    """What became of a command."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing for one device to do, once. Times are whole seconds, UTC; the argument is as the name asks."""

    site: SiteId
    device: DeviceId
    number: int
    name: CommandName
    argument: str
    issued: datetime
    expires: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.number <= _LARGEST or self.expires <= self.issued:
            raise ValueError("a command has a number from 1 and expires after it is issued")
        if self.name is CommandName.RENAME:
            check_name(self.argument)
        elif self.name is CommandName.UPDATE:
            Update.parse(self.argument)
        elif self.argument not in {"", *([EVEN_UNSENT] if self.name is CommandName.WIPE else [])}:
            raise ValueError(f"{self.argument[:40]!r} is no argument of {self.name.value}")


@dataclass(frozen=True, slots=True)
class Result:
    """What the device says became of the command with that number; `sentence` is for IT and names no patient."""

    site: SiteId
    device: DeviceId
    number: int
    outcome: Outcome
    sentence: str
    at: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.number <= _LARGEST:
            raise ValueError("a result has a number from 1")
        if not 1 <= len(self.sentence) <= _SENTENCE or not self.sentence.isprintable():
            raise ValueError("a result has a sentence of 1 to 300 printable characters")


def sentence_of(text: str) -> str:
    """`text` as a result's sentence can hold it; one that says so where there is none."""
    return "".join(one if one.isprintable() else " " for one in text)[:_SENTENCE] or "It gave no reason."


def sign_command(command: Command, root_key: EllipticCurvePrivateKey) -> bytes:
    """The bytes that the device gets: canonical JSON of the command and the root's signature over it."""
    fields = {
        "format": FORMAT,
        "site": command.site,
        "device": command.device,
        "number": command.number,
        "name": command.name.value,
        "argument": command.argument,
        "issued": seconds(command.issued),
        "expires": seconds(command.expires),
    }
    return _signed("command", fields, _LABEL, root_key, SHA384())


def verify_command(
    raw: bytes, root: x509.Certificate, *, site: str, device: str, last: int = 0, now: datetime | None = None
) -> Command:
    """The command in `raw`: signed by `root`, for this device, newer than `last`, and in force at `now`.

    Without `last` and `now` neither is looked at: for one that was judged before and is looked at again.

    Raises:
        CommandRefused: nothing may be done; `reason` says why.
    """
    key = root.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise CommandRefused(CommandRefusal.WRONG_ROOT)
    command = _opened(raw, "command", _LABEL, key, SHA384(), _read_command)
    if command.site != site:
        raise CommandRefused(CommandRefusal.WRONG_SITE)
    if command.device != device:
        raise CommandRefused(CommandRefusal.WRONG_DEVICE)
    if command.number <= last:
        raise CommandRefused(CommandRefusal.REPEATED)
    if now is not None and now > command.expires:
        raise CommandRefused(CommandRefusal.EXPIRED)
    if now is not None and seconds(now) + _SKEW < seconds(command.issued):
        raise CommandRefused(CommandRefusal.NOT_YET_VALID)
    return command


def sign_result(result: Result, identity_key: EllipticCurvePrivateKey) -> bytes:
    """The bytes that the site gets: canonical JSON of the result and the device's signature over it."""
    fields = {
        "format": RESULT_FORMAT,
        "site": result.site,
        "device": result.device,
        "number": result.number,
        "outcome": result.outcome.value,
        "sentence": result.sentence,
        "at": seconds(result.at),
    }
    return _signed("result", fields, _RESULT_LABEL, identity_key, SHA256())


def verify_result(raw: bytes, key: EllipticCurvePublicKey, *, site: str, device: str) -> Result:
    """The result in `raw`: signed by the device's identity key, and its own.

    Raises:
        CommandRefused: it may not be believed; `reason` says why.
    """
    result = _opened(raw, "result", _RESULT_LABEL, key, SHA256(), _read_result)
    if result.site != site:
        raise CommandRefused(CommandRefusal.WRONG_SITE)
    if result.device != device:
        raise CommandRefused(CommandRefusal.WRONG_DEVICE)
    return result


def _signed(
    part: str, fields: Mapping[str, Any], label: bytes, key: EllipticCurvePrivateKey, hashed: HashAlgorithm
) -> bytes:
    signature = key.sign(label + canonical.encode(fields), ECDSA(hashed))
    return canonical.encode({part: fields, "signature": to_base64(signature)})


_Value = TypeVar("_Value", Command, Result)


def _opened(  # noqa: PLR0917 - what is signed, by whom and how, in the order of the format
    raw: bytes,
    part: str,
    label: bytes,
    key: EllipticCurvePublicKey,
    hashed: HashAlgorithm,
    read: Callable[[Mapping[str, Any]], _Value],
) -> _Value:
    if len(raw) > MAX_COMMAND:
        raise CommandRefused(CommandRefusal.TOO_LARGE)
    try:
        outer = canonical.decode(raw)
        if outer.keys() != {part, "signature"} or not isinstance(outer[part], dict):
            raise ValueError(f"not a signed {part}")
        signature = from_base64(field(outer, "signature", str))
        key.verify(signature, label + canonical.encode(outer[part]), ECDSA(hashed))
        return read(outer[part])
    except InvalidSignature as error:
        raise CommandRefused(CommandRefusal.WRONG_ROOT) from error
    except ValueError as error:
        raise CommandRefused(CommandRefusal.DAMAGED) from error


def _read_command(fields: Mapping[str, Any]) -> Command:
    _exactly(fields, _FIELDS, FORMAT)
    return Command(
        site=site_id(field(fields, "site", str)),
        device=device_id(field(fields, "device", str)),
        number=field(fields, "number", int),
        name=CommandName(field(fields, "name", str)),
        argument=field(fields, "argument", str),
        issued=moment(fields, "issued"),
        expires=moment(fields, "expires"),
    )


def _read_result(fields: Mapping[str, Any]) -> Result:
    _exactly(fields, _RESULT_FIELDS, RESULT_FORMAT)
    return Result(
        site=site_id(field(fields, "site", str)),
        device=device_id(field(fields, "device", str)),
        number=field(fields, "number", int),
        outcome=Outcome(field(fields, "outcome", str)),
        sentence=field(fields, "sentence", str),
        at=moment(fields, "at"),
    )


def _exactly(fields: Mapping[str, Any], names: set[str], form: str) -> None:
    if fields.keys() != names or fields["format"] != form:
        raise ValueError("other fields, or of another format")
