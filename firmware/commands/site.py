"""`wardlens site`: the hospital's trust. Its keys, its clinicians, its invitations and its devices."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmware.errors import RequestWrong
from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, SiteOption, err, out, print_facts, print_json, print_rows

if TYPE_CHECKING:
    from provisioning.site import Site

app = typer.Typer(no_args_is_help=True, help="The hospital's trust: keys, clinicians, invitations, devices.")
roster = typer.Typer(no_args_is_help=True, help="The clinicians who may use the site's devices.")
app.add_typer(roster, name="roster")


def opened(config: Path | None, site: Path | None) -> Site:
    """The site that `--site` or the settings name."""
    from firmware.sites import open_site

    return open_site(load_settings(config), site)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where the site's keys and registry will be. It must not exist yet.")],
    name: Annotated[str, typer.Option(help="What people call the hospital.")] = "Hospital",
    site_id: Annotated[str, typer.Option("--id", help="Lowercase word that stands in certificates.")] = "hospital",
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address of broker and enrolment server; repeat for more.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a site: root, issuing CA, sealing key, receipt key, server certificates.

    Example: wardlens site init /srv/wardlens/site --id st-mary --name "St Mary's" --host wardlens.st-mary.example
    """
    from provisioning.site import Site
    from provisioning.terms import BrokerAddress

    settings = load_settings(config)
    hosts = host or ["localhost", "127.0.0.1"]
    broker = BrokerAddress(hosts[0], settings.broker.port)
    receivers = [settings.receiver.name]
    site = Site.create(folder.absolute(), site_id, name, hosts=hosts, broker=broker, receivers=receivers)
    print_facts(_facts(site), as_json=as_json)
    if not as_json:
        out.print(
            f"\nKeep a copy of {folder}/ offline: who has it can open every picture of this site.\n"
            "Next: `wardlens site serve`, `wardlens receiver run`, `wardlens site invite`."
        )


