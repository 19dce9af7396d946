#!/usr/bin/env bash
# install-packages.sh build|test: installs the Debian packages that are missing, and only those. "test" includes "build".
#
# Debian's etcd, prometheus and node exporter start as services when they are installed. The tests only want the programs, on
# ports of their own, so services that this script brings in are neither started nor enabled; those that were there before stay
# as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'packages: %s\n' "$*"; }
fail() { printf 'packages: %s\n' "$*" >&2; exit 1; }

build_packages() {
    # The system libraries that Package.swift names, and what fetching the Swift packages takes.
    sed -n 's/.*\.apt(\[\([^]]*\)\].*/\1/p' Package.swift | tr -d '" ' | tr ',' '\n'
    printf '%s\n' ca-certificates git
}

test_packages() {
    build_packages
    printf '%s\n' curl etcd-client etcd-server gzip openssl prometheus prometheus-node-exporter
}

case "${1:-}" in
    build) wanted=$(build_packages) ;;
    test) wanted=$(test_packages) ;;
    *) fail "usage: scripts/install-packages.sh build|test" ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is no Debian system; make sure that you have the equivalents of: $(echo "$wanted" | tr '\n' ' ')"
    exit 0
fi

missing=()
for package in $wanted; do
    # shellcheck disable=SC2016 # ${Status} is dpkg-query's
    status=$(dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    say "all there"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "not root and no sudo; run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
fi
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get --quiet --assume-yes -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1
}
log=$(mktemp)

# While packages are installed, /usr/sbin/policy-rc.d answers "don't start" (101), unless the machine has one already.
policy=/usr/sbin/policy-rc.d
own_policy=false
cleanup() {
    if $own_policy; then "${as_root[@]}" rm -f "$policy"; fi
    rm -f "$log"
}
trap cleanup EXIT
if [ ! -e "$policy" ]; then
    own_policy=true
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

needs_update=false
for package in "${missing[@]}"; do
    candidate=$(LC_ALL=C apt-cache policy "$package" 2>/dev/null | sed -n 's/^  Candidate: //p')
    if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then needs_update=true; fi
done

update() {
    say "reading the lists of packages"
    apt update || { cat "$log" >&2; fail "apt-get update failed; is there a network?"; }
}
if $needs_update; then update; fi
say "installing ${missing[*]}"
if ! apt install --no-install-recommends "${missing[@]}"; then
    # Lists that are too old name versions which the mirror has dropped.
    if $needs_update; then cat "$log" >&2; fail "apt-get install failed"; fi
    update
    apt install --no-install-recommends "${missing[@]}" || { cat "$log" >&2; fail "apt-get install failed"; }
fi

if command -v systemctl >/dev/null; then
    for package in "${missing[@]}"; do
        for unit in $(dpkg --listfiles "$package" | sed -n 's#^\(/usr\)\{0,1\}/lib/systemd/system/\([^/@]*\.service\)$#\2#p'); do
            now=()
            if [ -d /run/systemd/system ]; then now=(--now); fi
            "${as_root[@]}" systemctl --quiet disable "${now[@]}" "$unit" >>"$log" 2>&1 ||
                say "could not disable the service $unit; look whether it runs: systemctl status $unit"
        done
    done
fi
say "installed ${#missing[@]}"
