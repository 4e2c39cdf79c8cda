"""What is kept beside the sending: in order, and nothing follows from it before it is durable."""

from __future__ import annotations

import threading

import pytest

from capture.identifiers import CaptureId
from capture.vault import VaultUnwritable
from sync.errors import BrokerUnavailable
from sync.protocol.effects import Erase, MarkOffered, MarkReceipted
from sync.uplink.keeping import Keeping

ONE, TWO = CaptureId(f"{1:032x}"), CaptureId(f"{2:032x}")
RECEIPT = MarkReceipted(ONE, f"{1:064x}", b"receipt")


class Disk:
    """Takes effects when it may, in the order they come; one of them may be more than it can."""

    def __init__(self, broken=None):
        self.may, self.kept, self._broken = threading.Event(), [], broken

    def apply(self, effect):
        assert self.may.wait(20)
        if effect == self._broken:
            raise VaultUnwritable
        self.kept.append(effect)


def test_nothing_follows_before_all_that_it_follows_from_is_durable():
    disk, said = Disk(), []
    with Keeping(disk) as keeping:
        keeping.begin([RECEIPT, Erase(ONE)], [lambda: said.append("acknowledged")])
        keeping.begin([MarkOffered(TWO)], [lambda: said.append("offered")])
        assert keeping.busy
        assert keeping.kept() == []
        disk.may.set()
        for then in keeping.kept(all_of_it=True):
            then()
        assert not keeping.busy
    assert disk.kept == [RECEIPT, Erase(ONE), MarkOffered(TWO)]
    assert said == ["acknowledged", "offered"]


def test_a_receipt_that_could_not_be_kept_erases_nothing_and_is_not_acknowledged():
    disk, said = Disk(broken=RECEIPT), []
    with Keeping(disk) as keeping:
        keeping.begin([RECEIPT, Erase(ONE)], [lambda: said.append("acknowledged")])
        disk.may.set()
        with pytest.raises(VaultUnwritable):
            keeping.kept(all_of_it=True)
    assert (disk.kept, said) == ([], [])


def test_what_was_begun_is_kept_before_the_block_ends():
    disk = Disk()
    with Keeping(disk) as keeping:
        keeping.begin([RECEIPT], [])
        disk.may.set()
    assert disk.kept == [RECEIPT]


def test_a_connection_that_is_lost_does_not_hide_that_the_disk_failed():
    disk = Disk(broken=RECEIPT)
    disk.may.set()
    keeping = Keeping(disk)
    keeping.begin([RECEIPT, Erase(ONE)], [])
    with pytest.raises(VaultUnwritable):
        keeping.__exit__(BrokerUnavailable, BrokerUnavailable(), None)
