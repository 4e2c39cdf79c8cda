"""`wardlens device update` and `wardlens device trial`: root's two parts of an update, which units start."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware.errors import RequestWrong
from firmware.logging import configure_logging
from firmware.settings import Settings, load_settings
from firmware.terminal import ConfigOption, StateOption


def update(
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Take the system that the site has ordered; nothing, if it has not.")
    ] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the system that the site has ordered into the other slot, and start it when nobody is at a picture.

    wardlens-update.service runs it as root. Where a picture is being reviewed it ends with status 1, and is run again.

    Example: wardlens device update --ordered
    """
    from firmware.updating import Machine, install_ordered

    if not ordered:
        raise RequestWrong("A device takes what its site offers: `wardlens site offer-update`. Add --ordered.")
    settings = _settings(state, config)
    install_ordered(settings, Machine(settings.update.system))


def trial(state: StateOption = None, config: ConfigOption = None) -> None:
    """After a start: keep a new system once it has shown that it works, or go back to the one before.

    wardlens-trial.service runs it as root. A start that is no trial is called good at once.

    Example: wardlens device trial
    """
    from firmware.updating import Machine, after_boot

    settings = _settings(state, config)
    after_boot(settings, Machine(settings.update.system))


def _settings(state: StateOption, config: ConfigOption) -> Settings:
    settings = load_settings(config, state=state)
    configure_logging(settings.log)
    return settings
