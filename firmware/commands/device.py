"""`wardlens device`, and the device's services: `camera run`, `sync run`, `panel run`, `indicator run`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from capture.ledger import LedgerEvent
from firmware.commands.device_parked import app as parked
from firmware.errors import RequestWrong, WorkFailed
from firmware.logging import configure_logging
from firmware.settings import Settings, load_settings
from firmware.stopping import stop_on_signal
from firmware.terminal import ConfigOption, JsonOption, StateOption, out, print_facts

app = typer.Typer(no_args_is_help=True, help="This device: pairing, state, ledger.")
ledger = typer.Typer(no_args_is_help=True, help="The device's audit log.")
camera = typer.Typer(no_args_is_help=True, help="The service that sees the patient and has no network.")
sync = typer.Typer(no_args_is_help=True, help="The service that has the network and sees only ciphertext.")
indicator = typer.Typer(no_args_is_help=True, help="The service that has the light on the case show how it is.")
panel = typer.Typer(no_args_is_help=True, help="The service that shows the device's screen.")
app.add_typer(ledger, name="ledger")
app.add_typer(parked, name="parked")


@app.command()
def pair(
    invitation: Annotated[str, typer.Option(help="The line that `wardlens site invite` shows; - reads it from input.")],
    name: Annotated[str, typer.Option(help="What people call this device.")] = "Ward device",
    state: StateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pair this device with the site that invited it. Compare the six digits before IT confirms.

    Example: wardlens device pair --invitation WARDLENS1:... --name "Ward 3, cart B"
    """
    from firmware.device import key_maker, note, ready_to_pair
    from provisioning.enrolment import pair as pair_device
    from provisioning.errors import ProvisioningError

    settings = load_settings(config, state=state)
    ready_to_pair(settings)
    line = typer.get_text_stream("stdin").readline().strip() if invitation == "-" else invitation

    def show(digits: str) -> None:
        if not as_json:
            out.print(f"This device shows [bold]{digits}[/]. IT confirms it when the hospital's screen shows the same.")

    note(settings, LedgerEvent.PAIRING_STARTED)
    try:
        identity = pair_device(line, settings.state, on_digits=show, name=name, make_key=key_maker(settings))
    except ProvisioningError:
        note(settings, LedgerEvent.PAIRING_FAILED)
        raise
    note(settings, LedgerEvent.PAIRED, site=identity.site, device=identity.device)
    facts = {
        "device": identity.device,
        "name": identity.name,
        "site": identity.site,
        "hospital": identity.manifest.name,
    }
    print_facts(facts, as_json=as_json)


