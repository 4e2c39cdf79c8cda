"""`wardlens receiver`: the hospital's service, what it holds, and how to take it out. And a broker for one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware.errors import RequestWrong, WorkFailed
from firmware.logging import configure_logging
from firmware.settings import Settings, load_settings
from firmware.stopping import stop_on_signal
from firmware.terminal import ConfigOption, JsonOption, SiteOption, out, print_facts, print_json, print_rows, progress

app = typer.Typer(no_args_is_help=True, help="The hospital's service: receive, show, export.")
ledger = typer.Typer(no_args_is_help=True, help="The devices' audit logs, as the hospital knows them.")
alarms = typer.Typer(invoke_without_command=True, help="What somebody must look at, until a person settles it.")
broker = typer.Typer(no_args_is_help=True, help="An MQTT broker for one machine.")


app.add_typer(ledger, name="ledger")
app.add_typer(alarms, name="alarms")

DeviceArgument = Annotated[str, typer.Argument(help="The device's id, from `wardlens site show`.")]
LinesOption = Annotated[Path | None, typer.Option("--ledger", help="A copy of the device's own ledger folder.")]


@app.command()
def run(site: SiteOption = None, config: ConfigOption = None) -> None:
    """Receive pictures and serve the hospital's view until SIGTERM.

    Example: wardlens receiver run --config /etc/wardlens/hospital.toml
    """
    from firmware.hospital import run_hospital
    from firmware.sites import open_site

    settings = load_settings(config)
    configure_logging(settings.log)
    with stop_on_signal() as stop:
        run_hospital(settings, open_site(settings, site), stop)


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the receivers, what is filed and what was refused.

    Example: wardlens receiver status --json
    """
    from firmware.hospital import open_archive
    from sync.receiver import status as status_of

    found = status_of(open_archive(load_settings(config), new=False))
    if as_json:
        print_json(found.to_json())
        return
    facts = found.to_json()
    out.print(facts["sentence"])
    print_facts(facts["counts"] | {"alarms_open": len(facts["alarms"])}, as_json=False)
    print_rows(facts["receivers"], as_json=False, empty="No receiver was ever started here.")


