"""The broker that a demo carries hears of a revocation as Mosquitto does: the device is cut off and stays out."""

from __future__ import annotations

import queue
import ssl
from contextlib import contextmanager, suppress

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from provisioning.broker_rights import last_known_denied
from provisioning.enrolment import pair
from provisioning.errors import SiteDamaged
from sync.brokers.rights import Identity, is_denied

SECONDS = 15


@pytest.fixture
def port(broker):
    """Where `wardlens broker run --embedded` listens."""
    with broker("--embedded") as (process, port):
        yield port
    assert process.returncode == 0


@contextmanager
def connected(port, device):
    """What happens to this device's connection, one word after the other; it comes back by itself where it is let."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device.device, protocol=mqtt.MQTTv311)
    context = ssl.create_default_context(cafile=str(device.root_certificate))
    context.load_cert_chain(device.identity_certificate, device.identity_key)
    client.tls_set_context(context)
    client.reconnect_delay_set(1, 1)
    happened = queue.Queue()
    client.on_connect = lambda *seen: happened.put("refused" if seen[3].is_failure else "connected")
    client.on_disconnect = lambda *_: happened.put("lost")
    client.on_publish = lambda *_: happened.put("published")
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client, happened
    finally:
        with suppress(OSError):
            client.disconnect()
        client.loop_stop()


@pytest.fixture
def other(site, enrolment, tmp_path, approving):
    return pair(site.invite(f"127.0.0.1:{enrolment.port}").line, tmp_path / "other", on_digits=approving)


def test_a_revoked_device_is_cut_off_within_seconds_and_stays_out_and_the_others_stay(port, site, device, other):
    with connected(port, device) as (_, happened), connected(port, other) as (theirs, beside):
        assert happened.get(timeout=SECONDS) == "connected"
        assert beside.get(timeout=SECONDS) == "connected"
        site.revoke(device.device)
        assert happened.get(timeout=SECONDS) == "lost"
        assert happened.get(timeout=SECONDS) == "refused"
        theirs.publish(f"wardlens/v1/{other.device}/state", b"x", qos=1)
        assert beside.get(timeout=SECONDS) == "published"
        assert beside.empty()


def test_a_device_that_was_revoked_before_the_broker_began_is_refused(site, device, request):
    site.revoke(device.device)
    with connected(request.getfixturevalue("port"), device) as (_, happened):
        assert happened.get(timeout=SECONDS) == "refused"


def test_a_registry_that_cannot_be_read_lets_nobody_in_again(site, device):
    denied = last_known_denied(site)
    assert denied() == ()
    site.revoke(device.device)
    assert denied() == (device.device,)
    registry = site.layout.registry.read_bytes()
    for beside in site.layout.registry.parent.glob("site.sqlite-*"):
        beside.unlink()
    site.layout.registry.write_bytes(b"no registry")
    with pytest.raises(SiteDamaged):
        site.denied()
    assert denied() == (device.device,)
    site.layout.registry.write_bytes(registry)
    assert denied() == (device.device,)


def test_a_receiver_with_the_name_of_a_denied_device_is_not_denied():
    assert is_denied(Identity("device", "wl-1"), {"wl-1"})
    assert not is_denied(Identity("device", "wl-2"), {"wl-1"})
    assert not is_denied(Identity("receiver", "wl-1"), {"wl-1"})
