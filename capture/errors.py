"""What can go wrong between light and vault.

::

    CaptureError
    ├── PictureUnreadable        what was given to us
    ├── CameraFailed             what the machine did
    │   ├── CameraMissing
    │   ├── CameraStalled
    │   └── CameraLost
    └── CameraServiceError       what the camera service answered its client
        ├── CameraServiceAway
        └── CameraServiceRefused

Each docstring is the sentence that the nurse or IT reads when the one who raised had nothing more exact to say.
"""

from __future__ import annotations

import inspect


class CaptureError(Exception):
    """The picture could not be taken, so nothing was kept."""

    @property
    def sentence(self) -> str:
        """One sentence that says what to do."""
        return str(self) or inspect.cleandoc(type(self).__doc__ or "")


class PictureUnreadable(CaptureError):  # noqa: N818 - named for what is known
    """This file is not a picture Wardlens can read. Export it as JPEG or PNG and try again."""


class CameraFailed(CaptureError):  # noqa: N818 - named for what is known
    """The camera does not work. Check its cable; if it stays so, call IT."""


class CameraMissing(CameraFailed):
    """There is no camera. Plug it in; the picture comes by itself."""


class CameraStalled(CameraFailed):
    """The camera stopped delivering pictures. It is being restarted; if this stays, unplug it and plug it in again."""


class CameraLost(CameraFailed):
    """The camera was unplugged or taken away. Plug it in again; the picture comes back by itself."""


class CameraServiceError(CaptureError):
    """The camera service did not do what it was asked."""


class CameraServiceAway(CameraServiceError):  # noqa: N818 - named for what is known
    """The camera service does not answer. It restarts by itself; if this stays, call IT."""


class CameraServiceRefused(CameraServiceError):  # noqa: N818 - named for what is known
    """The camera service refused.

    Attributes:
        status: the HTTP status it answered with.
        error: a short fixed word for programs.
        unanswered: the kinds a person still has to answer for, where that is the reason.
    """

    def __init__(self, sentence: str, *, status: int, error: str, unanswered: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.error = error
        self.unanswered = unanswered
