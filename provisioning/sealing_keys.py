"""The site's opening keys on disk: the private halves of what envelopes are sealed to.

One JSON file a key, 0600: format, key id, use, private bytes. The receiver reads them; nothing on a device ever does.
"""

from __future__ import annotations

from pathlib import Path

from capture.canonical import from_base64, to_base64
from provisioning import canonical, durable
from provisioning.terms import SealingTerm, SealingUse
from sync.receiver.opening import OpeningKey

FORMAT = "wardlens-opening-key/1"


def make_opening_key(folder: Path, use: SealingUse) -> SealingTerm:
    """A fresh opening key in `folder`; what the manifest says of it."""
    key = OpeningKey.generate()
    term = SealingTerm(key.public.key_id, use, key.public.raw)
    fields = {
        "format": FORMAT,
        "id": term.key_id,
        "use": use.value,
        "private": to_base64(key.to_bytes()),
    }
    durable.write(path_of(folder, term.key_id), canonical.encode(fields), mode=durable.PRIVATE)
    return term


def read_opening_key(path: Path) -> OpeningKey:
    """The opening key in `path`.

    Raises:
        KeyExposed: others can read it.
        ValueError: not such a file, or its key is not the one it names.
        OSError: not readable.
    """
    fields = canonical.decode(durable.private_bytes(path))
    if fields.keys() != {"format", "id", "use", "private"} or fields["format"] != FORMAT:
        raise ValueError(f"{path.name} is not an opening key")
    key = OpeningKey.from_bytes(from_base64(str(fields["private"])))
    if key.public.key_id != fields["id"]:
        raise ValueError(f"{path.name} holds another key than it names")
    return key


def path_of(folder: Path, key_id: str) -> Path:
    """Where the opening key `key_id` lies in `folder`."""
    return folder / f"{key_id}.json"
