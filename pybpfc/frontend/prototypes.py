"""The arguments of hooks that are called as functions of the kernel: their names and types, where they are known.

System calls come from the formats that ship; functions, tracepoints, LSM hooks and iterators from the BTF of the
kernel that this runs on, if it publishes any.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.types import BOOL, CHAR, I32, U64, VOID, Field, Int, Pointer, Space, Struct, Type
from pybpfc.records import frozen

VMLINUX = "/sys/kernel/btf/vmlinux"

FindStruct: TypeAlias = Callable[[str], Struct]
"""The kernel struct of a name, with the fields that the program knows."""


@frozen
class Prototype:
    """What a hook is called with, and the type of what the function returns."""

    params: tuple[tuple[str, Type], ...]
    result: Type = VOID


def syscall_prototype(name: str) -> Prototype | None:
    """The arguments of a system call."""
    from pybpfc.frontend.contexts import find_tracepoint

    entry = find_tracepoint(f"syscalls/sys_enter_{name}")
    if entry is None:
        return None
    return Prototype(tuple((f.name, _argument(f.type)) for f in entry.fields if f.offset >= 16), Int(64, True))


def _argument(type: Type) -> Type:
    return type.host if isinstance(type, Int) else type


_PREFIX = {
    "tp_btf": ("btf_trace_", "TYPEDEF", 1),
    "lsm": ("bpf_lsm_", "FUNC", 0),
    "lsm_cgroup": ("bpf_lsm_", "FUNC", 0),
}


def kernel_prototype(hook: str, target: str, find: FindStruct) -> Prototype | None:
    """The arguments of a function, tracepoint or LSM hook of this kernel; None when it has none of that name."""
    btf = _vmlinux()
    prefix, kind, skipped = _PREFIX.get(hook, ("", "FUNC", 0))
    found = btf.find(prefix + target.partition("+")[0], kind) if btf is not None else None
    if btf is None or found is None:
        return None
    function = btf.skip_modifiers(found.type)
    if function.kind == "PTR":
        function = btf.skip_modifiers(function.type)
    if function.kind != "FUNC_PROTO":
        return None
    params = [(name, argument_type(btf, type, find)) for name, type in function.params[skipped:] if type]
    return Prototype(tuple(params), argument_type(btf, function.type, find))


def iterator_fields(kind: str, find: FindStruct) -> Prototype | None:
    """The fields of an iterator's context, `bpf_iter__task`: each takes 8 bytes, and may be null at the end."""
    btf = _vmlinux()
    found = btf.find(f"bpf_iter__{kind}", "STRUCT") if btf is not None else None
    if btf is None or found is None:
        return None
    fields: list[tuple[str, Type]] = []
    for member in found.members:
        inner = btf.skip_modifiers(member.type)
        if not member.name and inner.kind == "UNION" and inner.members:  # a pointer, padded to 8 bytes
            member = inner.members[0]
        type = argument_type(btf, member.type, find)
        if isinstance(type, Pointer):
            type = Pointer(type.to, type.space, nullable=member.name != "meta")
        fields.append((member.name, type))
    return Prototype(tuple(fields))


def argument_type(btf: Btf, id: int, find: FindStruct) -> Type:
    """What an argument of a type of the kernel's is to a program."""
    found = btf.skip_modifiers(id) if id else None
    match found:
        case None:
            return VOID
        case BtfType(kind="INT") if found.encoding & 4:
            return BOOL
        case BtfType(kind="INT") if found.size in (1, 2, 4, 8):
            return Int(found.size * 8, bool(found.encoding & 1))
        case BtfType(kind="ENUM" | "ENUM64"):
            return Int(found.size * 8, found.flag) if found.size == 8 else I32 if found.flag else Int(32, False)
        case BtfType(kind="PTR"):
            return _pointer(btf, found, find)
        case _:
            return U64


def _pointer(btf: Btf, pointer: BtfType, find: FindStruct) -> Type:
    to = btf.skip_modifiers(pointer.type) if pointer.type else None
    if to is None:
        return Pointer(VOID, Space.KERNEL)
    if to.kind in ("STRUCT", "FWD"):
        return Pointer(find(to.name), Space.BTF if to.kind == "STRUCT" else Space.KERNEL)
    if to.kind == "INT" and to.size == 1:
        return Pointer(CHAR, Space.KERNEL)
    if to.kind == "INT" and to.size in (2, 4, 8):
        return Pointer(Int(to.size * 8, bool(to.encoding & 1)), Space.KERNEL)
    return Pointer(VOID, Space.KERNEL)


def undeclared_struct(name: str) -> Struct:
    """A kernel struct that the program has no declaration of: without fields, but for those every iterator needs."""
    struct = Struct(name, kernel=True)
    if name == "bpf_iter_meta":
        seq = Pointer(Struct("seq_file", kernel=True), Space.KERNEL)
        struct.set_layout((Field("seq", seq, 0), Field("session_id", U64, 8), Field("seq_num", U64, 16)), 24, 8)
    return struct


@functools.lru_cache(maxsize=1)
def _vmlinux() -> Btf | None:
    """The types of the kernel that this runs on; None where it publishes none."""
    try:
        with open(VMLINUX, "rb") as file:
            return Btf(file.read())
    except (OSError, BadBtf):
        return None
