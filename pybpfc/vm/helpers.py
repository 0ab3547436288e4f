"""The kernel's helpers in the VM."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybpfc.vm.maps import VmMap
from pybpfc.vm.memory import (
    FunctionReference,
    MapReference,
    Pointer,
    Region,
    Value,
    VmError,
    check,
    read_bytes,
    signed,
    write_bytes,
)

if TYPE_CHECKING:
    from pybpfc.vm.machine import Run

PID, TID, UID = 4242, 4242, 1000
COMM = b"simulated"


@dataclass(slots=True)
class Call:
    """One helper call: the arguments, and a way to call back into the program."""

    run: Run
    name: str
    args: list[Any]
    back: Callable[[int, list[Any]], Value]

    def number(self, index: int) -> int:
        """A numeric argument."""
        value = self.args[index]
        if not isinstance(value, int):
            raise VmError(f"argument {index + 1} of `{self.name}` must be a number, not a pointer")
        return value

    def size(self, index: int) -> int:
        """A size argument."""
        return self.number(index) & 0xFFFFFFFF

    def map(self, index: int) -> VmMap:
        """A map argument."""
        value = self.args[index]
        if not isinstance(value, MapReference):
            raise VmError(f"argument {index + 1} of `{self.name}` must be a map")
        return self.run.machine.maps[value.name]

    def key(self, index: int, map: VmMap) -> bytes:
        """A key argument."""
        return read_bytes(self.args[index], map.spec.key_size)

    def memory(self, index: int, size: int) -> bytes:
        """A memory argument."""
        return read_bytes(self.args[index], size)


Helper = Callable[[Call], Value]
HELPER_FUNCTIONS: dict[str, Helper] = {}


def helper(function: Helper) -> Helper:
    """Register a helper under its function's name."""
    HELPER_FUNCTIONS["bpf_" + function.__name__] = function
    return function


# ---------------------------------------------------------------------------------------- maps


@helper
def map_lookup_elem(c: Call) -> Value:
    """The value under a key, or null."""
    map = c.map(0)
    found = map.find(c.key(1, map), c.run.cpu)
    return 0 if found is None else Pointer(found)


@helper
def map_update_elem(c: Call) -> Value:
    """Store a value."""
    map = c.map(0)
    return map.put(c.key(1, map), c.memory(2, map.spec.value_size), c.number(3), c.run.cpu)


@helper
def map_delete_elem(c: Call) -> Value:
    """Delete an entry."""
    map = c.map(0)
    return map.remove(c.key(1, map))


@helper
def map_push_elem(c: Call) -> Value:
    """Add to a queue, stack or bloom filter."""
    map = c.map(0)
    try:
        map.push(c.memory(1, map.spec.value_size), c.number(2))
    except OSError as error:
        return -(error.errno or errno.EINVAL)
    return 0


@helper
def map_pop_elem(c: Call) -> Value:
    """Take the next element."""
    return _take(c, c.map(0).pop())


@helper
def map_peek_elem(c: Call) -> Value:
    """The next element, or whether a bloom filter may hold the value."""
    map = c.map(0)
    if map.kind == "BLOOM_FILTER":
        return 0 if c.memory(1, map.spec.value_size) in map.records else -errno.ENOENT
    return _take(c, map.peek())


def _take(c: Call, value: bytes | None) -> Value:
    if value is None:
        return -errno.ENOENT
    write_bytes(c.args[1], value)
    return 0


@helper
def for_each_map_elem(c: Call) -> Value:
    """Call a function for each entry until it returns 1."""
    map, callback = c.map(0), c.args[1]
    if not isinstance(callback, FunctionReference):
        raise VmError("the callback must be a function")
    count = 0
    for key, regions in list(map.entries.items()):
        place = Region("a key", bytearray(key), writable=False)
        value = Pointer(regions[c.run.cpu if map.per_cpu else 0])
        count += 1
        if c.back(callback.start, [c.args[0], Pointer(place), value, c.args[2]]) == 1:
            break
    return count


@helper
def loop(c: Call) -> Value:
    """Call a function up to n times until it returns 1."""
    callback = c.args[1]
    if not isinstance(callback, FunctionReference):
        raise VmError("the callback must be a function")
    rounds = c.size(0)
    if rounds > 1 << 23:
        return -errno.E2BIG
    for index in range(rounds):
        if c.back(callback.start, [index, c.args[2]]) == 1:
            return index + 1
    return rounds


@helper
def tail_call(c: Call) -> Value:
    """Go on with another program, if there is one at the index."""
    slots = c.run.machine.program_slots.get(c.map(1).name, {})
    c.run.tail_call = slots.get(c.size(2))
    return 0


# -------------------------------------------------------------------------------------- events


