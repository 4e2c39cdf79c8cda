"""The certificates of the site's own servers and receivers: renewed so that each fits its key at any moment."""

from __future__ import annotations

import ssl
from itertools import count

import pytest

from provisioning import durable
from provisioning.certificates import to_pem
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
