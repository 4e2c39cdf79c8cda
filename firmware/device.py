"""The ward device put together: which parts its services get, from the settings and the device's identity."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from capture.envelope import FileSigner, SealingContext
from capture.errors import LedgerUnwritable, SigningKeyUnusable, StillRefused
from capture.identifiers import CaptureId
from capture.ledger import LedgerError, LedgerEvent, open_ledger, read_heads
from capture.scanned import BadgeRule, PatientCheck
from capture.tpm import make_tpm_key, tpm_is_here
from capture.vault import Vault
from firmware.checks import CHECKS
from firmware.checks import State as CheckState
from firmware.errors import WorkFailed
from firmware.events import Event
from firmware.health import read_health, tell_health
from firmware.in_force import InForce
from firmware.looking import load_deidentifier
from firmware.mqtt_versions import MQTT_VERSIONS
from firmware.settings import Settings
from firmware.updating.record import read_record
from firmware.upkeep.wipe_order import ended_when, finish_ordered_wipe, unsent
from firmware.wiping import MARK, finish_wipe, wipe_ordered
from provisioning import durable
from provisioning.errors import IdentityDamaged, NotPaired, PicturesWait
from provisioning.identity import DeviceIdentity, IdentityFollower, StateLayout
from provisioning.keys import KeyMaker, make_leaf_key, write_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from fastapi import FastAPI

    from capture.camera import Camera
    from capture.service import CameraServiceParts
    from provisioning.panel import PanelSettings, UplinkView
    from sync.uplink import DeviceHealth, Uplink

VERSION: Final = version("wardlens")
SELF_TEST_SECONDS: Final = 65.0
"""A little more than the camera service gives a test of the device."""
_POLL_SECONDS: Final = 0.5
_GIVEN_SECONDS: Final = 30.0
_CHANCE: Final = secrets.SystemRandom().random
_log = structlog.get_logger(__name__)


def awaits_pairing(settings: Settings) -> bool:
    """Whether this device has no hospital, and no wipe left to finish first."""
    marked = (settings.state / MARK).exists() or wipe_ordered(settings.state)
    return not marked and not StateLayout(settings.state).facts.exists()


def identity_when_paired(
    settings: Settings,
    stop: threading.Event,
    meanwhile: Callable[[], None] | None = None,
    alive: Callable[[], None] = lambda: None,
) -> DeviceIdentity | None:
    """The device's identity, waiting until it is paired; None when `stop` came first.

    Args:
        settings: of this device.
        stop: ends the waiting.
        meanwhile: what is done while it :func:`awaits_pairing`; returns soon after that has ended.
        alive: called again and again while it waits.

    Raises:
        IdentityDamaged: there is one, and it cannot be believed.
    """
    waiting, until = False, 0.0
    while not stop.is_set():
        try:
            if finish_ordered_wipe(settings.state, settings.socket):
                continue
            if finish_wipe(settings.state):
                _log.warning(Event.WIPE_FINISHED)
            return DeviceIdentity.load(settings.state)
        except IdentityDamaged as damaged:
            # Just paired: root is about to give each service its files (wardlens-owners.service).
            until = until or time.monotonic() + _GIVEN_SECONDS
            if not isinstance(damaged.__cause__, PermissionError) or time.monotonic() > until:
                raise
            stop.wait(_POLL_SECONDS)
        except (NotPaired, WorkFailed):  # a service that may not finish the wipe waits for the one that may
            if not waiting:
                _log.info(Event.WAITING_FOR_PAIRING)
            waiting = True
            alive()
            if meanwhile and awaits_pairing(settings):
                meanwhile()
            else:
                stop.wait(_POLL_SECONDS)
    return None


def ready_to_pair(settings: Settings) -> None:
    """Nothing, when this device may be paired: a wipe that was begun is finished, and no picture is left from before.

    Raises:
        PicturesWait: pictures wait that were sealed for the site that this device had before.
        WorkFailed: the wipe is not this process's to finish, or the disk refused.
    """
    finish_ordered_wipe(settings.state, settings.socket)
    finish_wipe(settings.state)
    if StateLayout(settings.state).facts.exists():
        return  # which says itself that it is paired
    if waiting := unsent(settings.state):
        raise PicturesWait(
            f"{waiting} pictures wait here for the hospital that this device had before, and would be lost to it. "
            "Call IT: `wardlens device wipe --even-unsent` gives them up."
        )


def open_vault(settings: Settings) -> Vault:
    """The device's vault."""
    return Vault(settings.state / "vault", reserve_bytes=settings.vault.reserve_megabytes * 1_000_000)