@helper
def ringbuf_reserve(c: Call) -> Value:
    """Room for a record, or null."""
    map, size = c.map(0), c.number(1)
    used = sum(len(r) + 8 for r in map.records) + sum(len(r.data) + 8 for _, r in c.run.reservations.values())
    if used + size + 8 > map.spec.max_entries:
        map.lost += 1
        return 0
    region = Region(f"a record of `{map.name}`", bytearray(size))
    c.run.reservations[id(region)] = (map.name, region)
    return Pointer(region)


def _release(c: Call) -> tuple[str, Region]:
    pointer = c.args[0]
    if not isinstance(pointer, Pointer) or id(pointer.region) not in c.run.reservations or pointer.offset:
        raise VmError(f"`{c.name}` takes a reservation that is still open")
    name, region = c.run.reservations.pop(id(pointer.region))
    region.released = True
    return name, region


@helper
def ringbuf_submit(c: Call) -> Value:
    """Send a record."""
    name, region = _release(c)
    c.run.machine.maps[name].records.append(bytes(region.data))
    return 0


@helper
def ringbuf_discard(c: Call) -> Value:
    """Give a record back."""
    _release(c)
    return 0


@helper
def ringbuf_output(c: Call) -> Value:
    """Copy a record into a ring buffer."""
    return 0 if c.map(0).emit(c.memory(1, c.size(2))) else -errno.EAGAIN


@helper
def ringbuf_query(c: Call) -> Value:
    """A ring buffer's state: available data, size, positions."""
    map = c.map(0)
    used = sum(len(r) + 8 for r in map.records)
    return {0: used, 1: map.spec.max_entries}.get(c.number(1), 0)


@helper
def perf_event_output(c: Call) -> Value:
    """Copy a record into a perf buffer."""
    c.map(1).emit(c.memory(3, c.size(4)))
    return 0


# ------------------------------------------------------------------------------------- reading


def _probe_read(c: Call) -> Value:
    size = c.size(1)
    data = _foreign(c, c.args[2], size)
    write_bytes(c.args[0], data if data is not None else bytes(size))
    return 0 if data is not None else -errno.EFAULT


def _probe_read_str(c: Call) -> Value:
    size = c.size(1)
    if not size:
        return 0
    text = _foreign_text(c, c.args[2], size)
    if text is None:
        write_bytes(c.args[0], bytes(size))
        return -errno.EFAULT
    written = text[: size - 1] + b"\0"
    write_bytes(c.args[0], written)
    return len(written)


def _foreign(c: Call, address: Value, size: int) -> bytes | None:
    """Memory that is not the program's: registered by address, or reached by a pointer."""
    if isinstance(address, Pointer):
        region, at = check(address, size)
        return bytes(region.data[at : at + size])
    if not isinstance(address, int):
        return None
    for start, data in c.run.machine.memory.items():
        if start <= address and address + size <= start + len(data):
            return data[address - start : address - start + size]
    return None


def _foreign_text(c: Call, address: Value, size: int) -> bytes | None:
    if isinstance(address, Pointer):
        region, at = check(address, 1)
        return bytes(region.data[at : at + size]).partition(b"\0")[0]
    for start, data in c.run.machine.memory.items():
        if isinstance(address, int) and start <= address < start + len(data):
            return data[address - start :].partition(b"\0")[0][:size]
    return None


for _kind in ("", "_user", "_kernel"):
    HELPER_FUNCTIONS[f"bpf_probe_read{_kind}"] = _probe_read
    HELPER_FUNCTIONS[f"bpf_probe_read{_kind}_str"] = _probe_read_str


# ------------------------------------------------------------------------------ time, task, cpu


def _clock(c: Call) -> Value:
    c.run.machine.clock += 1000
    return c.run.machine.clock


for _name in ("ktime_get_ns", "ktime_get_boot_ns", "ktime_get_coarse_ns", "ktime_get_tai_ns"):
    HELPER_FUNCTIONS["bpf_" + _name] = _clock


@helper
def jiffies64(c: Call) -> Value:
    """Ticks of a 250 Hz clock."""
    return c.run.machine.clock // 4_000_000


@helper
def get_prandom_u32(c: Call) -> Value:
    """A number from the machine's seeded generator."""
    return c.run.machine.random.getrandbits(32)


@helper
def get_smp_processor_id(c: Call) -> Value:
    """The CPU."""
    return c.run.cpu


@helper
def get_numa_node_id(c: Call) -> Value:
    """The only node."""
    return 0


@helper
def get_current_pid_tgid(c: Call) -> Value:
    """A fixed task."""
    return PID << 32 | TID


@helper
def get_current_uid_gid(c: Call) -> Value:
    """A fixed user."""
    return UID << 32 | UID


@helper
def get_current_cgroup_id(c: Call) -> Value:
    """The root cgroup."""
    return 1


@helper
def get_current_comm(c: Call) -> Value:
    """A fixed name."""
    size = c.size(1)
    write_bytes(c.args[0], COMM[: size - 1].ljust(size, b"\0"))
    return 0


# ------------------------------------------------------------------------------------ printing

