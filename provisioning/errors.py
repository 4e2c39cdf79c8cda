"""What can go wrong between a site and a device that should trust each other.

::

    ProvisioningError
    ├── PeerRefused              what came from outside: refuse, count, go on
    │   ├── InvitationRefused
    │   │   ├── InvitationDamaged
    │   │   ├── InvitationOtherVersion
    │   │   ├── InvitationExpired
    │   │   └── InvitationNotYetValid
    │   ├── SiteNotProven
    │   ├── EnrolmentRefused     carries its `EnrolmentRefusal`
    │   ├── ManifestRefused      carries its `ManifestRefusal`
    │   └── CommandRefused       carries its `CommandRefusal`
    ├── TrustUnusable            what the machine has
    │   ├── KeyExposed
    │   ├── KeyUnusable
    │   ├── SiteUnsafe
    │   ├── SiteDamaged
    │   ├── SiteBusy
    │   ├── TokenUnusable
    │   │   └── PinRefused
    │   ├── StorageRefused
    │   ├── BrokerNotTold
    │   ├── IdentityDamaged
    │   ├── SigningRequestMissing
    │   ├── EnrolmentUnreachable
    │   └── ApprovalTimedOut
    └── RequestWrong             what was asked of us
        ├── SiteExists
        ├── SiteMissing
        ├── AlreadyPaired
        ├── PairingRunning
        ├── NotPaired
        ├── UnknownDevice
        ├── DigitsDiffer
        ├── DeviceStateForbids
        ├── PicturesWait
        └── NotAccepted

Each docstring is the sentence that the nurse or IT reads; an error raised with words of its own says something closer.
"""

from __future__ import annotations

from enum import Enum


class ProvisioningError(Exception):
    """Trust between this device and the hospital could not be set up. Call IT."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or (type(self).__doc__ or "").strip())


class PeerRefused(ProvisioningError):  # noqa: N818 - named for what is known
    """Something that came from outside cannot be trusted. Call IT."""


class InvitationRefused(PeerRefused):
    """This invitation cannot be used. Ask IT for a new one."""


class InvitationDamaged(InvitationRefused):
    """This is not a whole Wardlens invitation. Scan it again, or paste the whole line."""


class InvitationOtherVersion(InvitationRefused):
    """This invitation is for another version of Wardlens. Update this device, or ask IT for an older invitation."""


class InvitationExpired(InvitationRefused):
    """This invitation has expired. Ask IT for a new one; if it is new, check this device's clock."""


class InvitationNotYetValid(InvitationRefused):
    """This invitation is not valid yet. Check this device's clock, then scan it again."""


class SiteNotProven(PeerRefused):
    """The server that answered is not the one that the invitation names. Do not go on; call IT."""


class EnrolmentRefusal(Enum):
    """Why a site does not enrol a device or give it its manifest; the value is the slug on the wire."""

    INVITATION_UNKNOWN = "invitation-unknown"
    INVITATION_USED = "invitation-used"
    INVITATION_EXPIRED = "invitation-expired"
    INVITATION_NOT_YET_VALID = "invitation-not-yet-valid"
    PROOF_WRONG = "proof-wrong"
    REQUEST_DAMAGED = "request-damaged"
    REQUEST_TOO_LARGE = "request-too-large"
    TOO_MANY_REQUESTS = "too-many-requests"
    DEVICE_EXISTS = "device-exists"
    DEVICE_UNKNOWN = "device-unknown"
    DEVICE_REFUSED = "device-refused"
    DEVICE_REVOKED = "device-revoked"
    DEVICE_WIPED = "device-wiped"
    DEVICE_AWAY_TOO_LONG = "device-away-too-long"
    COMMAND_UNKNOWN = "command-unknown"
    UPDATE_UNKNOWN = "update-unknown"
    SIGNATURE_WRONG = "signature-wrong"


REFUSAL_SENTENCES: dict[EnrolmentRefusal, str] = {
    EnrolmentRefusal.INVITATION_UNKNOWN: "The hospital does not know this invitation. Ask IT for a new one.",
    EnrolmentRefusal.INVITATION_USED: "This invitation was used already. Ask IT for a new one, and tell them so.",
    EnrolmentRefusal.INVITATION_EXPIRED: "This invitation has expired. Ask IT for a new one.",
    EnrolmentRefusal.INVITATION_NOT_YET_VALID: "This invitation is not valid yet. Wait a moment and scan it again.",
    EnrolmentRefusal.PROOF_WRONG: "The hospital could not confirm this invitation. Ask IT for a new one.",
    EnrolmentRefusal.REQUEST_DAMAGED: "The hospital could not read this device's request. Update the device.",
    EnrolmentRefusal.REQUEST_TOO_LARGE: "This device's request is too large. Update the device.",
    EnrolmentRefusal.TOO_MANY_REQUESTS: "Too many attempts. Wait a minute and scan the invitation again.",
    EnrolmentRefusal.DEVICE_EXISTS: "The hospital has a device of this name already. Scan the invitation again.",
    EnrolmentRefusal.DEVICE_UNKNOWN: "The hospital does not know this device. Pair it with a new invitation.",
    EnrolmentRefusal.DEVICE_REFUSED: "IT refused this device. Ask IT for a new invitation.",
    EnrolmentRefusal.DEVICE_REVOKED: "IT has revoked this device. Hand it to IT.",
    EnrolmentRefusal.DEVICE_WIPED: "The hospital had this device wiped. Wipe it again, then pair it anew.",
    EnrolmentRefusal.DEVICE_AWAY_TOO_LONG: "This device was away for too long. Ask IT to readmit it.",
    EnrolmentRefusal.COMMAND_UNKNOWN: "The hospital did not give this command. Tell IT.",
    EnrolmentRefusal.UPDATE_UNKNOWN: "The hospital does not have this update any more. Tell IT.",
    EnrolmentRefusal.SIGNATURE_WRONG: "The hospital could not confirm who this device is. Pair it again.",
}


