"""The pages of one capture: its picture, its record, and what proves both."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from capture.identifiers import CaptureId, capture_id
from sync.receiver.archive import Archive, FiledCapture
from sync.receiver.errors import NotFiled
from sync.receiver.exporting import capture_record
from sync.receiver.view.looking import Looking, Seen
from sync.receiver.view.pictures import Thumbnails, width_for


def add_capture_pages(
    app: FastAPI,
    archive: Archive,
    looking: Looking,
    *,
    every: Callable[[Sequence[FiledCapture]], list[Any]],
    page: Callable[..., Response],
    facts: Callable[[Request], Mapping[str, Any]],
) -> None:
    """Give `app` the pages of one capture. Each look is on record before there is something to see.

    Args:
        app: the view.
        archive: what is shown.
        looking: puts looks on record.
        every: makes of filed captures what a page shows of them.
        page: makes a page of a template's name and values.
        facts: how it stands, for the head of the page.
    """
    thumbnails = Thumbnails()

    def find(request: Request, capture: str, seen: Seen) -> FiledCapture:
        filed = archive.capture(known(capture))
        looking.at(request, seen, (filed.capture,))
        return filed

    @app.get("/captures/{capture}")
    def one(request: Request, capture: str) -> Response:
        return page("capture.html", it=every([find(request, capture, Seen.RECORD)])[0], facts=facts(request))

    @app.get("/captures/{capture}/picture.jpg")
    def picture(request: Request, capture: str, width: Annotated[int, Query(ge=1, le=100_000)] = 100_000) -> Response:
        filed, size = find(request, capture, Seen.PICTURE), width_for(width)
        if size is None:
            return Response(archive.picture(filed), media_type="image/jpeg")
        small = thumbnails.kept(filed.picture_digest, size)
        if small is None:
            small = thumbnails.make(filed.picture_digest, size, archive.picture(filed))
        return Response(small, media_type="image/jpeg")

    @app.get("/captures/{capture}/envelope.wle")
    def envelope(request: Request, capture: str) -> Response:
        filed = find(request, capture, Seen.RECORD)
        return download(archive.envelope(filed), f"{filed.capture}.wle", "application/octet-stream")

    @app.get("/captures/{capture}/receipt.json")
    def receipt(request: Request, capture: str) -> Response:
        filed = find(request, capture, Seen.RECORD)
        return download(filed.receipt, f"{filed.capture}.receipt.json", "application/json")

    @app.get("/captures/{capture}/record.json")
    def record(request: Request, capture: str) -> Response:
        filed = find(request, capture, Seen.RECORD)
        body = json.dumps(capture_record(filed), indent=2, sort_keys=True, ensure_ascii=False).encode()
        return download(body, f"{filed.capture}.json", "application/json")


def known(capture: str) -> CaptureId:
    """`capture` as a capture id.

    Raises:
        NotFiled: it is none, so nothing is filed under it.
    """
    try:
        return capture_id(capture)
    except ValueError as error:
        raise NotFiled from error


def download(body: bytes, name: str, media_type: str) -> Response:
    """A file to keep, named for the capture and nobody else."""
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