_SPECIFIER = re.compile(r"%(?P<flags>[#0-9]*)(?P<length>l{0,2})(?P<kind>[duxXocsp%])")


def _format(c: Call, text: bytes, values: list[Any]) -> str:
    pending = list(values)

    def show(found: re.Match[str]) -> str:
        kind, flags = found["kind"], found["flags"]
        if kind == "%":
            return "%"
        value = pending.pop(0) if pending else 0
        if kind == "s":
            return (_foreign_text(c, value, 4096) or b"").decode("utf-8", "replace")
        bits = 64 if found["length"] or kind == "p" else 32
        shown = value if isinstance(value, int) else 0xFFFF_8880_0000_0000
        if kind == "c":
            return chr(shown & 0xFF)
        if kind == "p":
            return f"{shown:016x}"
        if kind == "d":
            return f"%{flags}d" % signed(shown, bits)
        return f"%{flags}{'d' if kind == 'u' else kind}" % (shown & ((1 << bits) - 1))

    return _SPECIFIER.sub(show, text.partition(b"\0")[0].decode("utf-8", "replace"))


@helper
def trace_printk(c: Call) -> Value:
    """A line of the trace."""
    line = _format(c, c.memory(0, c.size(1)), c.args[2:])
    c.run.trace.append(line)
    return len(line) + 1


@helper
def trace_vprintk(c: Call) -> Value:
    """A line of the trace, from an array of values."""
    count = c.size(3) // 8
    pointer = c.args[2]
    values: list[Any] = []
    for index in range(count):
        place = pointer.moved(8 * index) if isinstance(pointer, Pointer) else pointer
        region, at = check(place, 8)
        values.append(region.pointers.get(at, int.from_bytes(region.data[at : at + 8], "little")))
    line = _format(c, c.memory(0, c.size(1)), values)
    c.run.trace.append(line)
    return len(line) + 1


# ------------------------------------------------------------------------------------- packets


@helper
def xdp_adjust_head(c: Call) -> Value:
    """Move the packet's start; pointers into the old packet end."""
    return _resize(c, signed(c.number(1), 32), at_head=True)


@helper
def xdp_adjust_tail(c: Call) -> Value:
    """Move the packet's end."""
    return _resize(c, signed(c.number(1), 32), at_head=False)


def _resize(c: Call, delta: int, *, at_head: bool) -> Value:
    packet = c.run.packet
    if packet is None:
        raise VmError(f"`{c.name}` needs a packet")
    size = len(packet.data) - delta if at_head else len(packet.data) + delta
    if size < 14 or size > 65536 or (at_head and delta < -256):
        return -errno.EINVAL
    old = bytes(packet.data)
    if at_head:
        data = old[delta:] if delta >= 0 else bytes(-delta) + old
    else:
        data = old[:size].ljust(size, b"\0")
    fresh = Region("the packet", bytearray(data))
    packet.released = True
    packet.name = "the packet as it was before a helper moved it"
    c.run.packet = fresh
    context = c.run.context.region
    for place, value in context.fixed.items():
        if isinstance(value, Pointer):
            context.fixed[place] = Pointer(fresh, len(data) if value.offset else 0)
    return 0


@helper
def skb_load_bytes(c: Call) -> Value:
    """Copy out of the packet."""
    return _load_packet(c, c.size(1), c.args[2], c.size(3))


@helper
def xdp_load_bytes(c: Call) -> Value:
    """Copy out of the packet."""
    return _load_packet(c, c.size(1), c.args[2], c.size(3))


def _load_packet(c: Call, offset: int, to: Value, size: int) -> Value:
    packet = c.run.packet
    if packet is None or offset + size > len(packet.data):
        write_bytes(to, bytes(size))
        return -errno.EFAULT
    write_bytes(to, bytes(packet.data[offset : offset + size]))
    return 0


@helper
def redirect(c: Call) -> Value:
    """Send the packet elsewhere: XDP_REDIRECT."""
    return 4


@helper
def csum_diff(c: Call) -> Value:
    """The difference that replacing bytes makes to an internet checksum."""
    old, new = c.memory(0, c.size(1)), c.memory(2, c.size(3))
    total = c.number(4)
    for data, invert in ((old, True), (new, False)):
        for at in range(0, len(data), 4):
            word = int.from_bytes(data[at : at + 4], "little")
            total += ~word & 0xFFFFFFFF if invert else word
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


@helper
def spin_lock(c: Call) -> Value:
    """Nothing else runs."""
    return 0


@helper
def spin_unlock(c: Call) -> Value:
    """Nothing else runs."""
    return 0


@helper
def strncmp(c: Call) -> Value:
    """Compare a string of the program with a constant one."""
    one = c.memory(0, c.size(1)).partition(b"\0")[0]
    other = (_foreign_text(c, c.args[2], c.size(1)) or b"")[: c.size(1)]
    return (one > other) - (one < other)
