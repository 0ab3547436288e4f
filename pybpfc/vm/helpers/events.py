"""Helpers that send events: ring buffers, perf event arrays, the trace, stack traces."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import context, helper, map_of, memory, number, read_or_null, room
from pybpfc.vm.helpers.format import format_message
from pybpfc.vm.maps.events import PerfEventArray, RingBuffer
from pybpfc.vm.maps.storage import StackTraces
from pybpfc.vm.values import Pointer, Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_INDEX, _LENGTH = 0xFFFF_FFFF, 0xFFFFF << 32


@helper("bpf_ringbuf_reserve")
def reserve(vm: Execution, map: Value, size: Value, flags: Value) -> Value:
    """Room for a record, which may be null; every path must give it back."""
    buffer: RingBuffer = map_of(map, RingBuffer)
    record = buffer.reserve(number(size), number(flags))
    if record is None:
        return 0
    vm.reserve(buffer, record)
    return Pointer(record.region, 0, True)


def _finish(vm: Execution, data: Value, discard: bool) -> None:
    pointer = memory(data)
    pointer.region.check(0, 0)
    held = vm.reservations.pop(pointer.region, None)
    if held is None:
        raise VmError(f"{pointer.describe()} is no reservation of a ring buffer")
    if pointer.offset:
        raise VmError("a ring buffer reservation is given back by a pointer that was moved")
    held.buffer.commit(held.record, vm.cpu, discard=discard)


@helper("bpf_ringbuf_submit")
def submit(vm: Execution, data: Value, flags: Value) -> None:
    """Send a reserved record."""
    number(flags)
    _finish(vm, data, discard=False)


@helper("bpf_ringbuf_discard")
def discard(vm: Execution, data: Value, flags: Value) -> None:
    """Drop a reserved record."""
    number(flags)
    _finish(vm, data, discard=True)


@helper("bpf_ringbuf_output")
def output(vm: Execution, map: Value, data: Value, size: Value, flags: Value) -> int:
    """Copy a record into the buffer."""
    buffer: RingBuffer = map_of(map, RingBuffer)
    return buffer.output(read_or_null(data, number(size)), number(flags), vm.cpu)


@helper("bpf_ringbuf_query")
def query(vm: Execution, map: Value, flags: Value) -> int:
    """What the buffer holds."""
    buffer: RingBuffer = map_of(map, RingBuffer)
    return buffer.query(number(flags))


@helper("bpf_perf_event_output", "bpf_skb_output", "bpf_xdp_output")
def perf_output(vm: Execution, ctx: Value, map: Value, flags: Value, data: Value, size: Value) -> int:
    """Send an event; packet programs may have a part of the packet appended."""
    buffer: PerfEventArray = map_of(map, PerfEventArray)
    if memory(ctx).region is vm.input.context:
        context(vm, ctx)
    wanted, raw = number(flags), read_or_null(data, number(size))
    packet = vm.input.packet
    if wanted & ~(_INDEX | (_LENGTH if packet is not None else 0)):
        return -errno.EINVAL
    extra = wanted >> 32
    if extra and packet is not None:
        appended = packet.read(0, extra)
        if appended is None:
            return -errno.EFAULT
        raw += appended
    return buffer.output(raw, wanted & _INDEX, vm.cpu)


# ------------------------------------------------------------------------------------ trace


@helper("bpf_trace_printk")
def trace_printk(vm: Execution, pattern: Value, size: Value, *arguments: Value) -> int:
    """Write a line to the trace, which the result keeps."""
    raw = read_or_null(pattern, number(size))
    line = format_message(vm, raw, list(arguments), direct=True)
    if isinstance(line, int):
        return line
    vm.trace.append(line.decode("utf-8", "replace").removesuffix("\n"))
    return len(line)


@helper("bpf_trace_vprintk")
def trace_vprintk(vm: Execution, pattern: Value, size: Value, data: Value, length: Value) -> int:
    """`bpf_trace_printk` for any number of values."""
    raw = read_or_null(pattern, number(size))
    values = words(vm, data, number(length))
    if values is None:
        return -errno.EINVAL
    line = format_message(vm, raw, values)
    if isinstance(line, int):
        return line
    vm.trace.append(line.decode("utf-8", "replace").removesuffix("\n"))
    return len(line)


def words(vm: Execution, data: Value, length: int) -> list[Value] | None:
    """An array of 8-byte values, pointers included; None for a wrong length."""
    if length % 8 or length > 12 * 8:
        return None
    if not length:
        return []
    place = memory(data)
    return [place.region.load(place.offset + at, 8, vm.order) for at in range(0, length, 8)]


# ----------------------------------------------------------------------------------- stacks


@helper("bpf_get_stackid")
def get_stackid(vm: Execution, ctx: Value, map: Value, flags: Value) -> int:
    """The id of a made-up stack: the places in the program itself, as addresses."""
    stacks: StackTraces = map_of(map, StackTraces)
    context(vm, ctx)
    skip = number(flags) & 0xFF
    return stacks.keep(vm.stack()[skip:])


@helper("bpf_get_stack", "bpf_get_task_stack")
def get_stack(vm: Execution, source: Value, buffer: Value, size: Value, flags: Value) -> int:
    """The made-up stack's addresses; gives the number of bytes written."""
    count = number(size)
    if count % 8:
        return -errno.EINVAL
    place = room(buffer, count)
    raw = b"".join(a.to_bytes(8, vm.order) for a in vm.stack()[number(flags) & 0xFF :])[:count]
    place.region.write(place.offset, raw.ljust(count, b"\0"))
    return len(raw)
