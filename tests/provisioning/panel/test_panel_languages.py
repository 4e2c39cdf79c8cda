"""Every word that a person sees comes from the catalogue, in every language, and each language says all of it."""

from __future__ import annotations

import ast
import errno
import inspect
import os
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from capture.encounter import BODY_SITES, Consent, Encounter
from capture.errors import CaptureError
from capture.ledger import FIELDS, LedgerEvent
from capture.vault import State
from firmware.device import self_test_checks
from firmware.settings import Settings
from inference.errors import DecisionRefused, InferenceError, ModelUnusable
from provisioning.errors import ManifestRefused, PeerRefused, ProvisioningError
from provisioning.panel import words
from provisioning.panel.errors import PanelError
from provisioning.panel.guard import Refusal
from provisioning.panel.languages import LANGUAGES, language_of
from provisioning.panel.look import Hand, Light, Look, Sound, parse_look
from provisioning.panel.queue_view import rows
from sync.mqtt.failures import connecting_failed, connection_lost, not_accepted

ROOT = Path(__file__).resolve().parents[3]
PANEL = ROOT / "provisioning" / "panel"
PAGES = sorted((PANEL / "pages").glob("*.html"))
MODULES = sorted((PANEL / "assets").glob("*.js"))
PYTHON = sorted(path for path in PANEL.rglob("*.py") if path.parent.name != "languages")
OTHERS = [language for language in LANGUAGES.values() if language.code != "en"]
ENGLISH = LANGUAGES["en"]
VALUE = re.compile(r"\{(\w+)\}")
REFUSED = 128
"""From this MQTT reason code on something went wrong (MQTT 5.0, section 2.4)."""
LETTERS = re.compile(r"[^\W\d_]{2,}")

HEARD = (
    "capture/camera/*.py", "capture/envelope/signing.py", "capture/ledger/ledger.py", "capture/quality.py",
    "capture/service/*.py", "firmware/device.py", "inference/deidentifier.py", "inference/facial.py",
    "inference/guard.py", "inference/looking.py", "inference/models.py", "inference/workers.py",
    "provisioning/enrolment/line.py", "provisioning/enrolment/trust.py", "provisioning/manifest.py",
    "provisioning/panel/*.py", "provisioning/panel/routes/*.py", "sync/mqtt/*.py", "sync/uplink/*.py",
)  # fmt: skip
"""Where sentences come from that the panel shows as it hears them."""

UNSEEN = {
    "capture/service/running.py": "a camera service that cannot start says so on the command line",
    "provisioning/panel/counters.py": "what was counted is for a scraper",
    "provisioning/panel/simulated.py": "the tests' camera",
    "provisioning/panel/settings.py": "a panel that does not start has no screen",
    "capture/camera/showing.py": "films are read by `wardlens redact` and `wardlens capture` alone",
}


UNREACHED = (
    "ENETUNREACH EHOSTUNREACH EHOSTDOWN ENETDOWN ENETRESET ECONNRESET ECONNABORTED ECONNREFUSED ETIMEDOUT EPIPE "
    "EADDRNOTAVAIL ENOTCONN EACCES EPERM ENOSPC EDQUOT EROFS EIO EMFILE ENFILE ENOENT ENOMEM ENOBUFS EBUSY ENODEV"
)
"""What a network, a disk or a camera may answer: errno(3). Their sentences stand in ours, in brackets."""

DOUBTED = (
    "certificate has expired",
    "certificate is not yet valid",
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get local issuer certificate",
    "unable to get issuer certificate",
    "unable to verify the first certificate",
    "certificate signature failure",
    "unsuitable certificate purpose",
    "Hostname mismatch, certificate is not valid for 'ward.example'.",
    "IP address mismatch, certificate is not valid for '10.0.0.5'.",
)
"""What OpenSSL has against a broker's certificate (crypto/x509/x509_txt.c, and Python's _ssl.c for names)."""


