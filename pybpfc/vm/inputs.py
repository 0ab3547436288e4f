"""From what a caller gives (`data=`, `ctx=`) to what a program starts with, as in the kernel's test run."""

from __future__ import annotations

import functools
import struct as packing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.program_types import PROGRAM_TYPES, Section
from pybpfc.abi.tracepoints import TRACEPOINTS, TracepointField
from pybpfc.lang.types import Space
from pybpfc.vm.address_space import AddressSpace, KernelMemory, UserMemory
from pybpfc.vm.context_rules import Rules, rules
from pybpfc.vm.contexts import ContextImage, RecordContext, StructContext, struct_context, unknown_field, whole
from pybpfc.vm.errors import VmError
from pybpfc.vm.packet import ETHERNET, Packet
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import PacketEnd, Pointer

RAW_ARGUMENTS = 12
_HIDDEN = 8

_ARM_ARGUMENTS = tuple(f"x{n}" for n in range(8))
# for each machine: registers of arguments, of a system call's arguments, of the result
_CONVENTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "x86_64": (("di", "si", "dx", "cx", "r8", "r9"), ("di", "si", "dx", "r10", "r8", "r9"), "ax"),
    "aarch64": (_ARM_ARGUMENTS, _ARM_ARGUMENTS, "x0"),
}


@dataclass(slots=True)
class Input:
    """A program's start: the context behind r1, its packet, and a tracing program's arguments."""

    context: Region
    packet: Packet | None = None
    arguments: list[int] = field(default_factory=list)
    result: int = 0
    link_header: bytes = b""
    output: Region | None = None
    with_metadata: bool = False

    @property
    def pointer(self) -> Pointer:
        """The first argument."""
        return Pointer(self.context)

    @property
    def data(self) -> bytes:
        """What a test run gives back as data."""
        if self.output is not None:
            return self._flow_keys(self.output)
        if self.packet is None:
            return b""
        if self.with_metadata:
            return bytes(self.packet.region.data)
        return bytes(len(self.link_header)) + self.packet.contents

    def _flow_keys(self, keys: Region) -> bytes:
        """The flow keys with their header offsets kept within the packet, as the kernel keeps them."""
        order: Order = self.context.order if isinstance(self.context, StructContext) else "little"
        end = len(self.packet) if self.packet is not None else 0
        network = min(max(int.from_bytes(keys.data[:2], order), ETHERNET), end)
        transport = min(max(int.from_bytes(keys.data[2:4], order), network), end)
        return network.to_bytes(2, order) + transport.to_bytes(2, order) + bytes(keys.data[4:])

    def image(self, memory: AddressSpace) -> ContextImage:
        """The context as it is now; fields that are pointers are zero."""
        region = self.context
        if isinstance(region, StructContext):
            return ContextImage.of(bytes(region.data), region.struct, region.order)
        return ContextImage.of(bytes(region.data), None, memory.order)


def make_input(kind: Section | None, section: str, data: bytes, ctx: Any, memory: AddressSpace) -> Input:
    """What a program of a section starts with; raises `VmError` for what does not fit it."""
    program_type = kind.program_type.removeprefix("BPF_PROG_TYPE_") if kind is not None else ""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise VmError(f"`data` is the packet's bytes, not {type(data).__name__}")
    maker = _MAKERS.get(program_type, _plain)
    return maker(_Request(kind, program_type, section.removeprefix("?"), bytes(data), ctx, memory))


@functools.cache
def _rules(name: str, program_type: str, attach_type: str | None) -> Rules:
    return rules(CONTEXTS[name], program_type, attach_type)


@dataclass(slots=True)
class _Request:
    kind: Section | None
    program_type: str
    section: str
    data: bytes
    ctx: Any
    memory: AddressSpace

    @property
    def struct(self) -> StructContext:
        """An empty context of the program type's struct."""
        name = PROGRAM_TYPES["BPF_PROG_TYPE_" + self.program_type].context
        attach_type = self.kind.expected_attach_type if self.kind is not None else None
        return struct_context(name, self.memory.order, _rules(name, self.program_type, attach_type))


def _fill(context: StructContext, request: _Request) -> None:
    """Set the fields that the caller gave."""
    ctx = request.ctx
    if ctx is None:
        return
    if isinstance(ctx, bytes | bytearray):
        if len(ctx) > context.size:
            raise VmError(f"`{context.struct.name}` has {context.size} bytes, not {len(ctx)}")
        context.data[: len(ctx)] = ctx
    elif isinstance(ctx, Mapping):
        plain = {name: value for name, value in ctx.items() if not _place_object(context, name, value, request)}
        context.fill(plain)
    else:
        raise VmError(f"`ctx` of this program is bytes or a dict of fields, not {type(ctx).__name__}")


