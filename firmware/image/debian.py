"""Debian roots on this machine: made from its mirrors, kept in the cache folder, entered in name spaces of their own.

Needs Linux, root, mmdebstrap and unshare; for another architecture than this machine's, QEMU as the kernel's way to run
its programs (binfmt_misc). The mirrors, the index and their certificates are those that this machine's apt and pip are
configured with.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

SUITE: Final = "trixie"
PROJECT: Final = Path(__file__).resolve().parents[2]
HERE: Final = "/srv/wardlens"
"""Where a root has the project."""
UNUSED_S: Final = 7 * 24 * 3600
NAMESPACES: Final = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
_DEBIANS_WORDS: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PIP: Final = "python -m pip --quiet --disable-pip-version-check"
_SOURCES: Final = "/srv/sources"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_OPTIONS: Final = frozenset(
    {"index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "cert", "timeout", "default-timeout"}
)
_METADATA: Final = ("pyproject.toml", "README.md", "LICENSE")

Bind = tuple[Path, str]
"""A folder of this machine, and where the root has it, read-only."""


class CannotRun(Exception):  # noqa: N818 - named for what is known
    """One sentence about what is missing, and what to do."""


def own_architecture() -> str:
    """This machine's, as Debian calls it."""
    return _DEBIANS_WORDS.get(platform.machine(), platform.machine())


