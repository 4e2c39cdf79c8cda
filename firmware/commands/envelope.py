"""`wardlens envelope`: what anybody can see of an envelope, and what only the key holder can."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509

from firmware.errors import RequestWrong, WorkFailed
from firmware.terminal import JsonOption, out, print_facts

app = typer.Typer(no_args_is_help=True, help="Look at an envelope, or open it with the site's key.")

FileArgument = Annotated[Path, typer.Argument(help="An envelope, a .wle file.")]


@app.command()
def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what anybody can see of an envelope: who sealed it, for which keys, how large. No picture, no patient.

    Example: wardlens envelope inspect capture.wle --json
    """
    from capture.envelope import parse_envelope

    envelope = parse_envelope(_bytes(file))
    header = envelope.header
    facts: dict[str, Any] = {
        "capture": envelope.capture,
        "device": envelope.device,
        "site": envelope.site,
        "counter": envelope.counter,
        "digest": envelope.digest,
        "bytes": len(envelope.raw),
        "body_suite": str(header.body_suite),
        "recipients": [recipient.key_id for recipient in header.recipients],
        "certificates": [x509.load_der_x509_certificate(der).subject.rfc4514_string() for der in header.certificates],
    }
    print_facts(facts, as_json=as_json)


@app.command("open")
def open_(
    file: FileArgument,
    site: Annotated[Path, typer.Option(help="Folder of the site that holds the opening key.")],
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder for the picture; the current one by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify an envelope and open it with the site's key: writes the picture, shows the record.

    Example: wardlens envelope open capture.wle --site /srv/wardlens/site --out .
    """
    from capture.envelope import parse_envelope, verify_envelope
    from provisioning import durable
    from provisioning.site import Site
    from sync.receiver import open_envelope

    envelope = parse_envelope(_bytes(file))
    holder = Site.load(site)
    verify_envelope(envelope, site=holder.id, authorities=holder.authorities())
    opened = open_envelope(envelope, holder.opening_keys())
    picture = (to or Path.cwd()) / f"{envelope.capture}.jpg"
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        durable.write(picture, opened.jpeg, mode=durable.PRIVATE)
    except OSError as error:
        raise WorkFailed(
            f"The picture cannot be written to {picture.parent} ({error.strerror}). Name another --out."
        ) from None
    print_facts({"picture": str(picture), "record": dict(opened.manifest)}, as_json=as_json)
    if not as_json:
        out.print("\nSealed by this site's device, unaltered.")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestWrong(f"{file} cannot be read ({error.strerror}). Name an envelope file.") from None
