"""What the vault promises to the services that share it."""

from __future__ import annotations

import os
import stat

import pytest

from capture.disk import RealFiles
from capture.errors import NotInVault, TransitionRefused, VaultDamaged, VaultFull
from capture.identifiers import CaptureId
from capture.vault import State, Vault
from capture.vault import vault as vault_module


@pytest.fixture
def vault(tmp_path):
    with Vault(tmp_path / "vault", reserve_bytes=0) as opened:
        yield opened


def files_in(vault_folder):
    return sorted(path.name for path in (vault_folder / "envelopes").rglob("*") if path.is_file())


def test_what_is_put_is_there_after_a_restart(tmp_path, sealed):
    envelope = sealed(1)
    with Vault(tmp_path / "v", reserve_bytes=0, clock=lambda: 1234) as vault:
        entry = vault.put(envelope, urgent=True)
    with Vault(tmp_path / "v", reserve_bytes=0) as again:
        assert again.entries() == (entry,)
        assert again.read(envelope.capture) == envelope.raw
        assert again.findings.adopted == again.findings.lost == 0
    assert (entry.digest, entry.length, entry.counter) == (envelope.digest, len(envelope.raw), 1)
    assert (entry.state, entry.urgent, entry.sealed_at_ms) == (State.SEALED, True, 1234)


def test_it_says_for_how_long_the_oldest_of_what_waits_has(tmp_path, sealed):
    now = [1_000_000]
    with Vault(tmp_path / "v", reserve_bytes=0, clock=lambda: now[0]) as vault:
        assert vault.oldest_waiting_ms() is None
        first = vault.put(sealed(1))
        now[0] += 5_000
        vault.put(sealed(2), urgent=True)
        assert vault.oldest_waiting_ms() == 5_000
        vault.park(first.capture, "malformed")
        now[0] += 1
        assert vault.oldest_waiting_ms() == 1
        now[0] = 0
        assert vault.oldest_waiting_ms() == 0, "a clock that went back makes nothing negative"


def test_putting_twice_is_as_good_as_once(vault, sealed):
    envelope = sealed(1)
    assert vault.put(envelope) == vault.put(envelope)
    assert len(vault.entries()) == 1


def test_another_envelope_of_the_same_capture_is_refused_and_changes_nothing(vault, sealed):
    first, second = sealed(1, capture="a" * 32), sealed(2, capture="a" * 32)
    vault.put(first)
    with pytest.raises(TransitionRefused, match="same capture"):
        vault.put(second)
    assert vault.read(first.capture) == first.raw


