"""`wardlens`, the one command. Its groups are one file each in :mod:`firmware.commands`."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from firmware.commands import (
    device,
    device_update,
    doctor,
    draw,
    envelope,
    evaluate,
    fleet,
    hospital,
    main_job,
    measure,
    models,
    pictures,
    site,
    site_devices,
    site_record,
    site_updates,
)
from firmware.commands.room_errors import sentence_of
from firmware.logging import configure_logging
from firmware.settings import Log
from firmware.terminal import err

app = typer.Typer(
    name="wardlens",
    help="De-identify, seal and sync clinical pictures on a ward device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(main_job.demo)
app.command("redact")(pictures.redact)
app.command("capture")(pictures.capture)
app.command("draw")(draw.draw)
app.command("scale")(draw.scale)
app.command("evaluate")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)
app.add_typer(measure.app, name="bench")
app.add_typer(models.app, name="models")
app.add_typer(site.app, name="site")
site.app.command("command")(site_devices.command)
site.app.command("commands")(site_devices.commands)
site.app.command("wipe")(site_devices.wipe)
site.app.command("rename")(site_devices.rename)
site.app.command("readmit")(site_devices.readmit)
site.app.command("return-days")(site_devices.return_days)
site.app.command("log")(site_record.log)
site.app.command("offer-update")(site_updates.offer_update)
site.app.command("devices", help=fleet.help_in("site"))(fleet.devices)
app.add_typer(device.app, name="device")
device.app.command("update")(device_update.update)
device.app.command("trial")(device_update.trial)
app.add_typer(device.camera, name="camera")
app.add_typer(device.sync, name="sync")
app.add_typer(device.panel, name="panel")
app.add_typer(device.indicator, name="indicator")
app.add_typer(hospital.app, name="receiver")
hospital.app.command("devices", help=fleet.help_in("receiver"))(fleet.devices)
app.add_typer(hospital.broker, name="broker")
app.add_typer(envelope.app, name="envelope")


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line."""
    run(app)


def run(command: typer.Typer) -> NoReturn:
    """Run a command of ours: exit status 0 done, 1 the work failed, 2 the request was wrong; never a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    # What is left at the end is not searched for cycles: seven processes end within the three seconds of a Ctrl-C.
    atexit.register(gc.freeze)
    configure_logging(Log(level="warning"))
    try:
        command(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        known = sentence_of(error)
        if known is None:
            raise
        status, sentence = known
        err.print("[bold red]wardlens:[/]", end=" ")
        err.print(sentence, markup=False)
        sys.exit(status)
    sys.exit(0)
