"""Dynptrs: pointers that carry their bounds. On the stack one is an object that programs can't look into."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.lang.types import Space
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import (
    context,
    function,
    helper,
    kfunc,
    map_of,
    memory,
    number,
    number32,
    read,
    write,
    write_zeros,
)
from pybpfc.vm.maps.events import RingBuffer, UserRingBuffer
from pybpfc.vm.packet import Packet
from pybpfc.vm.regions import Region
from pybpfc.vm.values import NonScalar, Pointer, Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_MAX_SIZE = 0xFF_FFFF
_MAX_SAMPLES = 128 * 1024


class Dynptr(NonScalar):
    """Bounds over memory or over a packet; null when it leads nowhere."""

    __slots__ = ("packet", "region", "size", "start", "writable")

    def __init__(
        self,
        region: Region | None,
        start: int = 0,
        size: int = 0,
        *,
        packet: Packet | None = None,
        writable: bool = True,
    ) -> None:
        self.region = region
        self.start = start
        self.size = size
        self.packet = packet
        self.writable = writable

    def describe(self) -> str:
        """What it is, for messages."""
        return "a dynptr"

    @property
    def null(self) -> bool:
        """Whether it leads nowhere."""
        return self.region is None and self.packet is None

    def read(self, offset: int, size: int) -> bytes | int:
        """Bytes, or a negative errno."""
        if self.null:
            return -errno.EINVAL
        if offset + size > self.size:
            return -errno.E2BIG
        if self.packet is not None:
            found = self.packet.read(self.start + offset, size)
            return found if found is not None else -errno.EFAULT
        assert self.region is not None
        return self.region.read(self.start + offset, size)

    def write(self, offset: int, data: bytes) -> int:
        """Change bytes: 0 or a negative errno."""
        if self.null or not self.writable:
            return -errno.EINVAL
        if offset + len(data) > self.size:
            return -errno.E2BIG
        if self.packet is not None:
            return 0 if self.packet.write(self.start + offset, data) else -errno.EFAULT
        assert self.region is not None
        self.region.write(self.start + offset, data)
        return 0


def dynptr(value: Value) -> Dynptr:
    """The dynptr behind a register."""
    if isinstance(value, Dynptr):
        return value
    place = memory(value)
    kept = getattr(place.region, "pointers", {}).get(place.offset)
    if not isinstance(kept, Dynptr):
        raise VmError("a dynptr is expected, and none was made there")
    return kept


def keep(vm: Execution, place: Value, made: Dynptr) -> None:
    """Put a dynptr on the stack."""
    target = memory(place)
    if target.region.space is not Space.STACK:
        raise VmError("a dynptr lives on the stack only")
    for part in (0, 8):
        target.region.store(target.offset + part, 8, made, vm.order)


@helper("bpf_dynptr_from_mem")
def from_mem(vm: Execution, data: Value, size: Value, flags: Value, out: Value) -> int:
    """A dynptr over a map value or a global."""
    place, count = memory(data), number32(size)
    if number(flags) or count > _MAX_SIZE:
        keep(vm, out, Dynptr(None))
        return -errno.EINVAL if number(flags) else -errno.E2BIG
    place.region.check(place.offset, count)
    keep(vm, out, Dynptr(place.region, place.offset, count))
    return 0


@helper("bpf_ringbuf_reserve_dynptr")
def reserve(vm: Execution, map: Value, size: Value, flags: Value, out: Value) -> int:
    """Room for a record of any size, which must be given back in every case."""
    buffer: RingBuffer = map_of(map, RingBuffer)
    record = buffer.reserve(number32(size), number(flags)) if not number(flags) else None
    if record is None:
        keep(vm, out, Dynptr(None))
        return -errno.EINVAL
    vm.reserve(buffer, record)
    keep(vm, out, Dynptr(record.region, 0, record.size))
    return 0


def _finish(vm: Execution, place: Value, discard: bool) -> None:
    found = dynptr(place)
    if found.region is None:
        return
    held = vm.reservations.pop(found.region, None)
    if held is None:
        raise VmError("the dynptr is no reservation of a ring buffer")
    held.buffer.commit(held.record, vm.cpu, discard=discard)
    found.region = None


@helper("bpf_ringbuf_submit_dynptr")
def submit(vm: Execution, place: Value, flags: Value) -> None:
    """Send a reserved record."""
    _finish(vm, place, discard=False)


@helper("bpf_ringbuf_discard_dynptr")
def discard(vm: Execution, place: Value, flags: Value) -> None:
    """Drop a reserved record."""
    _finish(vm, place, discard=True)


@helper("bpf_dynptr_read")
def dynptr_read(vm: Execution, out: Value, size: Value, source: Value, offset: Value, flags: Value) -> int:
    """Copy out of a dynptr."""
    if number(flags):
        return -errno.EINVAL
    found = dynptr(source).read(number32(offset), number32(size))
    if isinstance(found, int):
        write_zeros(out, number32(size))
        return found
    write(out, found)
    return 0


@helper("bpf_dynptr_write")
def dynptr_write(vm: Execution, target: Value, offset: Value, source: Value, size: Value, flags: Value) -> int:
    """Copy into a dynptr."""
    data = read(source, number32(size))
    return -errno.EINVAL if number(flags) else dynptr(target).write(number32(offset), data)


@helper("bpf_dynptr_data")
def dynptr_data(vm: Execution, source: Value, offset: Value, size: Value) -> Value:
    """A reference into a dynptr's memory, or 0."""
    found, at, count = dynptr(source), number32(offset), number32(size)
    if found.region is None or not found.writable or at + count > found.size:
        return 0
    return Pointer(found.region, found.start + at, True)


