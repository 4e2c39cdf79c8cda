#!/usr/bin/env bash
# The real servers that the tests start: are they here? As root on a machine with apt, brings what is missing.
set -euo pipefail

# Debian puts servers where an ordinary user's PATH does not look; PostgreSQL into a folder for each version.
PATH="$PATH:/usr/sbin:/usr/local/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)"

packages() {
    command -v mosquitto >/dev/null || echo mosquitto
    command -v initdb >/dev/null && command -v postgres >/dev/null || echo postgresql
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || echo chromium
    command -v fc-match >/dev/null && fc-match --format='%{file}' sans | grep -q . || echo fontconfig fonts-dejavu-core
    command -v systemd-analyze >/dev/null || echo systemd
    command -v strace >/dev/null || echo strace
    command -v promtool >/dev/null || echo prometheus
    command -v rauc >/dev/null || echo rauc
    command -v mksquashfs >/dev/null || echo squashfs-tools
    command -v openssl >/dev/null || echo openssl
    command -v dbus-daemon >/dev/null || echo dbus
    command -v softhsm2-util >/dev/null || echo softhsm2
    command -v swtpm >/dev/null || echo swtpm
    compgen -G '/usr/lib/*/ossl-modules/tpm2.so' >/dev/null || echo tpm2-openssl
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || echo libfaketime
}

missing=$(packages | xargs)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing what the tests start: $missing"
    export DEBIAN_FRONTEND=noninteractive
    # The tests start servers of their own, on ports and in folders of their own; the packages' services stay off.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt-get update -qq </dev/null
    # shellcheck disable=SC2086 - a list of packages
    apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
    PATH="$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)"
    missing=$(packages | xargs)
    [ -n "$missing" ] || exit 0
fi

echo "The tests start real servers, and these are missing: sudo apt install $missing" >&2
exit 1
