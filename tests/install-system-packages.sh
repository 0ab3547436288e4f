#!/bin/sh
# Installs what the tests compare with and boot, from Debian packages by name. Each package that cannot be had is
# left out: the tests that need it are skipped and say why. Mounts the file systems that kernel tests use.
set -u
if [ "$(id -u)" = 0 ]; then
    mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing || true
    mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || true
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not root, or no apt: tests that need system packages are skipped where they are missing"
    exit 0
fi
missing=
for pair in qemu-system-x86_64:qemu-system-x86 cpio:cpio busybox:busybox-static clang-22:clang-22 \
    llvm-objdump-22:llvm-22 bpftool:bpftool ip:iproute2; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -e /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev"
[ -z "$missing" ] && exit 0
echo "installing:$missing"
apt-get update -qq || true
for package in $missing; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
        echo "could not install $package: the tests that need it are skipped"
done
exit 0
