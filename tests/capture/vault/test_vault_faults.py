"""When the disk fails, the person reads a sentence, nothing half-written is left, and the rest goes on."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from capture.disk import RealFiles
from capture.envelope import Envelope
from capture.errors import VaultError, VaultFull, VaultUnwritable
from capture.vault import State, Vault


class FailingFiles(RealFiles):
    """The real disk, until the n-th call from now on fails with `code`; then real again."""

    def __init__(self) -> None:
        self.left = -1
        self.code = errno.EIO
        self.calls: list[str] = []

    def fail(self, after: int, code: int) -> None:
        self.left, self.code, self.calls = after, code, []

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        if name.startswith("_") or name in {"left", "code", "calls", "fail"}:
            return found

        def call(*args):
            self.calls.append(name)
            if self.left == 0:
                self.left = -1
                raise OSError(self.code, os.strerror(self.code))
            self.left -= 1
            return found(*args)

        return call


def parts_and_envelopes(folder: Path) -> tuple[list[str], list[str]]:
    paths = [path for path in (folder / "envelopes").rglob("*") if path.is_file()]
    return [p.name for p in paths if p.suffix != ".wle"], [p.stem for p in paths if p.suffix == ".wle"]


def put_or_error(vault: Vault, envelope: Envelope) -> VaultError | None:
    try:
        vault.put(envelope)
    except VaultError as error:
        return error
    return None


def fill(vault: Vault, sealed) -> list[Envelope]:
    """Put until the vault says that it is full; what it took."""
    taken = []
    for counter in range(1, 100):
        envelope = sealed(counter, size=400_000)
        refused = put_or_error(vault, envelope)
        if refused is not None:
            assert type(refused) is VaultFull
            return taken
        taken.append(envelope)
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize(("code", "error"), [(errno.EIO, VaultUnwritable), (errno.ENOSPC, VaultFull)])
def test_a_put_that_fails_at_any_call_leaves_nothing_and_works_again(tmp_path, sealed, code, error):
    files = FailingFiles()
    with Vault(tmp_path / "v", reserve_bytes=0, files=files) as vault:
        kept = sealed(1)
        vault.put(kept)
        failed, step = [], 0
        while True:
            envelope = sealed(step + 2, capture=f"{step:032x}")  # one folder, so that every put has the same calls
            files.fail(step, code)
            refused = put_or_error(vault, envelope)
            if refused is not None:
                assert type(refused) is error
                failed.append(files.calls[step])
                left, there = parts_and_envelopes(tmp_path / "v")
                assert envelope.capture not in {entry.capture for entry in vault.entries()}
                assert envelope.capture not in there
                assert left == []
                assert vault.put(envelope).state is State.SEALED
                assert vault.condition().writable
            if files.left >= 0:
                break
            step += 1
        files.left = -1
        assert {"create", "write", "sync", "rename", "sync_folder", "free_bytes"} <= set(failed)
        assert vault.read(kept.capture) == kept.raw
    with Vault(tmp_path / "v", reserve_bytes=0) as again:
        assert again.findings.adopted == again.findings.lost == 0


@pytest.mark.parametrize("sync", range(1, 7))
def test_a_put_whose_commit_failed_is_not_missed_by_anybody_after_the_power_went(tmp_path, sealed, program, sync):
    """The log may hold the row of a commit whose sync failed, and nobody was told that this picture was taken."""
    folder, envelope = tmp_path / "v", sealed(2)
    with Vault(folder, reserve_bytes=0) as vault:
        vault.put(sealed(1))
    (tmp_path / "envelope").write_bytes(envelope.raw)
    code = (
        "import os, signal, sys; from pathlib import Path; from capture.envelope import parse_envelope;"
        "from capture.errors import VaultError; from capture.vault import Vault\n"
        "vault = Vault(Path(sys.argv[1]), reserve_bytes=0)\n"
        "try:\n    vault.put(parse_envelope(Path(sys.argv[2]).read_bytes())); print('taken', flush=True)\n"
        "except VaultError:\n    print('refused', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    faults = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={sync}"]
    command = [program("strace"), "-f", "-qq", "-o", tmp_path / "trace", *faults, sys.executable, "-c", code]
    ran = subprocess.run(
        [*command, folder, tmp_path / "envelope"], capture_output=True, text=True, check=False, timeout=60
    )
    said = ran.stdout.strip()
    with Vault(folder, reserve_bytes=0) as vault:
        assert [entry.state for entry in vault.entries()] == [State.SEALED] * (2 if said == "taken" else 1)
        assert vault.findings.lost == 0


def test_the_condition_is_how_the_disk_is_now_so_that_a_fault_that_passed_stops_nobody(tmp_path, sealed):
    files = FailingFiles()
    with Vault(tmp_path / "v", reserve_bytes=0, files=files) as vault:
        files.fail(5, errno.EIO)
        with pytest.raises(VaultUnwritable) as refused:
            vault.put(sealed(1))
        assert vault.condition().writable
        files.fail(0, errno.EIO)
        condition = vault.condition()
        assert (condition.writable, condition.sentence) == (False, refused.value.sentence)
        assert vault.condition().writable
        vault.put(sealed(2))


def test_an_erasure_that_fails_is_not_reported_and_can_be_repeated(tmp_path, sealed):
    files = FailingFiles()
    with Vault(tmp_path / "v", reserve_bytes=0, files=files) as vault:
        envelope = sealed(1)
        vault.put(envelope)
        vault.receipted(envelope.capture, envelope.digest, b"r")
        for step in range(3):
            files.fail(step, errno.EIO)
            with pytest.raises(VaultUnwritable):
                vault.erase(envelope.capture)
            files.left = -1
            assert vault.entry(envelope.capture).state is State.RECEIPTED
        assert vault.erase(envelope.capture).state is State.ERASED


@pytest.mark.parametrize("step", range(15))
def test_a_vault_that_cannot_be_opened_says_so_and_opens_when_it_can(tmp_path, sealed, step):
    with Vault(tmp_path / "v", reserve_bytes=0) as vault:
        vault.put(sealed(1))
    files = FailingFiles()
    files.fail(step, errno.EIO)
    with pytest.raises(VaultUnwritable, match="Use another device"):
        Vault(tmp_path / "v", reserve_bytes=0, files=files)
    with Vault(tmp_path / "v", reserve_bytes=0) as vault:
        assert len(vault.pending()) == 1


def test_a_folder_that_others_took_the_write_from_is_seen_without_writing(tmp_path, sealed):
    class ReadOnlyFiles(RealFiles):
        def is_writable(self, path: Path) -> bool:
            return False

    with Vault(tmp_path / "v", reserve_bytes=0, files=ReadOnlyFiles()) as vault:
        assert not vault.condition().writable
        assert "Use another device" in vault.condition().sentence


def test_a_count_that_cannot_be_made_durable_is_not_given(tmp_path):
    files = FailingFiles()
    with Vault(tmp_path / "v", reserve_bytes=0, files=files) as vault:
        files.fail(3, errno.ENOSPC)
        with pytest.raises(VaultFull):
            vault.next_counter()
        assert vault.next_counter() == 1


def test_a_full_database_is_a_full_vault_and_takes_the_envelope_back(tmp_path, sealed):
    with Vault(tmp_path / "v", reserve_bytes=0) as vault:
        connection = vault._queue._connection
        connection.execute("PRAGMA max_page_count = 1")
        pages = connection.execute("PRAGMA max_page_count").fetchone()[0]
        refused, put = 0, 0
        for counter in range(1, 40):
            if put_or_error(vault, sealed(counter)) is None:
                put += 1
            else:
                refused += 1
        assert pages < 20
        assert refused > 0
        assert len(parts_and_envelopes(tmp_path / "v")[1]) == put == len(vault.entries())


def run_with_envelope(code: str, raw: bytes, folder: Path, **how) -> subprocess.CompletedProcess[str]:
    path = folder / "envelope"
    path.write_bytes(raw)
    program = f"""
