"""The site manifest under attack: every row is a manifest that must not be believed, and why."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provisioning import canonical
from provisioning.certificates import Issuer, make_issuing, make_root, to_der
from provisioning.errors import ManifestRefusal, ManifestRefused
from provisioning.keys import make_authority_key
from provisioning.manifest import MAX_MANIFEST, SIGNED_LABEL, sign_manifest, verify_manifest
from provisioning.site import Site

NOW = datetime.now(UTC)
Sign = Callable[[dict[str, Any]], bytes]


@pytest.fixture(scope="module")
def module_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site.create(tmp_path_factory.mktemp("manifest") / "site", "north-hospital", "North Hospital")
    site.add_clinician("n-17", "Ada Nurse", "clinician", "4711")
    return site


@pytest.fixture(scope="module")
def fields(module_site: Site) -> dict[str, Any]:
    found: dict[str, Any] = canonical.decode(module_site.manifest_raw)["manifest"]
    return found


@pytest.fixture(scope="module")
def signed(module_site: Site) -> Sign:
    """The site's own root signs whatever it is given."""
    return lambda fields: sign_fields(fields, module_site.keys.root_key)


def sign_fields(fields: dict[str, Any], key: EllipticCurvePrivateKey) -> bytes:
    signature = key.sign(SIGNED_LABEL + canonical.encode(fields), ECDSA(SHA384()))
    return canonical.encode({"manifest": fields, "signature": base64.b64encode(signature).decode()})


def refusal(site: Site, raw: bytes, **wanted: Any) -> ManifestRefusal:
    with pytest.raises(ManifestRefused) as caught:
        verify_manifest(raw, site.root, **{"site": site.id, "now": NOW, **wanted})
    assert str(caught.value)
    return caught.value.reason


def test_what_the_root_signed_is_believed_and_says_what_the_site_says(module_site):
    manifest = verify_manifest(module_site.manifest_raw, module_site.root, site="north-hospital", now=NOW)
    assert (manifest.name, manifest.version) == ("North Hospital", module_site.manifest_version)
    assert [clinician.badge for clinician in manifest.roster] == ["n-17"]
    assert [term.public for term in manifest.sealing] == [key.public.raw for key in module_site.opening_keys()]
    assert sign_fields(canonical.decode(module_site.manifest_raw)["manifest"], module_site.keys.root_key)


def test_a_manifest_of_another_root_is_refused(module_site, fields):
    assert refusal(module_site, sign_fields(fields, make_authority_key())) is ManifestRefusal.WRONG_ROOT


def test_a_manifest_under_another_pinned_root_is_refused(module_site):
    other = make_root(make_authority_key(), "north-hospital", NOW)
    with pytest.raises(ManifestRefused) as caught:
        verify_manifest(module_site.manifest_raw, other, site="north-hospital", now=NOW)
    assert caught.value.reason is ManifestRefusal.WRONG_ROOT


def test_a_signature_for_another_purpose_is_refused(module_site, fields):
    signature = module_site.keys.root_key.sign(canonical.encode(fields), ECDSA(SHA384()))
    raw = canonical.encode({"manifest": fields, "signature": base64.b64encode(signature).decode()})
    assert refusal(module_site, raw) is ManifestRefusal.WRONG_ROOT


def test_a_manifest_of_another_site_is_refused(module_site, fields, signed):
    assert refusal(module_site, signed({**fields, "site": "south-hospital"})) is ManifestRefusal.WRONG_SITE


def test_an_older_manifest_is_refused_and_the_same_is_not(module_site):
    raw, version = module_site.manifest_raw, module_site.manifest.version
    assert refusal(module_site, raw, minimum_version=version + 1) is ManifestRefusal.ROLLED_BACK
    assert verify_manifest(raw, module_site.root, site=module_site.id, minimum_version=version).version == version


def test_an_expired_manifest_is_refused_where_there_is_a_clock(module_site):
    late = NOW + timedelta(days=400)
    assert refusal(module_site, module_site.manifest_raw, now=late) is ManifestRefusal.EXPIRED
    assert verify_manifest(module_site.manifest_raw, module_site.root, site=module_site.id).expired(late)


def test_a_manifest_from_the_future_is_refused_with_a_word_on_the_clock(module_site):
    early = datetime(1970, 1, 2, tzinfo=UTC)
    with pytest.raises(ManifestRefused, match="clock"):
        verify_manifest(module_site.manifest_raw, module_site.root, site=module_site.id, now=early)


def test_an_authority_that_the_root_did_not_certify_is_refused(module_site, fields, signed):
    key = make_authority_key()
    stranger = make_root(key, "north-hospital", NOW)
    issuing = make_issuing(make_authority_key().public_key(), Issuer(stranger, key), "north-hospital", NOW)
    raw = signed({**fields, "authorities": [base64.b64encode(to_der(issuing)).decode()]})
    assert refusal(module_site, raw) is ManifestRefusal.WRONG_ROOT


