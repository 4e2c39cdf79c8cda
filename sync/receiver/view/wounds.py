"""The page that lists the pictures of one wound, from any one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from fastapi.responses import Response

from sync.receiver.archive import Archive, FiledCapture

PAGE: Final = 20


def add_wound_page(
    app: FastAPI,
    archive: Archive,
    *,
    page: Callable[..., Response],
    find: Callable[[str], FiledCapture],
    every: Callable[[Sequence[FiledCapture]], list[Any]],
    facts: Callable[[], Mapping[str, Any]],
) -> None:
    """The page's route. It is named by a picture: neither patient nor wound is in an address that a log may keep."""

    @app.get("/captures/{capture}/wound")
    def wound(capture: str, before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Response:
        filed = find(capture)
        captures = archive.of_wound(filed, PAGE + 1, before=before)
        more = captures[PAGE - 1].filed if len(captures) > PAGE else None
        (it,) = every([filed])
        return page("wound.html", it=it, captures=every(captures[:PAGE]), facts=facts(), before=before, more=more)
