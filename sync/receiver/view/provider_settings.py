"""What the hospital and its identity provider have agreed on, and who somebody is here by that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sync.receiver.alarms import LONGEST_SAID, fits_on_record
from sync.receiver.errors import NotSignedIn
from sync.receiver.view.login import Admission
from sync.receiver.view.roles import Role

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the hospital and its identity provider have agreed on.

    Attributes:
        issuer: the provider's address, as its tokens name it.
        client: our name there.
        secret: what proves that we are it; empty for a public client.
        address: ours, as browsers and the provider know it; the provider sends people back to `/signed-in` there.
        roles: the provider's groups, and the role that each is here.
        claim: where the token names the groups; dots lead into objects.
        scope: what the token is asked to hold.
        authorities: a PEM file of the authority that signed the provider's certificate; this machine's own where none.
        title: what the button calls the provider.
    """

    issuer: str
    client: str
    address: str
    roles: Mapping[str, Role]
    secret: str = field(default="", repr=False)
    claim: str = "groups"
    scope: str = "openid profile"
    authorities: str = ""
    title: str = "your hospital account"

    def __post_init__(self) -> None:
        for what, url in (("issuer", self.issuer), ("address", self.address)):
            parts = urlsplit(url)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                raise ValueError(f"the {what} is an https address, or http on this machine")
        if not self.client or not self.roles:
            raise ValueError("a provider needs our name there, and groups that are roles here")

    @property
    def back(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.address.rstrip('/')}/signed-in"


def admission_of(claims: Mapping[str, Any], settings: ProviderSettings) -> Admission:
    """Who somebody is by the claims of a token that was checked, and what he is here.

    Raises:
        NotSignedIn: none of his groups is a role here, or he has no name to put on record.
    """
    roles = frozenset(settings.roles[group] for group in _groups(claims, settings.claim) if group in settings.roles)
    if not roles:
        raise NotSignedIn(
            "Your account may not see anything here. Ask IT to put you into a group that `oidc.roles` names."
        )
    subject = claims.get("sub")
    name = next((said for key in ("name", "preferred_username", "sub") if _is_name(said := claims.get(key))), None)
    if name is None or not _is_name(subject):
        raise NotSignedIn("Your account has no name that fits on record. Ask IT to give it one.")
    return Admission(str(name), roles, str(subject))


def _is_name(said: object) -> bool:
    return isinstance(said, str) and fits_on_record(said) and len(said) <= LONGEST_SAID // 2


def _groups(claims: Mapping[str, Any], claim: str) -> list[str]:
    found: Any = claims
    for step in claim.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [group for group in found if isinstance(group, str)] if isinstance(found, list) else []
