"""What is installed is what was written: nothing that the rooms need is left out of the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("firmware", "capture", "inference", "sync", "provisioning")


def test_the_wheel_holds_every_file_of_every_room(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *ROOMS],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for name in (*filter(None, tracked), "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("wardlens-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    builder = {name for name in tracked if name.startswith("firmware/image/")}
    assert sorted(set(filter(None, tracked)) - held - builder) == []
    assert not builder & held, "what builds a device's system is no part of it"
    assert not [name for name in held if name.split("/")[0] not in {*ROOMS} and ".dist-info/" not in name]
