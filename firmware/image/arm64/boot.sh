# Makes /tmp/boot, the boot partition of one system: what a Raspberry Pi's firmware reads of it. In the workshop, with
# $EPOCH, $KIBIBYTES, the system's root in $ROOT, and the files beside it in the current folder. A system without a
# kernel has the texts alone.
mkdir -p /tmp/files/overlays
cp boot/* /tmp/files
if [ -e "$ROOT/boot/vmlinuz" ]; then
    cp "$ROOT/boot/vmlinuz" "$ROOT/boot/initrd.img" /tmp/files
    cp "$ROOT"/usr/lib/linux-image-*/broadcom/bcm271[12]*.dtb /tmp/files
    cp "$ROOT"/usr/lib/linux-image-*/overlays/* /tmp/files/overlays
    cp "$ROOT"/usr/lib/raspi-firmware/start4*.elf "$ROOT"/usr/lib/raspi-firmware/fixup4*.dat /tmp/files
fi
find /tmp/files -exec touch -h -d "@$EPOCH" {} +
mkfs.vfat --invariant -n WARDBOOT -C /tmp/boot "$KIBIBYTES" >/dev/null
cd /tmp/files
# In one order, so that two builds are the same.
find . -mindepth 1 -type d | sort | while read -r folder; do mmd -i /tmp/boot "::$folder"; done
find . -type f | sort | while read -r file; do mcopy -m -i /tmp/boot "$file" "::$file"; done
