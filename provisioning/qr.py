"""An invitation's line as a QR code: for a terminal, and as a PNG for a screen or a sheet of paper."""

from __future__ import annotations

import io

import segno

from provisioning.errors import NotAccepted
from provisioning.invitation import MAX_LENGTH


def qr_terminal(line: str) -> str:
    """The code as two modules a character, for a terminal with a dark ground; it has its quiet zone around it."""
    out = io.StringIO()
    _code(line).terminal(out, compact=True, border=4)
    return out.getvalue()


def qr_png(line: str, *, scale: int = 8) -> bytes:
    """The code as a PNG, black on white, `scale` pixels a module, with its quiet zone around it."""
    out = io.BytesIO()
    _code(line).save(out, kind="png", scale=scale, border=4)
    return out.getvalue()


def _code(line: str) -> segno.QRCode:
    """Error correction Q: a quarter of the modules may be glare or a thumb.

    Raises:
        NotAccepted: the line is longer than an invitation may be.
    """
    if len(line) > MAX_LENGTH:
        raise NotAccepted("The line is longer than an invitation may be.")
    return segno.make_qr(line, error="q", boost_error=False)
