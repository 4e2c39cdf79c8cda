"""A new identity written into the state folder: each file whole, `device.json` last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

from capture.identifiers import DeviceId, SiteId
from capture.tpm import TpmKey
from provisioning import canonical, durable
from provisioning.certificates import to_pem
from provisioning.clock import seconds
from provisioning.errors import AlreadyPaired, PairingRunning, StorageRefused
from provisioning.identity import FORMAT, KeyPlace, StateLayout
from provisioning.invitation import Address
from provisioning.keys import key_hash, write_key


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What a device has after enrolment, in memory."""

    device: DeviceId
    site: SiteId
    name: str
    enrolment: Address
    root: x509.Certificate
    identity_key: EllipticCurvePrivateKey
    signing_key: EllipticCurvePrivateKey
    identity_chain: tuple[x509.Certificate, ...]
    signing_chain: tuple[x509.Certificate, ...]
    signing_request: bytes


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
        "enrolment": str(new.enrolment),
        "root": key_hash(root_key).hex(),
        "created": seconds(now),
        **({"keys": KeyPlace.TPM.value} if isinstance(new.signing_key, TpmKey) else {}),
    }
    try:
        for folder in (layout.root.parent, layout.key("identity").parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_key(layout.key("identity"), new.identity_key)
        write_key(layout.key("signing"), new.signing_key)
        durable.write(layout.root, to_pem(new.root))
        durable.write(layout.certificate("identity"), to_pem(*new.identity_chain))
        durable.write(layout.certificate("signing"), to_pem(*new.signing_chain))
        durable.write(layout.signing_request, new.signing_request)
        durable.write(layout.manifest, manifest, mode=durable.PRIVATE)
        layout.label.unlink(missing_ok=True)
        durable.sync_folder(state)
        durable.write(layout.facts, canonical.encode(facts))
    except OSError as error:
        raise StorageRefused(f"The state folder {state} cannot be written: {error.strerror or error}.") from error


@contextmanager
def holding_unpaired(state: Path) -> Iterator[None]:
    """Holds the state folder, unpaired, for one pairing at a time; the lock ends with the process that holds it.

    Raises:
        AlreadyPaired: the device has a site.
        PairingRunning: another pairing holds it.
        StorageRefused: the folder cannot be written.
    """
    try:
        durable.private_folder(state) if not state.exists() else None
        descriptor = os.open(state / ".pairing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageRefused(f"The state folder {state} cannot be written: {error.strerror or error}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PairingRunning from error
        if StateLayout(state).facts.exists():
            raise AlreadyPaired
        yield
    finally:
        os.close(descriptor)