@app.command()
def status(state: StateOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show who this device is and what waits in its vault.

    Example: wardlens device status --json
    """
    print_facts(_status(load_settings(config, state=state)), as_json=as_json)


def _status(settings: Settings) -> dict[str, Any]:
    from collections import Counter

    from firmware.device import VERSION, open_vault
    from firmware.release import read_release
    from provisioning.identity import DeviceIdentity

    identity = DeviceIdentity.load(settings.state)
    with open_vault(settings) as vault:
        states = Counter(str(entry.state) for entry in vault.entries())
        return {
            "device": identity.device,
            "name": identity.name,
            "site": identity.site,
            "hospital": identity.manifest.name,
            "version": VERSION,
            "system": str(read_release(settings.update.release) or ""),
            "manifest_version": identity.manifest.version,
            "certificate_until": identity.certificate_until.isoformat(),
            "keys": identity.keys.value,
            "broker": f"{identity.broker.host}:{identity.broker.port}",
            "vault": dict(states),
            "free_bytes": vault.free_bytes(),
        }


@app.command()
def renew(state: StateOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Renew this device's certificates now. The sync service does it by itself when two thirds of their life are over.

    Run it as root on an appliance, as the owner of both keys: a device that was paired by an older Wardlens then also
    gets what its sync service renews with.

    Example: wardlens device renew
    """
    from provisioning.enrolment import renew as renew_certificates

    identity = renew_certificates(load_settings(config, state=state).state)
    facts = {"device": identity.device, "certificate_until": identity.certificate_until.isoformat()}
    print_facts(facts, as_json=as_json)


@app.command()
def wipe(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    even_unsent: Annotated[
        bool, typer.Option("--even-unsent", help="Also when pictures wait that the hospital has not got.")
    ] = False,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Only if the site has ordered it; what it says counts.")
    ] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget the site, the keys and every picture. The device can be paired again afterwards.

    Example: wardlens device wipe --yes
    """
    from firmware.device import note
    from firmware.upkeep.wipe_order import finish_ordered_wipe, unsent
    from firmware.wiping import wipe_state

    settings = load_settings(config, state=state)
    if ordered:
        finish_ordered_wipe(settings.state, settings.socket)
        return
    if not settings.state.is_dir():
        raise RequestWrong(f"There is nothing at {settings.state}. Name the device's folder by --state.")
    if settings.socket.exists():
        raise RequestWrong("The device is in use. Stop its services first, then wipe it.")
    waiting = unsent(settings.state)
    if waiting and not even_unsent:
        raise RequestWrong(
            f"{waiting} pictures have not reached the hospital. Connect the device until the queue is empty, or add "
            "--even-unsent to lose them for good."
        )
    if not yes and not typer.confirm(f"Wipe {settings.state}?"):
        raise RequestWrong("Nothing was wiped.")
    note(settings, LedgerEvent.WIPE_STARTED)
    wipe_state(settings.state)
    out.print(f"{settings.state} is wiped. Pair the device again to use it.")


@ledger.command("verify")
def verify_ledger(state: StateOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check that the audit log is whole: every line, every link, every signed head.

    Example: wardlens device ledger verify
    """
    from firmware.ledgers import verify_ledgers

    facts = verify_ledgers(load_settings(config, state=state))
    print_facts(facts, as_json=as_json)
    broken = next((chain for chain, found in facts.items() if not found["whole"]), None)
    if broken is not None:
        raise WorkFailed(
            f"The audit log was altered or is damaged. Keep this device apart and call IT. Chain {broken}: "
            f"{facts[broken]['first']}"
        )


@ledger.command("export")
def export_ledger(
    to: Annotated[Path, typer.Option("--out", help="File for the events, FHIR NDJSON.")],
    state: StateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the audit log as FHIR AuditEvents, one a line.

    Example: wardlens device ledger export --out ledger.ndjson
    """
    from firmware.ledgers import export_device_ledger

    print_facts({"events": export_device_ledger(load_settings(config, state=state), to)}, as_json=as_json)


@camera.command("run")
def run_camera(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run the camera service until SIGTERM; before the device is paired it reads an invitation and takes no picture.

    Example: wardlens camera run --config /etc/wardlens/wardlens.toml
    """
    from firmware.device import awaits_pairing, camera_service_parts, identity_when_paired, see_until_paired, test_now
    from firmware.indicator.telling import telling
    from firmware.last_resort import LastResort, served
    from firmware.life import LOOP_SECONDS, living
    from firmware.memory import keep_large_buffers
    from firmware.self_test import answering_self_tests
    from firmware.upkeep.wipe_order import ended_when, unpaired_or_to_be

    keep_large_buffers()
    settings = _service_settings(config, state)
    with (
        stop_on_signal() as stop,
        living(LOOP_SECONDS) as life,
        telling(settings, lambda: not awaits_pairing(settings)) as light,
    ):
        identity = identity_when_paired(settings, stop, lambda: see_until_paired(settings, stop, life.sign), life.sign)
        if identity is None:
            return
        resort = LastResort()
        parts = camera_service_parts(settings, identity, resort.beat)
        light.waiting_ms = parts.vault.oldest_waiting_ms
        try:
            with (
                ended_when(stop, unpaired_or_to_be(settings.state)) as ended,
                answering_self_tests(settings.state, partial(test_now, settings)),
            ):
                status = served(parts, settings.socket, ended, life.sign)
        finally:
            resort.disarm()
            parts.vault.close()
            parts.ledger.close()
    # A model that is still loading, or a camera or detector that hangs, cannot be interrupted, nor hold up the end.
    sys.stderr.flush()
    os._exit(status)


@sync.command("run")
def run_sync(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run the uplink and the upkeep (manifest, certificates, commands) until SIGTERM.

    Example: wardlens sync run --config /etc/wardlens/wardlens.toml
    """
    from firmware.life import NETWORK_SECONDS, living
    from firmware.upkeep import serve_sync

    settings = _service_settings(config, state)
    with stop_on_signal() as stop, living(NETWORK_SECONDS) as life:
        serve_sync(settings, stop, life.sign)


@indicator.command("run")
def run_indicator_service(state: StateOption = None, config: ConfigOption = None) -> None:
    """Have the light on the case show how the device is, until SIGTERM; ends at once where there is none.

    Example: wardlens indicator run --config /etc/wardlens/wardlens.toml
    """
    from firmware.indicator.running import NoLight, run_indicator
    from firmware.life import LOOP_SECONDS, living

    settings = _service_settings(config, state)
    with stop_on_signal() as stop, living(LOOP_SECONDS) as life:
        try:
            run_indicator(settings.indicator, stop, life.sign)
        except NoLight as none:
            life.sign()  # systemd takes an end before the first sign for a failure, and would start it again
            out.print(str(none), markup=False)


@panel.command("run")
def run_panel_service(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run the panel until SIGTERM.

    Example: wardlens panel run --config /etc/wardlens/wardlens.toml
    """
    from firmware.device import VERSION, make_panel, note
    from firmware.life import LOOP_SECONDS, living
    from firmware.upkeep.wipe_order import ended_when, unpaired_or_to_be
    from provisioning.panel import run_panel

    settings = _service_settings(config, state)
    with stop_on_signal() as stop, living(LOOP_SECONDS) as life:
        note(settings, LedgerEvent.SERVICE_STARTED, version=VERSION)
        with ended_when(stop, unpaired_or_to_be(settings.state)) as ended:
            run_panel(*make_panel(settings), ended, life.sign)
        note(settings, LedgerEvent.SERVICE_STOPPED)


def _service_settings(config: Any, state: Any) -> Settings:
    settings = load_settings(config, state=state)
    configure_logging(settings.log)
    return settings
