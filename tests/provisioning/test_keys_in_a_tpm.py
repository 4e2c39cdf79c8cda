"""A device whose keys are in a TPM: paired, sealing, talking and renewing with them, and what it says without them.

The TPM is swtpm, over the system's OpenSSL and tpm2-openssl. No real one was ever here (docs/adr/0020).
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from capture.envelope import FileSigner, verify_envelope
from capture.errors import LedgerUnwritable, SigningKeyUnusable, TpmChanged, TpmMissing, TpmUnusable
from capture.identifiers import CaptureId
from capture.ledger import LedgerEvent, open_ledger, verify_chain
from capture.tpm import TpmKey, leave_tpm, make_tpm_key, private_key_in, tpm_is_here
from firmware.checks import State, check_keys
from firmware.device import camera_service_parts, key_maker, make_uplink, panel_key, panel_recorder
from firmware.settings import load_settings
from firmware.wiping import wipe_state
from provisioning.commands import Outcome, Result, sign_result, verify_result
from provisioning.enrolment import pair, refresh, renew
from provisioning.errors import KeyUnusable
from provisioning.identity import DeviceIdentity, KeyPlace, StateLayout
from provisioning.keys import make_leaf_key, read_ec_key, to_pem
from sync.errors import CertificateUnreadable
from sync.mqtt import TlsFiles
from tests.sealing import sealed_by

SILENT = str(TpmUnusable())
CHANGED = str(TpmChanged())
ECDSA = ec.ECDSA(SHA256())


@pytest.fixture
def device(tpm, line, tmp_path, approving) -> DeviceIdentity:
    """A paired device, whose keys are in the TPM; its state folder is `tmp_path / "state"`."""
    return pair(line, tmp_path / "state", on_digits=approving, make_key=make_tpm_key)


def tls_of(device) -> TlsFiles:
    return TlsFiles(device.root_certificate, device.identity_certificate, device.identity_key)


def shaken(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """The server's end of a handshake that both were content with."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (one, other, one, other):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return other


