"""A device whose keys are in a TPM: it works as any other, and without its TPM it takes nothing and loses nothing.

The device's services run as they are, each in a process of its own, and so do broker and receiver (promise 3).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from capture.errors import TpmChanged, TpmUnusable
from provisioning.identity import DeviceIdentity, KeyPlace


@pytest.fixture
def ward(tpm, bench, program):
    """A ward at work; its folder has a short name, as a unix socket's path has at most 107 bytes."""
    program("mosquitto")
    with tempfile.TemporaryDirectory(prefix="wl-") as folder, bench.ward_in(Path(folder), keys="tpm") as at_work:
        yield at_work


def refused_a_picture(ward, bench):
    """What the camera service says, which takes none."""
    assert ward.run("capture", number=1).ended(bench.PATIENCE)
    ward.stop("capture")
    before = len(ward.taken)
    ward.hear()
    assert len(ward.taken) == before
    return ward.said("capture")


def opened(envelope, ward):
    """What `wardlens envelope open` gives whoever has the site's keys."""
    command = [sys.executable, "-m", "firmware", "envelope", "open", envelope, "--site", ward.place.site, "--json"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ward.place.folder).stdout


def test_pictures_wait_while_the_tpm_is_gone_and_arrive_when_it_is_back(ward, tpm, bench):
    assert DeviceIdentity.load(ward.place.settings.state).keys is KeyPlace.TPM
    ward.settle()  # the first picture: signed in the TPM, sent by a handshake that it signed, filed by a real receiver
    ward.stop("sync")
    tpm.put_back()  # a killed service leaves its key loaded, which the kernel's resource manager would undo
    ward.take(2)

    tpm.take_out()
    assert str(TpmUnusable()) in refused_a_picture(ward, bench)
    ward.run("sync")
    ward.until(lambda: "tpm-failed" in ward.said("sync"), "the sync service to miss the TPM")
    ward.nothing_is_lost()
    assert len(ward.envelopes()) == 2

    tpm.exchange()
    ward.run("sync")
    assert str(TpmChanged()) in refused_a_picture(ward, bench)
    ward.until(lambda: "integrity check failed" in ward.said("sync"), "the sync service to see another TPM")
    ward.nothing_is_lost()
    assert len(ward.envelopes()) == 2
    for envelope in (ward.place.settings.state / "vault").rglob("*.wle"):
        assert "NOTE CANARY" in opened(envelope, ward), "who has the site's keys needs no device to open it"

    tpm.exchange(1)
    ward.run("sync")
    ward.settle()