def sealing_context(
    settings: Settings, taken: Callable[[DeviceIdentity], None]
) -> Callable[[CaptureId, int], SealingContext]:
    """Who seals for whom, read anew for each capture, so that a newer manifest counts from the next picture on.

    `taken` hears of each identity that is sealed with.
    """
    signer = FileSigner(DeviceIdentity.load(settings.state).signing_key)

    def context(capture: CaptureId, counter: int) -> SealingContext:
        identity = DeviceIdentity.load(settings.state)
        taken(identity)
        return SealingContext(
            capture=capture,
            device=identity.device,
            site=identity.site,
            counter=counter,
            recipients=identity.sealing_keys,
            signer=signer,
            certificates=tuple(certificate.public_bytes(Encoding.DER) for certificate in identity.signing_chain),
        )

    return context


def sealing_forward(in_force: InForce) -> Callable[[DeviceIdentity], None]:
    """Hears of each identity that is sealed with, and refuses one that went back: its keys may be out of force.

    The manifest lies where the process with the network may write. What this chain has said of manifests, it may not.
    """

    def taken(identity: DeviceIdentity) -> None:
        if in_force.went_back(identity):
            raise StillRefused(
                "This device knew newer keys of its hospital than it has now, so nothing is sealed. Connect it to the "
                "network for some minutes; if this stays, call IT."
            )
        in_force.taken(identity)

    return taken


def may_show_features(settings: Settings) -> Callable[[str], bool]:
    """Whether the role of this badge lets its bearer show eyes or mouth, by the roster as it is now."""

    def may(badge: str) -> bool:
        if not settings.camera.show_features:
            return False
        roster = DeviceIdentity.load(settings.state).roster
        return any(one.badge == badge and one.role.value in settings.camera.show_features for one in roster)

    return may


def make_camera(settings: Settings) -> Camera:
    """The camera that the settings name, not yet opened."""
    from capture.camera import CameraSettings, open_camera

    source = settings.camera.source
    if settings.camera.adapter == "replay":
        return open_camera(CameraSettings("replay", sources=(Path(source),)))
    return open_camera(CameraSettings(settings.camera.adapter, device=source))


