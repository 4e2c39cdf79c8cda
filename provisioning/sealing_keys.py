"""The site's opening keys on disk: the private halves of what envelopes are sealed to.

One JSON file a key, 0600: format, key id, use, private bytes; with a token, these wrapped by a key that never leaves
it. The receiver or the opener reads them; nothing on a device ever does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from capture.canonical import from_base64, to_base64
from provisioning import canonical, durable
from provisioning.errors import SiteDamaged, TokenUnusable
from provisioning.terms import SealingTerm, SealingUse
from provisioning.wrapping import KeyWrapper
from sync.receiver.opening import OpeningKey

FORMAT = "wardlens-opening-key/1"
WRAPPED = "wardlens-opening-key/2"


def make_opening_key(folder: Path, use: SealingUse, token: KeyWrapper | None = None) -> SealingTerm:
    """A fresh opening key in `folder`, wrapped by `token` if there is one; what the manifest says of it.

    Raises:
        TokenUnusable: the token cannot be used; no key was written.
    """
    key = OpeningKey.generate()
    term = SealingTerm(key.public.key_id, use, key.public.raw)
    _write(folder, key, use.value, token)
    return term


def _write(folder: Path, key: OpeningKey, use: str, token: KeyWrapper | None) -> None:
    named = {"id": key.key_id, "use": use}
    if token is None:
        fields = named | {"format": FORMAT, "private": to_base64(key.to_bytes())}
    else:
        wrapped = token.wrap(key.to_bytes(), _context(key.key_id))
        fields = named | {"format": WRAPPED, "wrapped": to_base64(wrapped)}
        # What the token does not give back is never written in place of what it wrapped.
        if token.unwrap(wrapped, _context(key.key_id)) != key.to_bytes():
            raise TokenUnusable("The token does not give back what it wrapped. Use another one; nothing was changed.")
    durable.write(path_of(folder, key.key_id), canonical.encode(fields), mode=durable.PRIVATE)


def _context(key_id: str) -> bytes:
    return f"{WRAPPED} {key_id}".encode()


def wrap_opening_keys(folder: Path, token: KeyWrapper) -> tuple[str, ...]:
    """The ids of the keys in `folder` that lay there open, and are wrapped by `token` now.

    Raises:
        TokenUnusable: the token cannot be used; each file is whole, as it was or wrapped.
        KeyExposed: somebody else can read one.
        SiteDamaged: a key file cannot be read.
    """
    done = []
    for path in sorted(folder.glob("*.json")):
        with _readable():
            fields = _fields(path)
            if fields["format"] == FORMAT:
                key = read_opening_key(path)
                _write(folder, key, str(fields["use"]), token)
                done.append(key.key_id)
    return tuple(done)


def read_opening_key(path: Path, token: KeyWrapper | None = None) -> OpeningKey:
    """The opening key in `path`, out of `token` where it is wrapped.

    Raises:
        TokenUnusable: it is wrapped, and the token cannot be used.
        KeyExposed: somebody else can read it.
        ValueError: not such a file, or its key is not the one it names.
        OSError: not readable.
    """
    fields = _fields(path)
    if fields["format"] == FORMAT:
        raw = from_base64(str(fields["private"]))
    elif token is None:
        raise TokenUnusable(f"{path.name} is wrapped by a token. Say in the settings which: [token], docs/settings.md.")
    else:
        raw = token.unwrap(from_base64(str(fields["wrapped"])), _context(str(fields["id"])))
    key = OpeningKey.from_bytes(raw)
    if key.public.key_id != fields["id"]:
        raise ValueError(f"{path.name} holds another key than it names")
    return key


_FIELDS: Final = {FORMAT: {"format", "id", "use", "private"}, WRAPPED: {"format", "id", "use", "wrapped"}}


def _fields(path: Path) -> dict[str, Any]:
    fields = canonical.decode(durable.private_bytes(path))
    if _FIELDS.get(str(fields.get("format"))) != fields.keys():
        raise ValueError(f"{path.name} is not an opening key")
    return fields


def read_opening_keys(folder: Path, token: KeyWrapper | None = None) -> tuple[OpeningKey, ...]:
    """Every opening key in `folder`, also the retired: what was sealed to them stays readable.

    Raises:
        KeyExposed: somebody else can read one.
        SiteDamaged: a key file cannot be read.
    """
    with _readable():
        return tuple(read_opening_key(path, token) for path in sorted(folder.glob("*.json")))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise SiteDamaged(f"An opening key cannot be read: {error}. Restore it from its backup.") from error


def path_of(folder: Path, key_id: str) -> Path:
    """Where the opening key `key_id` lies in `folder`."""
    return folder / f"{key_id}.json"
