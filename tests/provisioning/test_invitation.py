"""The invitation's line: what it carries, how it is read, and what every damage to it gets."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capture.identifiers import SiteId
from provisioning.errors import (
    InvitationDamaged,
    InvitationExpired,
    InvitationNotYetValid,
    InvitationOtherVersion,
    InvitationRefused,
    NotAccepted,
)
from provisioning.invitation import (
    MAX_LENGTH,
    Address,
    Invitation,
    _checksum,
    make_invitation,
    parse_address,
    parse_invitation,
)
from provisioning.qr import qr_png, qr_terminal

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "invitation.json").read_text())


def an_invitation(**changes: object) -> Invitation:
    values = {
        "site": SiteId("north-hospital"),
        "address": Address("enrol.north.example", 8443),
        "root_hash": bytes(range(32)),
        "sealing_hash": bytes(range(32, 64)),
        "not_before": NOW,
        "minutes": 15,
        "secret": bytes(range(64, 80)),
    }
    return Invitation(**{**values, **changes})


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
def test_every_valid_vector_reads_as_what_it_says(vector):
    read = parse_invitation(vector["line"])
    said = vector["says"]
    assert (read.site, str(read.address)) == (said["site"], said["address"])
    assert (read.root_hash.hex(), read.sealing_hash.hex()) == (said["root_hash"], said["sealing_hash"])
    assert (read.not_before.timestamp(), read.minutes) == (said["not_before"], said["minutes"])
    assert (read.secret.hex(), read.id) == (said["secret"], said["id"])
    assert read.line == vector["line"]


@pytest.mark.parametrize("vector", VECTORS["broken"], ids=lambda vector: vector["name"])
def test_every_broken_vector_gets_the_refusal_it_names(vector):
    with pytest.raises(InvitationRefused) as caught:
        parse_invitation(vector["line"])
    assert type(caught.value).__name__ == vector["refusal"]


def test_a_line_fits_the_compact_mode_of_a_qr_code_and_its_300_characters():
    line = an_invitation().line
    assert len(line) <= MAX_LENGTH
    assert set(line) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:")


def test_white_space_around_a_pasted_line_is_dropped():
    line = an_invitation().line
    assert parse_invitation(f"  {line}\r\n") == an_invitation()


def test_every_changed_letter_is_noticed():
    line = an_invitation().line
    for at in range(len(line)):
        other = "A" if line[at] != "A" else "B"
        with pytest.raises(InvitationRefused):
            parse_invitation(line[:at] + other + line[at + 1 :])


def test_every_cut_is_noticed():
    line = an_invitation().line
    for length in range(len(line)):
        with pytest.raises(InvitationDamaged):
            parse_invitation(line[:length])


def test_another_version_is_called_another_version_and_not_damaged():
    with pytest.raises(InvitationOtherVersion, match="another version"):
        parse_invitation(an_invitation().line.replace("WARDLENS1:", "WARDLENS2:"))


def test_the_window_has_a_sentence_for_too_early_and_one_for_too_late():
    invitation = an_invitation()
    with pytest.raises(InvitationNotYetValid, match="clock"):
        invitation.check_window(NOW - timedelta(seconds=1))
    invitation.check_window(NOW)
    invitation.check_window(NOW + timedelta(minutes=15))
    with pytest.raises(InvitationExpired, match="new one"):
        invitation.check_window(NOW + timedelta(minutes=15, seconds=1))


def test_the_secret_is_in_no_text_but_the_line():
    invitation = an_invitation()
    assert invitation.secret.hex() not in repr(invitation)
    assert str(invitation.secret) not in repr(invitation)
    assert invitation.secret.hex()[:8] not in invitation.id


def test_an_address_too_long_for_the_code_is_refused_with_what_to_do():
    with pytest.raises(NotAccepted, match="shorter name or an IP address"):
        make_invitation(SiteId("a" * 63), Address("b" * 63, 1), bytes(32), bytes(32), now=NOW, minutes=1, random=bytes)


def test_a_window_longer_than_a_week_is_refused():
    with pytest.raises(NotAccepted, match="7 days"):
        make_invitation(SiteId("a"), Address("b", 1), bytes(32), bytes(32), now=NOW, minutes=7 * 1440 + 1, random=bytes)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.5:8443", "10.0.0.5", 8443),
        ("[fe80::1]:1", "fe80::1", 1),
        ("Enrol.Example:65535", "enrol.example", 65535),
    ],
)
def test_an_address_reads_as_host_and_port(text, host, port):
    assert parse_address(text) == Address(host, port)
    assert parse_address(str(parse_address(text))) == Address(host, port)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1", "host:0", "host:65536", "fe80::1:1", "a b:1", "host:1x", "-a:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(NotAccepted, match="host:port"):
        parse_address(text)


@given(
    st.text(max_size=700)
    | st.text("WARDLENS1:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=320).map("WARDLENS1:".__add__)
)
@example("WARDLENS1:")
@example("WARDLENS1:" + "A" * 400)
@example("WARDLENS01:AAAA")
@settings(max_examples=200)
def test_garbage_gives_an_invitation_or_the_one_refusal(text):
    try:
        read = parse_invitation(text)
    except InvitationRefused:
        return
    assert read.line == text.strip()


@given(st.binary(max_size=190))
@settings(max_examples=150)
def test_garbage_with_a_right_checksum_gives_an_invitation_or_the_one_refusal(body):
    line = "WARDLENS1:" + base64.b32encode(body + _checksum(body)).decode().rstrip("=")
    try:
        read = parse_invitation(line)
    except InvitationRefused:
        return
    assert read.line == line


@given(
    st.builds(
        Invitation,
        site=st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).map(SiteId),
        address=st.builds(
            Address, st.from_regex(r"[a-z0-9](?:[a-z0-9.-]{0,40}[a-z0-9])?", fullmatch=True), st.integers(1, 65535)
        ),
        root_hash=st.binary(min_size=32, max_size=32),
        sealing_hash=st.binary(min_size=32, max_size=32),
        not_before=st.integers(0, 2**32 - 1).map(lambda at: datetime.fromtimestamp(at, UTC)),
        minutes=st.integers(1, 7 * 1440),
        secret=st.binary(min_size=16, max_size=16),
    )
)
@settings(max_examples=100)
def test_what_is_written_is_read_again(invitation):
    assert parse_invitation(invitation.line) == invitation


def test_a_camera_reads_the_line_from_the_png():
    zxingcpp = pytest.importorskip("zxingcpp")
    cv2 = pytest.importorskip("cv2")
    numpy = pytest.importorskip("numpy")
    line = an_invitation().line
    picture = cv2.imdecode(numpy.frombuffer(qr_png(line, scale=4), numpy.uint8), cv2.IMREAD_GRAYSCALE)
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [line]


def test_the_terminal_code_fits_eighty_columns():
    assert max(map(len, qr_terminal(an_invitation().line).splitlines())) <= 80


def test_a_line_that_is_no_invitation_is_not_made_into_a_code():
    with pytest.raises(NotAccepted):
        qr_png("A" * 301)
