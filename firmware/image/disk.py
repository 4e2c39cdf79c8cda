"""The disk: what the boot loader reads, and the first system. The rest is made on the device."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from firmware.image import debian
from firmware.image.boards import MIB, SLOT_BYTES, Board, Content
from firmware.image.debian import own_architecture
from firmware.image.workshop import workshop

_BOARD = "/srv/board"


def make_system_file(root: Path, out: Path, epoch: int) -> None:
    """The system in `root` as the read-only file `out`, which an update brings and a partition holds.

    Raises:
        CannotRun: the system is too large, or a tool failed.
    """
    out.unlink(missing_ok=True)
    # lzo: a boot loader that reads the kernel out of it knows of the fast ones only this.
    script = f"""
        mksquashfs /out/{root.name} /out/{out.name} -comp lzo -Xcompression-level 4 -noappend -no-exports -xattrs \
            -no-progress -quiet -all-time {epoch} -mkfs-time {epoch}
    """
    debian.run(*debian.inside(_tools(), script, folder=out.parent))
    if (size := out.stat().st_size) > SLOT_BYTES:
        raise debian.CannotRun(f"the system has {size / MIB:.0f} MiB, and its place {SLOT_BYTES / MIB:.0f} MiB.")


def make_boot_file(board: Board, root: Path, out: Path, epoch: int) -> None:
    """The boot partition of the system in `root` as the file `out`, and the root without what is in it.

    Raises:
        CannotRun: a tool failed.
    """
    _script(board, "boot.sh", out, board.boot_bytes, epoch, {"ROOT": f"/out/{root.name}"})
    for copied in (root / "boot", root / "usr/lib/raspi-firmware", *root.glob("usr/lib/linux-image-*")):
        shutil.rmtree(copied, ignore_errors=True)
    (root / "boot").mkdir()


def make_disk(board: Board, contents: dict[Content, Path], out: Path, epoch: int, name: str) -> None:
    """The disk `out` that starts a system; whoever writes it to a larger one loses nothing.

    Args:
        board: whose disk.
        contents: the files of :func:`make_system_file` and :func:`make_boot_file`, in the folder that `out` is made in.
        out: the file to make.
        epoch: seconds since 1970.
        name: what the disk's identifiers are derived from.

    Raises:
        CannotRun: a tool failed.
    """
    loader = out.with_suffix(".loader")
    (first,) = (one.bytes for one in board.partitions if one.content is Content.LOADER)
    _script(board, "loader.sh", loader, first, epoch, {})
    at, table, copies = 1, [f"--clear --disk-guid={_named(name, 'disk')}"], []
    for number, part in enumerate(board.partitions, 1):
        own = _named(name, part.label.removeprefix("wardlens-"))
        table.append(f"--new={number}:{at}M:+{part.bytes // MIB}M --typecode={number}:{part.type}")
        table.append(f"--change-name={number}:{part.label} --partition-guid={number}:{own}")
        if file := (contents | {Content.LOADER: loader}).get(part.content):
            copies.append(f"dd if={file.name} of={out.name} bs=1M seek={at} conv=notrunc,sparse status=none")
        at += part.bytes // MIB
    script = f"""
        export PATH=/usr/sbin:/usr/bin
        cd /out
        rm -f {out.name}
        truncate -s {at + 1}M {out.name}
        sgdisk {" ".join(table)} {out.name} >/dev/null
        {"; ".join(copies)}
        rm {loader.name}
    """
    debian.run(*debian.inside(_tools(), script, folder=out.parent))


def _script(board: Board, script: str, out: Path, size: int, epoch: int, more: dict[str, str]) -> None:
    """Run a script of the board's, and move what it made, which is called as itself, to `out`."""
    variables = {"EPOCH": str(epoch), "SOURCE_DATE_EPOCH": str(epoch), "KIBIBYTES": str(size // 1024), **more}
    made = script.removesuffix(".sh")
    run = f"export PATH=/usr/sbin:/usr/bin; cd {_BOARD}; sh -eu {script}; mv /tmp/{made} /out/{out.name}"
    binds = [(board.folder, _BOARD)]
    debian.run(*debian.inside(_tools(), run, folder=out.parent, binds=binds, environment=variables))


def _named(name: str, part: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"wardlens:{name}:{part}")


def _tools() -> Path:
    return workshop(own_architecture())
