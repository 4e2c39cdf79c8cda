"""A new identity written into the state folder: each file whole, `device.json` last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

from capture.identifiers import DeviceId, SiteId
from provisioning import canonical, durable
from provisioning.certificates import to_pem
from provisioning.clock import seconds
from provisioning.errors import StorageRefused
from provisioning.identity import FORMAT, StateLayout
from provisioning.keys import key_hash, write_key


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What a device has after enrolment, in memory."""

    device: DeviceId
    site: SiteId
    name: str
    root: x509.Certificate
    identity_key: EllipticCurvePrivateKey
    signing_key: EllipticCurvePrivateKey
    identity_chain: tuple[x509.Certificate, ...]
    signing_chain: tuple[x509.Certificate, ...]


def write_identity(state: Path, new: NewIdentity, manifest: bytes, now: datetime) -> None:
    """`new` and its manifest in `state`. What an interrupted pairing left behind is replaced.

    Raises:
        StorageRefused: the disk refused; the device is unpaired still.
    """
    layout = StateLayout(state)
    root_key = new.root.public_key()
    assert isinstance(root_key, EllipticCurvePublicKey)
    facts = {
        "format": FORMAT,
        "device": new.device,
        "site": new.site,
        "name": new.name,
        "root": key_hash(root_key).hex(),
        "created": seconds(now),
    }
    try:
        for folder in (layout.root.parent, layout.key("identity").parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_key(layout.key("identity"), new.identity_key)
        write_key(layout.key("signing"), new.signing_key)
        durable.write(layout.root, to_pem(new.root))
        durable.write(layout.certificate("identity"), to_pem(*new.identity_chain))
        durable.write(layout.certificate("signing"), to_pem(*new.signing_chain))
        durable.write(layout.manifest, manifest, mode=durable.PRIVATE)
        durable.sync_folder(state)
        durable.write(layout.facts, canonical.encode(facts))
    except OSError as error:
        raise StorageRefused(f"The state folder {state} cannot be written: {error.strerror or error}.") from error