def systems() -> set[str]:
    """What the system and the libraries say in the places of our sentences' values."""
    said = {os.strerror(getattr(errno, name)) for name in UNREACHED.split()} | set(DOUBTED)
    said.add(str(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "device.json")))
    reasons = ReasonCode(PacketTypes.CONNACK).names
    said |= {
        name
        for code, names in reasons.items()
        for name, packets in names.items()
        if code >= REFUSED and {PacketTypes.CONNACK, PacketTypes.DISCONNECT} & set(packets)
    }
    return said


def failed_self_tests() -> set[str]:
    """What the parts of the device's test of itself say that firmware looks at, where something is wrong."""
    tree = ast.parse((ROOT / "firmware" / "checks.py").read_text())
    parts = {f"check_{name}" for name in self_test_checks(Settings())}
    return {
        "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in said.values)
        if isinstance(said, ast.JoinedStr)
        else said.value
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name in parts
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and ast.unparse(node.value.elts[0]) == "State.FAILED"
        for said in node.value.elts[1:]
        if isinstance(said, ast.JoinedStr | ast.Constant)
    }


def flat(said) -> list[str]:
    return [said] if isinstance(said, str) else [said["one"], said["other"]]


def heard(language) -> dict[str, str]:
    """What a language translates of the other rooms, as its file writes it."""
    return tomllib.loads((PANEL / "languages" / f"{language.code}.toml").read_text())["heard"]


@cache
def strings(path: Path) -> frozenset[str]:
    """Every string in this file that is no docstring, with something in the place of each value."""
    tree = ast.parse(path.read_text())
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    left_out |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    said = set()
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            said.add(node.value.replace("{}", "VALUE"))
        elif isinstance(node, ast.JoinedStr):
            said.add("".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in node.values))
    return frozenset(said)


def sentences(path: Path) -> set[str]:
    """Every whole sentence in this file that is no docstring."""
    return {one for one in strings(path) if re.fullmatch(r"[A-Z].* .*[.!?](: VALUE)?", one, re.DOTALL)}


def first_line(kind: type[Exception]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]


def first_lines(family: type[Exception]) -> set[str]:
    """What each error of a family says when nobody says it better."""
    found = {first_line(family)}
    for kind in family.__subclasses__():
        if kind.__module__.partition(".")[0] in {"capture", "inference", "provisioning"}:
            found |= first_lines(kind)
    return found


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_each_language_says_all_that_english_says(language):
    assert language.words.keys() == ENGLISH.words.keys()
    assert [key for key, said in language.words.items() if not all(flat(said))] == []


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_each_language_has_the_same_values_in_its_sentences(language):
    for key, english in ENGLISH.words.items():
        named = {frozenset(VALUE.findall(one)) for one in flat(english)}
        assert {frozenset(VALUE.findall(one)) for one in flat(language.words[key])} == named, key


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_what_is_heard_is_translated_with_its_values(language):
    for english, said in heard(language).items():
        assert set(VALUE.findall(said)) <= set(VALUE.findall(english)), english
        assert said != english


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_every_sentence_of_the_other_rooms_is_known(language):
    files = {file for pattern in HEARD for file in ROOT.glob(pattern)} - {ROOT / name for name in UNSEEN}
    assert sorted(one for file in files for one in sentences(file) if language.heard(one) == one) == []


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_every_error_that_can_reach_the_screen_is_known(language):
    families = (CaptureError, ModelUnusable, DecisionRefused, PeerRefused, ManifestRefused)
    said = {sentence for family in families for sentence in first_lines(family)}
    said |= {first_line(InferenceError), first_line(ProvisioningError)} | {refusal.sentence for refusal in Refusal}
    assert {one for one in said if language.heard(one) == one} == set()


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_what_the_system_and_the_libraries_say_is_known(language):
    assert sorted(one for one in systems() if language.heard(one) == one) == []


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_what_a_failed_self_test_says_is_known(language):
    said = failed_self_tests()
    assert len(said) == 2
    assert sorted(one for one in said if language.heard(one) == one) == []