@app.command()
def show(site: SiteOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the site, its keys and its devices.

    Example: wardlens site show --json
    """
    found = opened(config, site)
    facts, devices = _facts(found), _devices(found)
    if as_json:
        print_json({**facts, "devices": devices})
        return
    print_facts(facts, as_json=False)
    out.print()
    print_rows(devices, as_json=False, empty="No device yet. Invite one with `wardlens site invite`.")


def _facts(site: Site) -> dict[str, Any]:
    manifest = site.manifest
    return {
        "site": site.id,
        "name": site.name,
        "folder": str(site.folder),
        "root_key": site.root_hash.hex(),
        "manifest_version": manifest.version,
        "sealing_keys": [f"{term.key_id} ({term.use.value})" for term in manifest.sealing],
        "receipt_keys": list(manifest.receipt_keys),
        "broker": f"{manifest.broker.host}:{manifest.broker.port}",
        "clinicians": len(manifest.roster),
        "certificates_until": {name: day(int(end.timestamp())) for name, end in site.ends().items()},
    }


def _devices(site: Site) -> list[dict[str, Any]]:
    waiting = site.waiting_commands()
    return [
        {
            "device": device.id,
            "name": device.name,
            "state": device.state.value,
            "digits": device.digits if device.state.value == "waiting" else "",
            "enrolled": day(device.enrolled_at),
            "certificate_until": day(device.certificate_until),
            "told": waiting[device.id].name if device.id in waiting else "",
        }
        for device in site.devices()
    ]


def day(at: int) -> str:
    """Seconds since 1970 as a person reads them, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


@app.command()
def invite(
    address: Annotated[
        str | None, typer.Option(help="host:port at which the device reaches the enrolment server.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the invitation may be used.")] = 15,
    png: Annotated[Path | None, typer.Option(help="Also write the QR code to this PNG file.")] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Wait for the device, show its six digits, and ask whether they agree.")
    ] = False,
    name: Annotated[str, typer.Option(help="What people will call it, such as its ward; with --confirm.")] = "",
    site: SiteOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite one device: a QR code for its camera, and the same as a line to paste.

    Example: wardlens site invite --confirm --name "Ward 3, cart B"
    """
    from firmware.commands.confirming import confirm_device
    from provisioning import durable
    from provisioning.qr import qr_png, qr_terminal
    from provisioning.terms import check_name

    if name and not confirm:
        raise RequestWrong("A name is given when the device is confirmed: add --confirm.")
    if as_json and confirm:
        raise RequestWrong("A person confirms, so --confirm has no JSON. Leave one of the two out.")
    try:
        name = check_name(name) if name else ""
    except ValueError as error:
        raise RequestWrong(f"A device cannot be called that: {error}.") from None
    settings = load_settings(config)
    where = address or f"{settings.enrolment.host}:{settings.enrolment.port}"
    found = opened(config, site)
    answers = found.answers_at(where)
    invitation = found.invite(where, minutes)
    if not answers:
        err.print(
            f"The enrolment server's certificate names {invitation.address.host} from now on. "
            "Restart `wardlens site serve` first: until then a device refuses it as a stranger."
        )
    if png is not None:
        durable.write(png, qr_png(invitation.line), mode=durable.PRIVATE)
    if as_json:
        print_json({"invitation": invitation.line, "id": invitation.id, "until": invitation.not_after.isoformat()})
        return
    typer.echo(qr_terminal(invitation.line))
    typer.echo(invitation.line)
    if confirm:
        out.print(f"\nHold the device's camera to the code, until {invitation.not_after:%H:%M} UTC.")
        confirm_device(found, invitation, name)
        return
    out.print(
        f"\nFor one device, until {invitation.not_after:%H:%M} UTC. Then compare the six digits on both screens and"
    )
    out.print("confirm them: `wardlens site approve DEVICE DIGITS` (`wardlens site show` lists who waits).")


@app.command()
def approve(
    device: Annotated[str, typer.Argument(help="The device's id, from its screen or `wardlens site show`.")],
    digits: Annotated[str, typer.Argument(help="The six digits on the device's own screen.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Confirm a device whose screen shows these six digits; only then does it get the site's keys.

    Example: wardlens site approve wl-0123456789 481516
    """
    approved = opened(config, site).approve(device, digits)
    out.print(f"{approved.name} ({approved.id}) may now photograph for this site.")


@app.command()
def revoke(
    device: Annotated[str, typer.Argument(help="The device's id.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a device: never renewed, and what it sends from now on is refused.

    Example: wardlens site revoke wl-0123456789
    """
    revoked = opened(config, site).revoke(device)
    out.print(f"{revoked.name} ({revoked.id}) is revoked. Receivers refuse what it sends from now on.")
    out.print(
        "`wardlens site serve` tells the broker within seconds where `broker.rights` and `broker.reload` are set; else "
        "write its configuration anew (`wardlens site broker-config`) and reload it."
    )
    out.print(f"To have it forget everything if it ever calls again: `wardlens site wipe {revoked.id} --even-unsent`.")


@app.command("rotate-key")
def rotate_key(site: SiteOption = None, config: ConfigOption = None) -> None:
    """Put a fresh sealing key in force; the old one stays able to open what was sealed to it.

    Example: wardlens site rotate-key
    """
    key = opened(config, site).rotate_sealing_key()
    out.print(f"The sealing key in force is now {key}. Devices seal to it within minutes of their next contact.")


@app.command("rotate-ca")
def rotate_ca(site: SiteOption = None, config: ConfigOption = None) -> None:
    """Put a fresh issuing CA in force under the same root; what the old one issued stays valid until it ends.

    Example: wardlens site rotate-ca
    """
    serial = opened(config, site).rotate_issuing()
    out.print(f"The issuing CA in force is now {serial}. Devices get their next certificates from it.")
    out.print(
        "Give broker, enrolment server and receivers certificates of it, too: `wardlens site renew`, then restart."
    )


@app.command("wrap-keys")
def wrap_keys(site: SiteOption = None, config: ConfigOption = None) -> None:
    """Wrap the opening keys with the PKCS#11 token of the settings: their files are worth nothing without it then.

    Example: wardlens site wrap-keys --config /etc/wardlens/hospital.toml
    """
    done = opened(config, site).wrap_opening_keys()
    out.print(
        f"{len(done)} opening keys are wrapped by the token. Keep a backup of each that does not need it, offline."
    )
    if done:
        out.print(
            "They lay on this disk before: run `wardlens site rotate-key`, and pictures from then on need the token."
        )


@app.command("break-glass")
def break_glass(
    to: Annotated[Path, typer.Option("--out", help="New file for the key, on a medium that is carried away.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Put a break-glass key in force: every capture is sealed to it too, and the site itself does not have it.

    Example: wardlens site break-glass --out /media/usb/break-glass.json
    """
    key = opened(config, site).make_break_glass(to.absolute())
    out.print(f"The break-glass key {key} is in {to}. Carry it away: whoever has it opens every picture from now on.")
    out.print(
        "Devices seal to it, too, from their next contact on. Try it: `wardlens envelope open FILE --break-glass KEY`."
    )


@app.command()
def renew(
    host: Annotated[list[str] | None, typer.Option(help="Another name or address of the servers.")] = None,
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Renew the certificates of broker, enrolment server and receivers, which last 397 days.

    Example: wardlens site renew --host 10.1.2.3
    """
    found = opened(config, site)
    found.renew_servers(host or [])
    receivers = ", ".join(found.renew_receivers())
    out.print(f"The certificates of broker, enrolment server and receivers ({receivers}) are renewed.")
    out.print("Write the broker's configuration anew (`wardlens site broker-config`), then restart all of them.")


@app.command("set-broker")
def set_broker(
    host: Annotated[str, typer.Argument(help="Name or address at which devices reach the broker.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its TLS port.")] = 8883,
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Say where devices find the broker, from their next contact on.

    Example: wardlens site set-broker mqtt.st-mary.example --port 8883
    """
    from provisioning.terms import BrokerAddress

    opened(config, site).set_broker(BrokerAddress(host, port))
    out.print(f"Devices use the broker at {host}:{port} from their next contact on.")


@app.command("add-receiver")
def add_receiver(
    name: Annotated[str, typer.Argument(help="Its name on the broker; a lowercase word of its own.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Certify one more receiver, so that several share the work.

    Example: wardlens site add-receiver receiver-2
    """
    opened(config, site).add_receiver(name)
    out.print(f"{name} may now receive: start it with WARDLENS_RECEIVER__NAME={name} `wardlens receiver run`.")
    out.print("Write the broker's configuration anew (`wardlens site broker-config`) and reload it first.")


@app.command()
def serve(site: SiteOption = None, config: ConfigOption = None) -> None:
    """Run the enrolment server, where invited devices are introduced, and keep the broker's rights (`broker.rights`).

    The log has an alarm (`certificate-ends`) from 60 days before a certificate of the site's own ends.

    Example: wardlens site serve
    """
    from firmware.hospital import broker_rights_kept
    from firmware.logging import configure_logging
    from firmware.stopping import beside
    from provisioning.certificate_ends import keep_telling_ends
    from provisioning.enrolment import run_enrolment

    settings = load_settings(config)
    configure_logging(settings.log)
    found, stop = opened(config, site), threading.Event()
    with (
        broker_rights_kept(settings, found),
        beside("certificate-ends", lambda: keep_telling_ends(found, stop), stop),
    ):
        run_enrolment(
            found,
            settings.enrolment.host,
            settings.enrolment.port,
            on_ready=lambda running: err.print(f"enrolment server on {running.host}:{running.port}"),
        )


@app.command("broker-config")
def broker_config(
    folder: Annotated[Path, typer.Argument(help="Where the configuration goes; made if it is not there.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a ready Mosquitto configuration: TLS 1.3 both ways, and each device its own topics.

    Example: wardlens site broker-config /etc/mosquitto/wardlens
    """
    from provisioning.broker import write_mosquitto

    broker = load_settings(config).broker
    file = write_mosquitto(opened(config, site), folder.absolute(), broker.host, broker.port)
    out.print(f"Written to {file}. Give the folder to the user that Mosquitto runs as; run `mosquitto -c {file}`.")


@roster.command("list")
def list_clinicians(site: SiteOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the clinicians.

    Example: wardlens site roster list
    """
    rows = [
        {"badge": clinician.badge, "name": clinician.name, "role": clinician.role.value}
        for clinician in opened(config, site).roster()
    ]
    print_rows(rows, as_json=as_json, empty="Nobody yet. Add somebody with `wardlens site roster add`.")


@roster.command()
def add(
    badge: Annotated[str, typer.Argument(help="What the badge's barcode says.")],
    name: Annotated[str, typer.Argument(help="The clinician's name.")],
    role: Annotated[str, typer.Option(help="clinician or ward-lead.")] = "clinician",
    pin: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="PIN; asked for when not given."),
    ] = "",
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Let a clinician use the site's devices.

    Example: wardlens site roster add 4711 "Ada Nurse" --role ward-lead
    """
    clinician = opened(config, site).add_clinician(badge, name, role, pin)
    out.print(f"{clinician.name} is on the roster; devices know it within minutes of their next contact.")


@roster.command()
def remove(
    badge: Annotated[str, typer.Argument(help="What the badge's barcode says.")],
    site: SiteOption = None,
    config: ConfigOption = None,
) -> None:
    """Take a clinician off the roster.

    Example: wardlens site roster remove 4711
    """
    opened(config, site).remove_clinician(badge)
    out.print("Removed. Devices know it within minutes of their next contact.")