def check_host(target: str, architecture: str = "") -> None:
    """Whether roots can be made and entered here.

    Args:
        target: of `make`, for the sentence.
        architecture: of the roots, as Debian calls it; this machine's, if not given.

    Raises:
        CannotRun: no; it says what `make` target to run how, or what to install.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRun(f"it mounts a Debian root, so it needs root on Linux. Run: sudo make {target}")
    missing = [name for name in ("mmdebstrap", "unshare", "chroot") if shutil.which(name) is None]
    if missing:
        raise CannotRun(f"{', '.join(missing)} is not installed. Run: sudo apt install mmdebstrap util-linux coreutils")
    if subprocess.run([*NAMESPACES, "--net", "true"], check=False, capture_output=True).returncode:
        raise CannotRun("this machine does not let root make name spaces. Run it in a container with CAP_SYS_ADMIN.")
    if architecture not in {"", own_architecture()} and not _runs(architecture):
        raise CannotRun(
            f"this machine does not run {architecture} programs. Run: sudo apt install arch-test qemu-user-static "
            "binfmt-support; in a container, also: sudo mount -t binfmt_misc none /proc/sys/fs/binfmt_misc"
        )


def _runs(architecture: str) -> bool:
    tell = shutil.which("arch-test")
    return tell is not None and subprocess.run([tell, architecture], check=False, capture_output=True).returncode == 0


def kept(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made if there is none of `made_of` yet; those that nobody used for a week go.

    Args:
        name: what the folder is called in the cache.
        made_of: all that decides what is in it.
        make: fills a folder that does not exist yet.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wardlens"
    cache.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(f"{SUITE}\n{platform.machine()}\n{made_of}".encode()).hexdigest()[:16]
    root = cache / f"{name}-{digest}"
    with _alone(cache / f"{name}.lock"):
        if not root.is_dir():
            unused = time.time() - UNUSED_S
            for older in cache.glob(f"{name}-*"):
                if older.suffix == ".unfinished" or older.stat().st_mtime < unused:
                    shutil.rmtree(older)
            sys.stderr.write(f"Making {root}: a few minutes, once.\n")
            unfinished = root.with_name(f"{root.name}.unfinished")
            make(unfinished)
            unfinished.rename(root)
        os.utime(root)
    return root


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def bootstrap(
    root: Path, packages: Sequence[str], *, variant: str, epoch: int | None = None, architecture: str = "",
    sources: Sequence[Path] = (),
) -> None:  # fmt: skip
    """A Debian root with `packages` and what they need.

    Args:
        root: made by this.
        packages: names of Debian packages.
        variant: mmdebstrap's: `minbase` has apt in it, `essential` has not.
        epoch: seconds since 1970; no file is younger, so that two roots of the same packages are the same.
        architecture: as Debian calls it; this machine's, if not given.
        sources: files for apt (deb822) that name archives beside Debian's, with the keys that sign them. On a machine
            whose own apt does not use Debian's archive, they name that too.
    """
    architecture = architecture or own_architecture()
    environment = dict(os.environ) if epoch is None else {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    wanted = (f"--variant={variant}", f"--include={','.join(packages)}", '--aptopt=APT::Install-Recommends "false"')
    options = (f"--architecture={architecture}", *wanted, '--aptopt=Acquire::Retries "3"', *_apt_options())
    archives = (*_mirrors(), *map(str, sources))
    run("mmdebstrap", *options, SUITE, str(root), *archives, environment=environment)


def make_venv(root: Path, place: str, requirements: Sequence[str]) -> None:
    """A virtual environment at `place` of `root`, which also sees the root's own Python packages.

    Of the project it has the distribution's metadata only: the code is imported from a checkout, or put there later.

    Args:
        root: has python3-venv, and a compiler for what has no wheel.
        place: absolute, in the root.
        requirements: files of the folder `requirements`, with hashes.
    """
    options, folders = _ready_for_pip(root)
    script = f"""
        python3 -m venv --system-site-packages {place}
        {place}/bin/{_PIP} install --quiet --require-hashes {_files(requirements)}
        {_metadata(place)}
    """
    binds = [(PROJECT, HERE), *((folder, str(folder)) for folder in folders)]
    run(*inside(root, script, binds=binds, environment=options, net=True))


def make_foreign_venv(root: Path, place: str, requirements: Sequence[str], architecture: str, tools: Path) -> None:
    """The same in a root of another architecture, with as little as possible done by emulated programs.

    Args:
        root: has python3-venv, and a compiler for what has no wheel.
        place: absolute, in the root.
        requirements: files of the folder `requirements`, with hashes.
        architecture: of the root, as Debian calls it.
        tools: a root of this machine's own architecture, with the same Python and a virtual environment at `place`.
    """
    run(*inside(root, f"python3 -m venv --without-pip --system-site-packages {place}", writable=True))
    options, folders = _ready_for_pip(tools)
    (machine,) = (word for word, known in _DEBIANS_WORDS.items() if known == architecture)
    # All at once: with one of them alone, pip takes what is older than anybody meant.
    tags = [f"--platform=manylinux{glibc}_{machine}" for glibc in ("_2_28", "_2_27", "_2_17", "2014")]
    script = f"""
        version=$({place}/bin/python -c 'import sys; print("{{}}{{}}".format(*sys.version_info))')
        abi="--implementation cp --python-version $version --abi cp$version --abi abi3 --abi none"
        pip="{place}/bin/{_PIP}"
        $pip download --quiet --dest /tmp/all --no-deps --require-hashes {shlex.join(tags)} $abi {_files(requirements)}
        site=$(echo /out{place}/lib/python3*/site-packages)
        $pip install --no-deps --no-index {shlex.join(tags)} $abi --target "$site" /tmp/all/*.whl
        rm -rf "$site/bin" /tmp/all/*.whl
        mv /tmp/all /out{_SOURCES}
    """
    binds = [(PROJECT, HERE), *((folder, str(folder)) for folder in folders)]
    run(*inside(tools, script, binds=binds, environment=options, net=True, folder=root))
    script = f"""
        {place}/bin/{_PIP} install --no-deps --no-build-isolation --no-index {_SOURCES}/*
        {_metadata(place)}
    """
    run(*inside(root, script, binds=[(PROJECT, HERE)], writable=True))


def _metadata(place: str) -> str:
    """The commands that give the virtual environment at `place` the distribution's metadata."""
    return f"""
        mkdir /tmp/project && cd {HERE} && cp -r {shlex.join(_METADATA)} /tmp/project && cd /tmp/project
        {place}/bin/{_PIP} install --no-deps --no-build-isolation --no-index .
    """


def _files(requirements: Sequence[str]) -> str:
    return " ".join(f"--requirement {HERE}/requirements/{one}" for one in requirements)


def _ready_for_pip(root: Path) -> tuple[dict[str, str], list[Path]]:
    """What pip in `root` needs to know of this machine, as variables, and the folders that it must see."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    options, folders = _pip_configuration()
    certificates = Path(options.pop("PIP_CERT", _CERTIFICATES))
    if certificates.is_file():
        shutil.copy(certificates, root / _CERTIFICATES.relative_to("/"))
        options["PIP_CERT"] = str(_CERTIFICATES)
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")} | options, folders


def inside(
    root: Path, script: str, *, binds: Sequence[Bind] = (), environment: Mapping[str, str] = {}, net: bool = False,
    writable: bool = False, folder: Path | None = None, hardware: bool = True,
) -> list[str]:  # fmt: skip
    """The command that runs a shell script in `root`, which sees none of this machine's processes.

    Args:
        root: of :func:`bootstrap`.
        script: `sh -e` runs it.
        binds: what else it sees, read-only.
        environment: its variables, beside PATH.
        net: with this machine's network, and the root writable.
        writable: the root is writable.
        folder: which it may write to, at `/out`.
        hardware: it sees this machine's /sys, which says what processors another architecture does not have.
    """
    at = shlex.quote(str(root))
    mounts = [f"mount --bind {at} {at}"]
    for source, target in binds:
        place = shlex.quote(f"{root}{target}")
        mounts += [f"mkdir -p {place}", f"mount --bind {shlex.quote(str(source))} {place}",
                   f"mount -o remount,bind,ro {place}"]  # fmt: skip
    if folder is not None:
        mounts += [f"mkdir -p {at}/out", f"mount --bind {shlex.quote(str(folder))} {at}/out"]
    mounts += [f"mount --bind /dev {at}/dev", f"mount -t proc proc {at}/proc"]
    mounts += [f"mount --bind /sys {at}/sys"] if hardware else []
    mounts += [f"mount -t tmpfs tmpfs {at}{place}" for place in ("/tmp", "/run")]
    if not net and not writable:
        mounts += [f"mount -o remount,bind,ro {at}"]
    variables = [f"{name}={value}" for name, value in {"PATH": "/usr/bin:/usr/sbin", **environment}.items()]
    inner = shlex.join(["env", "-i", *variables, "chroot", str(root), "/bin/sh", "-ec", script])
    return [*NAMESPACES, *([] if net else ["--net"]), "sh", "-ec", "\n".join([*mounts, f"exec {inner}"])]


def run(*command: str, environment: Mapping[str, str] | None = None) -> None:
    """The command, to its good end.

    Raises:
        CannotRun: it failed.
    """
    done = subprocess.run(command, check=False, env=environment)
    if done.returncode:
        raise CannotRun(f"{command[0]} failed with status {done.returncode}; see above.")


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
        if option in _PIP_OPTIONS:
            variables["PIP_" + option.upper().replace("-", "_")] = value
    words = " ".join(variables.values()).split()
    places = [Path(unquote(urlsplit(word).path)) for word in words if urlsplit(word).scheme in ("", "file")]
    folders = [place for place in places if place.is_absolute() and place.is_dir()]
    # An index's pages lead to files beside it.
    return variables, [place.parent if place.name == "simple" else place for place in folders]