@helper("bpf_user_ringbuf_drain")
def drain(vm: Execution, map: Value, callback: Value, argument: Value, flags: Value) -> int:
    """Call back with each sample until the callback returns 1; gives the number of samples taken."""
    buffer: UserRingBuffer = map_of(map, UserRingBuffer)
    called, taken = function(callback), 0
    if number(flags) & ~3:
        return -errno.EINVAL
    while taken < _MAX_SAMPLES and (sample := buffer.next_sample()) is not None:
        taken += 1
        region = Region("the sample", bytearray(sample), Space.RINGBUF, writable=False)
        if number(called.call(vm, Dynptr(region, 0, len(sample), writable=False), argument)):
            break
    return taken


# ---------------------------------------------------------------------------------- kfuncs


@kfunc("bpf_dynptr_from_skb", "bpf_dynptr_from_xdp")
def from_packet(vm: Execution, ctx: Value, flags: Value, out: Value, *_: Value) -> int:
    """A dynptr over the packet."""
    context(vm, ctx)
    packet = vm.input.packet
    if number(flags) or packet is None:
        keep(vm, out, Dynptr(None))
        return -errno.EINVAL
    keep(vm, out, Dynptr(None, 0, len(packet), packet=packet, writable=packet.writable))
    return 0


@kfunc("bpf_dynptr_slice", "bpf_dynptr_slice_rdwr")
def slice_of(vm: Execution, source: Value, offset: Value, buffer: Value, size: Value, *_: Value) -> Value:
    """A reference to a part of a dynptr, or 0."""
    found, at, count = dynptr(source), number32(offset), number32(size)
    if found.null or at + count > found.size:
        return 0
    if found.packet is not None:
        start = found.packet.data
        return Pointer(start.region, start.offset + found.start + at, True)
    assert found.region is not None
    return Pointer(found.region, found.start + at, True)


@kfunc("bpf_dynptr_size")
def size_of(vm: Execution, source: Value, *_: Value) -> int:
    """A dynptr's size."""
    found = dynptr(source)
    return -errno.EINVAL if found.null else found.size


@kfunc("bpf_dynptr_is_null")
def is_null(vm: Execution, source: Value, *_: Value) -> int:
    """Whether it leads nowhere."""
    return int(dynptr(source).null)


@kfunc("bpf_dynptr_is_rdonly")
def is_read_only(vm: Execution, source: Value, *_: Value) -> int:
    """Whether it can't be written through."""
    found = dynptr(source)
    return int(not found.null and not found.writable)


@kfunc("bpf_dynptr_adjust")
def adjust(vm: Execution, source: Value, start: Value, end: Value, *_: Value) -> int:
    """Narrow a dynptr's bounds."""
    found, low, high = dynptr(source), number32(start), number32(end)
    if found.null or low > high:
        return -errno.EINVAL
    if low > found.size or high > found.size:
        return -errno.ERANGE
    found.start, found.size = found.start + low, high - low
    return 0


@kfunc("bpf_dynptr_clone")
def clone(vm: Execution, source: Value, out: Value, *_: Value) -> int:
    """Another dynptr of the same bounds."""
    found = dynptr(source)
    keep(vm, out, Dynptr(found.region, found.start, found.size, packet=found.packet, writable=found.writable))
    return -errno.EINVAL if found.null else 0
