# Makes /tmp/loader, the EFI partition: GRUB, and what it and RAUC know of both systems. In the workshop, with $EPOCH,
# $KIBIBYTES, and the files beside it in the current folder.
grub-script-check loader/grub.cfg
cat >/tmp/early.cfg <<'EOF'
search --no-floppy --label WARDLENS --set=root
set prefix=($root)/grub
EOF
grub-mkimage --format=x86_64-efi --output=/tmp/bootx64.efi --prefix=/grub --config=/tmp/early.cfg \
    part_gpt fat squash4 normal linux loadenv test search search_label regexp reboot efi_gop all_video configfile echo
grub-editenv /tmp/grubenv create
grub-editenv /tmp/grubenv set "ORDER=A B" A_OK=1 B_OK=0 A_TRY=0 B_TRY=0
cp loader/grub.cfg /tmp/grub.cfg
touch -d "@$EPOCH" /tmp/bootx64.efi /tmp/grubenv /tmp/grub.cfg
mkfs.vfat --invariant -n WARDLENS -C /tmp/loader "$KIBIBYTES" >/dev/null
mmd -i /tmp/loader ::EFI ::EFI/BOOT ::grub
mcopy -m -i /tmp/loader /tmp/bootx64.efi ::EFI/BOOT/BOOTX64.EFI
mcopy -m -i /tmp/loader /tmp/grub.cfg ::grub/grub.cfg
mcopy -m -i /tmp/loader /tmp/grubenv ::grubenv
