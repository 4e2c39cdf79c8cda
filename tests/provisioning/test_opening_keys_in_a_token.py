"""Opening keys that a PKCS#11 token wraps: SoftHSM, and whatever can go wrong with a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioning.errors import KeyExposed, TokenUnusable
from provisioning.pkcs11_token import KEY_LABEL, Pkcs11Wrapper, TokenPlace
from provisioning.sealing_keys import read_opening_keys
from provisioning.site import Site

ROOT = Path(__file__).parents[2]
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "483920"


@dataclass(frozen=True)
class Tokens:
    """SoftHSM in a folder of this run, with a token."""

    place: TokenPlace
    configuration: Path

    def add(self, label: str, folder: Path) -> TokenPlace:
        """Another token, empty."""
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "11112222"]
        subprocess.run(command, check=True, capture_output=True)
        return place_of(label, folder)


def place_of(label: str, folder: Path, pin: str = PIN) -> TokenPlace:
    file = folder / f"{label}.pin"
    file.touch(mode=0o600)
    file.write_text(pin + "\n")
    return TokenPlace(SOFTHSM, label, file)


@pytest.fixture(scope="module")
def tokens(program, tmp_path_factory):
    """The library reads its configuration once in a process, so all tests of this file share it."""
    program("softhsm2-util")
    pkcs11 = pytest.importorskip("pkcs11", reason="the extra pkcs11 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    try:
        made = Tokens(place_of("wardlens", folder), configuration)
        made.add("wardlens", folder)
        pkcs11.lib(str(SOFTHSM)).reinitialize()
        yield made
    finally:
        os.environ.pop("SOFTHSM2_CONF")
        if before is not None:
            os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def wrapper(tokens):
    return Pkcs11Wrapper(tokens.place)


@pytest.fixture
def wrapped(site, wrapper):
    """A site whose opening key is wrapped, and the key as it was."""
    (before,) = site.opening_keys()
    site = Site.load(site.folder, token=wrapper)
    assert site.wrap_opening_keys() == (before.key_id,)
    return site, before


def test_a_wrapped_opening_key_is_the_same_key_and_its_file_holds_nothing_of_it(wrapped, tokens):
    site, before = wrapped
    (path,) = site.layout.sealing.iterdir()
    fields = json.loads(path.read_bytes())
    assert fields.keys() == {"format", "id", "use", "wrapped"}
    assert before.to_bytes().hex() not in path.read_bytes().hex()
    assert path.stat().st_mode & 0o777 == 0o600
    assert site.opening_keys() == (before,)
    again = Site.load(site.folder, token=Pkcs11Wrapper(tokens.place))
    assert again.opening_keys() == (before,)
    assert again.wrap_opening_keys() == ()
    assert read_opening_keys(site.layout.sealing, Pkcs11Wrapper(tokens.place)) == (before,)


def test_the_tokens_key_cannot_be_taken_out_of_it(wrapped, tokens):
    import pkcs11  # noqa: PLC0415 - where the extra is installed

    token = pkcs11.lib(str(SOFTHSM)).get_token(token_label="wardlens")
    with token.open(user_pin=PIN) as session:
        key = session.get_key(label=KEY_LABEL)
        assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]
        assert key[pkcs11.Attribute.ALWAYS_SENSITIVE]
        with pytest.raises(pkcs11.AttributeSensitive):
            assert key[pkcs11.Attribute.VALUE]


def test_a_key_that_is_made_with_a_token_never_lies_on_the_disk_open(wrapped):
    site, before = wrapped
    new = site.rotate_sealing_key()
    assert {json.loads(path.read_bytes())["format"] for path in site.layout.sealing.iterdir()} == {
        "wardlens-opening-key/2"
    }
    assert {key.key_id for key in site.opening_keys()} == {before.key_id, new}


def test_without_a_token_a_wrapped_key_says_what_is_missing(wrapped):
    site, _ = wrapped
    plain = Site.load(site.folder)
    with pytest.raises(TokenUnusable, match=r"\[token\]"):
        plain.opening_keys()
    with pytest.raises(TokenUnusable, match=r"\[token\]"):
        plain.wrap_opening_keys()
    assert plain.opening_key_ids() == site.opening_key_ids(), "what opens nothing needs no token"


def test_another_token_opens_nothing_and_says_so(wrapped, tokens, tmp_path):
    import pkcs11  # noqa: PLC0415 - where the extra is installed

    site, _ = wrapped
    other = tokens.add(f"other-{os.urandom(3).hex()}", tmp_path)
    pkcs11.lib(str(SOFTHSM)).reinitialize()
    with pytest.raises(TokenUnusable, match="not the one that wrapped"):
        Site.load(site.folder, token=Pkcs11Wrapper(other)).opening_keys()
    Pkcs11Wrapper(other).wrap(b"something else", b"")  # now it has a key of that name, and it is another one
    with pytest.raises(TokenUnusable, match="this token wrapped"):
        Site.load(site.folder, token=Pkcs11Wrapper(other)).opening_keys()


@pytest.mark.parametrize("change", ["wrapped", "id"])
def test_a_wrapped_key_that_was_altered_or_renamed_is_not_used(wrapped, tokens, change):
    site, _ = wrapped
    (path,) = site.layout.sealing.iterdir()
    fields = json.loads(path.read_bytes())
    value = fields[change]
    fields[change] = (
        ("A" if value[20] != "A" else "B").join((value[:20], value[21:])) if change == "wrapped" else "0" * 16
    )
    path.write_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
    with pytest.raises(TokenUnusable):
        Site.load(site.folder, token=Pkcs11Wrapper(tokens.place)).opening_keys()


def test_a_token_that_is_not_there_is_a_sentence(wrapped, tokens, tmp_path):
    site, _ = wrapped
    places = {
        "no token called nowhere": place_of("nowhere", tmp_path),
        "Check token.module": replace(tokens.place, module=tmp_path / "none.so"),
        "PIN file": replace(tokens.place, pin_file=tmp_path / "none"),
    }
    for sentence, place in places.items():
        with pytest.raises(TokenUnusable, match=sentence):
            Site.load(site.folder, token=Pkcs11Wrapper(place)).opening_keys()


def test_a_wrong_pin_is_tried_once_and_not_until_the_token_locks(wrapped, tokens, tmp_path):
    site, before = wrapped
    wrong = Pkcs11Wrapper(place_of("wardlens", tmp_path, pin="000000"))
    holder = Site.load(site.folder, token=wrong)
    with pytest.raises(TokenUnusable, match="refused the PIN"):
        holder.opening_keys()
    (tmp_path / "wardlens.pin").write_text(PIN)
    with pytest.raises(TokenUnusable, match="start this again"):
        holder.opening_keys()
    assert Site.load(site.folder, token=Pkcs11Wrapper(tokens.place)).opening_keys() == (before,)


def test_a_pin_that_others_can_read_is_refused(wrapped, tokens, tmp_path):
    site, _ = wrapped
    place = place_of("wardlens", tmp_path)
    place.pin_file.chmod(0o640)
    with pytest.raises(KeyExposed, match="chmod 600"):
        Site.load(site.folder, token=Pkcs11Wrapper(place)).opening_keys()


def test_the_command_line_wraps_and_opens_with_the_token_of_the_settings(site, tokens, tmp_path):
    config = tmp_path / "hospital.toml"
    config.write_text(
        f'[receiver]\nsite = "{site.folder}"\narchive = "{tmp_path}/archive"\n'
        f'[token]\nmodule = "{SOFTHSM}"\nlabel = "wardlens"\npin_file = "{tokens.place.pin_file}"\n'
    )
    (tmp_path / "archive").mkdir(mode=0o700)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
        command = [sys.executable, "-m", "firmware", *arguments, "--config", str(config)]
        return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=60, check=False)

    done = run("site", "wrap-keys")
    assert (done.returncode, "1 opening keys are wrapped" in done.stdout) == (0, True), done.stderr
    assert run("receiver", "open").returncode == 0
    told = config.read_text()
    config.write_text(
        told.replace(str(tokens.place.pin_file), str(place_of("wardlens", tmp_path, pin="000000").pin_file))
    )
    refused = run("receiver", "open")
    assert (refused.returncode, "refused the PIN" in refused.stderr) == (2, True), "2 is not started again by systemd"
    config.write_text(told)
    config.write_text(config.read_text().split("[token]")[0])
    refused = run("receiver", "open")
    assert (refused.returncode, "[token]" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
