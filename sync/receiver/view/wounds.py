"""The page that lists the pictures of one wound, from any one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from sync.receiver.archive import Archive, FiledCapture
from sync.receiver.view.captures import known
from sync.receiver.view.looking import Looking, Seen
from sync.receiver.view.showing import PAGE, paged


def add_wound_page(
    app: FastAPI,
    archive: Archive,
    looking: Looking,
    *,
    every: Callable[[Sequence[FiledCapture]], list[Any]],
    page: Callable[..., Response],
    facts: Callable[[Request], Mapping[str, Any]],
) -> None:
    """The page's route. It is named by a picture: neither patient nor wound is in an address that a log may keep."""

    @app.get("/captures/{capture}/wound")
    def wound(request: Request, capture: str, before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Response:
        filed = archive.capture(known(capture))
        captures, more = paged(archive.of_wound(filed, PAGE + 1, before=before))
        looking.at(request, Seen.LISTED, (one.capture for one in (filed, *captures)))
        (it, *shown) = every([filed, *captures])
        return page("wound.html", it=it, captures=shown, facts=facts(request), before=before, more=more)
