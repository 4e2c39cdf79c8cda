"""What can go wrong between light and vault.

::

    CaptureError
    ├── PictureUnreadable        what was given to us
    ├── FilmBusy                 what the machine is doing already
    ├── CameraFailed             what the machine did
    │   ├── CameraMissing
    │   ├── CameraStalled
    │   │   └── CameraHung
    │   └── CameraLost
    ├── EngineNotReady           what the machine has
    ├── NoHospital               what the device is not yet
    ├── SelfTestPending          what the machine found of itself
    ├── SelfTestFailed
    ├── StillRefused             what was asked of the camera service
    │   ├── StillUnknown
    │   ├── StillsFull
    │   ├── StillDropped
    │   ├── FeaturesForbidden
    │   └── RequestWrong
    ├── ScanRefused              what was, or was not, held to the camera
    │   ├── CodeUnseen
    │   ├── CodesDiffer
    │   ├── ScanBusy
    │   └── ScanStopped
    ├── CameraServiceError       what the camera service answered its client
    │   ├── CameraServiceAway
    │   └── CameraServiceRefused
    ├── EnvelopeRefused          what a peer sent, or time did to a file
    ├── StillUnanswered          what we did wrong
    ├── SigningKeyUnusable       what the machine has
    │   └── TpmUnusable
    │       ├── TpmMissing
    │       └── TpmChanged
    ├── VaultError               what the machine did to the vault
    │   ├── VaultFull
    │   ├── VaultUnwritable
    │   ├── VaultDamaged
    │   └── NotInVault
    ├── TransitionRefused        what we, or a peer, asked of an envelope in the wrong state
    └── LedgerError              what the machine, or somebody, did to the ledger
        ├── LedgerUnwritable
        ├── LedgerBusy
        └── LedgerDamaged

Each docstring is the sentence that the nurse or IT reads when the one who raised had nothing more exact to say.
"""

from __future__ import annotations

import inspect
from enum import StrEnum


class CaptureError(Exception):
    """Something went wrong that nobody foresaw, so nothing was kept. Try again; if it repeats, call IT."""

    @property
    def sentence(self) -> str:
        """One sentence that says what to do."""
        return super().__str__() or inspect.cleandoc(type(self).__doc__ or "").partition("\n\n")[0]

    def __str__(self) -> str:
        return self.sentence


class PictureUnreadable(CaptureError):  # noqa: N818 - named for what is known
    """This file is not a picture Wardlens can read. Export it as JPEG or PNG and try again."""


class FilmBusy(CaptureError):  # noqa: N818 - named for what is known
    """Another run is redacting this video into the same folder. Wait for it, or name another folder."""


class CameraFailed(CaptureError):  # noqa: N818 - named for what is known
    """The camera does not work. Check its cable; if it stays so, call IT."""


class CameraMissing(CameraFailed):
    """There is no camera. Plug it in; the picture comes by itself."""


class CameraStalled(CameraFailed):
    """The camera stopped delivering pictures. It is being restarted; if this stays, unplug it and plug it in again."""


class CameraHung(CameraStalled):
    """The camera hangs. It is being restarted; if this stays, switch the device off, wait a moment and switch it on."""


class CameraLost(CameraFailed):
    """The camera was unplugged or taken away. Plug it in again; the picture comes back by itself."""


class EngineNotReady(CaptureError):  # noqa: N818 - named for what is known
    """De-identification is not ready, so no picture can be taken. Wait a moment; if this stays, call IT."""


class NoHospital(CaptureError):  # noqa: N818 - named for what is known
    """This device is not paired with a hospital, so it takes no picture. Ask IT for an invitation."""


class SelfTestPending(CaptureError):  # noqa: N818 - named for what is known
    """The device is testing itself, so no picture can be taken yet. This takes a few seconds."""


class SelfTestFailed(CaptureError):  # noqa: N818 - named for what is known
    """The device's test of itself failed, so no picture can be taken. Do not use it; call IT."""


class StillRefused(CaptureError):  # noqa: N818 - named for what is known
    """This cannot be done with that picture."""


class StillUnknown(StillRefused):
    """That picture is not in review any more. Take it again."""


class StillsFull(StillRefused):
    """Too many pictures wait for review. Accept or discard one, then take the next."""


class StillDropped(StillRefused):
    """The screen was locked while the picture was taken, so it was not kept. Sign in and take it again."""


class StillStored(StillRefused):
    """This picture was stored as you first accepted it, and is not changed any more. Discard it here to go on."""


class StillChanged(StillRefused):
    """The picture has changed since you last looked. Look at it, and touch again what you want."""


class FeaturesForbidden(StillRefused):
    """Eyes and mouth stay covered: the patient's consent and your role must both allow that they are seen."""