def broker_of(site) -> ssl.SSLContext:
    """A server that asks for a certificate of this site's, as its broker does."""
    files = site.tls("broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=files.ca)
    context.load_cert_chain(files.certificate, files.key)
    return context


# Where the keys are ---------------------------------------------------------------------------------------------------


def test_no_file_of_a_device_with_a_tpm_holds_a_private_key(device):
    assert device.keys is KeyPlace.TPM
    for path in (device.identity_key, device.signing_key):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text().startswith("-----BEGIN TSS2 PRIVATE KEY-----\n")
    files = [path for path in device.state.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in files:
        raw = path.read_bytes()
        assert b"BEGIN PRIVATE KEY" not in raw
        assert b"BEGIN EC PRIVATE KEY" not in raw
        with pytest.raises(ValueError, match=r".*"):
            load_pem_private_key(raw, None)


def test_the_tpm_made_the_keys_and_gives_them_to_nobody(device):
    """fixedTPM, fixedParent and sensitiveDataOrigin (TPM 2.0 Library, part 2, table 35): never out, never elsewhere."""
    for path in (device.identity_key, device.signing_key):
        key = read_ec_key(path)
        blob = ssl.PEM_cert_to_DER_cert(
            key.pem.decode().partition("-----BEGIN PUBLIC")[0].replace("TSS2 PRIVATE KEY", "CERTIFICATE")
        )
        area = blob.index(bytes.fromhex("0023 000b"))  # TPM_ALG_ECC, TPM_ALG_SHA256: the public area begins
        attributes = int.from_bytes(blob[area + 4 : area + 8], "big")
        assert attributes & 0b110010 == 0b110010
        for give in (
            key.private_numbers,
            lambda key=key: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ):
            with pytest.raises(UnsupportedAlgorithm):
                give()


def test_the_device_says_that_its_keys_are_in_its_tpm(device):
    command = [sys.executable, "-m", "firmware", "device", "status", "--json", "--state", device.state]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["keys"] == "tpm"
    assert check_keys(load_settings(state=device.state))[1].endswith("Its keys are in its TPM.")


def test_a_device_without_a_tpm_is_as_it_was(line, tmp_path, approving):
    device = pair(line, tmp_path / "state", on_digits=approving)
    assert device.keys is KeyPlace.FILE
    facts = json.loads(StateLayout(device.state).facts.read_bytes())
    assert "keys" not in facts, "an older Wardlens, gone back to, would not know it"
    assert "files" in check_keys(load_settings(state=device.state))[1]


def test_the_command_line_pairs_with_a_tpm_and_its_ledger_is_verified_without_one(
    tpm, line, site, tmp_path, monkeypatch
):
    state = tmp_path / "state"
    monkeypatch.setenv("WARDLENS_DEVICE__KEYS", "tpm")
    wardlens = [sys.executable, "-m", "firmware", "device"]
    ward = subprocess.Popen([*wardlens, "pair", "--invitation", line, "--state", state], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (waiting := site.pending()):
            assert ward.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        site.approve(waiting[0].id, waiting[0].digits)
        assert ward.wait(60) == 0
    finally:
        ward.kill()
    for name in ("identity", "signing", "panel"):
        assert isinstance(read_ec_key(StateLayout(state).key(name)), TpmKey)
    tpm.take_out()
    verify = [*wardlens, "ledger", "verify", "--json", "--state", state]
    assert json.loads(subprocess.run(verify, check=True, capture_output=True).stdout)["panel"]["whole"]


def test_the_setting_says_where_and_auto_takes_a_tpm_that_can_be_used(tpm, tmp_path, monkeypatch):
    def maker(keys):
        monkeypatch.setenv("WARDLENS_DEVICE__KEYS", keys)
        return key_maker(load_settings(state=tmp_path))

    assert (maker("file"), maker("tpm"), maker("auto")) == (make_leaf_key, make_tpm_key, make_tpm_key)
    monkeypatch.setenv("TPM2OPENSSL_TCTI", f"device:{tmp_path / 'none'}")
    assert not tpm_is_here()
    assert (maker("tpm"), maker("auto")) == (make_tpm_key, make_leaf_key)
    (tmp_path / "none").touch(0o600)
    assert tpm_is_here()


def test_the_panel_has_its_own_key_in_the_tpm_too(tpm, tmp_path, monkeypatch):
    monkeypatch.setenv("WARDLENS_DEVICE__KEYS", "tpm")
    settings = load_settings(state=tmp_path)
    panel_recorder(settings)("pairing-started", {})
    assert isinstance(read_ec_key(panel_key(settings)), TpmKey)
    tpm.take_out()
    with pytest.raises(LedgerUnwritable, match="does not answer"):
        panel_recorder(settings)("pairing-started", {})


def test_a_wipe_leaves_no_key_of_the_tpm(device):
    wipe_state(device.state)
    assert list(device.state.iterdir()) == []


# What they do ---------------------------------------------------------------------------------------------------------


def test_an_envelope_that_the_tpm_signed_is_the_sites_own(device, site):
    verify_envelope(sealed_by(device), site=site.id, authorities=site.authorities())


def test_a_ledger_that_the_tpm_signs_is_whole(device, tmp_path):
    for _ in range(2):
        with open_ledger(tmp_path / "ledger", "camera", FileSigner(device.signing_key)) as ledger:
            head = ledger.append(LedgerEvent.SERVICE_STOPPED)
    public = device.signing_chain[0].public_key()
    report = verify_chain(tmp_path / "ledger" / "camera.jsonl", public, head)
    assert (report.sound, report.lines) == (True, 2)


def test_the_broker_knows_a_device_whose_key_is_in_the_tpm(device, site):
    seen = shaken(tls_of(device).context(), broker_of(site)).getpeercert()
    assert seen["subject"] == ((("commonName", device.device),),)


def test_a_certificate_of_another_key_is_no_way_to_the_broker(device):
    files = TlsFiles(device.root_certificate, device.signing_certificate, device.identity_key)
    with pytest.raises(CertificateUnreadable, match="cannot be read"):
        files.context()
    assert tls_of(device).context()


def test_certificates_are_renewed_for_the_keys_in_the_tpm(device, site):
    renewed = renew(device.state)
    for old, new in ((device.identity_chain, renewed.identity_chain), (device.signing_chain, renewed.signing_chain)):
        assert new[0].serial_number != old[0].serial_number
        assert new[0].public_key() == old[0].public_key()
    shaken(tls_of(renewed).context(), broker_of(site)).getpeercert()
    site.add_clinician("n-17", "Ada", "clinician", "4711")
    assert refresh(device.state).roster
    assert renewed.keys is KeyPlace.TPM


def test_what_becomes_of_a_command_is_signed_in_the_tpm(device, site):
    result = Result(site.id, device.device, 1, Outcome.DONE, "All is well.", site.clock().replace(microsecond=0))
    raw = sign_result(result, read_ec_key(device.identity_key))
    key = device.identity_chain[0].public_key()
    assert verify_result(raw, key, site=site.id, device=device.device) == result


def test_many_keys_and_many_threads_share_the_three_places_of_the_tpm(tpm):
    keys = [make_tpm_key() for _ in range(5)]
    signed = []

    def sign(key):
        for number in range(4):
            data = bytes([number])
            key.public_key().verify(key.sign(data, ECDSA), data, ECDSA)
            signed.append(key)

    threads = [threading.Thread(target=sign, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed) == 20


def test_a_key_in_the_tpm_signs_sha_256_and_nothing_else(tpm):
    key = make_tpm_key()
    with pytest.raises(UnsupportedAlgorithm):
        key.sign(b"", ec.ECDSA(SHA384()))
    with pytest.raises(ValueError, match="32 bytes"):
        key.sign(b"short", ec.ECDSA(Prehashed(SHA256())))
    with pytest.raises(UnsupportedAlgorithm):
        key.exchange(ec.ECDH(), key.public_key())
    assert (key.curve.name, key.key_size) == ("secp256r1", 256)


@pytest.mark.parametrize("part", ["TSS2 PRIVATE KEY", "PUBLIC KEY"])
def test_half_a_file_is_no_key(tpm, part):
    pem = make_tpm_key().pem.decode()
    kept = pem[: pem.index("-----BEGIN PUBLIC")] if part == "PUBLIC KEY" else pem[pem.index("-----BEGIN PUBLIC") :]
    with pytest.raises(ValueError, match=r"TPM holds|private key"):
        private_key_in(kept.encode())
    other = to_pem(make_leaf_key())
    assert not isinstance(private_key_in(other), TpmKey)


# And without it -------------------------------------------------------------------------------------------------------


def taken_out(tpm):
    tpm.take_out()
    return SILENT


def exchanged(tpm):
    tpm.exchange()
    return CHANGED


def cleared(tpm):
    tpm.clear()
    return CHANGED


@pytest.fixture(params=[taken_out, exchanged, cleared], ids=lambda one: one.__name__)
def lost(request, device, tpm):
    """What the device says of a TPM that it cannot use any more."""
    sealed_by(device)
    return request.param(tpm)


def test_without_its_tpm_a_device_seals_nothing_and_says_what_to_do(device, lost):
    with pytest.raises(SigningKeyUnusable) as caught:
        sealed_by(device)
    assert str(caught.value) == lost


def test_without_its_tpm_a_device_does_not_connect_and_says_what_to_do(device, site, lost):
    with pytest.raises(CertificateUnreadable) as caught:
        tls_of(device).context()
    assert str(caught.value) == lost
    for ask in (renew, refresh):
        with pytest.raises(KeyUnusable) as said:
            ask(device.state)
        assert str(said.value) == lost
    assert check_keys(load_settings(state=device.state)) == (State.FAILED, lost)


def test_without_its_tpm_the_services_start_and_the_test_of_itself_holds_the_shutter(device, lost):
    """A service that ended would only say that it is away; one that runs says why, on the screen."""
    settings = load_settings(state=device.state)
    parts = camera_service_parts(settings, device)
    try:
        assert parts.checks["keys"]() == lost
        with pytest.raises(TpmUnusable) as caught:
            parts.sealing_context(CaptureId("0" * 32), 1).signer.sign(b"")
        assert str(caught.value) == lost
    finally:
        parts.vault.close()
        parts.ledger.close()
    make_uplink(settings, device).close()


def test_a_tpm_that_goes_between_the_proof_and_the_handshake_is_a_handshake_that_fails(device, site, tpm):
    context = tls_of(device).context()
    tpm.take_out()
    with pytest.raises(ssl.SSLError):
        shaken(context, broker_of(site))
    tpm.put_in()
    assert shaken(context, broker_of(site)).getpeercert()


def test_a_ledger_without_its_tpm_is_not_taken_for_damaged(device, tmp_path, tpm):
    folder = tmp_path / "ledger"
    with open_ledger(folder, "camera", FileSigner(device.signing_key)) as ledger:
        ledger.append(LedgerEvent.SERVICE_STOPPED)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    tpm.take_out()
    with open_ledger(folder, "camera", FileSigner(device.signing_key)) as ledger:
        with pytest.raises(LedgerUnwritable) as caught:
            ledger.append(LedgerEvent.SERVICE_STOPPED)
        assert str(caught.value) == SILENT
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        tpm.put_in()
        assert ledger.append(LedgerEvent.SERVICE_STOPPED).sequence == 2


def test_a_tpm_that_comes_back_is_used_again_by_the_same_process(device, site, tpm):
    tpm.take_out()
    with pytest.raises(TpmUnusable):
        sealed_by(device)
    tpm.put_in()
    verify_envelope(sealed_by(device), site=site.id, authorities=site.authorities())


def test_pairing_without_the_tpm_that_was_asked_for_leaves_the_device_unpaired(tpm, line, tmp_path, approving):
    tpm.take_out()
    with pytest.raises(KeyUnusable) as caught:
        pair(line, tmp_path / "state", on_digits=approving, make_key=make_tpm_key)
    assert str(caught.value) == str(TpmMissing())
    assert not StateLayout(tmp_path / "state").facts.exists()
    assert list((tmp_path / "state").rglob("*.pem")) == []


def test_a_provider_that_is_not_installed_is_a_sentence(tpm, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENSSL_MODULES", str(tmp_path))
    with pytest.raises(TpmMissing, match="tpm2-openssl"):
        make_tpm_key()


# In a unit ------------------------------------------------------------------------------------------------------------

NOTHING_NEW_TO_EXECUTE = """
import ctypes, sys
from pathlib import Path
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    raise SystemExit("hardware: this kernel cannot refuse executable memory")
sys.path.insert(0, sys.argv[2])
from provisioning.identity import DeviceIdentity
from provisioning.site import Site
from tests.provisioning.test_keys_in_a_tpm import broker_of, shaken, tls_of
from tests.sealing import sealed_by
device = DeviceIdentity.load(Path(sys.argv[1]))
sealed_by(device)
print(shaken(tls_of(device).context(), broker_of(Site.load(Path(sys.argv[3])))).getpeercert()["subject"])
"""


def test_the_tpm_signs_where_no_memory_can_become_code(device, site, request):
    leave_tpm()
    command = [sys.executable, "-c", NOTHING_NEW_TO_EXECUTE, device.state, request.config.rootpath, site.folder]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if "hardware:" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    assert device.device in ran.stdout, ran.stderr