@pytest.mark.parametrize(
    ("failure", "german"),
    [
        (connecting_failed(OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)), "ward", 8883), "Netz nicht"),
        (connection_lost("ward", 8883, "Session taken over"), "(ein anderer hat sich unter diesem Namen angemeldet)"),
        (connection_lost("ward", 8883), "Die Verbindung"),
        (not_accepted(137, "Server busy", "ward", 8883), "(Broker überlastet)"),
    ],
)
def test_no_english_of_the_systems_is_left_in_a_german_sentence(failure, german):
    said = LANGUAGES["de"].heard(str(failure))
    assert german in said
    assert not re.search(r"\b(the|is|was|over|busy)\b", said)


@pytest.mark.parametrize("language", OTHERS, ids=lambda one: one.code)
def test_nothing_is_translated_that_nobody_says(language):
    rooms = ("capture", "firmware", "inference", "sync", "provisioning")
    said = {one for room in rooms for path in (ROOT / room).rglob("*.py") for one in strings(path)}
    said |= {
        sentence for family in (CaptureError, InferenceError, ProvisioningError) for sentence in first_lines(family)
    }
    said |= first_lines(PanelError) | systems()
    assert set(language.plain) - said == set()
    assert [one.said for one in language.patterns if not any(map(one.pattern.fullmatch, said))] == []


def test_sentence_with_values_is_heard_with_them():
    said = LANGUAGES["de"].heard("The broker at ward.example:8883 does not answer. Check the network, then the broker.")
    assert said.startswith("Der Broker ward.example:8883 antwortet nicht.")


def test_values_of_what_is_heard_are_translated_too():
    said = LANGUAGES["de"].heard("The picture was not kept yet: the patient reference has 1 to 64 characters.")
    assert said == "Das Bild ist noch nicht übernommen: Nummer des Patienten: 1 bis 64 Zeichen."


@pytest.mark.parametrize(
    ("encounter", "part"),
    [
        ({"patient": ""}, "Nummer des Patienten: 1 bis 64"),
        ({"body_site": "1"}, "wo am Körper"),
        ({"consent": Consent(record=False)}, "ohne Einwilligung"),
        ({"note": "\u0007"}, "die Notiz enthält"),
        ({"note": "x" * 2001}, "höchstens 2000"),
        ({"patient": " 1"}, "Leerzeichen am Rand"),
    ],
)
def test_what_is_wrong_with_an_encounter_is_said_in_german(encounter, part):
    good = {
        "patient": "1",
        "clinician": "1",
        "body_site": "84607009",
        "laterality": None,
        "consent": Consent(record=True),
    }
    with pytest.raises(ValueError, match=r"\w") as wrong:
        Encounter(**(good | encounter))
    assert part in LANGUAGES["de"].heard(f"The picture was not kept yet: {wrong.value}.")


def test_text_without_end_is_not_looked_at():
    long = "The broker at " * 5_000
    assert LANGUAGES["de"].heard(long) == long


def test_sentence_that_nobody_knows_is_shown_as_it_came():
    assert LANGUAGES["de"].heard("A camera of tomorrow.") == "A camera of tomorrow."


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda one: one.code)
def test_every_name_that_others_may_bring_has_its_word(language):
    assert {key.removeprefix("sites.") for key in language.words if key.startswith("sites.")} == set(BODY_SITES)
    assert {key.removeprefix("events.") for key in language.words if key.startswith("events.")} == set(LedgerEvent)
    facts = {name for event in LedgerEvent for name in (*FIELDS[event].required, *FIELDS[event].optional)}
    assert {key.removeprefix("facts.") for key in language.words if key.startswith("facts.")} == facts
    assert len(language.say("format.months").split()) == 12
    for kind in words.KINDS:
        assert language.has(f"kinds.{kind}")


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda one: one.code)
def test_no_two_body_sites_read_the_same(language):
    said = [language.say(f"sites.{code}") for code in BODY_SITES]
    assert len(set(said)) == len(said)


