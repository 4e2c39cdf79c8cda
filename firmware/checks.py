"""What `wardlens doctor` looks at, one function a part. Each gives its finding and a sentence that says what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from capture.errors import CaptureError, TpmUnusable
from capture.private_files import exposed_file
from capture.tpm import TpmKey, is_in_tpm
from firmware.settings import Settings
from provisioning.errors import NotPaired, ProvisioningError
from provisioning.identity import DeviceIdentity, KeyPlace, StateLayout

EARLIEST: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right says a day before this release was written."""
TIMEOUT_SECONDS: Final = 5.0


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part, and what to do."""

    part: str
    state: State
    sentence: str


def examine(settings: Settings) -> list[Finding]:
    """Every part of this machine, in the order in which a picture needs them."""
    return [_finding(part, check, settings) for part, check in CHECKS.items()]


def _finding(part: str, check: Callable[[Settings], tuple[State, str]], settings: Settings) -> Finding:
    return Finding(part, *check(settings))


def check_models(settings: Settings) -> tuple[State, str]:
    """The models are there and unaltered."""
    from inference import ModelState, load_manifest, verify

    wrong = [check for check in verify(load_manifest(), settings.models) if check.state is not ModelState.OK]
    if wrong:
        return State.FAILED, wrong[0].sentence
    return State.OK, f"Every model in {settings.models} is the one the manifest names."


def check_camera(settings: Settings) -> tuple[State, str]:
    """The camera delivers: as the running camera service says, else by opening it."""
    if settings.socket.exists():
        return asyncio.run(_ask_service(settings.socket))
    from firmware.device import make_camera

    try:
        camera = make_camera(settings)
        camera.open()
        try:
            frame = camera.preview()
        finally:
            camera.close()
    except CaptureError as error:
        return State.FAILED, error.sentence
    return State.OK, f"The camera ({camera.name}) delivers {frame.width}×{frame.height} previews."


async def _ask_service(path: Path) -> tuple[State, str]:
    from capture.service import CameraClient

    try:
        async with CameraClient(path, timeout_s=TIMEOUT_SECONDS) as client:
            health = await client.health()
    except CaptureError as error:
        return State.FAILED, error.sentence
    for part in (health["camera"], health["engine"]):
        if part["state"] != "ready":
            return State.FAILED, str(part["sentence"])
    return State.OK, f"The camera service runs; its live view has {health['live_fps']:.0f} frames a second."


def check_keys(settings: Settings) -> tuple[State, str]:
    """The device is paired, nobody but its services can read its keys, and its TPM signs with those of this process."""
    try:
        identity = DeviceIdentity.load(settings.state)
    except NotPaired:
        return State.WARNING, "This device is not paired. Ask IT for an invitation, then `wardlens device pair`."
    except ProvisioningError as error:
        return State.FAILED, str(error)
    layout = StateLayout(settings.state)
    for path in (identity.signing_key, identity.identity_key):
        if exposed := exposed_file(path):
            return State.FAILED, exposed
    try:
        _prove_keys(identity)
    except TpmUnusable as error:
        return State.FAILED, error.sentence
    days = (identity.certificate_until - datetime.now(UTC)).days
    if days < 0:
        return State.FAILED, (
            "This device's certificate has expired. Connect it to the hospital's network: it renews by itself. "
            "If it was away for months, IT has to readmit it."
        )
    if not layout.signing_request.is_file():
        return State.WARNING, "This device was paired by an older Wardlens. Run `wardlens device renew` once, as root."
    kept = "in its TPM" if identity.keys is KeyPlace.TPM else "in files"
    return State.OK, (
        f"{identity.device} belongs to {identity.manifest.name}; its certificate lasts {days} more days. "
        f"Its keys are {kept}."
    )


def _prove_keys(identity: DeviceIdentity) -> None:
    """Nothing, when the TPM signs with each of the device's keys that this process may use.

    Raises:
        TpmUnusable: it does not.
    """
    for path in (identity.signing_key, identity.identity_key):
        if os.access(path, os.R_OK) and is_in_tpm(pem := path.read_bytes()):
            TpmKey(pem).prove()


def check_clock(_settings: Settings) -> tuple[State, str]:
    """The clock is not before this release."""
    now = datetime.now(UTC)
    if now < EARLIEST:
        return (
            State.FAILED,
            f"The clock says {now:%Y-%m-%d}. Connect the device to the network so that it learns the time.",
        )
    return State.OK, f"The clock says {now:%Y-%m-%d %H:%M} UTC."


def check_disk(settings: Settings) -> tuple[State, str]:
    """There is room for pictures, and the state folder can be written."""
    folder = next(path for path in (settings.state, *settings.state.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free // 1_000_000
    if not os.access(folder, os.W_OK | os.X_OK):
        return State.FAILED, f"{folder} cannot be written. Correct its owner, or name another folder by --state."
    if free <= settings.vault.reserve_megabytes:
        return State.FAILED, f"{folder} has {free} MB free, too few for a picture. Free space or connect the device."
    return State.OK, f"{folder} has {free} MB free."


def check_broker(settings: Settings) -> tuple[State, str]:
    """The hospital's broker is reached, is the one the site names, and knows this device."""
    from sync.errors import CertificateUnreadable
    from sync.mqtt import TlsFiles

    try:
        identity = DeviceIdentity.load(settings.state)
    except ProvisioningError:
        return State.WARNING, "Not looked for: this device is not paired."
    where = f"{identity.broker.host}:{identity.broker.port}"
    files = TlsFiles(identity.root_certificate, identity.identity_certificate, identity.identity_key)
    try:
        context = files.context()
        with (
            socket.create_connection((identity.broker.host, identity.broker.port), TIMEOUT_SECONDS) as line,
            context.wrap_socket(line, server_hostname=identity.broker.host),
        ):
            return State.OK, f"The broker at {where} answers and is the hospital's."
    except CertificateUnreadable as error:
        return State.FAILED, error.sentence
    except ssl.SSLError as error:
        return (
            State.FAILED,
            f"The broker at {where} is not the hospital's, or refuses this device ({error.reason}). Call IT.",
        )
    except OSError:
        return (
            State.FAILED,
            f"The broker at {where} does not answer. Check the network; pictures wait safely until then.",
        )


def check_receiver(settings: Settings) -> tuple[State, str]:
    """Somebody at the hospital takes pictures, as the sync service last heard."""
    from firmware.device import uplink_view

    view = uplink_view(settings)
    return (State.OK if view.connected else State.WARNING), view.sentence


CHECKS: Final[Mapping[str, Callable[[Settings], tuple[State, str]]]] = {
    "clock": check_clock,
    "disk": check_disk,
    "models": check_models,
    "camera": check_camera,
    "keys": check_keys,
    "broker": check_broker,
    "receiver": check_receiver,
}
