"""Settings: one file, the environment over it, nothing unknown, and a page that says all of it."""

from pathlib import Path

import pytest

from firmware.device import make_panel
from firmware.errors import RequestWrong
from firmware.settings import keys, load_settings
from firmware.settings_page import settings_page
from provisioning.panel.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    for _, variable, _, _ in keys():
        monkeypatch.delenv(variable, raising=False)


def test_the_environment_wins_over_the_file_and_leaves_its_neighbours(tmp_path, monkeypatch):
    file = tmp_path / "wardlens.toml"
    file.write_text('state = "/from/file"\n[panel]\nport = 9000\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("WARDLENS_PANEL__PORT", "9001")
    settings = load_settings(file)
    assert (settings.panel.port, settings.panel.host, settings.state) == (9001, "127.0.0.2", Path("/from/file"))


def test_the_command_line_wins_over_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("WARDLENS_STATE", "/from/environment")
    assert load_settings(state=tmp_path).state == tmp_path


def test_the_file_that_the_environment_names_is_read(tmp_path, monkeypatch):
    file = tmp_path / "w.toml"
    file.write_text("[vault]\nreserve_megabytes = 7\n")
    monkeypatch.setenv("WARDLENS_CONFIG", str(file))
    assert load_settings().vault.reserve_megabytes == 7


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1\n", "colour"),
        ("[panel]\nprot = 1\n", "panel.prot"),
        ("[panel]\nport = 70000\n", "panel.port"),
        ('[camera]\nadapter = "telescope"\n', "camera.adapter"),
        ("[panel\n", "TOML"),
    ],
)
def test_an_unknown_key_or_a_wrong_value_is_refused_by_name(tmp_path, text, named):
    file = tmp_path / "w.toml"
    file.write_text(text)
    with pytest.raises(RequestWrong, match=named):
        load_settings(file)


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(RequestWrong, match="--config"):
        load_settings(tmp_path / "nothing.toml")


def test_a_misspelt_variable_is_refused(monkeypatch):
    monkeypatch.setenv("WARDLENS_PANEL_PORT", "1")
    with pytest.raises(RequestWrong, match="WARDLENS_PANEL_PORT"):
        load_settings()


def test_every_setting_says_what_it_is_for():
    assert all(meaning for _, _, _, meaning in keys())


def test_the_settings_page_is_the_one_that_the_code_makes():
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings_page()


def test_the_screen_is_set_to_a_language_that_the_panel_has_and_to_no_other(tmp_path):
    file = tmp_path / "wardlens.toml"
    for code in LANGUAGES:
        file.write_text(f'state = "{tmp_path}"\n[panel]\nlanguage = "{code}"\nhand = "left"\nshutter_keys = ["F14"]\n')
        _, shown = make_panel(load_settings(file))
        assert (shown.look.code, shown.look.hand, shown.shutter_keys) == (code, "left", ("F14",))
    file.write_text('[panel]\nlanguage = "xx"\n')
    with pytest.raises(RequestWrong, match=r"panel\.language"):
        load_settings(file)
