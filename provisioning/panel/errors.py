"""What can go wrong on the panel.

::

    PanelError
    ├── PanelUnsafe       what we were asked to do: the panel does not start
    ├── SignInRefused     what a person typed
    │   └── SignInLocked
    ├── NotYours          what a person may not do
    ├── NothingInReview   what a page asked for that is not there any more,
    ├── PictureChanged    what it has not seen yet,
    ├── EncounterChanged
    ├── StoredUnsaid      and what became of a picture that it asked to keep
    ├── CodeRefused       what a badge or a wristband says, read or typed
    ├── NoteRefused       what a person said of the picture: the note,
    ├── DayRefused        since when the wound is there,
    ├── ConsentRefused    what the patient agreed to, and
    ├── WoundUnknown      which wound it is
    └── PairingBusy       a second pairing while one is under way

Each docstring is the sentence that the nurse or IT reads.
"""

from __future__ import annotations

import inspect


class PanelError(Exception):
    """The panel could not do that. Try again; if it repeats, call IT."""

    status = 400
    slug = "panel"

    @property
    def sentence(self) -> str:
        """One sentence that says what to do."""
        return str(self) or inspect.cleandoc(type(self).__doc__ or "")


class PanelUnsafe(PanelError):  # noqa: N818 - named for what is known
    """The panel does not start, because its settings would make it unsafe. Correct them."""


class SignInRefused(PanelError):  # noqa: N818 - named for what is known
    """Badge or PIN is not right. Try again."""

    status = 403
    slug = "sign-in-refused"


class SignInLocked(SignInRefused):
    """Too many wrong tries.

    Attributes:
        wait_seconds: how long until the next try counts.
    """

    status = 429
    slug = "sign-in-locked"

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = max(1, round(wait_seconds))
        super().__init__(f"Too many wrong tries. Wait {self.wait_seconds} s, then try again.")


class NotYours(PanelError):  # noqa: N818 - named for what is known
    """Somebody else took this picture. The ward lead can send it again."""

    status = 403
    slug = "not-yours"


class NothingInReview(PanelError):  # noqa: N818 - named for what is known
    """There is no picture to review any more. Take it again."""

    status = 409
    slug = "nothing-in-review"


class PictureChanged(PanelError):  # noqa: N818 - named for what is known
    """The picture has changed since you last looked. Look at it, and touch again what you want."""

    status = 409
    slug = "picture-changed"


class EncounterChanged(PanelError):  # noqa: N818 - named for what is known
    """The patient is another one than when you touched Accept. Look at whom the picture is of, then accept it."""

    status = 409
    slug = "encounter-changed"


class StoredUnsaid(PanelError):  # noqa: N818 - named for what is known
    """The picture is stored and will be sent; do not take it again. Touch Accept once more; if this stays, call IT."""

    status = 503
    slug = "stored-unsaid"


class CodeRefused(PanelError):  # noqa: N818 - named for what is known
    """That is no number this device can use. Compare it with what you hold, then scan or type it again."""

    status = 422
    slug = "code-refused"


class NoteRefused(PanelError):  # noqa: N818 - named for what is known
    """The note was not kept. Shorten it, and type it again."""

    status = 422
    slug = "note-refused"


class DayRefused(PanelError):  # noqa: N818 - named for what is known
    """That day is still to come. Choose the day since when the wound is there."""

    status = 422
    slug = "day-refused"


class ConsentRefused(PanelError):  # noqa: N818 - named for what is known
    """Your role does not let you show a patient's eyes or mouth, so that consent was not kept. Ask who may."""

    status = 403
    slug = "consent-refused"


class WoundUnknown(PanelError):  # noqa: N818 - named for what is known
    """This device does not remember that wound any more. Choose where it is, and since when."""

    status = 404
    slug = "wound-unknown"


class PairingBusy(PanelError):  # noqa: N818 - named for what is known
    """This device is being paired already. Finish that, or wait until it ends."""

    status = 409
    slug = "pairing-busy"