def _place_object(context: StructContext, name: str, value: Any, request: _Request) -> bool:
    """Set a field that is a pointer: a dict of the struct's fields, None, or a number (an address)."""
    found = next((f for f in context.struct.fields if f.name == name), None)
    if found is None or not found.pointer or found.pointer == "void":
        return False
    if found.pointer not in CONTEXTS:
        address = request.memory.place(value, user=False)
        context.live[name] = lambda: address
        return True
    if value is None:
        return True
    if not isinstance(value, Mapping):
        raise VmError(f"`{name}` is a dict of the fields of `{found.pointer}`, or None")
    inner = struct_context(found.pointer, request.memory.order)
    inner.fill(value)
    context.live[name] = lambda: Pointer(inner, 0, True)
    return True


# ---------------------------------------------------------------------------------- packets


def _xdp(request: _Request) -> Input:
    context, packet = request.struct, Packet(request.data)
    if isinstance(request.ctx, Mapping) or request.ctx is None:
        _fill(context, request)
    else:
        _fill(context, request)
        meta = context.get("data")
        if meta > len(request.data) or context.get("data_end") not in (0, len(request.data)):
            raise VmError("`data` and `data_end` of the context do not fit the packet")
        packet.start += meta
    context.live.update(data=lambda: packet.data, data_end=lambda: packet.data_end, data_meta=lambda: packet.data_meta)
    return Input(context, packet, with_metadata=True)


_LINK_LAYER = frozenset({"SCHED_CLS", "SCHED_ACT"})
_READ_ONLY = frozenset({"LWT_IN", "LWT_OUT", "LWT_SEG6LOCAL", "CGROUP_SKB", "FLOW_DISSECTOR"})


def _skb(request: _Request) -> Input:
    """An skb; as in the kernel's test run, programs above the link layer do not see the Ethernet header."""
    context, data, link_header = request.struct, request.data, b""
    if request.program_type not in _LINK_LAYER | {"FLOW_DISSECTOR"}:
        data, link_header = data[ETHERNET:], data[:ETHERNET]
    packet = Packet(data, writable=request.program_type not in _READ_ONLY)
    header = request.data[:ETHERNET].ljust(ETHERNET, b"\0")
    context.set("protocol", int.from_bytes(header[12:14], "big"))
    context.set("pkt_type", _packet_type(header[:6]))
    context.set("ifindex", 1)
    _fill(context, request)
    context.live["len"] = lambda: len(packet)
    context.live.update(data=lambda: packet.data, data_end=lambda: packet.data_end, data_meta=lambda: packet.data_meta)
    context.live.setdefault("sk", lambda: 0)
    made = Input(context, packet, link_header=link_header)
    if request.program_type == "FLOW_DISSECTOR":
        keys = Region("the flow keys", bytearray(CONTEXTS["bpf_flow_keys"].size), Space.KERNEL)
        keys.data[:4] = 2 * ETHERNET.to_bytes(2, request.memory.order)
        keys.data[10:12] = header[12:14]
        context.live["flow_keys"] = lambda: Pointer(keys)
        made.output = keys
    return made


def _packet_type(destination: bytes) -> int:
    """A test run's packets come through the loopback device: its address is zero, all groups are multicast to it."""
    if destination == bytes(6):
        return 0
    return 2 if destination[0] & 1 else 3


def _with_buffer(request: _Request) -> Input:
    """Contexts with a buffer between two 8-byte pointers: messages, socket options."""
    context = request.struct
    begin, end = ("optval", "optval_end") if request.program_type == "CGROUP_SOCKOPT" else ("data", "data_end")
    if request.program_type == "SOCK_OPS":
        begin, end = "skb_data", "skb_data_end"
    packet = Packet(request.data, headroom=0, writable=request.program_type not in ("SOCK_OPS", "SK_REUSEPORT"))
    _fill(context, request)
    context.live[begin] = lambda: packet.data
    context.live[end] = lambda: PacketEnd(packet.region, packet.end - packet.meta)
    if request.program_type == "SK_MSG":
        context.live["size"] = lambda: len(packet)
    _null_pointers(context)
    return Input(context, packet)


def _struct(request: _Request) -> Input:
    context = request.struct
    _fill(context, request)
    _null_pointers(context)
    return Input(context)