def test_any_altered_byte_is_refused(module_site):
    raw = module_site.manifest_raw
    for at in range(0, len(raw), 7):
        altered = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert refusal(module_site, altered) in {ManifestRefusal.DAMAGED, ManifestRefusal.WRONG_ROOT}


@pytest.mark.parametrize("part", [(), ("policy",), ("broker",), ("sealing", 0), ("receipt", 0), ("roster", 0)])
def test_an_unknown_field_is_refused_even_where_the_root_signed_it(module_site, fields, signed, part):
    copy = canonical.decode(canonical.encode(fields))
    inner = copy
    for step in part:
        inner = inner[step]
    inner["extra"] = 1
    assert refusal(module_site, signed(copy)) is ManifestRefusal.UNKNOWN_FIELD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "wardlens-site-manifest/2"),
        ("site", "North Hospital"),
        ("name", ""),
        ("name", "two\nlines"),
        ("version", 0),
        ("version", True),
        ("version", "1"),
        ("issued", -1),
        ("expires", 0),
        ("authorities", []),
        ("authorities", ["AAAA"]),
        ("authorities", "text"),
        ("sealing", []),
        ("sealing", [{"id": "00" * 32, "use": "site", "public": ""}]),
        ("receipt", []),
        ("receipt", [{"id": "receipt-1", "public": "AAAA"}]),
        ("policy", {"version": 1}),
        ("policy", {"version": 1, "lock_seconds": 0}),
        ("policy", {"version": 1, "lock_seconds": 3600}),
        ("roster", [{"badge": "a b", "name": "A", "role": "clinician", "pin": "x"}]),
        ("roster", [1]),
        ("broker", {"host": "", "port": 1, "protocol": "auto"}),
        ("broker", {"host": "b", "port": 0, "protocol": "auto"}),
        ("broker", {"host": "b", "port": 1, "protocol": "3"}),
        ("broker", {"host": "b", "port": 1, "protocol": []}),
        ("receivers", ["a.b"]),
    ],
)
def test_a_value_that_is_not_legal_is_refused_even_where_the_root_signed_it(module_site, fields, signed, name, value):
    assert refusal(module_site, signed({**fields, name: value})) is ManifestRefusal.DAMAGED


@pytest.mark.parametrize("name", ["format", "site", "version", "sealing", "receipt", "broker", "receivers", "roster"])
def test_a_missing_field_is_refused(module_site, fields, signed, name):
    assert refusal(module_site, signed({k: v for k, v in fields.items() if k != name})) is ManifestRefusal.DAMAGED


def test_a_key_or_a_badge_that_stands_twice_is_refused(module_site, fields, signed):
    for name in ("receipt", "roster"):
        assert refusal(module_site, signed({**fields, name: fields[name] * 2})) is ManifestRefusal.DAMAGED


def test_a_pin_hash_that_costs_a_device_too_much_is_refused(module_site, fields, signed):
    costly = fields["roster"][0]["pin"].replace("m=65536", "m=4194304")
    roster = [{**fields["roster"][0], "pin": costly}]
    assert refusal(module_site, signed({**fields, "roster": roster})) is ManifestRefusal.DAMAGED


def test_another_spelling_of_the_same_manifest_is_refused(module_site):
    raw = module_site.manifest_raw
    for other in (raw + b"\n", b" " + raw, raw.replace(b":", b": ", 1), raw.replace(b"North", b"\\u004eorth", 1)):
        assert refusal(module_site, other) is ManifestRefusal.DAMAGED


def test_an_oversized_manifest_is_refused_before_it_is_read(module_site):
    assert refusal(module_site, b"{" * (MAX_MANIFEST + 1)) is ManifestRefusal.TOO_LARGE


def test_signing_and_verifying_gives_the_same_manifest(module_site):
    manifest = replace(module_site.manifest, name="Höhenklinik 北", version=9)
    raw = sign_manifest(manifest, module_site.keys.root_key)
    assert verify_manifest(raw, module_site.root, site=module_site.id) == manifest


@given(
    st.binary(max_size=400)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(repr).map(str.encode)
)
@example(b"[" * 100_000)
@example(b'{"a":1,"a":1}')
@example(b'{"a":1e5}')
@example(b'{"a":NaN}')
@example(b'{"a":"\\ud800"}')
@example(b'{"a":' + b"9" * 5000 + b"}")
@example(b'{"manifest":{},"signature":1}')
@example(b'{"manifest":{},"signature":"\\u00e9"}')
@settings(max_examples=100)
def test_garbage_gives_the_one_refusal(module_site, raw):
    assert isinstance(refusal(module_site, raw), ManifestRefusal)
