"""`wardlens demo`: the main job on one machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware.errors import RequestWrong, WorkFailed
from firmware.settings import forget_variables, load_settings
from firmware.stopping import interruptions_ignored
from firmware.terminal import ConfigOption, err, out, print_rows, progress


def demo(
    photos: Annotated[Path | None, typer.Option(help="Folder of pictures to photograph; samples without it.")] = None,
    to: Annotated[Path, typer.Option("--out", help="Folder for what the hospital got.")] = Path("demo-received"),
    count: Annotated[int | None, typer.Option(min=1, help="How many pictures.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="End after the pictures; serve no pages.")] = False,
    embedded_broker: Annotated[
        bool, typer.Option("--embedded-broker", help="Use the built-in broker even if Mosquitto is installed.")
    ] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the demo's folder here, to look into; it holds keys.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the main job on this machine: photograph, de-identify, seal, send, verify, file; then show both pages.

    Example: wardlens demo --photos ~/pictures --out received/ --no-browser
    """
    models = load_settings(config).models
    # The demo has a device and a hospital of its own, whatever this machine is set up for.
    forget_variables()
    with _own_folder(keep) as folder:
        _demo(folder, models, photos, to.absolute(), count, serve=not no_browser, embedded=embedded_broker)


@contextmanager
def _own_folder(keep: Path | None) -> Iterator[Path]:
    """A private folder, gone afterwards whatever happens; or the one to keep, which must be new or empty."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="wardlens-demo-"))
        try:
            yield folder
        finally:
            with interruptions_ignored():
                shutil.rmtree(folder)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise RequestWrong(f"There is something at {keep} already. Name a new folder for --keep.")
    keep.mkdir(parents=True, exist_ok=True)
    keep.chmod(0o700)
    yield keep.absolute()


def _demo(
    folder: Path, models: Path, photos: Path | None, to: Path, count: int | None, *, serve: bool, embedded: bool
) -> None:
    from firmware.demo.pictures import SAMPLES, pictures_in, sample_pictures, samples_folder
    from firmware.demo.place import make_place
    from firmware.demo.story import Story
    from firmware.hospital_view import login_link
    from firmware.supervision import Supervisor
    from sync.brokers import find_mosquitto

    begun = time.monotonic()
    pictures = pictures_in(photos, count) if photos else list(sample_pictures(samples_folder(models), count or SAMPLES))
    shown = folder / "pictures"
    shown.mkdir()
    for index, picture in enumerate(pictures):
        (shown / f"{index:04}{picture.suffix.lower()}").symlink_to(picture.absolute())
    embedded = embedded or find_mosquitto() is None
    place = make_place(folder, shown, models=models, mqtt="3.1.1" if embedded else "auto")
    with Supervisor(place.logs) as supervisor:
        story = Story(place, supervisor, out.print, embedded=embedded)
        out.print(f"Broker: {'amqtt, built in (MQTT 3.1.1)' if embedded else 'Mosquitto of this machine (MQTT 5)'}.")
        paired = story.begin()
        out.print(f"Ready after {time.monotonic() - begun:.1f} s. The demo answers what asks a person by itself.")
        with progress("pictures", len(pictures)) as advance:
            done = 0

            def told(_row: object) -> None:
                nonlocal done
                done += 1
                advance(done)

            rows = asyncio.run(story.photograph(pictures, told))
        story.deliver(rows, to)
        print_rows([_shown(row) for row in rows], as_json=False, empty="")
        arrived = sum(row.arrived for row in rows)
        out.print(f"\n{arrived} of {len(rows)} arrived and verified, in {time.monotonic() - begun:.0f} s: {to}")
        if arrived == len(rows) and serve:
            _serve(
                supervisor,
                place.settings.panel.port,
                paired.pin,
                lambda: login_link(place.settings, "Demo", ["ward-lead"]),
            )
    if arrived != len(rows):
        raise WorkFailed(f"{len(rows) - arrived} pictures did not arrive. The table says why.")


def _shown(row: Any) -> dict[str, Any]:
    found = ", ".join(f"{number} {kind}" for kind, number in sorted(row.found.items()))
    asked = f"asked: {', '.join(row.asked)}" if row.asked else ""
    return {
        "picture": row.picture,
        "covered": "; ".join(part for part in (found, asked) if part),
        "bytes": f"{row.size:,}" if row.size else None,
        "sealed_ms": f"{row.sealed_ms:.0f}" if row.capture else None,
        "receipt_ms": f"{row.receipt_ms:.0f}" if row.receipt_ms is not None else None,
        "hospital": "filed, verified" if row.arrived else row.sentence or "not there",
    }


def _serve(supervisor: Any, panel: int, pin: str, link: Callable[[], str]) -> None:
    from firmware.demo.story import BADGE

    address = f"http://localhost:{panel}/"
    out.print(f"\nThe device's panel:  {address}   badge {BADGE}, PIN {pin}")
    typer.echo(f"The hospital's view: {link()}")
    out.print("Ctrl-C ends the demo and removes its keys.")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        # A link works once: the browser gets one of its own, and the printed one stays good.
        for page in (link(), address):
            webbrowser.open(page)
    try:
        while True:
            supervisor.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        err.print("Ending.")
