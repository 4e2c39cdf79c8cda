"""The break-glass key: a second recipient of every capture, whose private half lies with nobody who runs the site.

One JSON file, 0600, made once and carried away. It holds what is needed to verify and open an envelope without the
site: the site's id, its issuing certificates, and the opening key. Nothing of it but the public half stays behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from capture.canonical import from_base64, to_base64
from capture.identifiers import SiteId, site_id
from provisioning import canonical, durable
from provisioning.certificates import from_der, to_der
from provisioning.errors import NotAccepted, StorageRefused
from provisioning.terms import SealingTerm, SealingUse
from sync.receiver.opening import OpeningKey

FORMAT: Final = "wardlens-break-glass/1"
_FIELDS: Final = {"format", "site", "authorities", "id", "private"}


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """What a break-glass file holds."""

    site: SiteId
    authorities: tuple[x509.Certificate, ...]
    key: OpeningKey = field(repr=False)


def write_break_glass(path: Path, site: SiteId, authorities: Sequence[x509.Certificate]) -> SealingTerm:
    """A fresh key in a new file at `path`; what the manifest says of it.

    Raises:
        NotAccepted: something is there already.
        StorageRefused: the disk refused.
    """
    if path.exists():
        raise NotAccepted(f"There is something at {path} already. Name a new file for the break-glass key.")
    key = OpeningKey.generate()
    fields = {
        "format": FORMAT,
        "site": site,
        "authorities": [to_base64(to_der(certificate)) for certificate in authorities],
        "id": key.key_id,
        "private": to_base64(key.to_bytes()),
    }
    try:
        durable.write(path, canonical.encode(fields), mode=durable.PRIVATE)
    except OSError as error:
        raise StorageRefused(f"{path} cannot be written: {error.strerror or error}.") from error
    return SealingTerm(key.key_id, SealingUse.BREAK_GLASS, key.public.raw)


def read_break_glass(path: Path) -> BreakGlass:
    """The break-glass key in `path`.

    Raises:
        KeyExposed: others can read it.
        NotAccepted: not such a file, or its key is not the one it names.
    """
    try:
        fields = canonical.decode(durable.private_bytes(path))
        if fields.keys() != _FIELDS or fields["format"] != FORMAT:
            raise ValueError("another format")
        authorities = [from_der(from_base64(str(text))) for text in fields["authorities"]]
        key = OpeningKey.from_bytes(from_base64(str(fields["private"])))
        if key.key_id != fields["id"]:
            raise ValueError("another key than it names")
        return BreakGlass(site_id(str(fields["site"])), tuple(authorities), key)
    except (OSError, ValueError, TypeError) as error:
        raise NotAccepted(f"{path} is not a break-glass key ({error}). Name the file that was carried away.") from error