@app.command()
def export(
    to: Annotated[Path, typer.Option("--out", help="Folder for the pictures and their records.")],
    form: Annotated[str, typer.Option("--format", help="jpeg+json.")] = "jpeg+json",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every Capture as JPEG and JSON. Doing it again writes only what is new.

    Example: wardlens receiver export --out /srv/export
    """
    from firmware.hospital import open_archive
    from sync.receiver import export as export_captures

    archive = open_archive(load_settings(config), new=False)
    with progress("export", archive.counts().captures) as advance:
        report = export_captures(archive, to, form, progress=advance)
    facts = {"written": len(report.written), "unchanged": len(report.unchanged), "damaged": list(report.damaged)}
    print_facts(facts, as_json=as_json)
    if report.damaged:
        raise WorkFailed(
            f"{len(report.damaged)} pictures in the archive are not what was filed. Restore them from the backup."
        )


@app.command("open")
def open_sealed(
    follow: Annotated[bool, typer.Option("--follow", help="Go on opening what arrives, until SIGTERM.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also try what could not be opened before.")] = False,
    break_glass: Annotated[
        Path | None, typer.Option("--break-glass", help="The break-glass key's file, when the site's keys are lost.")
    ] = None,
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open what a receiver with `receiver.open = false` has filed sealed. Needs the opening keys, and no broker.

    With the break-glass key it needs no site, and raises an alarm about each device whose pictures it opens.

    Example: wardlens receiver open --follow
    """
    from firmware.hospital import make_break_glass_opener, make_opener, open_archive
    from firmware.sites import open_site

    if break_glass is not None and (site is not None or follow):
        raise RequestWrong(
            "The break-glass key opens once, without the site, and goes back to its safe: no --site and no --follow."
        )
    settings = load_settings(config)
    archive = open_archive(settings, new=False)
    opener = (
        make_opener(archive, open_site(settings, site))
        if break_glass is None
        else make_break_glass_opener(archive, break_glass)
    )
    if again:
        archive.ask_again()
    if follow:
        configure_logging(settings.log)
    with stop_on_signal() as stop:
        if follow:
            opener.follow(stop)
            return
        report = opener.open_waiting(stop)
    print_facts({"opened": len(report.opened), "not_openable": dict(report.not_openable)}, as_json=as_json)
    if report.not_openable:
        raise WorkFailed(
            f"{len(report.not_openable)} could not be opened and are kept sealed. Find the key or the backup, then run "
            "`wardlens receiver open --again`."
        )


@app.command()
def openable(site: SiteOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check that this site's keys open every envelope in the archive.

    Example: wardlens receiver openable
    """
    from firmware.hospital import open_archive, openable_envelopes
    from firmware.sites import open_site

    settings = load_settings(config)
    facts = openable_envelopes(open_archive(settings, new=False), open_site(settings, site))
    print_facts(facts, as_json=as_json)
    if facts["not_openable"]:
        raise WorkFailed("Some envelopes cannot be opened with the keys in the site folder. Find the keys they name.")


@ledger.command("verify")
def verify_ledger(
    device: DeviceArgument,
    lines: LinesOption = None,
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a device's audit log by the signed heads that came with its pictures; with a copy, every line of it.

    Example: wardlens receiver ledger verify wl-0123456789 --ledger /mnt/card/ledger
    """
    from firmware.hospital import open_archive
    from firmware.ledgers import verify_at_hospital
    from firmware.sites import open_site

    settings = load_settings(config)
    holder = open_site(settings, site)
    facts = verify_at_hospital(open_archive(settings, new=False), holder, device, lines)
    print_facts(facts, as_json=as_json)
    broken = next((chain for chain, found in facts.items() if not found["whole"]), None)
    if broken is not None:
        raise WorkFailed(f"The audit log of {device} is not whole. Chain {broken}: {facts[broken]['first']}")


@ledger.command("export")
def export_ledger(
    device: DeviceArgument,
    to: Annotated[Path, typer.Option("--out", help="File for the events, FHIR NDJSON.")],
    lines: LinesOption = None,
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what is wrong with a device's audit log, and a copy of its lines, as FHIR AuditEvents.

    Example: wardlens receiver ledger export wl-0123456789 --out ledger.ndjson --ledger /mnt/card/ledger
    """
    from firmware.hospital import open_archive
    from firmware.ledgers import export_at_hospital
    from firmware.sites import open_site

    settings = load_settings(config)
    holder = open_site(settings, site)
    events = export_at_hospital(open_archive(settings, new=False), holder, device, lines, to)
    print_facts({"events": events}, as_json=as_json)


@alarms.callback()
def list_alarms(
    context: typer.Context,
    settled: Annotated[bool, typer.Option("--settled", help="Those too that were settled, by whom and why.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the receivers raised and nobody has settled, the latest first.

    Example: wardlens receiver alarms --json
    """
    from firmware.hospital import alarm_rows, open_archive

    if context.invoked_subcommand is not None:
        return
    rows = alarm_rows(open_archive(load_settings(config), new=False), settled=settled)
    print_rows(rows, as_json=as_json, empty="Nothing is open.")


@alarms.command("settle")
def settle_alarm(
    number: Annotated[int, typer.Argument(help="The alarm's id, from `wardlens receiver alarms`.")],
    reason: Annotated[str, typer.Option(help="What it was and what was done. No patient's name.")],
    by: Annotated[str | None, typer.Option(help="Who settles it; without it, the user of this machine.")] = None,
    config: ConfigOption = None,
) -> None:
    """Settle an alarm: it stays on record, and the same again is a new one.

    Example: wardlens receiver alarms settle 7 --reason "card replaced after the fall of 3 May, ledger verified"
    """
    from firmware.hospital import open_archive, settle_alarm

    settle_alarm(open_archive(load_settings(config), new=False), number, by=by, reason=reason)
    out.print(f"Alarm {number} is settled. It stays on record: `wardlens receiver alarms --settled`.")


@app.command("link")
def link(
    name: Annotated[str, typer.Argument(help="Who it is for; what is looked at and settled is on record under it.")],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="clinician (the default), ward-lead, it or auditor; once for each."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show a link that signs one browser in to the hospital's view, once.

    A clinician sees pictures and records, a ward lead devices and alarms too; IT sees devices and settles alarms, and
    no picture; an auditor sees records, devices and who looked, and no picture.

    Example: wardlens receiver link "Ada Admin" --role it
    """
    from firmware.hospital_view import login_link

    typer.echo(login_link(load_settings(config), name, role or ["clinician"]))


@app.command("looks")
def looks(
    capture: Annotated[str, typer.Option("--capture", help="Only looks at this capture.")] = "",
    who: Annotated[str, typer.Option("--who", help="Only looks of this name on record.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many, the latest first.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who looked at what in the hospital's view, the latest first.

    Example: wardlens receiver looks --capture 0198c5d1f8a07c3e8f3b6a5d2e1c0b9a --json
    """
    from firmware.hospital import open_archive
    from firmware.hospital_view import look_rows

    rows = look_rows(open_archive(load_settings(config), new=False), limit, capture=capture, who=who)
    print_rows(rows, as_json=as_json, empty="Nobody has looked.")


@broker.command("run")
def run_broker(
    folder: Annotated[Path, typer.Argument(help="Folder for the broker's configuration and log.")],
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Use the built-in broker even if Mosquitto is here.")
    ] = False,
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a broker for one machine until SIGTERM: Mosquitto if it is installed, else a built-in one.

    Example: wardlens broker run /tmp/broker
    """
    from firmware.hospital import run_broker as run
    from firmware.sites import open_site

    settings: Settings = load_settings(config)
    configure_logging(settings.log)
    run(settings, open_site(settings, site), folder.absolute(), embedded=embedded)
