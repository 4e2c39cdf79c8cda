"""The site's own certificates: each fits its key at any moment, lasts no longer than its CA, and ends with notice."""

from __future__ import annotations

import ssl
import threading
from datetime import datetime, timedelta
from itertools import count

import pytest
from structlog.testing import capture_logs

from provisioning import durable
from provisioning.certificate_ends import keep_telling_ends
from provisioning.certificates import ISSUING_DAYS, SERVER_DAYS, Use, to_pem
from provisioning.enrolment.running import server_context
from provisioning.errors import SiteDamaged
from provisioning.keys import make_leaf_key, write_key
from provisioning.site import Site

OWN = ("broker", "enrolment", "receiver.main")


def certificates(site: Site) -> list[bytes]:
    return [to_pem(*site.keys.chain(name)) for name in OWN]


def fits(site: Site, name: str) -> None:
    files = site.tls(name)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)


def test_a_renewal_that_is_cut_short_leaves_certificates_that_fit_their_keys(site, monkeypatch):
    before, real = certificates(site), durable.write
    for whole in count():
        left = iter(range(whole))

        def until_cut(path, data, left=left, **options):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")
            real(path, data, **options)

        with monkeypatch.context() as patched:
            patched.setattr(durable, "write", until_cut)
            try:
                site.renew_servers()
                site.renew_receivers()
            except OSError:
                cut = True
            else:
                cut = False
        again = Site.load(site.folder)
        for name in OWN:
            fits(again, name)
        server_context(again)
        if not cut:
            break
    assert whole
    assert not set(certificates(site)) & set(before)


@pytest.mark.parametrize("stands", ["another key", "no key", "nothing"])
def test_a_key_that_is_not_its_certificates_is_a_sentence_and_a_renewal_mends_it(site, stands):
    key = site.layout.key("enrolment")
    match stands:
        case "another key":
            write_key(key, make_leaf_key())
        case "no key":
            key.write_bytes(b"no key")
        case "nothing":
            key.unlink()
    with pytest.raises(SiteDamaged, match="wardlens site renew"):
        server_context(site)
    site.renew_servers()
    fits(site, "enrolment")
    server_context(site)


def at(site: Site, moment: datetime) -> Site:
    return Site.load(site.folder, clock=lambda: moment)


def test_no_certificate_of_the_sites_lasts_longer_than_its_ca(site):
    ca = site.keys.issuing
    late = at(site, ca.not_valid_after_utc - timedelta(days=100))
    late.renew_servers()
    late.renew_receivers()
    assert {late.keys.chain(name)[0].not_valid_after_utc for name in OWN} == {ca.not_valid_after_utc}
    late.rotate_issuing()
    late.renew_servers()
    assert late.ends()["broker"] > ca.not_valid_after_utc + timedelta(days=200)


def test_a_device_is_not_certified_beyond_the_ca_and_asks_again_in_time(site):
    ca, keys = site.keys.issuing, [make_leaf_key().public_key()]
    (leaf,) = site.keys.issue_device(
        "wl-0123456789", [(Use.IDENTITY, key) for key in keys], ca.not_valid_after_utc - timedelta(days=3)
    )
    assert leaf.not_valid_after_utc == ca.not_valid_after_utc


def test_a_ca_that_has_ended_issues_nothing_and_says_what_to_do(site):
    late = at(site, site.keys.issuing.not_valid_after_utc)
    for renew in (late.renew_servers, late.renew_receivers):
        with pytest.raises(SiteDamaged, match="wardlens site rotate-ca"):
            renew()
    late.rotate_issuing()
    late.renew_servers()
    late.renew_receivers()


def test_a_site_knows_when_its_own_certificates_end(site):
    begun = site.keys.issuing.not_valid_before_utc
    ends = site.ends()
    assert set(ends) == {*OWN, "issuing"}
    hour = timedelta(hours=1)
    assert {ends[name] for name in OWN} == {site.keys.chain("broker")[0].not_valid_after_utc}
    assert abs(ends["broker"] - begun - timedelta(days=SERVER_DAYS)) <= 2 * hour
    assert abs(ends["issuing"] - begun - timedelta(days=ISSUING_DAYS)) <= 2 * hour
    site.rotate_issuing()
    assert site.ends()["issuing"] >= ends["issuing"]


ENDED = threading.Event()
"""Of a service that ends: it is told once all the same."""
ENDED.set()


def said(site: Site) -> dict[str, dict[str, object]]:
    with capture_logs() as logs:
        keep_telling_ends(site, ENDED)
    found = [line for line in logs if line["event"] == "certificate-ends"]
    assert len({line["certificate"] for line in found}) == len(found)
    return {str(line["certificate"]): line for line in found}


def test_certificates_that_end_within_sixty_days_are_an_alarm_each_once_a_look(site):
    ends = site.ends()["broker"]
    assert said(at(site, ends - timedelta(days=61))) == {}
    lines = said(at(site, ends - timedelta(days=57, hours=1)))
    assert set(lines) == set(OWN)
    for line in lines.values():
        assert (line["days"], line["alarm"], line["log_level"]) == (57, True, "error")
        assert "wardlens site renew" in str(line["sentence"])
    assert {line["days"] for line in said(at(site, ends + timedelta(days=2, hours=1))).values()} == {-3}
    at(site, ends).renew_servers()
    at(site, ends).renew_receivers()
    assert said(at(site, ends)) == {}


def test_the_end_of_the_ca_is_an_alarm_that_names_the_command(site):
    lines = said(at(site, site.ends()["issuing"] - timedelta(days=30)))
    assert "wardlens site rotate-ca" in str(lines["issuing"]["sentence"])


def test_a_site_that_cannot_be_looked_at_is_an_alarm_and_ends_no_server(site):
    site.layout.certificate("broker").unlink()
    with capture_logs() as logs:
        keep_telling_ends(site, ENDED)
    (line,) = [line for line in logs if line["event"] == "certificate-ends"]
    assert line["alarm"]
    assert "backup" in line["sentence"]
