"""What is wrong, as one clear sentence. Pure: facts in, troubles out, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.panel.languages import Language
from provisioning.panel.ports import UplinkView

SAID_BY_THEMSELVES = frozenset({"camera", "disk", "engine"})
"""Parts of the device's test of itself that have a trouble of their own here."""


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
    said: Language,
    health: Mapping[str, Any] | None,
    uplink: UplinkView | None,
    *,
    clock_early: bool,
    certificate_days: float | None,
    identity: str = "",
    known: bool = True,
) -> tuple[Trouble, ...]:
    """All that is wrong, the gravest first.

    Args:
        said: the language of the sentences.
        health: what the camera service said, or None when it did not answer.
        uplink: what the sync service said, or None when nothing is known of it.
        clock_early: this machine's clock is before its own certificate.
        certificate_days: how long the device's certificate is still good.
        identity: what is wrong with the device's identity.
        known: whether it was read before, so that work goes on as if it were.
    """
    found = list(_of_camera_service(said, health))
    if identity:
        found.insert(0, Trouble("identity", said.heard(identity), blocks=not known))
    if clock_early:
        found.append(Trouble("clock", said.say("troubles.clock"), blocks=False))
    elif certificate_days is not None and certificate_days <= 0:
        found.append(Trouble("certificate", said.say("troubles.certificate"), blocks=False))
    if uplink is not None and not uplink.connected:
        found.append(Trouble("uplink", said.heard(uplink.sentence), blocks=False))
    return tuple(sorted(found, key=lambda trouble: not trouble.blocks))


def _of_camera_service(said: Language, health: Mapping[str, Any] | None) -> list[Trouble]:
    if health is None:
        return [Trouble("service", said.say("troubles.service"), blocks=True)]
    found = []
    engine, camera, vault = health.get("engine", {}), health.get("camera", {}), health.get("vault", {})
    if (state := engine.get("state", "failed")) != "ready":
        sentence = _sentence(said, "engine", engine, state, "failed")
        found.append(Trouble("engine", sentence, blocks=True, passing=state == "loading"))
    if (state := camera.get("state", "missing")) != "ready":
        sentence = _sentence(said, "camera", camera, state, "missing")
        found.append(Trouble("camera", sentence, blocks=True, passing=state == "starting"))
    if not vault.get("writable", False):
        sentence = said.heard(str(vault.get("sentence") or "")) or said.say("troubles.vault")
        found.append(Trouble("vault", sentence, blocks=True))
    failed = health.get("self_test", {}).get("failed", {})
    if wrong := [sentence for part, sentence in failed.items() if part not in SAID_BY_THEMSELVES]:
        found.append(Trouble("self-test", said.heard(str(wrong[0])), blocks=True))
    return found


def _sentence(said: Language, name: str, part: Mapping[str, Any], state: object, gravest: str) -> str:
    """What the part says of itself; where it says nothing, what its state means, an unknown one the gravest."""
    if part.get("sentence"):
        return said.heard(str(part["sentence"]))
    key = f"troubles.{name}-{state}"
    return said.say(key if said.has(key) else f"troubles.{name}-{gravest}")
