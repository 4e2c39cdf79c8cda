"""How a command ends, and with which sentence.

::

    CommandError
    ├── RequestWrong    exit status 2: what was asked for cannot be
    └── WorkFailed      exit status 1: the work did not succeed

Every room's own errors end here too: :data:`ROOM_ERRORS` lists their roots, and each carries its sentence.
"""

from __future__ import annotations


class CommandError(Exception):
    """Something went wrong; the text says what to do."""

    status = 1


class RequestWrong(CommandError):  # noqa: N818 - named for what is known
    """What was asked for cannot be done as asked."""

    status = 2


class WorkFailed(CommandError):  # noqa: N818 - named for what is known
    """The work was started and did not succeed."""
