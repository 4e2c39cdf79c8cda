"""The site's folder, opened with the token that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from firmware.account import account
from firmware.errors import RequestWrong
from firmware.settings import Settings
from provisioning.site import Site

if TYPE_CHECKING:
    from provisioning.wrapping import KeyWrapper


def open_site(settings: Settings, folder: Path | None = None) -> Site:
    """The site in `folder`, or where the settings say it is; what is decided in it is decided by who sits here."""
    return Site.load(folder or settings.receiver.site, token=token_of(settings), by=account())


def token_of(settings: Settings) -> KeyWrapper | None:
    """The token that wraps opening keys, if one is set. Nothing is asked of it yet.

    Raises:
        RequestWrong: it is named and the file with its PIN is not.
    """
    from provisioning.pkcs11_token import Pkcs11Wrapper, TokenPlace

    token = settings.token
    if token.module is None:
        return None
    if token.pin_file is None:
        raise RequestWrong("A token is set without its PIN: name the file that holds it in token.pin_file.")
    return Pkcs11Wrapper(TokenPlace(token.module, token.label, token.pin_file))
