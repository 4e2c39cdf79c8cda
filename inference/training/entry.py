"""What the model manifest says of a head that was just made: its digest, what it is grown onto, its known answer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from inference.canvas import Canvas
from inference.detectors.skinmap import MODEL
from inference.manifest import Carried, Golden, Model, load_manifest, read_model
from inference.models import LoadedModel, answer_to_known_input
from inference.onnx_graph import grafted
from inference.picture import Kind

BACKBONE: Final = "centerface"
SIZE: Final = Canvas(160, 128)
RANGE: Final = (0.0, 255.0)
INPUT: Final = "values of centerface's graph: 387, 413, 474, 500"
TRAINED_ON: Final = "pictures that Wardlens draws (inference/training), seen by centerface's backbone"


def manifest_entry(path: Path, models: Path, *, version: str) -> str:
    """The head's entry in `inference/models.toml`; `models` is the folder with the model that it is grown onto."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    golden = Golden((SIZE.width, SIZE.height), RANGE, ())
    origin = Carried(f"weights/{MODEL}.onnx")
    model = Model(MODEL, Kind.TATTOO, version, "Apache-2.0", digest, INPUT, TRAINED_ON, origin, golden, BACKBONE)
    whole = grafted(read_model(load_manifest().model(BACKBONE), models), data)
    answers = answer_to_known_input(LoadedModel(model, whole))
    rows = "\n".join(f"  [{', '.join(f'{figure:.6f}' for figure in answer)}]," for answer in answers)
    return (
        f'[[model]]\nname = "{model.name}"\nkind = "{model.kind}"\nversion = "{version}"\nlicence = "{model.licence}"\n'
        f'sha256 = "{digest}"\ninput = "{INPUT}"\ntrained_on = "{TRAINED_ON}"\ncarried = "{origin.path}"\n'
        f'on = "{BACKBONE}"\n'
        f"[model.golden]\nsize = [{SIZE.width}, {SIZE.height}]\nrange = [0, 255]\nanswers = [\n{rows}\n]\n"
    )