class RequestWrong(StillRefused):
    """The request was not understood. Reload the page; if this repeats, call IT."""


class ScanRefused(CaptureError):  # noqa: N818 - named for what is known
    """No code was read. Hold it to the camera again, or type it."""


class CodeUnseen(ScanRefused):
    """No code could be read. Hold it flat and still, a hand's width from the camera, or type it."""


class CodesDiffer(ScanRefused):
    """Several codes are in view. Cover all but the one that is meant, and hold it to the camera again."""


class ScanBusy(ScanRefused):
    """The camera is reading a code already. Wait a moment and try again."""


class ScanStopped(ScanRefused):
    """Reading the code was stopped."""


class CameraServiceError(CaptureError):
    """The camera service did not do what it was asked."""


class CameraServiceAway(CameraServiceError):  # noqa: N818 - named for what is known
    """The camera service does not answer. It restarts by itself; if this stays, call IT."""


class CameraServiceRefused(CameraServiceError):  # noqa: N818 - named for what is known
    """The camera service refused.

    Attributes:
        status: the HTTP status it answered with.
        error: a short fixed word for programs.
        unanswered, hiding: the kinds a person still has to answer for, where that is the reason.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int,
        error: str,
        unanswered: tuple[str, ...] = (),
        hiding: tuple[str, ...] = (),
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.error = error
        self.unanswered = unanswered
        self.hiding = hiding


class Refusal(StrEnum):
    """Why bytes are not an envelope, or not one to trust: docs/formats/envelope.md has a row for each."""

    NOT_AN_ENVELOPE = "not-an-envelope"
    VERSION = "version"
    TOO_LARGE = "too-large"
    TRUNCATED = "truncated"
    TRAILING = "trailing"
    HEADER = "header"
    SUITE = "suite"
    SIGNATURE_FORM = "signature-form"
    SITE = "site"
    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    SIGNATURE = "signature"


class EnvelopeRefused(CaptureError):  # noqa: N818 - named for what is known
    """This is not an envelope of a device this site trusts. Keep the file as it is and call IT.

    Attributes:
        reason: which rule of docs/formats/envelope.md it breaks.
    """

    def __init__(self, reason: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class StillUnanswered(CaptureError):  # noqa: N818 - named for what is known
    """The picture asks a question that nobody has answered, so it was not sealed. Answer it on the review screen.

    Attributes:
        kinds: of which it may show more than is covered.
        hiding: of which what is covered may hide a wound.
    """

    def __init__(self, kinds: tuple[str, ...], hiding: tuple[str, ...] = ()) -> None:
        asked = ", ".join(dict.fromkeys((*hiding, *kinds)))
        super().__init__(
            f"The picture asks about {asked}, and nobody has answered, so it was not sealed. "
            "Answer on the review screen."
        )
        self.kinds = kinds
        self.hiding = hiding


class SigningKeyUnusable(CaptureError):  # noqa: N818 - named for what is known
    """The device's signing key cannot be used. Pair the device again."""


class TpmUnusable(SigningKeyUnusable):
    """The TPM that holds this device's keys does not answer. Switch the device off and on; if this stays, call IT."""


class TpmMissing(TpmUnusable):
    """No TPM can be used here to make the device's keys. Install tpm2-openssl, or set device.keys to file."""


class TpmChanged(TpmUnusable):
    """This device's TPM was cleared or exchanged, so its keys are gone. What it sealed stays safe in it; call IT."""


class VaultError(CaptureError):
    """The vault could not do what it was asked; what is in it is safe."""


class VaultFull(VaultError):  # noqa: N818 - named for what is known
    """The device is full, so the picture was not taken. Connect it to the network until its queue is shorter."""


class VaultUnwritable(VaultError):  # noqa: N818 - named for what is known
    """The device cannot write to its storage, so the picture was not taken. Use another device and call IT."""


class VaultDamaged(VaultError):  # noqa: N818 - named for what is known
    """The device's storage lost or altered something. Do not wipe this device; call IT."""


class NotInVault(VaultError):  # noqa: N818 - named for what is known
    """This picture is not on this device, or was erased and forgotten after the hospital's receipt."""


class TransitionRefused(CaptureError):  # noqa: N818 - named for what is known
    """This envelope's state does not allow that, so nothing was changed."""


class LedgerError(CaptureError):
    """The device's audit log could not be written, so nothing that must be on it was done."""


class LedgerUnwritable(LedgerError):  # noqa: N818 - named for what is known
    """The device cannot write its audit log. Use another device and call IT."""


class LedgerBusy(LedgerError):  # noqa: N818 - named for what is known
    """Another process is writing this audit log. Stop the other service, or restart the device."""


class LedgerDamaged(LedgerError):  # noqa: N818 - named for what is known
    """The device's audit log was altered or cut. Keep the device as it is and call IT."""
