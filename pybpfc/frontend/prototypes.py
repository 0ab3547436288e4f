"""The arguments of hooks that are called as functions of the kernel: their names and types, where they are known.

System calls come from the formats that ship; functions, tracepoints, LSM hooks and iterators from the types of the
kernel that programs are compiled against. What the program itself declares of a type goes before those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.kernel_types import KernelSignature, KernelStruct, KernelTypes, kernel_types
from pybpfc.lang.types import I64, U64, VOID, Array, Int, Pointer, Space, Struct, Type, size_of
from pybpfc.records import frozen

Declared: TypeAlias = Callable[[str], Struct | None]
"""The declaration of a kernel struct that the program has, by the kernel's name."""

_FIRST_ARGUMENT = 16  # in the record of a system call's entry, behind the call's number


@frozen
class Prototype:
    """What a hook is called with, and the type of what the function returns.

    `words`: at which 64-bit word each parameter begins, and the result behind them; one each where it is empty.
    """

    params: tuple[tuple[str, Type], ...]
    result: Type = VOID
    words: tuple[int, ...] = ()


def syscall_prototype(name: str) -> Prototype | None:
    """The arguments of a system call."""
    from pybpfc.frontend.contexts import find_tracepoint

    entry = find_tracepoint(f"syscalls/sys_enter_{name}")
    if entry is None:
        return None
    fields = (f for f in entry.fields if f.offset >= _FIRST_ARGUMENT)
    return Prototype(tuple((f.name, f.type.host if isinstance(f.type, Int) else f.type) for f in fields), I64)


def kernel_prototype(hook: str, target: str, declared: Declared) -> Prototype | None:
    """The arguments of a function, tracepoint or LSM hook; None when the kernel has none of that name."""
    types = _types()
    if types is None:
        return None
    try:
        found = _signature(types, hook, target.partition("+")[0])
        if found is None:
            return None
        params = tuple((p.name, argument_type(p.type, declared)) for p in found.parameters)
        return Prototype(params, argument_type(found.result, declared), _words(found))
    except BadBtf:
        return None


def _words(found: KernelSignature) -> tuple[int, ...]:
    """Which 64-bit word each parameter begins at, and the result after them: small structs by value take one or two."""
    out = [0]
    for parameter in found.parameters:
        words = (size_of(parameter.type) + 7) // 8 if isinstance(parameter.type, Struct) else 1
        out.append(out[-1] + max(words, 1))
    return tuple(out)


def types_are_known() -> bool:
    """Whether the types of the kernel that programs are compiled against are to be had."""
    return _types() is not None


def _signature(types: KernelTypes, hook: str, target: str) -> KernelSignature | None:
    match hook:
        case "tp_btf" | "raw_tracepoint":
            return types.tracepoint(target)
        case "struct_ops":
            return types.operation(*target.split(".", 1))
        case "lsm" | "lsm_cgroup":
            return types.lsm_hook(target)
        case _:
            return types.function(target)


def operations(name: str) -> KernelStruct | None:
    """The kernel's struct of operations of a name; None where it has none that programs can implement."""
    types = _types()
    if types is None or types.struct(f"bpf_struct_ops_{name}") is None:
        return None
    return types.struct(name)


def iterator_fields(kind: str, declared: Declared) -> Prototype | None:
    """The fields of an iterator's context, each of 8 bytes; objects are None at the end of the iteration."""
    types = _types()
    context = types.iterator(kind) if types is not None else None
    if context is None:
        return None
    fields: list[tuple[str, Type]] = []
    for field in context.fields:
        type = argument_type(field.type, declared)
        if isinstance(type, Pointer):
            type = Pointer(type.to, Space.BTF, nullable=field.name != "meta")
        fields.append((field.name, type))
    return Prototype(tuple(fields))


def argument_type(type: Type, declared: Declared) -> Type:
    """What an argument of a kernel type is to a program: structs by the verifier's typed pointers."""
    match type:
        case Pointer(to=KernelStruct() as struct, space=Space.KERNEL):
            own = declared(struct.kernel_name)
            known = struct.complete or own is not None
            return Pointer(own if own is not None else struct, Space.BTF if known else Space.KERNEL)
        case Int():
            return type.host
        case Array() | Struct():
            return U64  # by value, which no register holds as a whole
        case _:
            return type


def kernel_struct(name: str) -> Struct:
    """The kernel struct of a name; without fields where the kernel's types are not known."""
    types = _types()
    try:
        found = types.struct(name) if types is not None else None
    except BadBtf:
        found = None
    return found if found is not None else KernelStruct(name, complete=False)


def _types() -> KernelTypes | None:
    try:
        return kernel_types()
    except LoadError:
        return None
