"""A private key that others can read is not used, wherever it is read, and the sentence says which chmod to run."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from capture.envelope import FileSigner
from firmware import checks
from firmware.settings import load_settings
from provisioning.break_glass import read_break_glass
from provisioning.enrolment.renewal import refresh, renew
from provisioning.enrolment.running import server_context
from provisioning.errors import KeyExposed
from provisioning.identity import StateLayout
from provisioning.panel.errors import PanelUnsafe
from provisioning.panel.serving import run_panel
from provisioning.panel.settings import PanelSettings, TlsPair
from sync.brokers.embedded import EmbeddedBroker, serve_embedded_broker
from sync.errors import BrokerNotStarted, CertificateUnreadable
from sync.mqtt import TlsFiles
from sync.receiver import ViewNotStarted, view_served

WIDER = [0o640, 0o604, 0o620, 0o602, 0o610, 0o644]


def refused(path, use, error=KeyExposed):
    """`use` works with the key at `path` as it was written, is refused with any wider mode, and works again."""
    use()
    for mode in WIDER:
        path.chmod(mode)
        with pytest.raises(error) as caught:
            use()
        assert f"chmod 600 {path}" in str(caught.value)
    path.chmod(0o600)
    use()


def test_an_opening_key_that_others_can_read_opens_nothing(site):
    (path,) = site.layout.sealing.glob("*.json")
    refused(path, site.opening_keys)


def test_a_receipt_key_that_others_can_read_signs_nothing(site):
    (path,) = site.layout.receipt.glob("*.pem")
    refused(path, site.receipt_signer)


def test_an_authoritys_key_that_others_can_read_issues_nothing(site):
    refused(site.layout.key("root"), lambda: site.keys.root_key)
    refused(site.layout.key("issuing"), lambda: site.keys.issuer)


def test_a_break_glass_key_that_others_can_read_opens_nothing(site, tmp_path):
    site.make_break_glass(tmp_path / "key.json")
    refused(tmp_path / "key.json", lambda: read_break_glass(tmp_path / "key.json"))


def test_a_servers_key_that_others_can_read_serves_nothing(site):
    refused(site.layout.key("enrolment"), lambda: server_context(site))
    files = site.receiver_tls()
    refused(files.key, TlsFiles(files.ca, files.certificate, files.key).context, CertificateUnreadable)


def test_a_device_does_not_use_a_key_that_others_can_read(device):
    refused(device.identity_key, lambda: refresh(device.state))
    request = StateLayout(device.state).signing_request

    def make_the_request_anew():
        request.unlink(missing_ok=True)
        renew(device.state)

    refused(device.signing_key, make_the_request_anew)
    files = TlsFiles(device.root_certificate, device.identity_certificate, device.identity_key)
    refused(device.identity_key, files.context, CertificateUnreadable)


def test_doctor_says_which_of_a_devices_keys_others_can_read(device):
    settings = load_settings(state=device.state)
    for path in (device.signing_key, device.identity_key):
        assert checks.check_keys(settings)[0] is checks.State.OK
        path.chmod(0o640)
        state, sentence = checks.check_keys(settings)
        assert state is checks.State.FAILED
        assert f"chmod 600 {path}" in sentence
        path.chmod(0o600)


def test_servers_of_ours_do_not_start_with_a_key_that_others_can_read(site, tmp_path):
    files = site.tls("broker")
    key = shutil.copy(files.key, tmp_path / "key.pem")
    key.chmod(0o644)

    async def embedded():
        settings = EmbeddedBroker(site.id, "127.0.0.1", 0, files.ca, files.certificate, key)
        await serve_embedded_broker(settings, asyncio.Event(), ready=lambda: None)

    def view():
        with view_served(None, tls=(files.certificate, key)):
            pass

    def panel():
        run_panel(None, PanelSettings(port=0, tls=TlsPair(files.certificate, key)), None)

    for serve, error in ((embedded, BrokerNotStarted), (view, ViewNotStarted), (panel, PanelUnsafe)):
        with pytest.raises(error, match=f"chmod 600 {key}"):
            asyncio.run(serve()) if serve is embedded else serve()


def test_a_key_of_its_owner_alone_may_also_be_read_only(device):
    device.signing_key.chmod(0o400)
    assert FileSigner(device.signing_key)
