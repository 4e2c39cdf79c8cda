"""The disk: an EFI partition that chooses a system, and the first system. The rest is made on the device."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Final

from firmware.image import debian
from firmware.image.workshop import workshop

MIB: Final = 1 << 20
EFI_BYTES: Final = 32 * MIB
SLOT_BYTES: Final = 896 * MIB
"""A system's place on the disk; an update must fit into it."""
GRUB: Final = Path(__file__).parent / "boot" / "grub.cfg"
GRUB_MODULES: Final = (
    "part_gpt", "fat", "squash4", "normal", "linux", "loadenv", "test", "search", "search_label", "regexp", "reboot",
    "efi_gop", "all_video", "configfile", "echo",
)  # fmt: skip
_EARLY: Final = "search --no-floppy --label WARDLENS --set=root\nset prefix=($root)/grub\n"


def make_system_file(root: Path, out: Path, epoch: int) -> None:
    """The system in `root` as the read-only file `out`, which an update brings and a partition holds."""
    out.unlink(missing_ok=True)
    # lzo: the boot loader reads the kernel out of it, and knows of the fast ones only this.
    script = f"""
        mksquashfs /out/{root.name} /out/{out.name} -comp lzo -Xcompression-level 4 -noappend -no-exports -xattrs \
            -no-progress -quiet -all-time {epoch} -mkfs-time {epoch}
    """
    _in_workshop(script, out.parent)


def make_disk(system: Path, out: Path, epoch: int, name: str) -> None:
    """The disk `out` that starts the system in the file `system`; whoever writes it to a larger one loses nothing.

    Args:
        system: of :func:`make_system_file`, in the folder that `out` is made in.
        out: the file to make.
        epoch: seconds since 1970.
        name: what the disk's identifiers are derived from.

    Raises:
        CannotRun: the system is too large, or a tool failed.
    """
    if (size := system.stat().st_size) > SLOT_BYTES:
        raise debian.CannotRun(f"the system has {size / MIB:.0f} MiB, and its place {SLOT_BYTES / MIB:.0f} MiB.")
    shutil.copy(GRUB, out.parent / "grub.cfg")
    (out.parent / "early.cfg").write_text(_EARLY, "ascii")
    disk, efi, first = (str(uuid.uuid5(uuid.NAMESPACE_URL, f"wardlens:{name}:{part}")) for part in ("disk", "efi", "a"))
    end = EFI_BYTES // MIB + 1
    script = f"""
        export SOURCE_DATE_EPOCH={epoch} PATH=/usr/sbin:/usr/bin
        cd /out
        grub-script-check grub.cfg
        grub-mkimage --format=x86_64-efi --output=/tmp/bootx64.efi --prefix=/grub --config=early.cfg \
            {" ".join(GRUB_MODULES)}
        grub-editenv /tmp/grubenv create
        grub-editenv /tmp/grubenv set "ORDER=A B" A_OK=1 B_OK=0 A_TRY=0 B_TRY=0
        touch -d @{epoch} /tmp/bootx64.efi /tmp/grubenv grub.cfg
        mkfs.vfat --invariant -n WARDLENS -C /tmp/efi {EFI_BYTES // 1024} >/dev/null
        mmd -i /tmp/efi ::EFI ::EFI/BOOT ::grub
        mcopy -m -i /tmp/efi /tmp/bootx64.efi ::EFI/BOOT/BOOTX64.EFI
        mcopy -m -i /tmp/efi grub.cfg ::grub/grub.cfg
        mcopy -m -i /tmp/efi /tmp/grubenv ::grubenv
        rm -f {out.name}
        truncate -s {EFI_BYTES + SLOT_BYTES + 2 * MIB} {out.name}
        sgdisk --clear --disk-guid={disk} \
            --new=1:1M:+{EFI_BYTES // MIB}M --typecode=1:ef00 --change-name=1:wardlens-efi --partition-guid=1:{efi} \
            --new=2:{end}M:+{SLOT_BYTES // MIB}M --typecode=2:8304 --change-name=2:wardlens-a \
            --partition-guid=2:{first} \
            {out.name} >/dev/null
        dd if=/tmp/efi of={out.name} bs=1M seek=1 conv=notrunc,sparse status=none
        dd if={system.name} of={out.name} bs=1M seek={end} conv=notrunc,sparse status=none
        rm grub.cfg early.cfg
    """
    _in_workshop(script, out.parent)


def _in_workshop(script: str, folder: Path) -> None:
    debian.run(*debian.inside(workshop(), script, folder=folder))
