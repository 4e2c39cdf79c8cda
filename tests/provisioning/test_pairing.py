"""Pairing over real TLS on loopback: the way it should go, and everybody who tries to get in between."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from capture.envelope import FileSigner, SealingKey
from provisioning.devices import DeviceState
from provisioning.enrolment import PairingState, pair, running, serving_enrolment
from provisioning.enrolment.states import TRANSITIONS, PairingEvent
from provisioning.errors import (
    AlreadyPaired,
    ApprovalTimedOut,
    DeviceStateForbids,
    DigitsDiffer,
    EnrolmentRefusal,
    EnrolmentRefused,
    EnrolmentUnreachable,
    IdentityDamaged,
    InvitationExpired,
    InvitationNotYetValid,
    ManifestRefusal,
    ManifestRefused,
    NotAccepted,
    NotPaired,
    PairingRunning,
    SiteNotProven,
    StorageRefused,
)
from provisioning.identity import DeviceIdentity
from provisioning.invitation import Address, parse_invitation
from provisioning.keys import key_hash
from provisioning.site import Site


def never(digits: str) -> None:
    pytest.fail("no digits should be shown")


def unpaired(state: Path) -> bool:
    try:
        DeviceIdentity.load(state)
    except NotPaired:
        return not list(state.rglob("*.pem")) and not list(state.rglob("*.json"))
    return False


def test_a_paired_device_knows_its_site_and_the_site_knows_it(site, line, tmp_path, approving):
    shown, steps = [], []

    def show(digits: str) -> None:
        shown.append(digits)
        approving(digits)

    began = time.monotonic()
    device = pair(line, tmp_path / "state", on_digits=show, on_state=steps.append, name="Ward 7, bed side")
    assert time.monotonic() - began < 5
    assert steps == [state for state in PairingState if state is not PairingState.UNPAIRED]
    assert len(shown) == 1
    assert len(shown[0]) == 6
    assert shown[0].isdecimal()
    (known,) = site.devices()
    assert (known.id, known.name, known.state) == (device.device, "Ward 7, bed side", DeviceState.ACTIVE)
    assert (device.site, device.name, device.manifest.name) == (site.id, "Ward 7, bed side", "North Hospital")
    assert site.status(device.device) == "active"


def test_a_paired_device_loads_again_as_it_was_paired(device, site):
    again = DeviceIdentity.load(device.state)
    assert again == device
    assert [key.raw for key in again.sealing_keys] == [key.public.raw for key in site.opening_keys()]
    assert all(isinstance(key, SealingKey) for key in again.sealing_keys)
    assert list(again.receipt_keys) == [site.receipt_signer().key_id]
    assert again.authorities == tuple(site.authorities())
    assert again.root == site.root
    assert again.broker == site.manifest.broker


def test_the_devices_private_files_are_readable_by_their_owner_only(device):
    for path in (device.identity_key, device.signing_key, device.state / "site-manifest.json"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (device.state / "keys").stat().st_mode & 0o777 == 0o700


def test_the_two_certificates_name_the_device_and_differ_in_what_they_are_good_for(device, site):
    uses = []
    for chain, key in ((device.identity_chain, device.identity_key), (device.signing_chain, device.signing_key)):
        leaf, issuer = chain
        leaf.verify_directly_issued_by(issuer)
        assert issuer in site.authorities()
        assert FileSigner(key).public_key == leaf.public_key()
        assert [name.value for name in leaf.subject] == [device.device]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [name.value for name in names] == [f"spiffe://{site.id}/device/{device.device}"]
        uses.append(list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value))
        life = leaf.not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=29) < life < timedelta(days=31)
    assert uses == [[ExtendedKeyUsageOID.CLIENT_AUTH], [x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")]]


def test_a_device_is_called_after_its_identity_key(device):
    assert device.device == "wl-" + key_hash(device.identity_chain[0].public_key()).hex()[:10]


def test_the_invitations_secret_is_nowhere_after_its_use(site, line, device):
    secret = parse_invitation(line).secret
    for folder in (site.folder, device.state):
        for path in folder.rglob("*"):
            assert path.is_dir() or secret not in path.read_bytes()


def test_a_used_invitation_pairs_no_second_device(line, device, tmp_path):
    with pytest.raises(EnrolmentRefused, match="used already") as caught:
        pair(line, tmp_path / "second", on_digits=never)
    assert caught.value.reason is EnrolmentRefusal.INVITATION_USED
    assert unpaired(tmp_path / "second")


def test_an_expired_invitation_is_refused_before_anybody_is_called(site, tmp_path):
    line = site.invite("192.0.2.1:1", minutes=5).line
    with pytest.raises(InvitationExpired):
        pair(line, tmp_path / "state", on_digits=never, clock=lambda: datetime.now(UTC) + timedelta(minutes=6))


def test_a_device_whose_clock_stands_in_1970_is_told_to_check_it(line, tmp_path):
    with pytest.raises(InvitationNotYetValid, match="clock"):
        pair(line, tmp_path / "state", on_digits=never, clock=lambda: datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("skew", "reason"),
    [
        (timedelta(minutes=6), EnrolmentRefusal.INVITATION_EXPIRED),
        (timedelta(minutes=-6), EnrolmentRefusal.INVITATION_NOT_YET_VALID),
    ],
)
def test_the_site_keeps_the_window_whatever_the_device_believes(tmp_path, skew, reason):
    made = Site.create(tmp_path / "site", "north", "North")
    with serving_enrolment(Site.load(made.folder, clock=lambda: datetime.now(UTC) + skew)) as server:
        line = made.invite(f"127.0.0.1:{server.port}", minutes=5).line
        with pytest.raises(EnrolmentRefused) as caught:
            pair(line, tmp_path / "state", on_digits=never)
    assert caught.value.reason is reason
    assert made.devices() == ()


def test_an_invitation_with_another_secret_is_unknown(line, tmp_path):
    forged = replace(parse_invitation(line), secret=bytes(16)).line
    with pytest.raises(EnrolmentRefused) as caught:
        pair(forged, tmp_path / "state", on_digits=never)
    assert caught.value.reason is EnrolmentRefusal.INVITATION_UNKNOWN


def test_an_invitation_for_another_site_is_refused(line, tmp_path, site):
    other = Site.create(tmp_path / "other", "south-hospital", "South")
    with serving_enrolment(other) as server:
        # The line of one site with the address of another: the root gives it away.
        moved = replace(parse_invitation(line), address=Address("127.0.0.1", server.port)).line
        with pytest.raises(SiteNotProven, match="Do not go on"):
            pair(moved, tmp_path / "state", on_digits=never)
        # The right root with another site's id: the certificates name the true one.
        renamed = replace(other.invite(f"127.0.0.1:{server.port}"), site=site.id).line
        with pytest.raises(SiteNotProven):
            pair(renamed, tmp_path / "state", on_digits=never)
    assert unpaired(tmp_path / "state")


def test_a_manifest_that_seals_to_another_key_than_invited_is_refused(site, line, tmp_path, approving):
    other = replace(parse_invitation(line), sealing_hash=bytes(32)).line
    with pytest.raises(ManifestRefused, match="sealing key") as caught:
        pair(other, tmp_path / "state", on_digits=approving)
    assert caught.value.reason is ManifestRefusal.WRONG_SEALING_KEY
    assert unpaired(tmp_path / "state")


@contextmanager
def recording(upstream: int, context: ssl.SSLContext) -> Iterator[tuple[int, list[bytes]]]:
    """A man in the middle who ends the TLS connection himself, notes what he reads and passes it on."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    done = threading.Event()
    onward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    onward.check_hostname = False
    onward.verify_mode = ssl.CERT_NONE

    def passed_on(source: ssl.SSLSocket, sink: ssl.SSLSocket) -> bytes | None:
        """What came from `source` just now, passed on; empty at its end, None where it was only TLS's own talk."""
        source.setblocking(False)
        try:
            data = source.recv(65536)
        except ssl.SSLWantReadError:
            return None
        except OSError:
            return b""
        finally:
            source.setblocking(True)
        with suppress(OSError):
            sink.sendall(data)
        return data

    def carry(client: socket.socket) -> None:
        # One thread for both ways: a TLS connection is not for two.
        with client, socket.create_connection(("127.0.0.1", upstream)) as plain, onward.wrap_socket(plain) as server:
            try:
                inside = context.wrap_socket(client, server_side=True)
            except OSError:
                return
            with inside:
                ends = {inside: server, server: inside}
                while not done.is_set():
                    ready = [end for end in ends if end.pending()] or select.select([*ends], [], [], 0.1)[0]
                    for source in ready:
                        data = passed_on(source, ends[source])
                        if data == b"":
                            return
                        if data and source is inside:
                            heard.append(data)

    def listen() -> None:
        while not done.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            carry(client)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        done.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize("whose", ["another site's certificate", "the same root's certificate for another host"])
