"""The hospital's view put together: who is let in by a link or by the identity provider, and who looked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from capture.private_files import exposed_file
from firmware.errors import RequestWrong
from firmware.settings import LOOPBACK, Settings
from firmware.terminal import moment
from provisioning.errors import SiteDamaged
from provisioning.site import Site

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sync.receiver import Archive, LoginTokens, Provider


def hospital_view(settings: Settings, site: Site, archive: Archive) -> ASGIApp:
    """The view as an ASGI application, by the settings.

    Raises:
        RequestWrong: it would be served to other machines without TLS, or its provider is not set up.
    """
    from firmware.fleet import enrolled, this_release
    from sync.receiver import create_view

    if settings.receiver.host not in LOOPBACK:
        raise RequestWrong(
            "The hospital's view shows patients' pictures, and this version serves it without TLS: keep receiver.host "
            "on this machine (127.0.0.1) and put a TLS proxy before it."
        )
    address = urlsplit(settings.receiver.address)
    if settings.receiver.address and (address.scheme != "https" or not address.hostname):
        raise RequestWrong("receiver.address is where the TLS proxy answers: an address that begins with https://.")
    return create_view(
        archive,
        site=site.name,
        receipt_keys=lambda: site.manifest.receipt_keys,
        tokens=login_tokens(settings),
        hosts=(address.hostname,) if address.hostname else (),
        secure=bool(address.hostname),
        provider=identity_provider(settings),
        enrolled=lambda: enrolled(site),
        release=this_release(),
        first_end=lambda: _first_end(site),
    )


def _first_end(site: Site) -> datetime | None:
    try:
        return min(site.ends().values())
    except SiteDamaged:
        return None


def login_tokens(settings: Settings) -> LoginTokens:
    """What lets a browser in to the hospital's view."""
    from sync.receiver import LoginTokens

    return LoginTokens(settings.receiver.archive / "links")


def login_link(settings: Settings, name: str, roles: Iterable[str]) -> str:
    """A link that signs one browser in to the hospital's view, once.

    Args:
        settings: of the receiver that shows the view.
        name: of the person it is for; what he looks at and settles is on record under it.
        roles: what he is here.

    Raises:
        RequestWrong: the name is none that can stand on record, or there is no such role.
    """
    from sync.receiver import LONGEST_SAID, Admission, Role

    try:
        admission = Admission(name.strip(), frozenset(map(Role, roles)))
    except ValueError as error:
        raise RequestWrong(
            f"A link is for somebody: one line of 1 to {LONGEST_SAID} characters, and --role {', '.join(Role)}."
        ) from error
    receiver = settings.receiver
    address = receiver.address.rstrip("/") or f"http://{receiver.host}:{receiver.port}"
    return f"{address}/login?token={login_tokens(settings).issue(admission)}"


def identity_provider(settings: Settings) -> Provider | None:
    """The provider that people sign in with, if the hospital names one.

    Raises:
        RequestWrong: `[oidc]` lacks something, or others can read the secret.
    """
    from sync.receiver import Provider, ProviderSettings, Role

    given = settings.oidc
    if not given.issuer:
        return None
    secret = ""
    if given.secret is not None:
        try:
            if exposed := exposed_file(given.secret):
                raise RequestWrong(exposed)
            secret = given.secret.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise RequestWrong(f"The file {given.secret} of oidc.secret cannot be read.") from error
    try:
        agreed = ProviderSettings(
            issuer=given.issuer,
            client=given.client,
            address=settings.receiver.address,
            roles={group: Role(role) for group, role in given.roles.items()},
            secret=secret,
            claim=given.claim,
            scope=given.scope,
            authorities=str(given.authorities or ""),
            title=given.title,
        )
        return Provider(agreed)
    except (OSError, ValueError) as error:
        raise RequestWrong(
            f"Signing in with an identity provider is not set up ({error}). Set oidc.issuer, oidc.client, oidc.roles "
            "and receiver.address, or leave oidc.issuer empty."
        ) from error


def look_rows(archive: Archive, limit: int, *, capture: str = "", who: str = "") -> list[dict[str, Any]]:
    """Who looked at what, the latest first: of everybody at everything, or at one capture, or of one person."""
    return [
        {"at": moment(look.at_ms), "who": look.who, "as": look.roles, "saw": look.what, "capture": look.capture}
        for look in archive.looks(limit, capture=capture, who=who)
    ]
