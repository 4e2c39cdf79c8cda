"""What the vault has and the ledger owes: said once, whatever fails between the two, and before what comes next."""

from __future__ import annotations

import errno
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from capture.disk import RealFiles
from capture.envelope import KeySigner
from capture.errors import LedgerUnwritable
from capture.ledger import Ledger, open_ledger
from capture.ledger.chain import parse_line
from capture.vault import State, Vault
from sync.protocol.effects import Erase, MarkOffered, MarkReceipted, Park
from sync.uplink.storage import Storage

SIGNER = KeySigner(ec.generate_private_key(ec.SECP256R1()))


class FullDisk(RealFiles):
    """The real disk, which takes nothing while `full`."""

    full = False

    def write(self, descriptor, data):
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(descriptor, data)


class Device:
    """A vault with one picture, and the sync service's ledger on a disk of its own."""

    def __init__(self, folder, sealed):
        self.folder, self.disk, self._sealed = folder, FullDisk(), sealed
        self.vault = Vault(folder / "vault", reserve_bytes=1)
        self.ledger = Ledger(folder, "sync", SIGNER, files=self.disk)
        self.storage = Storage(self.vault, self.ledger)

    def take(self, number=1):
        return self.vault.put(self._sealed(number))

    def again(self):
        """The same after a power cut."""
        self.close()
        return Device(self.folder, self._sealed)

    def close(self):
        self.ledger.close()
        self.vault.close()

    def said(self):
        lines = [parse_line(line) for line in (self.folder / "sync.jsonl").read_bytes().splitlines()]
        return [line.event for line in lines]


@pytest.fixture
def make_device(tmp_path, sealed):
    made = []

    def make(old=None):
        made.append(Device(tmp_path, sealed) if old is None else old.again())
        return made[-1]

    yield make
    made[-1].close()


def steps(entry):
    return {
        "offered": [MarkOffered(entry.capture)],
        "receipted": [MarkOffered(entry.capture), MarkReceipted(entry.capture, entry.digest, b"receipt")],
        "erased": [
            MarkOffered(entry.capture),
            MarkReceipted(entry.capture, entry.digest, b"receipt"),
            Erase(entry.capture),
        ],
        "parked": [MarkOffered(entry.capture), Park(entry.capture, "unknown-device")],
    }


SAID = {
    "offered": ["envelope-offered"],
    "receipted": ["envelope-offered", "envelope-receipted", "envelope-erased"],
    "erased": ["envelope-offered", "envelope-receipted", "envelope-erased"],
    "parked": ["envelope-offered", "envelope-parked"],
}


@pytest.mark.parametrize("last", SAID)
@pytest.mark.parametrize("cut", [False, True], ids=["disk full for a while", "and then a power cut"])
def test_a_step_that_could_not_be_said_is_said_before_the_next(make_device, last, cut):
    device = make_device()
    *before, failing = steps(device.take())[last]
    for effect in before:
        device.storage.apply(effect)
    device.disk.full = True
    with pytest.raises(LedgerUnwritable):
        device.storage.apply(failing)
    with pytest.raises(LedgerUnwritable):
        device.storage.begin()
    if cut:
        device = make_device(device)
    device.disk.full = False
    device.storage.begin()
    assert device.said() == SAID[last]
    make_device(device).storage.begin()
    assert device.said() == SAID[last], "once"


def test_nothing_more_is_done_while_a_line_is_owed(make_device):
    device = make_device()
    one, two = device.take(1), device.take(2)
    device.disk.full = True
    for entry in (one, two):
        with pytest.raises(LedgerUnwritable):
            device.storage.apply(MarkOffered(entry.capture))
    assert [entry.state for entry in device.vault.entries()] == [State.OFFERED, State.SEALED]
    device.disk.full = False
    device.storage.apply(MarkOffered(two.capture))
    device.storage.stopped()
    assert device.said() == ["envelope-offered", "envelope-offered", "service-stopped"]


def test_an_erasure_that_a_start_of_the_vault_has_finished_is_on_the_ledger_too(make_device):
    device = make_device()
    entry = device.take()
    for effect in steps(entry)["receipted"]:
        device.storage.apply(effect)
    (file,) = (device.folder / "vault" / "envelopes").rglob("*.wle")
    file.unlink()  # and here the power went
    device = make_device(device)
    assert [entry.state for entry in device.vault.entries()] == [State.ERASED]
    device.storage.begin()
    assert device.said() == SAID["erased"]


def test_what_was_parked_and_sent_again_is_said_again(make_device):
    device = make_device()
    entry = device.take()
    for effect in steps(entry)["parked"]:
        device.storage.apply(effect)
    device.vault.retry(entry.capture)
    device.storage.begin()
    device.vault.offered(entry.capture)
    device = make_device(device)
    device.storage.begin()
    assert device.said() == ["envelope-offered", "envelope-parked", "envelope-offered"]


def test_a_ledger_that_began_anew_repeats_nothing_of_the_old_one(make_device):
    device = make_device()
    for effect in steps(device.take())["erased"]:
        device.storage.apply(effect)
    device.ledger.close()
    (device.folder / "sync.jsonl").write_bytes(b"altered\n")
    device.ledger = open_ledger(device.folder, "sync", SIGNER)
    device.storage = Storage(device.vault, device.ledger)
    device.storage.begin()
    assert device.said() == ["ledger-begun-anew"]
