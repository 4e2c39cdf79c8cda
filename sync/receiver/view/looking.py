"""What is put on record of who looks: first the row, then the page, so that nothing is shown that is not on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from sync.receiver.archive import Archive, Look
from sync.receiver.errors import NotSignedIn
from sync.receiver.view.guard import session_of
from sync.receiver.view.login import Sessions
from sync.receiver.view.showing import moment

SHOWN: Final = 200


class Seen(StrEnum):
    """How much of a capture somebody saw."""

    LISTED = "listed"
    RECORD = "record"
    PICTURE = "picture"


class Looking:
    """Puts looks on record, each once for a session.

    Args:
        archive: where the record is.
        sessions: who is looking.
    """

    def __init__(self, archive: Archive, sessions: Sessions) -> None:
        self._archive = archive
        self._sessions = sessions

    def at(self, request: Request, seen: Seen, captures: Iterable[str]) -> None:
        """Returns once it is on record that whoever asks sees so much of these captures.

        Raises:
            ArchiveUnavailable: it cannot be put on record, so it must not be shown.
            NotSignedIn: the session has ended since it was let through.
        """
        secret, looks = session_of(request.headers), {f"{seen} {name}": name for name in captures}
        found = self._sessions.looking(secret, looks)
        if found is None:
            raise NotSignedIn
        admission, new = found
        if new:
            now, roles = self._archive.clock(), ",".join(sorted(admission.roles))
            self._archive.look(Look(now, admission.on_record, roles, looks[look], seen.value) for look in new)
            self._sessions.looked(secret, new)


def add_look_page(
    app: FastAPI, archive: Archive, *, page: Callable[..., Response], facts: Callable[[Request], dict[str, Any]]
) -> None:
    """Give `app` the page of who looked, for those whose role it is to check."""

    @app.get("/looks")
    def looks(
        request: Request,
        capture: Annotated[str, Query(max_length=64)] = "",
        who: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        found = archive.looks(SHOWN, capture=capture.strip(), who=who.strip())
        rows = [(look, moment(look.at_ms)) for look in found]
        return page("looks.html", rows=rows, facts=facts(request), capture=capture, who=who, most=SHOWN)
