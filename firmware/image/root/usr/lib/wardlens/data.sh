#!/bin/sh
# Makes what the image leaves out, at the first start: the second system's place and the data partition. With a TPM the
# data partition is encrypted, to a key that this TPM gives only to a system that was started as this one was. Then
# /run/wardlens-data is the file system that var.mount mounts.
set -eu

data=/dev/disk/by-partlabel/wardlens-data
disk=/dev/$(lsblk --noheadings --output PKNAME "$(findmnt --noheadings --output SOURCE /)")
definitions=--definitions=/usr/lib/wardlens/repart.d
[ -e /dev/tpmrm0 ] && definitions="$definitions --definitions=/usr/lib/wardlens/repart.tpm.d"

udevadm wait --timeout=60 "$disk"
# It makes what is not there, and leaves the rest as it is.
# shellcheck disable=SC2086  # each definition is a word
systemd-repart --dry-run=no --no-pager $definitions "$disk"
udevadm wait --timeout=60 "$data"
if blkid --match-token TYPE=crypto_LUKS "$data" >/dev/null; then
    [ -e /dev/mapper/wardlens-data ] || systemd-cryptsetup attach wardlens-data "$data" - tpm2-device=auto,headless=yes
    data=/dev/mapper/wardlens-data
fi
# 1: it corrected what was wrong, which is what it is for after the plug was pulled.
e2fsck -p "$data" || [ $? -le 1 ]
ln -sf "$data" /run/wardlens-data