def used() -> tuple[set[str], set[str]]:
    """(keys that are named whole, beginnings of keys whose end is a value)."""
    whole, begun = set(), set()
    for path in PAGES:
        text = path.read_text()
        whole |= set(re.findall(r'say\("([\w.-]+)"[,)]', text))
        begun |= set(re.findall(r'say\("([\w.-]+)" ~', text))
    for path in MODULES:
        text = path.read_text()
        whole |= set(re.findall(r'"((?:script|sign-in|covered|format)\.[\w-]+)"', text))
        begun |= set(re.findall(r"word\(`([\w.-]+)\$\{", text))
    for path in PYTHON:
        text = path.read_text()
        whole |= set(re.findall(r'"([a-z-]+\.[\w-]+)"', text)) & set(ENGLISH.words)
        begun |= set(re.findall(r'f"([a-z-]+\.(?:[a-z]+-)?)\{', text)) | {
            f"{table}." for table in re.findall(r'_called\(said, ["\'](\w+)["\']', text)
        }
    return whole, begun


def test_every_key_that_a_page_or_a_module_names_is_there():
    whole, begun = used()
    assert whole - set(ENGLISH.words) == set()
    assert [start for start in begun if not any(key.startswith(start) for key in ENGLISH.words)] == []


def test_every_sentence_is_given_its_values():
    given = [
        (key, set(re.findall(r"(\w+)=", values)))
        for path in (*PAGES, *PYTHON)
        for key, values in re.findall(r'say\(\s*"([\w.-]+)"((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)', path.read_text())
    ]
    given += [
        (key, {one.partition(":")[0].strip() for one in values.split(",")})
        for path in MODULES
        for key, values in re.findall(r'word\("([\w.-]+)"(?:, \{([^}]*)\})?\)', path.read_text())
    ]
    assert len(given) > 150
    lacking = {
        key for key, names in given if not set(VALUE.findall("".join(flat(ENGLISH.words.get(key, ""))))) <= names
    }
    assert lacking == set()


def test_no_word_is_kept_that_nothing_shows():
    whole, begun = used()
    begun |= {"format.", "troubles."}
    kept = {key for key in ENGLISH.words if key != "name" and key not in whole}
    assert {key for key in kept if not key.startswith(tuple(begun))} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda one: one.name)
def test_no_page_says_a_word_that_is_not_in_the_catalogue(path):
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    shown = re.findall(r">([^<>]+)<", bare) + re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', bare)
    assert [one for one in shown if LETTERS.search(one.replace("Wardlens", "").replace("ABC", ""))] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda one: one.name)
def test_no_module_says_a_word_that_is_not_in_the_catalogue(path):
    text = re.sub(r"^\s*//.*$|^import .*$", "", path.read_text(), flags=re.MULTILINE)
    strings = re.findall(r'"([^"\n]*)"', text) + [
        re.sub(r"\$\{[^}]*\}", "", one) for one in re.findall(r"`([^`]*)`", text)
    ]
    sentences = [one for one in strings if re.match(r"[A-ZÄÖÜ][a-zäöüß]+($|[ .!?…])", one)]
    names = {"Content-Type", "Enter", "Space"}
    assert [one for one in sentences if one not in names] == []
    assert re.findall(r'(?:textContent|ariaLabel|innerText) = ["`][^"`$]*[^\W\d_]', text) == []


