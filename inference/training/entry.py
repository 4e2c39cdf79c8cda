"""What the model manifest says of a network that was just made: its digest and its known answer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from inference.canvas import Canvas
from inference.detectors.skinmap import MODEL
from inference.manifest import Carried, Golden, Model
from inference.models import LoadedModel, answer_to_known_input, open_session
from inference.picture import Kind

SIZE: Final = Canvas(160, 128)
RANGE: Final = (0.0, 255.0)
INPUT: Final = "1×3×H×W float32, RGB 0 to 255, H and W multiples of 32"
TRAINED_ON: Final = (
    "ImageNet, then pictures that Wardlens draws, on photographed skin too (docs/models/wardlens-skin.md)"
)


def manifest_entry(path: Path, *, version: str) -> str:
    """The network's entry in `inference/models.toml`."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    golden = Golden((SIZE.width, SIZE.height), RANGE, ())
    origin = Carried(f"weights/{MODEL}.onnx")
    model = Model(MODEL, Kind.TATTOO, version, "Apache-2.0", digest, INPUT, TRAINED_ON, origin, golden)
    answers = answer_to_known_input(LoadedModel(model, open_session(data, model.name)))
    rows = "\n".join(f"  [{', '.join(f'{figure:.6f}' for figure in answer)}]," for answer in answers)
    return (
        f'[[model]]\nname = "{model.name}"\nkind = "{model.kind}"\nversion = "{version}"\nlicence = "{model.licence}"\n'
        f'sha256 = "{digest}"\ninput = "{INPUT}"\ntrained_on = "{TRAINED_ON}"\ncarried = "{origin.path}"\n'
        f"[model.golden]\nsize = [{SIZE.width}, {SIZE.height}]\nrange = [0, 255]\nanswers = [\n{rows}\n]\n"
    )