import sys, resource
from pathlib import Path
from capture.envelope import parse_envelope
from capture.vault import Vault
folder = Path(sys.argv[1])
envelope = parse_envelope((folder / "envelope").read_bytes())
{code}
"""
    command = [sys.executable, "-W", "error", "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **how)


def test_a_file_size_limit_is_a_full_vault(tmp_path, sealed):
    assert resource.RLIM_INFINITY == -1
    code = """
vault = Vault(folder / "v", reserve_bytes=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    vault.put(envelope)
except Exception as error:
    print(type(error).__name__)
print(len(vault.entries()))
vault.close()
"""
    done = run_with_envelope(code, sealed(1, size=2_000_000).raw, tmp_path)
    assert done.stdout.split() == ["VaultFull", "0"], done.stderr
    assert parts_and_envelopes(tmp_path / "v") == ([], [])


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 4 MiB: a tmpfs, mounted by root or in a user namespace of our own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = "size=4m,mode=0755"
    if os.geteuid() != 0:
        pytest.skip("hardware: only root may mount a small disk; injected faults and a size limit stand in for it")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("hardware: this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_really_full_disk_refuses_the_picture_and_keeps_the_rest(small_disk, sealed):
    with Vault(small_disk / "v", reserve_bytes=0) as vault:
        taken = fill(vault, sealed)
        assert 2 < len(taken) < 12
        assert {entry.capture for entry in vault.entries()} == {envelope.capture for envelope in taken}
        assert all(vault.read(envelope.capture) == envelope.raw for envelope in taken)
        assert parts_and_envelopes(small_disk / "v")[0] == []


def test_with_its_reserve_a_full_disk_still_lets_the_queue_drain(small_disk, sealed):
    with Vault(small_disk / "v", reserve_bytes=1_000_000) as vault:
        taken = fill(vault, sealed)
        for envelope in taken:
            vault.offered(envelope.capture)
            vault.receipted(envelope.capture, envelope.digest, b"r")
            vault.erase(envelope.capture)
        vault.put(sealed(200, size=400_000))


@pytest.mark.parametrize("step", range(1, 8))
def test_a_disk_that_turns_read_only_refuses_the_picture_and_still_reads(tmp_path, sealed, step):
    files = FailingFiles()
    with Vault(tmp_path / "v", reserve_bytes=0, files=files) as vault:
        envelope = sealed(1)
        vault.put(envelope)
        files.fail(step, errno.EROFS)
        assert type(put_or_error(vault, sealed(2))) is VaultUnwritable
        files.left = -1
        assert vault.read(envelope.capture) == envelope.raw


def test_a_read_only_disk_is_said_to_be_one_and_loses_nothing(small_disk, sealed):
    envelope = sealed(1)
    with Vault(small_disk / "v", reserve_bytes=0) as vault:
        vault.put(envelope)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(VaultUnwritable, match="Use another device"):
        Vault(small_disk / "v", reserve_bytes=0)
    assert not RealFiles().is_writable(small_disk / "v")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    with Vault(small_disk / "v", reserve_bytes=0) as vault:
        assert vault.read(envelope.capture) == envelope.raw
        vault.put(sealed(3))


def test_a_folder_that_is_a_file_is_said_to_be_unwritable(tmp_path):
    (tmp_path / "v").write_text("a file")
    with pytest.raises(VaultUnwritable):
        Vault(tmp_path / "v")
