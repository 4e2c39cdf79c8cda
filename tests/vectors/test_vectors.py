"""The vectors are what their scripts make, there are enough of them, and our own readers and receiver keep to them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from capture.identifiers import SiteId
from capture.ledger import LedgerHead, verify_lines
from provisioning.clock import seconds
from provisioning.commands import verify_command, verify_result
from provisioning.errors import CommandRefusal, CommandRefused, ManifestRefused
from provisioning.manifest import verify_manifest
from provisioning.manifest_fields import write_fields
from sync.errors import MessageRefused
from sync.protocol import decode_down, decode_receipt, decode_up
from sync.receiver import Archive, ArchiveSettings, FixedTrust, Ingest, OpeningKey, ReceiptKey
from sync.receiver.ingest import Delivery

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def read(name):
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


SYNC, MANIFEST, LEDGER, RECEIVER = read("sync"), read("site-manifest"), read("ledger"), read("receiver")
COMMAND = read("site-command")
BROKEN = {"refused", "broken", "faulty", "refused_heads"}
"""The lists whose every case is refused."""


def cases_of(value):
    """(name, whether it is refused) of every case in a file."""
    for key, inner in value.items():
        if isinstance(inner, list) and key != "authorities":
            yield from ((case["name"], key in BROKEN or bool(case.get("flaw"))) for case in inner)


FILES = ["enrolment", "envelope", "invitation", "ledger", "receiver", "site-command", "site-manifest", "sync"]


def test_every_file_is_what_its_script_makes():
    made = [sys.executable, str(HERE / "make.py"), "--check"]
    done = subprocess.run(
        made, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_and_no_name_is_left_out():
    assert sorted(path.stem for path in HERE.glob("*.json")) == sorted([*FILES, "envelope-wrapped"])
    for file in FILES:
        names = [name for name, _ in cases_of(read(file))]
        assert len(set(names)) == len(names), file


def test_there_are_enough_vectors_and_most_are_broken():
    found = [broken for file in FILES for _, broken in cases_of(read(file))]
    assert len(found) >= 300
    assert sum(found) >= 200


def test_the_readme_names_every_file():
    readme = (HERE / "README.md").read_text("utf-8")
    for file in FILES:
        assert f"`{file}.json`" in readme


@pytest.mark.parametrize("case", named(SYNC["topics"]))
def test_a_message_counts_only_on_its_own_topic(case):
    decode = decode_up if "/up/" in case["topic"] else decode_down
    payload = bytes.fromhex(case["payload_hex"])
    if not case["flaw"]:
        device, _ = decode(case["topic"], payload)
        assert device == "ward-7"
        return
    with pytest.raises(MessageRefused) as refused:
        decode(case["topic"], payload)
    assert refused.value.flaw == case["flaw"]


def believed(case):
    known = MANIFEST["known"] | case.get("known", {})
    return verify_manifest(
        base64.b64decode(case["manifest"]),
        x509.load_der_x509_certificate(base64.b64decode(MANIFEST["root"])),
        site=known["site"],
        minimum_version=known["version"],
        now=datetime.fromtimestamp(known["now"], UTC),
    )


@pytest.mark.parametrize("case", named(MANIFEST["accepted"]))
def test_an_accepted_manifest_says_what_is_in_it(case):
    assert write_fields(believed(case)) == case["says"]


@pytest.mark.parametrize("case", named(MANIFEST["refused"]))
def test_a_broken_manifest_is_refused_for_its_reason(case):
    with pytest.raises(ManifestRefused) as refused:
        believed(case)
    assert refused.value.reason.value == case["reason"]


def test_every_documented_reason_of_a_manifest_but_size_and_pairing_has_a_vector():
    page = (ROOT / "docs" / "formats" / "site-manifest.md").read_text("utf-8")
    rows = [row.split("|") for row in page.partition("| reason |")[2].splitlines() if row.startswith("| ")]
    documented = {row[2].strip().strip("`") for row in rows} - {"---"}
    assert {case["reason"] for case in MANIFEST["refused"]} == documented - {"too-large", "wrong-sealing-key"}


def commanded(case):
    known = COMMAND["known"] | case.get("known", {})
    return verify_command(
        base64.b64decode(case["command"]),
        x509.load_der_x509_certificate(base64.b64decode(COMMAND["root"])),
        site=known["site"],
        device=known["device"],
        last=known["last"],
        now=datetime.fromtimestamp(known["now"], UTC),
    )


def answered(case):
    known, key = COMMAND["known"], load_der_public_key(base64.b64decode(COMMAND["identity_key"]))
    return verify_result(base64.b64decode(case["result"]), key, site=known["site"], device=known["device"])


@pytest.mark.parametrize("case", named(COMMAND["accepted"]))
def test_an_accepted_command_says_what_is_in_it(case):
    command, says = commanded(case), case["says"]
    assert (command.name.value, command.argument, command.number) == (says["name"], says["argument"], says["number"])
    assert (seconds(command.issued), seconds(command.expires)) == (says["issued"], says["expires"])


@pytest.mark.parametrize("case", named(COMMAND["results"]))
def test_an_accepted_result_says_what_is_in_it(case):
    result, says = answered(case), case["says"]
    assert (result.outcome.value, result.sentence, result.number) == (
        says["outcome"],
        says["sentence"],
        says["number"],
    )
    assert seconds(result.at) == says["at"]


@pytest.mark.parametrize("case", named([*COMMAND["refused"], *COMMAND["broken"]]))
def test_a_broken_command_or_result_is_refused_for_its_reason(case):
    with pytest.raises(CommandRefused) as refused:
        commanded(case) if "command" in case else answered(case)
    assert refused.value.reason.value == case["reason"]


def test_every_documented_reason_against_a_command_has_a_vector():
    assert {case["reason"] for case in COMMAND["refused"]} == {reason.value for reason in CommandRefusal}


def verified(case):
    lines = case["lines"].encode().splitlines(keepends=True)
    key = load_der_public_key(bytes.fromhex(LEDGER["public_key"]))
    return verify_lines(lines, key, LedgerHead.from_json(case["head"]))


@pytest.mark.parametrize("case", named(LEDGER["whole"]))
def test_a_whole_chain_is_sound(case):
    report = verified(case)
    assert (report.sound, report.beyond) == (True, case["beyond"])


@pytest.mark.parametrize("case", named(LEDGER["faulty"]))
def test_the_first_fault_of_a_chain_is_the_one_expected(case):
    first = verified(case).first
    assert (first.kind, first.line) == (case["fault"], case["line"])


def test_every_documented_fault_but_the_hospitals_own_has_a_vector():
    page = (ROOT / "docs" / "formats" / "ledger.md").read_text("utf-8")
    table = page.partition("| fault | is |")[2].partition("\n\n")[0]
    documented = {row.split("|")[1].strip().strip("`") for row in table.splitlines() if row.startswith("| `")}
    assert {case["fault"] for case in LEDGER["faulty"]} == documented - {"contradicted"}


@pytest.mark.parametrize("case", named(LEDGER["refused_heads"]))
def test_what_is_no_head_is_refused(case):
    with pytest.raises(ValueError, match=r"."):
        LedgerHead.from_json(case["head"])


@pytest.fixture
def receiver(tmp_path):
    """A receiver of the vectors' site, with an empty archive."""
    archive = Archive.open(ArchiveSettings.in_folder(tmp_path))
    key = RECEIVER["receipt_key"]
    signer = ReceiptKey(key["name"], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["private_hex"])))
    authorities = [x509.load_der_x509_certificate(base64.b64decode(text)) for text in RECEIVER["authorities"]]
    opening = OpeningKey.from_bytes(bytes.fromhex(RECEIVER["opening_key"]))
    yield Ingest(
        archive,
        site=SiteId(RECEIVER["site"]),
        trust=FixedTrust(tuple(authorities), RECEIVER["devices"]),
        keys=lambda: (opening,),
        signer=lambda: signer,
    )
    archive.close()


def answers_to(receiver, step):
    said, work = receiver.handle([Delivery(step["topic"], base64.b64decode(step["payload"]))])
    for item in work:
        said += receiver.complete(item)
    device, capture = step["topic"].split("/")[2], step["topic"].split("/")[4]
    assert {answer.topic for answer in said} <= {f"wardlens/v1/{device}/down/{capture}"}
    return [answer.payload for answer in said]


@pytest.mark.parametrize("case", named(RECEIVER["conversations"]))
def test_our_receiver_holds_every_conversation(case, receiver):
    receipts = set()
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RECEIVER["receipt_key"]["private_hex"])).public_key()
    assert public.public_bytes_raw().hex() == RECEIVER["receipt_key"]["public_hex"]
    for step in case["steps"]:
        payloads = answers_to(receiver, step)
        answers = [json.loads(payload) for payload in payloads]
        for payload, answer in zip(payloads, answers, strict=True):
            if answer["type"] == "receipt":
                decode_receipt(payload).verify({"receipt-1": public})
                receipts.add(payload)
                del answer["received_at_ms"], answer["signature"]
        assert answers == step["answers"]
    # However often it is asked, one capture has one receipt, byte for byte.
    assert len(receipts) <= 1
