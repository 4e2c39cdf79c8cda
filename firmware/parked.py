"""Pictures that the hospital refused for good: a person looks at them, sends them again, or carries them there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from capture.identifiers import CaptureId, capture_id, is_badge
from capture.ledger import LedgerEvent
from capture.vault import NotInVault, State, TransitionRefused, Vault, VaultDamaged
from firmware.account import account
from firmware.device import note, open_vault
from firmware.errors import RequestWrong, WorkFailed
from firmware.settings import Settings
from firmware.terminal import moment
from provisioning import durable


def parked_rows(settings: Settings) -> list[dict[str, Any]]:
    """The parked pictures, oldest first: which, since when, how large, how often offered, and why."""
    with open_vault(settings) as vault:
        return [
            {
                "capture": entry.capture,
                "counter": entry.counter,
                "sealed": moment(entry.sealed_at_ms),
                "bytes": entry.length,
                "offers": entry.offers,
                "reason": entry.reason,
            }
            for entry in vault.of(State.PARKED)
        ]


def retry(settings: Settings, captures: list[str], *, every: bool = False) -> list[CaptureId]:
    """Those of these parked pictures, or every one, that wait for sending again.

    Raises:
        RequestWrong: one is not parked here; then none is sent again.
    """
    with open_vault(settings) as vault:
        asked = [entry.capture for entry in vault.of(State.PARKED)] if every else _known(vault, captures)
        for capture in asked:
            try:
                vault.retry(capture)
            except (NotInVault, TransitionRefused) as error:
                raise _not_parked(capture) from error
            note(settings, LedgerEvent.RETRIED, capture=capture, **_who())
    return asked


def export(settings: Settings, capture: str, out: Path) -> int:
    """How many bytes of a parked envelope were written to `out`, as sealed as it is here. It stays parked.

    Raises:
        RequestWrong: it is not parked here, its file is gone, or `out` is there already.
        WorkFailed: `out` cannot be written.
    """
    if out.exists():
        raise RequestWrong(f"{out} is there already. Name a new file.")
    with open_vault(settings) as vault:
        (known,) = _known(vault, [capture])
        try:
            data = vault.read(known)
        except (NotInVault, VaultDamaged) as error:
            raise RequestWrong(
                "The file of this picture is gone from the device; there is nothing to export."
            ) from error
    try:
        durable.write(out, data, mode=durable.PRIVATE)
    except OSError as error:
        raise WorkFailed(
            f"{out} could not be written ({error.strerror}). The picture is still on the device."
        ) from error
    note(settings, LedgerEvent.EXPORTED, capture=known, **_who())
    return len(data)


def _known(vault: Vault, captures: list[str]) -> list[CaptureId]:
    parked = {entry.capture for entry in vault.of(State.PARKED)}
    known = []
    for name in captures:
        with suppress(ValueError):
            if capture_id(name) in parked:
                known.append(capture_id(name))
                continue
        raise _not_parked(name)
    return known


def _not_parked(name: str) -> RequestWrong:
    return RequestWrong(f"No picture {name} is parked here. `wardlens device parked` lists them.")


def _who() -> dict[str, str]:
    """The user of this machine, where the ledger has room for his name."""
    user = account()
    return {"user": user} if is_badge(user) else {}