def test_the_file_is_named_by_the_capture_and_nothing_else(tmp_path, vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    assert files_in(tmp_path / "vault") == [f"{envelope.capture}.wle"]


def test_others_can_read_nothing_and_the_group_shares(tmp_path, vault, sealed):
    vault.put(sealed(1))
    for path in (tmp_path / "vault").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o007 == 0, path
        if path.is_dir():
            assert mode == 0o2770
        else:
            assert mode in (0o640, 0o660)
    assert stat.S_IMODE((tmp_path / "vault" / "queue.sqlite").stat().st_mode) == 0o660


def test_urgent_goes_first_then_the_oldest(vault, sealed):
    for counter, urgent in ((3, False), (1, False), (4, True), (2, True)):
        vault.put(sealed(counter), urgent=urgent)
    assert [entry.counter for entry in vault.pending()] == [2, 4, 1, 3]
    assert [entry.counter for entry in vault.pending(3)] == [2, 4, 1]
    assert [entry.counter for entry in vault.entries()] == [1, 2, 3, 4]


def test_only_what_still_has_to_go_is_pending(vault, sealed):
    waiting, offered, parked, done = (sealed(counter) for counter in range(1, 5))
    for envelope in (waiting, offered, parked, done):
        vault.put(envelope)
    vault.offered(offered.capture)
    vault.park(parked.capture, "quarantined")
    vault.receipted(done.capture, done.digest, b"receipt")
    assert [entry.counter for entry in vault.pending()] == [1, 2]
    assert vault.tally() == {State.SEALED: 1, State.OFFERED: 1, State.PARKED: 1, State.RECEIPTED: 1}
    assert [entry.capture for entry in vault.of(State.RECEIPTED)] == [done.capture]


def test_the_whole_way_to_erased(tmp_path, vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    assert vault.offered(envelope.capture).offers == 1
    assert vault.offered(envelope.capture).offers == 2
    assert vault.receipted(envelope.capture, envelope.digest, b"receipt").state is State.RECEIPTED
    erased = vault.erase(envelope.capture)
    assert (erased.state, erased.receipt) == (State.ERASED, b"receipt")
    assert files_in(tmp_path / "vault") == []
    with pytest.raises(NotInVault):
        vault.read(envelope.capture)
    assert vault.erase(envelope.capture) == erased
    assert vault.put(envelope) == erased


def test_a_receipt_for_another_digest_never_frees_the_envelope(vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    vault.offered(envelope.capture)
    with pytest.raises(TransitionRefused, match="another envelope"):
        vault.receipted(envelope.capture, "0" * 64, b"receipt")
    with pytest.raises(TransitionRefused):
        vault.erase(envelope.capture)
    assert vault.entry(envelope.capture).state is State.OFFERED
    assert vault.read(envelope.capture) == envelope.raw


@pytest.mark.parametrize("receipt", [b"", bytes(64 * 1024 + 1)])
def test_a_receipt_that_is_none_frees_nothing(vault, sealed, receipt):
    envelope = sealed(1)
    vault.put(envelope)
    with pytest.raises(TransitionRefused, match="receipt"):
        vault.receipted(envelope.capture, envelope.digest, receipt)
    assert vault.entry(envelope.capture).state is State.SEALED


@pytest.mark.parametrize("state", [State.SEALED, State.OFFERED, State.PARKED])
def test_nothing_but_a_receipt_frees_an_envelope(vault, sealed, state):
    envelope = sealed(1)
    vault.put(envelope)
    if state is State.OFFERED:
        vault.offered(envelope.capture)
    if state is State.PARKED:
        vault.park(envelope.capture, "refused")
    with pytest.raises(TransitionRefused):
        vault.erase(envelope.capture)
    assert vault.entry(envelope.capture).state is state
    assert vault.read(envelope.capture) == envelope.raw


def test_a_state_without_its_receipt_frees_nothing(vault, sealed):
    # A row that somebody, or a bug, set to receipted by hand.
    envelope = sealed(1)
    vault.put(envelope)
    vault._queue._connection.execute("UPDATE entries SET state = 'receipted'")
    with pytest.raises(TransitionRefused, match="no receipt"):
        vault.erase(envelope.capture)
    assert vault.read(envelope.capture) == envelope.raw


def test_the_first_receipt_is_kept_byte_for_byte(vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    vault.receipted(envelope.capture, envelope.digest, b"first")
    assert vault.receipted(envelope.capture, envelope.digest, b"second").receipt == b"first"
    vault.erase(envelope.capture)
    assert vault.receipted(envelope.capture, envelope.digest, b"third").receipt == b"first"


def test_a_parked_envelope_stays_with_its_reason_until_somebody_lets_it_go_again(vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    assert vault.park(envelope.capture, "unknown-device").reason == "unknown-device"
    assert vault.pending() == ()
    again = vault.retry(envelope.capture)
    assert (again.state, again.reason) == (State.SEALED, "")
    with pytest.raises(TransitionRefused):
        vault.retry(envelope.capture)


@pytest.mark.parametrize("reason", ["", "Anna Meier", "a/b", "x" * 65, "-"])
def test_a_reason_that_is_no_slug_is_refused_because_it_might_name_somebody(vault, sealed, reason):
    envelope = sealed(1)
    vault.put(envelope)
    with pytest.raises(ValueError, match="reason"):
        vault.park(envelope.capture, reason)


def test_a_receipt_after_a_rebuild_counts_without_a_new_offer(vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    vault.offered(envelope.capture)
    vault.rebuild()
    assert vault.entry(envelope.capture).state is State.SEALED
    assert vault.receipted(envelope.capture, envelope.digest, b"r").state is State.RECEIPTED


def test_what_is_not_there_is_said_to_be_not_there(vault):
    unknown = CaptureId("0" * 32)
    for ask in (vault.entry, vault.read, vault.offered, vault.erase, vault.retry):
        with pytest.raises(NotInVault) as refused:
            ask(unknown)
        assert "not on this device" in refused.value.sentence


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 32, "0" * 31])
def test_a_name_that_is_no_capture_id_reaches_no_file(vault, name):
    with pytest.raises((NotInVault, ValueError)):
        vault.read(name)


def test_pieces_make_the_whole(vault, sealed):
    envelope = sealed(1, size=1000)
    vault.put(envelope)
    pieces = [vault.read(envelope.capture, start, 700) for start in range(0, len(envelope.raw), 700)]
    assert b"".join(pieces) == envelope.raw
    assert vault.read(envelope.capture, len(envelope.raw), 10) == b""
    assert vault.read(envelope.capture, len(envelope.raw) + 5, 10) == b""
    with pytest.raises(ValueError, match="negative"):
        vault.read(envelope.capture, -1, 10)


def test_a_file_that_was_cut_is_not_passed_on(tmp_path, vault, sealed):
    envelope = sealed(1)
    vault.put(envelope)
    path = tmp_path / "vault" / "envelopes" / envelope.capture[:2] / f"{envelope.capture}.wle"
    path.write_bytes(envelope.raw[:100])
    with pytest.raises(VaultDamaged):
        vault.read(envelope.capture)
    path.unlink()
    with pytest.raises(VaultDamaged):
        vault.read(envelope.capture)
    path.mkdir()
    with pytest.raises(VaultDamaged):
        vault.read(envelope.capture)


def test_a_put_that_would_eat_the_reserve_is_refused_before_it_writes(tmp_path, sealed):
    envelope = sealed(1)
    with Vault(tmp_path / "v", reserve_bytes=1 << 60) as vault:
        with pytest.raises(VaultFull) as full:
            vault.put(envelope)
        assert "Connect it to the network" in full.value.sentence
        assert vault.entries() == ()
        assert files_in(tmp_path / "v") == []
        assert not vault.condition().writable
        assert vault.condition().sentence == full.value.sentence


def test_a_ready_vault_says_so(vault):
    condition = vault.condition()
    assert condition.writable
    assert condition.sentence == "The vault is ready."
    assert condition.free_bytes == pytest.approx(vault.free_bytes(), rel=0.1)


def test_erased_entries_do_not_grow_without_end(vault, sealed, monkeypatch):
    monkeypatch.setattr(vault_module, "ERASED_KEPT", 2)
    waiting = sealed(1)
    vault.put(waiting)
    for counter in range(2, 6):
        envelope = sealed(counter)
        vault.put(envelope)
        vault.receipted(envelope.capture, envelope.digest, b"r")
        vault.erase(envelope.capture)
    assert [entry.counter for entry in vault.entries()] == [1, 4, 5]


def test_the_queue_is_as_durable_as_sqlite_can_be(vault):
    connection = vault._queue._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_folder_is_made_by_a_service_that_may_not_set_the_groups_bit(tmp_path, monkeypatch):
    """systemd's RestrictSUIDSGID= refuses the bit to a service; the folder around gives it."""
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault").chmod(0o2770)

    def refused(path, mode, **_):
        assert not mode & 0o6000, f"chmod {mode:o} {path}"

    monkeypatch.setattr("os.chmod", refused)
    before = os.umask(0o007)
    try:
        RealFiles().make_folder(tmp_path / "vault" / "envelopes")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "vault" / "envelopes").stat().st_mode) == 0o2770