class EnrolmentRefused(PeerRefused):
    """The hospital refused to enrol this device. Ask IT for a new invitation."""

    def __init__(self, reason: EnrolmentRefusal) -> None:
        super().__init__(REFUSAL_SENTENCES[reason])
        self.reason = reason


class ManifestRefusal(Enum):
    """Why a site manifest is not believed."""

    TOO_LARGE = "too-large"
    DAMAGED = "damaged"
    UNKNOWN_FIELD = "unknown-field"
    WRONG_ROOT = "wrong-root"
    WRONG_SITE = "wrong-site"
    ROLLED_BACK = "rolled-back"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_SEALING_KEY = "wrong-sealing-key"


class ManifestRefused(PeerRefused):
    """The hospital's list of keys cannot be believed. Nothing was changed; call IT."""

    def __init__(self, reason: ManifestRefusal, sentence: str | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason


class CommandRefusal(Enum):
    """Why a device does nothing about a command."""

    TOO_LARGE = "too-large"
    DAMAGED = "damaged"
    WRONG_ROOT = "wrong-root"
    WRONG_SITE = "wrong-site"
    WRONG_DEVICE = "wrong-device"
    REPEATED = "repeated"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"


class CommandRefused(PeerRefused):
    """A command came that may not be believed, or not any more. Nothing was done; call IT."""

    def __init__(self, reason: CommandRefusal) -> None:
        super().__init__()
        self.reason = reason


class TrustUnusable(ProvisioningError):  # noqa: N818 - the same
    """This machine's keys or certificates cannot be used. Call IT."""


class KeyExposed(TrustUnusable):
    """A private key can be read by others, so it is not used. Run `chmod 600` on its file, and see who had access."""


class KeyUnusable(TrustUnusable):
    """The TPM that holds this device's keys cannot be used. Switch the device off and on; if this stays, call IT."""


class SiteUnsafe(TrustUnusable):
    """The site's keys can be read by others, so they are not used. Make the folder private, and see who had access."""


class SiteDamaged(TrustUnusable):
    """The site folder is damaged. Restore it from its backup."""


class SiteBusy(TrustUnusable):
    """Another program is changing the site right now. Try again in a moment."""


class TokenUnusable(TrustUnusable):
    """The token that keeps the opening keys cannot be used. Plug it in, and check the settings under [token]."""


class PinRefused(TokenUnusable):
    """The token refused its PIN. Correct the file that token.pin_file names; tokens lock after a few tries."""


class StorageRefused(TrustUnusable):
    """A file could not be written. Check that the folder exists, is writable and has space, then try again."""


class BrokerNotTold(TrustUnusable):
    """The broker did not read its rights anew: a revoked device can still reach it. Try what broker.reload names."""


class IdentityDamaged(TrustUnusable):
    """This device's identity is damaged. Wipe the device and pair it again."""


class SigningRequestMissing(TrustUnusable):
    """This device was paired by an older Wardlens. Run `wardlens device renew` on it once, as its owner (root)."""


class EnrolmentUnreachable(TrustUnusable):
    """The hospital's enrolment server does not answer. Check the network, then scan the invitation again."""


class ApprovalTimedOut(TrustUnusable):
    """IT did not confirm this device in time. Ask IT for a new invitation and pair again."""


class RequestWrong(ProvisioningError):  # noqa: N818 - the same
    """This cannot be done as asked."""


class SiteExists(RequestWrong):
    """There is something at this place already. Choose another folder for the new site."""


class SiteMissing(RequestWrong):
    """There is no site in this folder. Make one with `wardlens site init`."""


class AlreadyPaired(RequestWrong):
    """This device is paired already. Wipe it first if it should move to another site."""


class PairingRunning(RequestWrong):
    """This device is being paired right now. Wait for that to end."""


class NotPaired(RequestWrong):
    """This device is not paired. Ask IT for an invitation and scan it."""


class UnknownDevice(RequestWrong):
    """The site knows no device of this name. `wardlens site show` lists them."""


class DigitsDiffer(RequestWrong):
    """These are not the six digits of that device. Read them from its own screen, and approve no other."""


class DeviceStateForbids(RequestWrong):
    """The device is not in a state that allows this. `wardlens site show` lists the states."""


class PicturesWait(RequestWrong):
    """Pictures wait here that their hospital has not got. Connect the device until its queue is empty."""


class NotAccepted(RequestWrong):
    """A value is not acceptable here. The message says which and why."""