def _null_pointers(context: StructContext) -> None:
    """Pointers that nobody gave are null."""
    for known in context.struct.fields:
        if known.pointer and known.name not in context.live:
            context.live[known.name] = lambda: 0


# ---------------------------------------------------------------------------------- tracing


@functools.cache
def _event_fields(event: str) -> dict[str, TracepointField]:
    return {f.name: f for f in TRACEPOINTS.get(event, ())}


def _tracepoint(request: _Request) -> Input:
    """A tracepoint's record, from bytes or from its format's fields."""
    event = request.section.partition("/")[2]
    fields = _event_fields(event)
    size = max((f.offset + f.size for f in fields.values()), default=_HIDDEN)
    ctx = request.ctx
    if isinstance(ctx, bytes | bytearray):
        return Input(RecordContext("the tracepoint's record", bytes(ctx).ljust(size, b"\0"), first=_HIDDEN))
    record = bytearray(-(-size // 8) * 8)
    if ctx is not None and not isinstance(ctx, Mapping):
        raise VmError(f"`ctx` of a tracepoint is bytes or a dict of its fields, not {type(ctx).__name__}")
    if ctx and not fields:
        raise VmError(
            f"the fields of tracepoint `{event}` are not known here", remedy="give `ctx` as the record's bytes"
        )
    for name, value in (ctx or {}).items():
        found = fields.get(name)
        if found is None:
            raise unknown_field(event, name, list(fields))
        _set_record_field(record, found, value, request.memory)
    return Input(RecordContext("the tracepoint's record", bytes(record), first=_HIDDEN))


def _set_record_field(record: bytearray, known: TracepointField, value: Any, memory: AddressSpace) -> None:
    place, order = slice(known.offset, known.offset + known.size), memory.order
    if "__data_loc" in known.ctype and not isinstance(value, int):
        raw = value.encode() + b"\0" if isinstance(value, str) else bytes(value)
        record[place] = (len(raw) << 16 | len(record)).to_bytes(4, order)
        record += raw + bytes(-len(raw) % 8)
        return
    if "*" in known.ctype and known.size == 8:
        record[place] = memory.place(value, user=known.from_user).to_bytes(8, order)
        return
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes | bytearray):
        if len(value) > known.size:
            raise VmError(f"`{known.name}` has {known.size} bytes, not {len(value)}")
        record[place] = bytes(value).ljust(known.size, b"\0")
        return
    if isinstance(value, list | tuple):
        width = known.size // max(len(value), 1) if known.size % max(len(value), 1) == 0 else 8
        raw = b"".join((whole(known.name, v) & (1 << 8 * width) - 1).to_bytes(width, order) for v in value)
        record[place] = raw[: known.size].ljust(known.size, b"\0")
        return
    number = memory.place(value) if known.size == 8 else whole(known.name, value)
    record[place] = (number & (1 << 8 * known.size) - 1).to_bytes(known.size, order)


def _words(values: Iterable[Any], memory: AddressSpace, count: int) -> tuple[bytes, list[int]]:
    numbers = [memory.place(v, user=False) for v in values]
    sign = "<" if memory.order == "little" else ">"
    padded = [*numbers, *[0] * (count - len(numbers))]
    return packing.pack(f"{sign}{len(padded)}Q", *padded), numbers


def _arguments(request: _Request) -> Input:
    """An array of 8-byte arguments: raw tracepoints, fentry, fexit, LSM, iterators."""
    ctx, result = request.ctx, None
    if isinstance(ctx, bytes | bytearray):
        raw = bytes(ctx) + bytes(-len(ctx) % 8)
        sign = "<" if request.memory.order == "little" else ">"
        arguments = list(packing.unpack(f"{sign}{len(raw) // 8}Q", raw))
        return Input(RecordContext("the arguments", raw.ljust(8 * RAW_ARGUMENTS, b"\0")), arguments=arguments)
    if isinstance(ctx, Mapping):
        extra = set(ctx) - {"args", "ret"}
        if extra:
            raise unknown_field("the arguments", sorted(extra)[0], ["args", "ret"])
        result = request.memory.place(ctx["ret"], user=False) if "ret" in ctx else None
        ctx = ctx.get("args", ())
    if ctx is not None and not isinstance(ctx, list | tuple):
        raise VmError("`ctx` of this program is a list of its arguments, or a dict of `args` and `ret`")
    raw, arguments = _words([*(ctx or ()), *([result] if result is not None else [])], request.memory, RAW_ARGUMENTS)
    if result is not None:
        arguments.pop()
    return Input(RecordContext("the arguments", raw), arguments=arguments, result=result or 0)


def _registers(request: _Request) -> Input:
    """`pt_regs`: bytes, or registers by name, with `args` and `ret` as the calling convention places them."""
    struct = CONTEXTS[PROGRAM_TYPES["BPF_PROG_TYPE_" + request.program_type].context]
    ctx, memory = request.ctx, request.memory
    label = "the registers"
    if isinstance(ctx, bytes | bytearray):
        return Input(RecordContext(label, bytes(ctx).ljust(struct.size, b"\0")))
    if ctx is not None and not isinstance(ctx, Mapping):
        raise VmError("`ctx` of this program is bytes, or a dict of registers, `args` and `ret`")
    values = dict(ctx or {})
    given = values.pop("args", ())
    if not isinstance(given, list | tuple):
        raise VmError(f"`args` is a list of arguments, not {given!r}")
    arguments = [memory.place(v) for v in given]
    placed: dict[str, Any] = {}
    machine = "x86_64" if any(f.name == "di" for f in struct.fields) else "aarch64"
    for_calls, for_syscalls, result = _CONVENTIONS[machine]
    if request.kind is not None and request.kind.attach == "ksyscall":
        inner = bytearray(CONTEXTS["pt_regs"].size)
        _set_registers(inner, dict(zip(for_syscalls, arguments, strict=False)), memory)
        placed[for_calls[0]] = memory.place(KernelMemory(inner))
    else:
        placed.update(zip(for_calls, arguments, strict=False))
    if "ret" in values:
        placed[result] = values.pop("ret")
    registers = bytearray(struct.size)
    _set_registers(registers, {**placed, **values}, memory, struct.name)
    return Input(RecordContext(label, bytes(registers)), arguments=arguments)


def _set_registers(registers: bytearray, values: dict[str, Any], memory: AddressSpace, struct: str = "pt_regs") -> None:
    fields = {f.name: f for f in CONTEXTS[struct].fields}
    for name, value in values.items():
        found = fields.get(name)
        if found is None:
            raise unknown_field(struct, name, [*fields, "args", "ret"])
        number = memory.place(value, user=not isinstance(value, KernelMemory)) & (1 << 8 * found.size) - 1
        registers[found.offset : found.offset + found.size] = number.to_bytes(found.size, memory.order)


def _netfilter(request: _Request) -> Input:
    """`bpf_nf_ctx`: two kernel objects, given by address or contents; the packet is behind `skb` helpers."""
    values = request.ctx if isinstance(request.ctx, Mapping) else {}
    raw, _ = _words([values.get("state", 0), values.get("skb", 0)], request.memory, 2)
    return Input(RecordContext("the context (`bpf_nf_ctx`)", raw), Packet(request.data))


def _plain(request: _Request) -> Input:
    """Programs that get memory of the caller's choice (`syscall`), or whose type is not known."""
    ctx = request.ctx if request.ctx is not None else b""
    if isinstance(ctx, UserMemory | KernelMemory) or not isinstance(ctx, bytes | bytearray):
        raise VmError("`ctx` of this program is bytes")
    context = Region("the context", bytearray(ctx), Space.CTX)
    return Input(context, Packet(request.data) if request.data else None)


_Maker = Callable[[_Request], Input]
_MAKERS: dict[str, _Maker] = {
    "XDP": _xdp,
    "TRACEPOINT": _tracepoint,
    "KPROBE": _registers,
    "PERF_EVENT": _registers,
    "NETFILTER": _netfilter,
    **dict.fromkeys(("RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACING", "LSM", "STRUCT_OPS", "EXT"), _arguments),
    **dict.fromkeys(("SK_MSG", "SK_REUSEPORT", "CGROUP_SOCKOPT", "SOCK_OPS"), _with_buffer),
    **dict.fromkeys(("CGROUP_SOCK", "CGROUP_SOCK_ADDR", "CGROUP_DEVICE", "CGROUP_SYSCTL", "SK_LOOKUP"), _struct),
    **dict.fromkeys(
        (
            "SOCKET_FILTER",
            "SCHED_CLS",
            "SCHED_ACT",
            "CGROUP_SKB",
            "LWT_IN",
            "LWT_OUT",
            "LWT_XMIT",
            "LWT_SEG6LOCAL",
            "SK_SKB",
            "FLOW_DISSECTOR",
        ),
        _skb,
    ),
}
