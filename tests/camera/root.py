"""Runs tests/camera where the camera's real software is: in a Debian trixie root with libcamera and picamera2.

The root is made once (about two minutes) and kept in the cache folder under the digest of all that it is made of. Each
run sees it read-only, with the project and the models beside it, in name spaces of its own and without a network. What
is given on the command line goes to pytest.

Needs Linux, root, mmdebstrap and unshare. The mirrors, the index and their certificates are those that this machine's
apt and pip are configured with.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "requirements" / "camera.txt"
SUITE = "trixie"
PACKAGES = (
    "ca-certificates",
    "gcc",  # picamera2's own requirements are built from source
    "libcamera-ipa",
    "libcamera-tools",
    "libcap-dev",
    "python3",
    "python3-dev",
    "python3-libcamera",
    "python3-venv",
)
UNUSED_S = 7 * 24 * 3600
HERE, MODELS, PYTHON = "/srv/wardlens", "/srv/models", "/opt/venv/bin/python"
CONFIGURATION = "/usr/share/libcamera/pipeline/virtual"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_OPTIONS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "trusted-host",
    "proxy",
    "cert",
    "timeout",
    "default-timeout",
)
NAMESPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")


class CannotRun(Exception):  # noqa: N818 - named for what is known
    """One sentence about what is missing, and what to do."""


def main() -> int:
    """The tests' exit status; 1 with a sentence if they cannot be run here."""
    try:
        _check_host()
        return _test(_root(), sys.argv[1:])
    except CannotRun as cannot:
        sys.stderr.write(f"make test-camera cannot run: {cannot}\n")
        return 1


def _check_host() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRun("it mounts a Debian root, so it needs root on Linux. Run: sudo make test-camera")
    missing = [name for name in ("mmdebstrap", "unshare", "chroot") if shutil.which(name) is None]
    if missing:
        raise CannotRun(f"{', '.join(missing)} is not installed. Run: sudo apt install mmdebstrap util-linux coreutils")
    if subprocess.run([*NAMESPACES, "--net", "true"], check=False, capture_output=True).returncode:
        raise CannotRun("this machine does not let root make name spaces. Run it in a container with CAP_SYS_ADMIN.")


