"""What is wrong, as one clear sentence. Pure: facts in, troubles out, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.panel.ports import UplinkView

CLOCK_SENTENCE = "The clock of this device is wrong. Pictures are kept safely, but cannot be sent. Call IT."
AWAY_SENTENCE = "The camera service does not answer. It restarts by itself; if this stays, call IT."
CAMERA_SENTENCES = {
    "starting": "The camera is starting.",
    "missing": "There is no camera. Plug it in; the picture comes by itself.",
    "stalled": "The camera stopped delivering pictures. It is being restarted; wait a moment.",
}
ENGINE_SENTENCES = {
    "loading": "The device is getting ready to find faces and names. This takes a few seconds.",
    "failed": "Faces and names cannot be found, so no picture can be taken. Call IT.",
}
VAULT_SENTENCE = "There is no room for another picture. Bring the device to where it can send, or call IT."


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        slug: a fixed word for tests and style.
        sentence: what it is and what to do.
        blocks: whether no picture can be taken until it is gone.
        passing: whether it goes away by itself in seconds, as at start.
    """

    slug: str
    sentence: str
    blocks: bool
    passing: bool = False


def troubles(
    health: Mapping[str, Any] | None, uplink: UplinkView | None, *, clock_early: bool, certificate_days: float | None
) -> tuple[Trouble, ...]:
    """All that is wrong, the gravest first.

    Args:
        health: what the camera service said, or None when it did not answer.
        uplink: what the sync service said, or None when nothing is known of it.
        clock_early: this machine's clock is before its own certificate.
        certificate_days: how long the device's certificate is still good.
    """
    found = list(_of_camera_service(health))
    if clock_early:
        found.append(Trouble("clock", CLOCK_SENTENCE, blocks=False))
    elif certificate_days is not None and certificate_days <= 0:
        found.append(
            Trouble(
                "certificate",
                "This device's certificate has run out. Pictures are kept safely here. Call IT to renew it.",
                blocks=False,
            )
        )
    if uplink is not None and not uplink.connected:
        found.append(Trouble("uplink", uplink.sentence, blocks=False))
    return tuple(sorted(found, key=lambda trouble: not trouble.blocks))


def _of_camera_service(health: Mapping[str, Any] | None) -> list[Trouble]:
    if health is None:
        return [Trouble("service", AWAY_SENTENCE, blocks=True)]
    found = []
    engine, camera, vault = health.get("engine", {}), health.get("camera", {}), health.get("vault", {})
    if (state := engine.get("state", "failed")) != "ready":
        sentence = engine.get("sentence") or ENGINE_SENTENCES.get(state, ENGINE_SENTENCES["failed"])
        found.append(Trouble("engine", sentence, blocks=True, passing=state == "loading"))
    if (state := camera.get("state", "missing")) != "ready":
        sentence = camera.get("sentence") or CAMERA_SENTENCES.get(state, CAMERA_SENTENCES["missing"])
        found.append(Trouble("camera", sentence, blocks=True, passing=state == "starting"))
    if not vault.get("writable", False):
        found.append(Trouble("vault", vault.get("sentence") or VAULT_SENTENCE, blocks=True))
    return found
