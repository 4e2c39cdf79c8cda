"""The invitation: one line that introduces a device to a site. Pure; the format is docs/formats/invitation.md.

The line carries what the device must pin before it talks to anybody (the hash of the site's root key and of its sealing
key), where to enrol, a secret for one use, and when it may be used. Upper-case letters, digits and one colon only, so
that a QR code holds it in its compact alphanumeric mode.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from capture.identifiers import SiteId, site_id
from provisioning.errors import (
    InvitationDamaged,
    InvitationExpired,
    InvitationNotYetValid,
    InvitationOtherVersion,
    NotAccepted,
)

PREFIX = "WARDLENS1:"
MAX_LENGTH = 300
MAX_MINUTES = 7 * 24 * 60

_LINE = re.compile(r"WARDLENS([1-9][0-9]{0,3}):([A-Z2-7]{1,400})", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?", re.ASCII)
# secret, root key hash, sealing key hash, not before, minutes, port; then site and host, each with its length before it
_FIXED = struct.Struct(">16s32s32sIHH")
_CHECKSUM = 4


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: a name or an IP address, and a port."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host) or not 1 <= self.port <= 65535:
            raise ValueError("an address is a lowercase host name or IP address and a port from 1 to 65535")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host:port` or `[ipv6]:port` as an address.

    Raises:
        NotAccepted: it is neither.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    try:
        if not colon or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII):
            raise ValueError
        return Address(host.lower(), int(port))
    except ValueError as error:
        raise NotAccepted(f"{text!r} is not an address. Write it as host:port, for example 10.0.0.5:8443.") from error


def parse_called(text: str) -> Address:
    """`host:port` or `[ipv6]:port` as an address that a device can call.

    Raises:
        NotAccepted: it is neither, or it is every address of a machine, which a server listens on and nobody calls.
    """
    host = text.rpartition(":")[0].strip("[]")
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    if everywhere:
        raise NotAccepted(
            f"A server can listen on {host}, but no device finds it there. Name where devices reach it by --address, "
            "for example --address 10.0.0.5:8444."
        )
    return parse_address(text)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation whose every field is legal. Times are whole seconds, UTC."""

    site: SiteId
    address: Address
    root_hash: bytes
    sealing_hash: bytes
    not_before: datetime
    minutes: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        site_id(self.site)
        if (len(self.root_hash), len(self.sealing_hash), len(self.secret)) != (32, 32, 16):
            raise ValueError("hashes have 32 bytes and the secret 16")
        if not 1 <= self.minutes <= MAX_MINUTES:
            raise ValueError("an invitation is valid for 1 minute to 7 days")
        if self.not_before.microsecond or not 0 <= self.not_before.timestamp() < 2**32:
            raise ValueError("an invitation begins at a whole second between 1970 and 2106")

    @property
    def id(self) -> str:
        """What the site finds the invitation by; it tells nothing about the secret."""
        return hmac.digest(self.secret, b"wardlens invitation id v1", "sha256")[:8].hex()

    @property
    def not_after(self) -> datetime:
        """The last moment at which the invitation may be used."""
        return self.not_before + timedelta(minutes=self.minutes)

    @property
    def line(self) -> str:
        """The invitation as the one line that a QR code carries."""
        fixed = _FIXED.pack(
            self.secret,
            self.root_hash,
            self.sealing_hash,
            int(self.not_before.timestamp()),
            self.minutes,
            self.address.port,
        )
        site, host = self.site.encode(), self.address.host.encode()
        body = fixed + bytes([len(site)]) + site + bytes([len(host)]) + host
        return PREFIX + base64.b32encode(body + _checksum(body)).decode().rstrip("=")

    def check_window(self, now: datetime) -> None:
        """Nothing, when the invitation may be used at `now`.

        Raises:
            InvitationNotYetValid: too early by this clock.
            InvitationExpired: too late by this clock.
        """
        if now < self.not_before:
            raise InvitationNotYetValid
        if now > self.not_after:
            raise InvitationExpired


def parse_invitation(line: str) -> Invitation:
    """The invitation on `line`. White space around it is dropped; everything else must be exactly as made.

    Raises:
        InvitationDamaged: not an invitation, cut short, or a letter changed.
        InvitationOtherVersion: an invitation of another version of the format.
    """
    found = _LINE.fullmatch(line.strip()) if len(line) <= 2 * MAX_LENGTH else None
    if found is None:
        raise InvitationDamaged
    if found[1] != "1":
        raise InvitationOtherVersion
    text = found[2]
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
        if base64.b32encode(data).decode().rstrip("=") != text:
            raise ValueError("bits after the end")
        return _unpack(data)
    except (ValueError, binascii.Error, struct.error, OverflowError) as error:
        raise InvitationDamaged from error


def _unpack(data: bytes) -> Invitation:
    body, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if not hmac.compare_digest(_checksum(body), checksum):
        raise ValueError("checksum")
    secret, root_hash, sealing_hash, not_before, minutes, port = _FIXED.unpack_from(body)
    site, end = _word(body, _FIXED.size)
    host, end = _word(body, end)
    if end != len(body):
        raise ValueError("bytes after the end")
    begins = datetime.fromtimestamp(not_before, UTC)
    return Invitation(site_id(site), Address(host, port), root_hash, sealing_hash, begins, minutes, secret)


def _word(body: bytes, start: int) -> tuple[str, int]:
    length = body[start] if start < len(body) else 0
    end = start + 1 + length
    if not length or end > len(body):
        raise ValueError("cut short")
    return body[start + 1 : end].decode("ascii"), end


def _checksum(body: bytes) -> bytes:
    """Against misreading, not against malice: who can alter the line can compute it too."""
    return hashlib.sha256(PREFIX.encode() + body).digest()[:_CHECKSUM]


def make_invitation(
    site: SiteId,
    address: Address,
    root_hash: bytes,
    sealing_hash: bytes,
    *,
    now: datetime,
    minutes: int,
    random: Callable[[int], bytes],
) -> Invitation:
    """A fresh invitation that begins at `now`.

    Raises:
        NotAccepted: the window is too long, or site and host together make the line longer than 300 characters.
    """
    begins = now.replace(microsecond=0)
    try:
        invitation = Invitation(site, address, root_hash, sealing_hash, begins, minutes, random(16))
    except ValueError as error:
        raise NotAccepted(f"This invitation cannot be made: {error}.") from error
    if len(invitation.line) > MAX_LENGTH:
        raise NotAccepted("The enrolment address is too long for an invitation. Use a shorter name or an IP address.")
    return invitation