def _root() -> Path:
    """The finished root, made if it is not there yet; others go when nobody has used them for a week."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wardlens"
    cache.mkdir(parents=True, exist_ok=True)
    made_of = "\n".join((SUITE, *PACKAGES, platform.machine(), inspect.getsource(_make)))
    digest = hashlib.sha256(made_of.encode() + REQUIREMENTS.read_bytes()).hexdigest()[:16]
    root = cache / f"camera-root-{digest}"
    with (cache / "camera-root.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            unused = time.time() - UNUSED_S
            for older in cache.glob("camera-root-*"):
                if older.suffix == ".unfinished" or older.stat().st_mtime < unused:
                    shutil.rmtree(older)
            sys.stderr.write(f"Making the camera root in {root}: about two minutes.\n")
            unfinished = root.with_name(f"{root.name}.unfinished")
            _make(unfinished)
            unfinished.rename(root)
        os.utime(root)
    return root


def _make(root: Path) -> None:
    wanted = ("--variant=minbase", f"--include={','.join(PACKAGES)}", *_apt_options())
    _run("mmdebstrap", "--quiet", *wanted, SUITE, str(root), *_mirrors())
    for folder in (HERE, MODELS, CONFIGURATION):
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    options, folders = _pip_configuration()
    certificates = Path(options.pop("PIP_CERT", CERTIFICATES))
    if certificates.is_file():
        shutil.copy(certificates, root / CERTIFICATES.relative_to("/"))
        options["PIP_CERT"] = str(CERTIFICATES)
    environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")} | options
    # Only what the distribution's metadata is made of: the code is imported from the project itself.
    described = "cd /tmp && for f in pyproject.toml README.md LICENSE; do cp " + HERE + "/$f .; done"
    install = f"{PYTHON} -m pip --quiet --quiet --disable-pip-version-check install"
    script = f"""
        python3 -m venv --system-site-packages /opt/venv
        {install} --require-hashes --requirement {HERE}/requirements/camera.txt
        {described}
        {install} --no-deps --no-build-isolation --no-index .
        touch /etc/wardlens-camera-root
    """
    _run(
        *_inside(root, [(PROJECT, HERE), *((folder, str(folder)) for folder in folders)], script, environment, net=True)
    )


def _test(root: Path, arguments: list[str]) -> int:
    models = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share/wardlens/models")
    if not any(models.glob("*.onnx")):
        raise CannotRun(f"there are no models in {models}. Run: make setup")
    environment = {
        "PYTHONPATH": f"{HERE}:{HERE}/tests/camera/standins",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WARDLENS_MODELS": MODELS,
        "WARDLENS_REQUIRE_SERVERS": "1",  # a skip fails
        "LIBCAMERA_LOG_LEVELS": "*:FATAL",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
    }
    pytest = shlex.join([PYTHON, "-m", "pytest", "-p", "no:cacheprovider", *(arguments or ["tests/camera"])])
    script = f"cd {HERE} && exec {pytest}"
    return subprocess.run(
        _inside(root, [(PROJECT, HERE), (models, MODELS)], script, environment), check=False
    ).returncode


def _inside(
    root: Path, binds: list[tuple[Path, str]], script: str, environment: dict[str, str], *, net: bool = False
) -> list[str]:
    """The command that runs `script` in `root` with `binds` read-only; `net` also leaves the root itself writable."""
    at = shlex.quote(str(root))
    mounts = [f"mount --bind {at} {at}"]
    for source, target in binds:
        place = shlex.quote(f"{root}{target}")
        mounts += [f"mkdir -p {place}", f"mount --bind {shlex.quote(str(source))} {place}",
                   f"mount -o remount,bind,ro {place}"]  # fmt: skip
    mounts += [f"mount --bind /dev {at}/dev", f"mount --bind /sys {at}/sys", f"mount -t proc proc {at}/proc"]
    mounts += [f"mount -t tmpfs tmpfs {at}{folder}" for folder in ("/tmp", "/run")]
    if not net:
        mounts += [f"mount -t tmpfs tmpfs {at}{CONFIGURATION}", f"mount -o remount,bind,ro {at}"]
    variables = [f"{name}={value}" for name, value in {"PATH": "/usr/bin:/usr/sbin", **environment}.items()]
    inner = shlex.join(["env", "-i", *variables, "chroot", str(root), "/bin/sh", "-ec", script])
    return [*NAMESPACES, *([] if net else ["--net"]), "sh", "-ec", "\n".join([*mounts, f"exec {inner}"])]


def _mirrors() -> list[str]:
    """The Debian archive that this machine's apt uses; without one mmdebstrap knows its own."""
    released = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text("utf-8"), re.MULTILINE)
    if released is None or "ID=debian" not in Path("/etc/os-release").read_text("utf-8").splitlines():
        return []
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"],
        check=False, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    sites = [line.split()[0] for line in found if line.split()[1:] == [released[1]]]
    return sites[:1]


def _apt_options() -> Iterator[str]:
    """The proxies of this machine's apt."""
    told = subprocess.run(["apt-config", "dump"], check=False, capture_output=True, text=True).stdout
    for line in re.findall(r"^(Acquire::https?::Proxy .*;)$", told, re.MULTILINE):
        yield f"--aptopt={line}"


def _pip_configuration() -> tuple[dict[str, str], list[Path]]:
    """How this machine's pip finds packages: as variables, and the local folders that they name."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    variables: dict[str, str] = {}
    lines = sorted(told.stdout.splitlines(), key=lambda line: line.startswith(":env:"))  # the environment wins
    for option, value in re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", "\n".join(lines), re.MULTILINE):
        if option in PIP_OPTIONS:
            variables["PIP_" + option.upper().replace("-", "_")] = value
    words = " ".join(variables.values()).split()
    places = [Path(unquote(urlsplit(word).path)) for word in words if urlsplit(word).scheme in ("", "file")]
    folders = [place for place in places if place.is_absolute() and place.is_dir()]
    # An index's pages lead to files beside it.
    return variables, [place.parent if place.name == "simple" else place for place in folders]


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise CannotRun(f"{command[0]} failed with status {done.returncode} while the root was made; see above.")


if __name__ == "__main__":
    sys.exit(main())
