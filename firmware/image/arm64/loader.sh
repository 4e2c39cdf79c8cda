# Makes /tmp/loader, the partition that a Raspberry Pi's firmware reads first: which system's boot partition is read next.
# In the workshop, with $EPOCH, $KIBIBYTES, and the files beside it in the current folder.
cp loader/autoboot.txt loader/config.txt /tmp
touch -d "@$EPOCH" /tmp/autoboot.txt /tmp/config.txt
mkfs.vfat --invariant -n WARDLENS -C /tmp/loader "$KIBIBYTES" >/dev/null
mcopy -m -i /tmp/loader /tmp/autoboot.txt /tmp/config.txt ::
