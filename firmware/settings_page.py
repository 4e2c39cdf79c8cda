"""The text of docs/settings.md, made from the settings: `python -m firmware.settings_page > docs/settings.md`."""

from __future__ import annotations

import sys

from firmware.settings import keys

_HEAD = """# Settings

One TOML file: the one that `--config` or `WARDLENS_CONFIG` names, else `/etc/wardlens/wardlens.toml` when it is there.
A key `panel.port` stands as `port` in `[panel]`. The environment wins over the file. A key that is not listed here is
refused, in the file and in the environment. `{prefix}` is where Wardlens is installed: the virtual environment.

| key | environment variable | default | is |
| --- | --- | --- | --- |
"""


def settings_page() -> str:
    """The whole page, Markdown."""
    rows = (
        f"| `{key}` | `{variable}` | {f'`{default}`' if default else '–'} | {meaning} |\n"
        for key, variable, default, meaning in keys()
    )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(settings_page())