def test_page_is_in_the_language_that_was_chosen(bench):
    with bench.client() as client:
        assert '<html lang="en"' in client.get("/").text
        assert client.post("/look", json={"language": "de"}).json()["language"] == "de"
        page = client.get("/").text
        assert '<html lang="de"' in page
        assert "Halten Sie Ihren Ausweis vor die Kamera" in page
        assert "Scan your badge" not in page
        assert (
            "Ausweis oder PIN stimmt nicht"
            in client.post("/sign-in", json={"badge": "1", "pin": "1"}).json()["sentence"]
        )
        bench.sign_in(client)
        assert "Warteschlange" in client.get("/queue").text


@pytest.mark.parametrize("path", ["/shoot", "/review", "/queue", "/ledger", "/device"])
def test_no_english_sentence_is_left_on_a_german_page(bench, path):
    bench.queue.held = [bench.entry(1, State.PARKED, reason="malformed"), bench.entry(2, State.ERASED)]
    with bench.client() as client:
        client.post("/look", json={"language": "de"})
        bench.sign_in(client)
        if path == "/review":
            client.post("/shutter")
        page = client.get(path).text
    german = " ".join(one for said in LANGUAGES["de"].words.values() for one in flat(said))
    left = {one for said in ENGLISH.words.values() for one in flat(said) if len(one) > 5 and "{" not in one}
    shown = re.sub(r' data-reason="[^"]*"', "", page)
    assert {one for one in left if f">{one}<" in shown and one not in german} == set()


def test_language_and_hand_go_with_the_person_and_light_and_sound_stay_in_the_room(bench):
    with bench.client() as client:
        client.post("/look", json={"language": "de", "hand": "left", "light": "dark", "sound": "off"})
        bench.sign_in(client)
        assert '<html lang="de" data-hand="left" data-light="dark" data-sound="off">' in client.get("/shoot").text
        client.post("/lock")
        assert '<html lang="en" data-hand="right" data-light="dark" data-sound="off">' in client.get("/").text


def test_screen_that_locked_by_itself_is_as_for_the_next_person(bench):
    with bench.client() as client:
        client.post("/look", json={"language": "de", "light": "dark"})
        bench.sign_in(client)
        bench.seconds += 61
        assert '<html lang="en" data-hand="right" data-light="dark" data-sound="on">' in client.get("/").text


@pytest.mark.parametrize(
    "said", [{"language": "xx"}, {"hand": "third"}, {"light": "off"}, {"sound": "loud"}, {"colour": "red"}]
)
def test_look_that_there_is_not_is_refused(bench, said):
    assert bench.client().post("/look", json=said).status_code == 422


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "de",
        "de.left",
        "de.left.dark",
        "xx.left.dark.on",
        "de.up.dark.on",
        "de.left.dark.on.more",
        "...",
        "de.left.dark.loud",
        "🙂.left.dark.on",
    ],
)
def test_cookie_that_is_not_ours_changes_nothing(cookie):
    default = Look("de", Hand.LEFT, Light.DARK)
    assert parse_look(cookie, default) == default


def test_cookie_of_ours_is_read_as_it_was_written():
    for code in LANGUAGES:
        for hand in Hand:
            for light in Light:
                for sound in Sound:
                    look = Look(code, hand, light, sound)
                    assert parse_look(look.cookie, Look()) == look


def test_record_has_one_spelling_of_a_reason_in_every_language():
    assert len({tuple(reason.record for reason in words.reasons(language)) for language in LANGUAGES.values()}) == 1


def test_german_sizes_and_days_are_written_as_in_german(bench):
    german = LANGUAGES["de"]
    assert words.size(german, 2_400_000) == "2,4 MB"
    (row,) = rows(german, [bench.entry(1, State.SEALED)], None)
    assert re.fullmatch(r"Sicher auf diesem Gerät seit \d+\. Feb\., \d\d:\d\d", row.detail)


@pytest.mark.parametrize("text", ["", "name = 3\n[a]\nb = 1", "[a"])
def test_file_that_is_no_catalogue_is_refused(text):
    with pytest.raises((ValueError, KeyError, AttributeError)):
        language_of("xx", text)
