"""What differs between the machines that an image is made for. All else is the same on each.

What is put into the system of one of them lies in `ARCHITECTURE/root/`, by its place there, over the common `root/`;
what its boot loader reads lies in `ARCHITECTURE/loader/`, and what makes that partition is `ARCHITECTURE/loader.sh`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

MIB: Final = 1 << 20
SLOT_BYTES: Final = 896 * MIB
"""A system's place on the disk; an update must fit into it."""


class Content(Enum):
    """What a partition holds when the disk is written to a device."""

    LOADER = "loader"
    """What the boot loader reads before it chooses a system."""
    BOOT = "boot"
    """Kernel and device trees of one system, for a boot loader that reads FAT only."""
    SYSTEM = "system"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition that the image has; the others are made at the first start, by `repart.d`.

    Attributes:
        label: its name.
        type: sgdisk's code.
        bytes: its size.
        content: what it holds.
    """

    label: str
    type: str
    bytes: int
    content: Content


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of machine.

    Attributes:
        architecture: Debian's word for its processor.
        starts_by: what starts it.
        packages: Debian packages that only its system has.
        foreign: packages that no archive of Debian has, the kernel among them; without `--packages-from` they are not
            in the system.
        tools: Debian packages that its disk is made with.
        modules: what it can start from, for the initial file system.
        boot_folder: where the system has what the boot loader reads before it chooses.
        partitions: of the disk, in their order.
    """

    architecture: str
    starts_by: str
    packages: tuple[str, ...]
    foreign: tuple[str, ...]
    tools: tuple[str, ...]
    modules: tuple[str, ...]
    boot_folder: str
    partitions: tuple[Partition, ...]

    @property
    def compatible(self) -> str:
        """What RAUC calls this kind of machine, in a bundle and in a device's `system.conf`."""
        return f"wardlens-{self.architecture}"

    @property
    def folder(self) -> Path:
        """The files that only this kind of machine has."""
        return Path(__file__).parent / self.architecture

    @property
    def boot_bytes(self) -> int:
        """The size of a system's boot partition; 0 where its boot loader reads the system itself."""
        return max((one.bytes for one in self.partitions if one.content is Content.BOOT), default=0)


_PC: Final = Board(
    architecture="amd64",
    starts_by="EFI and GRUB",
    packages=("grub-common", "linux-image-amd64"),  # grub-editenv, with which RAUC keeps which system starts
    foreign=(),
    tools=("grub-common", "grub-efi-amd64-bin"),
    modules=(
        "ahci", "ext4", "mmc_block", "nvme", "sd_mod", "sdhci_acpi", "sdhci_pci", "squashfs", "uas", "usb_storage",
        "virtio_blk", "virtio_pci", "virtio_scsi", "xhci_pci",
    ),
    boot_folder="efi",
    partitions=(
        Partition("wardlens-efi", "ef00", 32 * MIB, Content.LOADER),
        Partition("wardlens-a", "8304", SLOT_BYTES, Content.SYSTEM),
    ),
)  # fmt: skip
_PI: Final = Board(
    architecture="arm64",
    starts_by="a Raspberry Pi's firmware",
    packages=(),
    foreign=(
        "linux-image-rpi-v8",  # starts a Pi 4 and a Pi 5
        "python3-lgpio",  # with which gpiozero turns the pins of the light
        "raspi-firmware",
    ),
    tools=(),
    modules=("ext4", "mmc_block", "nvme", "sd_mod", "sdhci_brcmstb", "squashfs", "uas", "usb_storage"),
    boot_folder="start",
    partitions=(
        # The firmware goes by the numbers 1, 2 and 3, which are the order here.
        Partition("wardlens-start", "0700", 16 * MIB, Content.LOADER),
        Partition("wardlens-boot-a", "0700", 128 * MIB, Content.BOOT),
        Partition("wardlens-boot-b", "0700", 128 * MIB, Content.NOTHING),
        Partition("wardlens-a", "8305", SLOT_BYTES, Content.SYSTEM),
    ),
)
BOARDS: Final[Mapping[str, Board]] = MappingProxyType({board.architecture: board for board in (_PC, _PI)})
