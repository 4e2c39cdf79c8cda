"""Forgetting everything: the site, the keys, the vault. Once begun it ends: the next start finishes it.

A wipe that the site ordered is one file that outlives it: the result, signed while there was a key to sign with, and
where to post it. So it happens once, and the site hears of it (`firmware.upkeep.wipe_order`).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from capture.canonical import from_base64, to_base64
from capture.identifiers import DeviceId, device_id
from firmware.errors import WorkFailed
from provisioning import canonical, durable
from provisioning.certificates import from_der, to_der
from provisioning.durable import sync_folder
from provisioning.errors import ProvisioningError
from provisioning.identity import DeviceIdentity, StateLayout
from provisioning.invitation import Address, parse_address

MARK: Final = "wipe-begun"
ORDER: Final = "wipe-ordered.json"
RECORD: Final = "update.json"
"""What root knows of the system that runs (firmware/updating/record.py): a wipe makes no system good, and no older one.

It names no patient, no hospital and no key.
"""
FORMAT: Final = "wardlens-wipe-order/1"
FIRST: Final = ("keys", "device.json")
"""What goes first: without the keys the device is nobody, and without device.json it is not paired."""
_FIELDS: Final = {"format", "device", "enrolment", "root", "command", "result"}


@dataclass(frozen=True, slots=True)
class WipeOrder:
    """What is to be said, by whom, to whom, once everything else is gone."""

    device: DeviceId
    enrolment: Address
    root: x509.Certificate
    command: bytes = field(repr=False)
    result: bytes = field(repr=False)

    @classmethod
    def of(cls, identity: DeviceIdentity, command: bytes, result: bytes) -> WipeOrder:
        """The order to wipe this device, by this command as the site signed it."""
        return cls(identity.device, identity.enrolment, identity.root, command, result)


def write_order(state: Path, order: WipeOrder) -> None:
    """`order` in the state folder, durably; from now on the device is to be wiped.

    Raises:
        WorkFailed: the disk refused.
    """
    fields = {
        "format": FORMAT,
        "device": order.device,
        "enrolment": str(order.enrolment),
        "root": to_base64(to_der(order.root)),
        "command": to_base64(order.command),
        "result": to_base64(order.result),
    }
    try:
        durable.write(state / ORDER, canonical.encode(fields))
    except OSError as error:
        raise WorkFailed(f"{state / ORDER} cannot be written ({error.strerror}). Nothing was wiped.") from error


def parse_order(raw: bytes) -> WipeOrder:
    """The order in `raw`.

    Raises:
        ValueError: it is none.
    """
    fields = canonical.decode(raw)
    if fields.keys() != _FIELDS or fields["format"] != FORMAT:
        raise ValueError("not an order to wipe")
    texts = [fields[name] for name in ("device", "enrolment", "root", "command", "result")]
    if not all(type(text) is str for text in texts):
        raise ValueError("not an order to wipe")
    device, enrolment, root, command, result = texts
    try:
        address = parse_address(enrolment)
    except ProvisioningError as error:
        raise ValueError("not an address") from error
    said, result_said = from_base64(command), from_base64(result)
    return WipeOrder(device_id(device), address, from_der(from_base64(root)), said, result_said)


def wipe_ordered(state: Path) -> bool:
    """Whether this device is to be wiped and is not yet; an order for the one that it was before is only to be told."""
    if not (state / ORDER).exists():
        return False
    # The mark is looked for last: while a wipe is under way device.json may be gone, and the mark is there.
    return _is_for_who_is_here(state) or (state / MARK).exists()


def _is_for_who_is_here(state: Path) -> bool:
    """Whether the order is for the device that is paired here, or may be: whoever cannot be read is not gone."""
    try:
        facts = StateLayout(state).facts.read_bytes()
        device = parse_order((state / ORDER).read_bytes()).device
    except FileNotFoundError:
        return False  # not paired, or being paired: there is nobody to wipe
    except OSError:
        return True
    except ValueError:
        return False  # no order: nothing is done by it, and nothing said
    try:
        return canonical.decode(facts).get("device") == device
    except ValueError:
        return True


def wipe_state(state: Path) -> None:
    """Remove everything in the state folder, the keys first; a site's order to wipe stays until it is answered.

    What root knows of the device's systems stays, too.

    Raises:
        WorkFailed: the disk refused; the wipe goes on when the device is started or wiped again.
    """
    try:
        mark = state / MARK
        with mark.open("wb") as file:
            os.fsync(file.fileno())
        sync_folder(state)
        rest = sorted(path.name for path in state.iterdir() if path.name not in {MARK, ORDER, RECORD, *FIRST})
        for name in (*FIRST, *rest):
            _remove(state / name)
            sync_folder(state)
        mark.unlink()
        sync_folder(state)
    except OSError as error:
        raise WorkFailed(
            f"{state} could not be wiped whole ({error.strerror}). Do not hand this device on: wipe it again."
        ) from error


def finish_wipe(state: Path) -> bool:
    """Whether a wipe had been interrupted here; if so, it is finished now."""
    if not (state / MARK).exists():
        return False
    wipe_state(state)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
