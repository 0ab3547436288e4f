"""Internet checksums, in the kernel's representation: 32-bit partial sums of 16-bit words in memory order."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from pybpfc.vm.helpers.base import context, helper, number, number32, read_or_null
from pybpfc.vm.values import Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

HEADER_SIZE, PSEUDO_HEADER, MANGLED_0, ENFORCE, IPV6 = 0xF, 1 << 4, 1 << 5, 1 << 6, 1 << 7


def add(a: int, b: int) -> int:
    """The sum of two partial sums."""
    total = a + b
    return (total + (total >> 32)) & 0xFFFF_FFFF


def fold(total: int) -> int:
    """A partial sum as the 16-bit checksum."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def partial(data: bytes, start: int, order: str) -> int:
    """The partial sum of bytes, whose 16-bit words are in memory order."""
    sign = "<" if order == "little" else ">"
    padded = data + b"\0" * (len(data) & 1)
    total: int = sum(struct.unpack(f"{sign}{len(padded) // 2}H", padded)) + start
    while total >> 32:
        total = (total & 0xFFFF_FFFF) + (total >> 32)
    return total


def _reduce(total: int) -> int:
    """A partial sum in 16 bits, not complemented."""
    return ~fold(total) & 0xFFFF


@helper("bpf_csum_diff")
def csum_diff(vm: Execution, old: Value, old_size: Value, new: Value, new_size: Value, seed: Value) -> int:
    """The difference that replacing bytes makes to a checksum."""
    before, after = number32(old_size), number32(new_size)
    if (before | after) & 3:
        return -errno.EINVAL
    start = number32(seed)
    if after:
        start = partial(read_or_null(new, after), start, vm.order)
    if before:
        # what only removes goes through the complement, which tells the two zeros of the sum apart
        removed = partial(read_or_null(old, before), 0 if after else ~start & 0xFFFF_FFFF, vm.order)
        start = add(start, ~removed & 0xFFFF_FFFF) if after else ~removed & 0xFFFF_FFFF
    return _reduce(start)


@helper("bpf_csum_update")
def csum_update(vm: Execution, skb: Value, value: Value) -> int:
    """The simulation keeps no checksum of received packets."""
    context(vm, skb)
    number32(value)
    return -errno.ENOTSUP


@helper("bpf_csum_level", "bpf_set_hash_invalid", "bpf_skb_ecn_set_ce")
def no_offload(vm: Execution, skb: Value, value: Value = 0) -> int:
    """What concerns offloading and has no effect here."""
    context(vm, skb)
    return 0


def _replace(
    vm: Execution, skb: Value, offset: int, update: int, *, skip_zero: bool = False, mangle: bool = False
) -> int:
    """Apply a change to the checksum at an offset of the packet."""
    context(vm, skb)
    packet = vm.input.packet
    raw = packet.read(offset, 2) if packet is not None and offset <= 0xFFFF and not offset & 1 else None
    if packet is None or raw is None:
        return -errno.EFAULT
    known = int.from_bytes(raw, vm.order)
    if skip_zero and not known:
        return 0
    result = fold(add(~known & 0xFFFF, update))
    if mangle and not result:
        result = 0xFFFF
    packet.write(offset, result.to_bytes(2, vm.order))
    packet.touched("bpf_l4_csum_replace")
    return 0


def _change(old: int, new: int, size: int) -> int | None:
    """The partial sum of replacing `old` by `new`; None for a size that no field has."""
    match size:
        case 0:
            return new if not old else None
        case 2:
            return add(~(old & 0xFFFF) & 0xFFFF, new & 0xFFFF)
        case 4:
            return add(~old & 0xFFFF_FFFF, new & 0xFFFF_FFFF)
    return None


@helper("bpf_l3_csum_replace")
def l3_replace(vm: Execution, skb: Value, offset: Value, old: Value, new: Value, flags: Value) -> int:
    """Correct the IP checksum after a field has changed."""
    wanted = number(flags)
    change = _change(number(old), number(new), wanted & HEADER_SIZE)
    if wanted & ~HEADER_SIZE or change is None:
        return -errno.EINVAL
    return _replace(vm, skb, number32(offset), change & 0xFFFF_FFFF)


@helper("bpf_l4_csum_replace")
def l4_replace(vm: Execution, skb: Value, offset: Value, old: Value, new: Value, flags: Value) -> int:
    """Correct the TCP or UDP checksum after a field has changed."""
    wanted = number(flags)
    change = _change(number(old), number(new), wanted & HEADER_SIZE)
    if wanted & ~(MANGLED_0 | ENFORCE | PSEUDO_HEADER | HEADER_SIZE | IPV6) or change is None:
        return -errno.EINVAL
    mangled = bool(wanted & MANGLED_0)
    skip = mangled and not wanted & ENFORCE
    return _replace(vm, skb, number32(offset), change & 0xFFFF_FFFF, skip_zero=skip, mangle=mangled)
