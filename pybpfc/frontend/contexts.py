"""Contexts: what a program's first argument leads to, by hook.

UAPI contexts come from the abi table; a tracepoint's fields from the formats that ship with it, or
from the running kernel's tracefs for events that only it has.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pybpfc.lang.types import CHAR, U64, VOID, Array, Field, Int, Pointer, Space, Struct, Type, View
from pybpfc.records import frozen

if TYPE_CHECKING:
    from pybpfc.abi.contexts import ContextStruct
    from pybpfc.abi.tracepoints import TracepointField
    from pybpfc.lang.contexts import Context

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
RAW_TRACEPOINT_ARGS = 12


@frozen
class DataLoc:
    """A tracepoint's variable-length string: the field holds its offset and length."""


class ContextType(Struct):
    """A context: read and written field by field at constant offsets; `python` is the class users annotate it with."""

    __slots__ = ("packet", "python", "short", "special", "writable")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.special: dict[str, DataLoc] = {}
        self.short: frozenset[str] = frozenset()
        self.writable: frozenset[str] = frozenset()
        self.packet: tuple[int, int] | None = None
        self.python: type[Context] | None = None


def uapi_context(struct: ContextStruct) -> ContextType:
    """The type of a UAPI context such as `xdp_md`."""
    context = ContextType(struct.name)
    fields: list[Field] = []
    writable: set[str] = set()
    for field in struct.fields:
        leads_to = uapi_struct(field.pointer)
        type = _uapi_type(field.size, field.signed, field.big_endian)
        if leads_to is not None:
            type = Pointer(leads_to, Space.BTF, field.nullable)
        fields.append(Field(field.name, type, field.offset))
        if field.writable:
            writable.add(field.name)
    context.set_layout(tuple(fields), struct.size, 8 if struct.size % 8 == 0 else 4)
    context.writable = frozenset(writable)
    context.short = frozenset(field.name for field in struct.fields if field.short)
    for name in _BUFFERS:
        data, end = context.find(name), context.find(f"{name}_end")
        if data is not None and end is not None:
            context.packet = (data.offset, end.offset)
    return context


_BUFFERS = ("data", "optval", "skb_data")
"""What contexts carry, from the field of this name to that of the name with `_end`: at most one of them each."""


@functools.cache
def uapi_struct(name: str) -> ContextType | None:
    """What pointers of contexts and helpers lead to, such as `bpf_sock`: read field by field, as contexts are."""
    from pybpfc.abi.contexts import CONTEXTS

    return uapi_context(CONTEXTS[name]) if name in CONTEXTS else None


def _uapi_type(size: int, signed: bool, big_endian: bool) -> Type:
    if size in (1, 2, 4, 8):
        return Int(size * 8, signed, big_endian)
    element = Int(32, False, big_endian) if size % 4 == 0 else Int(8, False)
    return Array(element, size * 8 // element.bits)


def raw_tracepoint_context() -> ContextType:
    """`bpf_raw_tracepoint_args`: the tracepoint's arguments, each as u64."""
    context = ContextType("bpf_raw_tracepoint_args")
    args = Array(U64, RAW_TRACEPOINT_ARGS)
    context.set_layout((Field("args", args, 0),), RAW_TRACEPOINT_ARGS * 8, 8)
    return context


def netfilter_context(declared: Callable[[str], Struct | None]) -> ContextType:
    """`bpf_nf_ctx`: the hook's state and the packet, of the kernel's own types."""
    from pybpfc.frontend.prototypes import kernel_struct

    context = ContextType(NETFILTER_CONTEXT)
    names = (("state", "nf_hook_state"), ("skb", "sk_buff"))
    types = (Pointer(declared(name) or kernel_struct(name), Space.BTF) for _, name in names)
    context.set_layout(tuple(Field(n, t, 8 * i) for i, ((n, _), t) in enumerate(zip(names, types, strict=True))), 16, 8)
    return context


NETFILTER_CONTEXT = "bpf_nf_ctx"


def memory_context(struct: Struct) -> ContextType:
    """A context of the caller's: a struct of the program's own, every field of which may be written."""
    context = ContextType(struct.name)
    context.set_layout(struct.fields, struct.size, struct.align)
    context.writable = frozenset(struct.by_name)
    return context


def tracepoint_context(event: str, fields: Iterable[TracepointField]) -> ContextType:
    """The type of a tracepoint's record."""
    context = ContextType("trace_event_" + event.partition("/")[2])
    members: list[Field] = []
    size = 0
    for field in fields:
        type = _tracepoint_type(field)
        if "__data_loc" in field.ctype and "char" in field.ctype:
            context.special[field.name] = DataLoc()
        members.append(Field(field.name, type, field.offset))
        size = max(size, field.offset + field.size)
    context.set_layout(tuple(members), -(-size // 8) * 8, 8)
    return context


def _tracepoint_type(field: TracepointField) -> Type:
    ctype = field.ctype
    if "__data_loc" in ctype:
        return Int(32, False)
    if "[" in ctype:
        return _tracepoint_array(field)
    if "*" in ctype and field.size == 8:
        return Pointer(CHAR if "char" in ctype else VOID, Space.USER if _from_user(field) else Space.KERNEL)
    if field.size in (1, 2, 4, 8):
        return Int(field.size * 8, bool(field.signed))
    return Array(Int(8, False), field.size, View.BYTES)


def _tracepoint_array(field: TracepointField) -> Type:
    """`char comm[16]` is a string, `__u8 saddr[4]` bytes, `unsigned long args[6]` a list."""
    base, _, rest = field.ctype.partition("[")
    digits = rest.rstrip("]").strip()
    length = int(digits) if digits.isdigit() and int(digits) else 0
    if "char" in base and "unsigned" not in base:
        return Array(CHAR, field.size, View.STR)
    if length and field.size % length == 0 and field.size // length in (2, 4, 8):
        return Array(Int(field.size // length * 8, bool(field.signed)), length)
    return Array(Int(8, False), field.size, View.BYTES)


def _from_user(field: TracepointField) -> bool:
    """Only system calls' arguments are addresses of user space; they lie behind the system call's number."""
    return field.from_user


def find_tracepoint(event: str) -> ContextType | None:
    """The context of tracepoint `category/name`; None when neither the tables nor this kernel know it."""
    from pybpfc.abi.tracepoints import TRACEPOINTS

    shipped = TRACEPOINTS.get(event)
    if shipped is not None:
        return tracepoint_context(event, shipped)
    from pybpfc.formats.tracepoint_format import parse

    for root in TRACEFS:
        try:
            text = Path(root, "events", event, "format").read_text()
        except OSError:
            continue
        return tracepoint_context(event, parse(text, syscall=event.startswith("syscalls/")))
    return None


def known_tracepoints() -> tuple[str, ...]:
    """The names the tables have, for suggestions."""
    from pybpfc.abi.tracepoints import TRACEPOINTS

    return tuple(TRACEPOINTS)
