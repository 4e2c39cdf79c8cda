"""What can go wrong at the hospital's end.

::

    ReceiverError
    ├── ArchiveUnavailable       what the machine did
    │   └── ArchiveFull
    ├── ArchiveDamaged
    ├── SiteUnreadable
    ├── ArchiveTooNew            what we did wrong
    ├── NotFiled                 what somebody asked for
    ├── NotOpened
    ├── NotSignedIn
    ├── ProviderAway             what the identity provider did
    ├── ExportRefused
    └── ViewNotStarted

What a device sent never raises here: it is answered with a refusal. Each docstring is the sentence that IT reads when
the one who raised had nothing more exact to say.
"""

from __future__ import annotations

import inspect


class ReceiverError(Exception):
    """The receiver could not do this. Run `wardlens doctor` on the hospital's server."""

    @property
    def sentence(self) -> str:
        """One sentence that says what to do."""
        return str(self) or inspect.cleandoc(type(self).__doc__ or "")


class ArchiveUnavailable(ReceiverError):  # noqa: N818 - named for what is known
    """The archive does not answer. Start the database and the object store; devices keep their pictures until then."""


class ArchiveFull(ArchiveUnavailable):
    """The archive has no room left. Free or add space; devices keep their pictures until then."""


class ArchiveDamaged(ReceiverError):  # noqa: N818 - named for what is known
    """What lies in the archive is not what was filed. Restore it from the backup."""


class SiteUnreadable(ReceiverError):  # noqa: N818 - named for what is known
    """The site's keys or devices cannot be read. Run `wardlens doctor`; devices keep their pictures until then."""


class ArchiveTooNew(ReceiverError):  # noqa: N818 - named for what is known
    """The archive was written by a newer Wardlens. Update this one; nothing was changed."""


class NotFiled(ReceiverError):  # noqa: N818 - named for what is known
    """No such picture is in the archive. Check the capture's number; it may still be on its way."""


class NotOpened(ReceiverError):  # noqa: N818 - named for what is known
    """This picture is sealed and not opened yet. Run `wardlens receiver open` where the site's opening key is."""


class NotSignedIn(ReceiverError):  # noqa: N818 - named for what is known
    """You are not signed in. Begin again, or ask IT for a link."""


class ProviderAway(ReceiverError):  # noqa: N818 - named for what is known
    """The hospital's identity provider does not answer. Try again, or ask IT for a link: `wardlens receiver link`."""


class ExportRefused(ReceiverError):  # noqa: N818 - named for what is known
    """The export could not be written. Choose a folder that can be written and has room."""


class ViewNotStarted(ReceiverError):  # noqa: N818 - named for what is known
    """The hospital's view could not start. Choose another port."""