def see_until_paired(settings: Settings, stop: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
    """Runs the camera service without a hospital, so that an invitation can be held to the camera; then ends it.

    Raises:
        CaptureError: it cannot listen on its socket.
    """
    from capture.service import UnpairedParts, run_unpaired_camera_service

    parts = UnpairedParts(make_camera(settings), lambda: load_deidentifier(settings))
    with ended_when(stop, lambda: not awaits_pairing(settings)) as ended:
        run_unpaired_camera_service(parts, settings.socket, ended, alive)


def camera_service_parts(
    settings: Settings, identity: DeviceIdentity, beat: Callable[[], None] = lambda: None
) -> CameraServiceParts:
    """What the camera service is given: a camera, the models, the vault, its ledger chain, and the signing key.

    `beat` hears from the camera's thread for as long as that does not hang.
    """
    from capture.service import CameraServiceParts
    from inference.scenes import draw_phantom

    vault = open_vault(settings)
    ledger = open_ledger(settings.state / "ledger", "camera", FileSigner(identity.signing_key))
    in_force = InForce(ledger, lambda of: of.signing_chain[0])
    in_force.started(identity, VERSION)
    found = vault.findings
    if found.adopted or found.lost or found.damaged:
        ledger.append(LedgerEvent.VAULT_MENDED, adopted=found.adopted, lost=found.lost, damaged=found.damaged)
        _log.warning(Event.VAULT_MENDED, adopted=found.adopted, lost=found.lost, damaged=found.damaged)
    return CameraServiceParts(
        camera=make_camera(settings),
        load_engine=lambda: load_deidentifier(settings),
        vault=vault,
        ledger=ledger,
        sealing_context=sealing_context(settings, sealing_forward(in_force)),
        still_quality=settings.camera.jpeg_quality,
        may_show_features=may_show_features(settings),
        phantom=draw_phantom,
        checks=self_test_checks(settings),
        self_tested=partial(tell_health, settings),
        beat=beat,
    )


def self_test_checks(settings: Settings) -> dict[str, Callable[[], str]]:
    """What the device's test of itself looks at beside pictures: a sentence where something is wrong, else nothing."""

    def wrong(part: str) -> str:
        state, sentence = CHECKS[part](settings)
        return sentence if state is CheckState.FAILED else ""

    return {part: partial(wrong, part) for part in ("models", "keys", "clock")}


def test_now(settings: Settings) -> tuple[str, ...]:
    """The parts that fail in a test of the device that its camera service, on this machine, begins now.

    Raises:
        CaptureError: it does not answer, or the test did not end.
    """
    from capture.service import CameraClient

    async def ask() -> tuple[str, ...]:
        async with CameraClient(settings.socket, timeout_s=SELF_TEST_SECONDS) as client:
            return tuple((await client.self_test())["failed"])

    return asyncio.run(ask())


def make_uplink(
    settings: Settings,
    identity: DeviceIdentity,
    *,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = _CHANCE,
    alive: Callable[[], None] = lambda: None,
) -> Uplink:
    """What carries the vault to the hospital: the identity key for TLS, the pinned receipt keys, no pixel code.

    Args:
        settings: of this device.
        identity: who it is.
        clock: seconds that only grow.
        chance: uniform in [0, 1), which spreads a fleet's waits.
        alive: hears of it again and again for as long as it works.
    """
    from sync.mqtt import TlsFiles
    from sync.uplink import Uplink, UplinkSettings

    broker, follow = identity.broker, IdentityFollower(settings.state)
    ledger = open_ledger(settings.state / "ledger", "sync", FileSigner(identity.identity_key))
    in_force = InForce(ledger, lambda of: of.identity_chain[0])
    in_force.started(identity, VERSION)
    in_force.updated(read_record(settings.state))

    def health() -> DeviceHealth:
        in_force.updated(read_record(settings.state))
        return read_health(settings.state, settings.update.release)

    def receipt_keys() -> Mapping[str, Ed25519PublicKey]:
        now = follow()
        in_force.taken(now)
        return now.receipt_keys

    return Uplink(
        open_vault(settings),
        ledger,
        UplinkSettings(
            host=broker.host,
            port=broker.port,
            device=identity.device,
            site=identity.site,
            tls=TlsFiles(identity.root_certificate, identity.identity_certificate, identity.identity_key),
            state=settings.state,
            protocol=MQTT_VERSIONS[broker.protocol.value],
            version=VERSION,
            health=health,
        ),
        receipt_keys=receipt_keys,
        heads=lambda: read_heads(settings.state / "ledger"),
        clock=clock,
        chance=chance,
        alive=alive,
    )


def make_panel(settings: Settings) -> tuple[FastAPI, PanelSettings]:
    """The panel's application and how it is served."""
    from capture.service import CameraClient
    from provisioning.enrolment import pair
    from provisioning.panel import Hand, Look, PanelSettings, Sound, create_panel, load_facts

    def paired(line: str, on_digits: Callable[[str], None]) -> DeviceIdentity:
        ready_to_pair(settings)
        return pair(line, settings.state, on_digits=on_digits, make_key=key_maker(settings))

    shown = PanelSettings(
        host=settings.panel.host,
        port=settings.panel.port,
        lock_seconds=settings.panel.lock_seconds,
        look=Look(settings.panel.language, Hand(settings.panel.hand), sound=Sound(settings.panel.sound)),
        shutter_keys=settings.panel.shutter_keys,
        badges=BadgeRule(settings.panel.badge_prefix, settings.panel.badge_length or None),
        patient_check=PatientCheck(settings.panel.patient_check),
        show_features=frozenset(settings.camera.show_features),
        memory=settings.state / "panel" / "lockouts.json",
        ledger=settings.state / "ledger",
    )
    app = create_panel(
        CameraClient(settings.socket),
        open_vault(settings),
        partial(load_facts, settings.state),
        paired,
        shown,
        uplink=lambda: uplink_view(settings),
        record=panel_recorder(settings),
        version=VERSION,
    )
    return app, shown


def panel_recorder(settings: Settings) -> Callable[[str, Mapping[str, Any]], None]:
    """Puts an event on the panel's own ledger chain, signed with the panel's own key. The pairing is on it, too."""

    def record(event: str, facts: Mapping[str, Any]) -> None:
        if not settings.state.exists():
            durable.private_folder(settings.state)
        try:
            signer = FileSigner(panel_key(settings))
        except SigningKeyUnusable as error:
            raise LedgerUnwritable(error.sentence) from error
        with open_ledger(settings.state / "ledger", "panel", signer) as ledger:
            ledger.append(LedgerEvent(event), **facts)

    return record


def note(settings: Settings, event: LedgerEvent, **facts: str | int) -> None:
    """The same for who must go on without it: a ledger that cannot say so is said in the log."""
    try:
        panel_recorder(settings)(event, facts)
    except LedgerError as error:
        _log.error(Event.LEDGER_FAILED, about=event.value, error=type(error).__name__)


def panel_key(settings: Settings) -> Path:
    """The key that signs the panel's ledger chain: made on this device, by the panel, and good for nothing else.

    Raises:
        TpmUnusable: the TPM is to hold it, and makes none.
    """
    path = StateLayout(settings.state).key("panel")
    if not path.is_file():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_key(path, key_maker(settings)())
    return path


def key_maker(settings: Settings) -> KeyMaker:
    """What makes this device's keys: its TPM, or this process for a file."""
    asked = settings.device.keys
    return make_tpm_key if asked == "tpm" or (asked == "auto" and tpm_is_here()) else make_leaf_key


def uplink_view(settings: Settings) -> UplinkView:
    """What the sync service last said of itself, for the screen."""
    from provisioning.panel import UplinkView
    from sync.uplink import read_status

    status = read_status(settings.state)
    progress = {status.sending: status.sent / status.count} if status.sending and status.count else {}
    return UplinkView(status.connected and status.receivers is not False, status.sentence, progress)