def test_a_man_in_the_middle_is_refused_before_the_proof_is_sent(site, enrolment, tmp_path, whose):
    if whose == "another site's certificate":
        context = running.server_context(Site.create(tmp_path / "other", "south-hospital", "South"))
    else:
        site.keys.issue_server("elsewhere", ["elsewhere.example"], datetime.now(UTC))
        files = site.layout.tls("elsewhere")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
    with recording(enrolment.port, context) as (port, heard):
        line = site.invite(f"127.0.0.1:{port}").line
        with pytest.raises(SiteNotProven, match="Do not go on"):
            pair(line, tmp_path / "state", on_digits=never)
    # He passed on the public certificates, and heard nothing more.
    assert [request.split(b" ")[1] for request in heard] == [b"/.well-known/est/cacerts"]
    assert site.devices() == ()
    assert unpaired(tmp_path / "state")


def test_a_man_in_the_middle_with_a_valid_certificate_of_the_host_cannot_pass_the_proof_on(site, enrolment, tmp_path):
    # Somebody who holds another server certificate of this very site and host, such as the broker's.
    files = site.tls("broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with recording(enrolment.port, context) as (port, _):
        line = site.invite(f"127.0.0.1:{port}").line
        with pytest.raises(EnrolmentRefused) as caught:
            pair(line, tmp_path / "state", on_digits=never)
    assert caught.value.reason is EnrolmentRefusal.PROOF_WRONG
    assert site.devices() == ()


def test_a_device_certificate_cannot_play_the_server(site, enrolment, device, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(device.identity_certificate, device.identity_key)
    with recording(enrolment.port, context) as (port, heard):
        line = site.invite(f"127.0.0.1:{port}").line
        with pytest.raises(SiteNotProven):
            pair(line, tmp_path / "second", on_digits=never)
    assert len(heard) == 1


def test_other_digits_approve_nobody_and_give_no_manifest(site, line, tmp_path):
    tries = []

    def mistype(digits: str) -> None:
        (waiting,) = site.pending()
        other = f"{(int(digits) + 1) % 1_000_000:06d}"
        for _ in range(3):
            with pytest.raises(DigitsDiffer, match="own screen"):
                site.approve(waiting.id, other)
            tries.append(site.device(waiting.id).state)
        with pytest.raises(DeviceStateForbids):
            site.approve(waiting.id, digits)

    with pytest.raises(EnrolmentRefused) as caught:
        pair(line, tmp_path / "state", on_digits=mistype)
    assert tries == [DeviceState.WAITING, DeviceState.WAITING, DeviceState.REFUSED]
    assert caught.value.reason is EnrolmentRefusal.DEVICE_REFUSED
    assert unpaired(tmp_path / "state")


def test_digits_with_a_gap_are_the_same_digits(site, line, tmp_path):
    def approve(digits: str) -> None:
        site.approve(site.pending()[0].id, f"{digits[:3]} {digits[3:]}")

    assert pair(line, tmp_path / "state", on_digits=approve)


def test_a_device_that_nobody_confirms_stays_unpaired_and_unknown_to_the_receiver(site, line, tmp_path):
    with pytest.raises(ApprovalTimedOut, match="did not confirm"):
        pair(line, tmp_path / "state", on_digits=lambda _: None, deadline=0)
    assert unpaired(tmp_path / "state")
    (waiting,) = site.pending()
    assert site.status(waiting.id) == "unknown"


def test_a_device_waits_for_it_and_through_a_server_that_is_gone_for_a_while(site, tmp_path):
    naps = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stack = [serving_enrolment(site, port=port)]
    stack[0].__enter__()

    def nap(_: float) -> None:
        naps.append(len(naps))
        if len(naps) == 2:
            stack.pop().__exit__(None, None, None)
        if len(naps) == 5:
            stack.append(serving_enrolment(site, port=port))
            stack[0].__enter__()
            (waiting,) = site.pending()
            site.approve(waiting.id, waiting.digits)

    line = site.invite(f"127.0.0.1:{port}").line
    try:
        assert pair(line, tmp_path / "state", on_digits=lambda _: None, sleep=nap)
    finally:
        stack[0].__exit__(None, None, None)
    assert len(naps) >= 5


def test_a_device_refused_by_it_learns_so(site, line, tmp_path):
    with pytest.raises(EnrolmentRefused, match="IT refused"):
        pair(line, tmp_path / "state", on_digits=lambda _: site.refuse(site.pending()[0].id))


def test_a_paired_device_is_not_paired_again(site, enrolment, device):
    before = (device.state / "device.json").read_bytes()
    with pytest.raises(AlreadyPaired, match="Wipe it first"):
        pair(site.invite(f"127.0.0.1:{enrolment.port}").line, device.state, on_digits=never)
    assert (device.state / "device.json").read_bytes() == before


def test_two_pairings_at_once_on_one_device_are_one(line, tmp_path, approving):
    def meanwhile(digits: str) -> None:
        with pytest.raises(PairingRunning):
            pair(line, tmp_path / "state", on_digits=never)
        approving(digits)

    assert pair(line, tmp_path / "state", on_digits=meanwhile)


def test_a_server_that_is_not_there_is_a_sentence(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EnrolmentUnreachable, match="Check the network"):
        pair(site.invite(f"127.0.0.1:{port}").line, tmp_path / "state", on_digits=never)


def test_a_server_that_speaks_no_tls_is_a_sentence(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shout() -> None:
            client, _ = listener.accept()
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            client.close()

        thread = threading.Thread(target=shout)
        thread.start()
        with pytest.raises(EnrolmentUnreachable):
            pair(site.invite(f"127.0.0.1:{listener.getsockname()[1]}").line, tmp_path / "state", on_digits=never)
        thread.join()


def test_a_state_folder_that_cannot_be_written_is_a_sentence(line, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageRefused, match="cannot be written"):
        pair(line, tmp_path / "file" / "state", on_digits=never)


def test_a_name_that_is_not_legal_is_refused_before_anything(line, tmp_path):
    with pytest.raises(NotAccepted, match="80 printable"):
        pair(line, tmp_path / "state", on_digits=never, name="a\nb")


def test_a_failed_pairing_ends_where_it_began(tmp_path, site, line):
    steps: list[PairingState] = []
    with pytest.raises(ApprovalTimedOut):
        pair(line, tmp_path / "state", on_digits=lambda _: None, on_state=steps.append, deadline=0)
    assert steps[-1] is PairingState.UNPAIRED
    assert PairingEvent.GAVE_UP in TRANSITIONS[steps[-2]]


@pytest.mark.parametrize(
    "name", ["certificates/root.pem", "certificates/identity.pem", "site-manifest.json", "device.json"]
)
def test_an_identity_with_an_altered_file_is_not_used(device, name, tmp_path):
    path = device.state / name
    data = path.read_bytes()
    for altered in (b"", data[: len(data) // 2], data.replace(b"north-hospital", b"south-hospital", 1)):
        if altered != data:
            path.write_bytes(altered)
            with pytest.raises(IdentityDamaged, match="Wipe"):
                DeviceIdentity.load(device.state)


def test_an_identity_with_another_sites_root_is_not_used(device, tmp_path):
    other = Site.create(tmp_path / "other", "south-hospital", "South")
    (device.state / "certificates" / "root.pem").write_bytes(other.layout.certificate("root").read_bytes())
    with pytest.raises(IdentityDamaged, match="not the root"):
        DeviceIdentity.load(device.state)
