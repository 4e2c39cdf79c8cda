"""The de-identifier that the settings name, in a process that has given back what loading it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.memory import give_back_free_memory
from firmware.settings import Settings

if TYPE_CHECKING:
    from inference import Deidentifier


def load_deidentifier(settings: Settings) -> Deidentifier:
    """With this release's models, verified and warm.

    Raises:
        ModelUnusable: a model is missing, altered, or does not give its known answer here.
    """
    from inference import Deidentifier

    loaded = Deidentifier.load(settings.models, threads=settings.camera.threads or None)
    give_back_free_memory()
    return loaded
