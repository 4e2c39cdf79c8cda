"""What the ledger shows: every edit, cut, reordering and replaced head."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from capture.canonical import to_canonical
from capture.envelope import KeySigner
from capture.ledger import FaultKind, Ledger, LedgerEvent, LedgerHead, LedgerUnwritable, Line, parse_line, verify_chain
from capture.ledger import read_heads as heads_in
from capture.ledger.chain import BEGINNING, MAX_LINE, hash_of, parse_head
from capture.ledger.verify import MAX_FAULTS, verify_lines

SIGNER = KeySigner(ec.derive_private_key(7, ec.SECP256R1()))
STRANGER = KeySigner(ec.derive_private_key(8, ec.SECP256R1()))
FACTS = {"capture": "0" * 32, "digest": "1" * 64, "length": 5}


@pytest.fixture
def chain(tmp_path):
    """A folder with a chain of six lines, and its head."""
    with Ledger(tmp_path, "camera", SIGNER, clock=lambda: 1000) as ledger:
        for counter in range(1, 7):
            head = ledger.append(LedgerEvent.CAPTURE_SEALED, **FACTS, counter=counter)
    return tmp_path / "camera.jsonl", head


def kinds(path, head, key=SIGNER.public_key) -> set[FaultKind]:
    report = verify_chain(path, key, head)
    assert report.sound == (not report.faults)
    return {fault.kind for fault in report.faults}


def test_an_untouched_chain_is_sound(chain):
    path, head = chain
    report = verify_chain(path, SIGNER.public_key, head)
    assert (report.lines, report.beyond, report.faults) == (6, 0, ())
    assert "All 6 lines" in report.sentence


def test_the_head_beside_the_chain_is_the_last_one(chain):
    path, head = chain
    assert heads_in(path.parent) == (head,)
    assert (head.chain, head.sequence) == ("camera", 6)
    assert LedgerHead.from_json(json.loads(json.dumps(head.to_json()))) == head


def test_an_older_head_vouches_for_its_part_and_says_how_much_came_after(chain):
    path, _ = chain
    lines = path.read_bytes().splitlines()
    older = LedgerHead.signed("camera", 4, parse_line(lines[4]).previous, SIGNER)
    report = verify_chain(path, SIGNER.public_key, older)
    assert report.sound
    assert report.beyond == 2


def test_every_turned_byte_is_seen(chain):
    path, head = chain
    data = path.read_bytes()
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1
        path.write_bytes(altered)
        assert kinds(path, head), f"byte {place}"


def test_a_changed_fact_is_seen_even_when_every_hash_after_it_is_put_right(chain):
    path, head = chain
    lines = [parse_line(line) for line in path.read_bytes().splitlines()]
    forged, previous = [], BEGINNING
    for line in lines:
        facts = dict(line.facts) | ({"length": 6} if line.sequence == 3 else {})
        new = Line(line.chain, line.sequence, previous, line.at_ms, line.event, facts)
        forged.append(new.to_bytes())
        previous = hash_of(forged[-1])
    path.write_bytes(b"".join(line + b"\n" for line in forged))
    assert kinds(path, head) == {FaultKind.REPLACED}
    rewritten_head = LedgerHead.signed("camera", 6, previous, STRANGER)
    assert kinds(path, rewritten_head) == {FaultKind.HEAD_FORGED}


def test_the_hospitals_older_head_finds_a_chain_rewritten_by_whoever_has_the_key(chain, tmp_path):
    path, seen_by_hospital = chain
    (tmp_path / "other").mkdir()
    with Ledger(tmp_path / "other", "camera", SIGNER) as rewritten:
        for counter in range(10):
            head = rewritten.append(LedgerEvent.CAPTURE_SEALED, **FACTS, counter=counter)
    path.write_bytes((tmp_path / "other" / "camera.jsonl").read_bytes())
    assert kinds(path, head) == set()
    assert kinds(path, seen_by_hospital) == {FaultKind.REPLACED}


@pytest.mark.parametrize("kept", range(6))
def test_a_cut_end_is_seen(chain, kept):
    path, head = chain
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    assert kinds(path, head) == {FaultKind.CUT}


@pytest.mark.parametrize("gone", range(5))
def test_a_line_taken_out_is_seen(chain, gone):
    path, head = chain
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    assert {FaultKind.OUT_OF_ORDER, FaultKind.NOT_CHAINED} <= kinds(path, head)


def test_lines_exchanged_are_seen(chain):
    path, head = chain
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    path.write_bytes(b"".join(lines))
    assert {FaultKind.OUT_OF_ORDER, FaultKind.NOT_CHAINED} <= kinds(path, head)


def test_a_line_put_in_is_seen(chain):
    path, head = chain
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    assert kinds(path, head)


def test_a_line_appended_by_a_stranger_is_not_vouched_for(chain):
    path, head = chain
    last = path.read_bytes().splitlines()[-1]
    line = Line("camera", 7, hash_of(last), 1, "captured-nothing", {}).to_bytes()
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert verify_chain(path, SIGNER.public_key, head).beyond == 1


def test_a_torn_end_is_seen(chain):
    path, head = chain
    path.write_bytes(path.read_bytes() + b'{"at_ms":1')
    assert kinds(path, head) == {FaultKind.TORN}


def test_a_head_of_another_chain_or_another_key_is_seen(chain):
    path, head = chain
    other = LedgerHead.signed("sync", head.sequence, head.hash, SIGNER)
    assert FaultKind.HEAD_OF_ANOTHER in kinds(path, other)
    assert kinds(path, head, STRANGER.public_key) == {FaultKind.HEAD_FORGED}
    renamed = LedgerHead("camera", 5, head.hash, head.signature)
    assert FaultKind.HEAD_FORGED in kinds(path, renamed)


def test_a_file_of_garbage_gives_a_bounded_report(tmp_path, chain):
    _, head = chain
    path = tmp_path / "garbage"
    path.write_bytes(b"\n" * 10_000)
    assert len(verify_chain(path, SIGNER.public_key, head).faults) == MAX_FAULTS
    path.write_bytes(b"x" * 100_000)
    report = verify_chain(path, SIGNER.public_key, head)
    assert {fault.kind for fault in report.faults} == {FaultKind.NOT_A_LINE}
    assert "Line 1 is not a line" in report.sentence


def test_a_chain_that_cannot_be_read_is_said_to_be_so(tmp_path, chain):
    with pytest.raises(LedgerUnwritable, match="cannot be read"):
        verify_chain(tmp_path / "none.jsonl", SIGNER.public_key, chain[1])


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_lines_give_a_report(lines):
    head = LedgerHead.signed("camera", 1, "0" * 64, SIGNER)
    assert not verify_lines([line + b"\n" for line in lines], SIGNER.public_key, head).sound


@given(st.binary(max_size=200))
def test_garbage_is_no_line_and_no_head(data):
    for parse in (parse_line, parse_head):
        with pytest.raises(ValueError, match=r"."):
            parse(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=5,
)
GOOD_LINE = Line("camera", 1, BEGINNING, 1, "signed-in", {"clinician": "b-1"})
GOOD_HEAD = LedgerHead.signed("camera", 1, "0" * 64, SIGNER)


@given(st.data())
def test_a_line_with_any_field_of_any_type_is_itself_or_a_value_error(data):
    fields = json.loads(GOOD_LINE.to_bytes())
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(json_values)
    raw = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        line = parse_line(raw)
    except ValueError:
        return
    assert line.to_bytes() == raw


@given(st.data())
def test_a_head_with_any_field_of_any_type_is_itself_or_a_value_error(data):
    fields = GOOD_HEAD.to_json()
    name = data.draw(st.sampled_from([*sorted(fields), "more"]))
    fields[name] = data.draw(json_values)
    try:
        head = LedgerHead.from_json(fields)
    except ValueError:
        return
    assert head.to_json() == fields


@pytest.mark.parametrize("value", [None, [], {}, {"chain": "c"}])
def test_what_is_no_head_is_a_value_error(value):
    with pytest.raises(ValueError, match="head"):
        LedgerHead.from_json(value)


def test_a_line_has_a_bound():
    with pytest.raises(ValueError, match="at most"):
        parse_line(b"x" * (MAX_LINE + 1))
    with pytest.raises(ValueError, match="fields"):
        parse_line(to_canonical({"version": 2}))
