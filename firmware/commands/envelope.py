"""`wardlens envelope`: what anybody can see of an envelope, and what only the key holder can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmware.errors import RequestWrong, WorkFailed
from firmware.terminal import JsonOption, out, print_facts

if TYPE_CHECKING:
    from cryptography import x509

    from capture.identifiers import SiteId
    from sync.receiver import OpeningKey

app = typer.Typer(no_args_is_help=True, help="Look at an envelope, or open it with the site's key.")

FileArgument = Annotated[Path, typer.Argument(help="An envelope, a .wle file.")]


@app.command()
def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what anybody can see of an envelope: who sealed it, for which keys, how large. No picture, no patient.

    Example: wardlens envelope inspect capture.wle --json
    """
    from capture.envelope import certificate_subjects, parse_envelope

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
        "certificates": list(certificate_subjects(envelope)),
    }
    print_facts(facts, as_json=as_json)


@app.command("open")
def open_(
    file: FileArgument,
    site: Annotated[Path | None, typer.Option(help="Folder of the site that holds the opening key.")] = None,
    break_glass: Annotated[
        Path | None, typer.Option("--break-glass", help="The break-glass key's file, where the site is not at hand.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder for the picture; the current one by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify an envelope and open it with the site's key or the break-glass key: writes the picture, shows the record.

    Example: wardlens envelope open capture.wle --site /srv/wardlens/site --out .
    """
    from capture.envelope import parse_envelope, verify_envelope
    from provisioning import durable
    from sync.receiver import open_envelope

    envelope = parse_envelope(_bytes(file))
    holder, authorities, keys = _key_holder(site, break_glass)
    verify_envelope(envelope, site=holder, authorities=authorities)
    opened = open_envelope(envelope, keys)
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


def _key_holder(
    site: Path | None, break_glass: Path | None
) -> tuple[SiteId, Sequence[x509.Certificate], Sequence[OpeningKey]]:
    """Whose envelopes these keys open, and whose certificates its devices have."""
    from firmware.settings import load_settings
    from firmware.sites import open_site
    from provisioning.break_glass import read_break_glass

    if (site is None) == (break_glass is None):
        raise RequestWrong("Name the site's folder by --site, or the break-glass key's file by --break-glass.")
    if break_glass is not None:
        kept = read_break_glass(break_glass)
        return kept.site, kept.authorities, (kept.key,)
    assert site is not None
    holder = open_site(load_settings(), site)
    return holder.id, holder.authorities(), holder.opening_keys()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestWrong(f"{file} cannot be read ({error.strerror}). Name an envelope file.") from None
