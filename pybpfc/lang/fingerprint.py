"""What a compilation depends on: the values of the names that programs use, each as a text that changes with it."""

from __future__ import annotations

import enum
from types import ModuleType
from typing import Any

from pybpfc.lang.errors import AnnotationError, DeclarationError
from pybpfc.lang.functions import Function, Kfunc
from pybpfc.lang.kernel_names import KernelFunction
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.struct_ops import StructOps
from pybpfc.lang.types import Array, Enum, Pointer, Struct, Type
from pybpfc.records import frozen

VMLINUX = "pybpfc.vmlinux"
"""The module whose names are made when they are asked for."""


@frozen
class Dependencies:
    """What a compilation read: files, and (module, dotted name) with the fingerprint of its value.

    `complete` is False when it read something that has no name to find it by again, such as a closure's variable.
    """

    files: tuple[str, ...]
    names: tuple[tuple[str, str, str], ...]
    complete: bool = True


def fingerprint(value: Any) -> str:
    """What of a value a compilation depends on."""
    match value:
        case bool() | int() | str() | bytes() | None:
            return repr(value)
        case enum.Enum():
            return repr(value.value)
        case tuple() | list() | range():
            return f"{type(value).__name__} [{', '.join(map(fingerprint, value))}]"
        case set() | frozenset():
            return f"set {sorted(map(fingerprint, value))}"
        case dict():
            return f"dict {[(fingerprint(key), fingerprint(item)) for key, item in value.items()]}"
        case BpfMap():
            try:
                d = value.declaration
            except DeclarationError as error:
                return f"invalid {error}"
            shape = (d.type_name, _layout(d.key), _layout(d.value), d.max_entries, d.flags, d.pinned, d.numa_node)
            return repr((*shape, d.map_extra))
        case Function():
            return f"function {value.name} {value.inline} {value.noinline} {value.exported}"
        case Kfunc():
            flags = (value.since, value.acquire, value.release, value.sleepable)
            return f"kernel function {value.name} {flags}"
        case KernelFunction():
            return f"kernel function {value.name}"
        case StructOps():
            members = [(name, program.section) for name, program in value.programs.items()]
            return f"struct_ops {value.struct} {members} {value.values}"
        case ModuleType():
            return f"module {value.__name__}"
        case type():
            try:
                found = getattr(value, "__bpf_type__", None)
            except AnnotationError as error:
                return f"invalid {error}"
            return _layout(found) if found is not None else f"class {value.__module__}.{value.__qualname__}"
        case _:
            return f"{type(value).__name__} {getattr(value, '__qualname__', '')}"


def _layout(t: Type | None) -> str:
    match t:
        case Struct() if t.kernel and (known := getattr(t, "identity", None)) is not None:
            return f"kernel type {t} of {known}"  # its fields may be thousands, and lead to all others
        case Struct():
            fields = [(f.name, _inner(f.type), f.offset, f.bits, f.bit_offset) for f in t.fields]
            return repr((t.name, t.size, t.align, t.union, fields))
        case _:
            return repr(None if t is None else _inner(t))


def _inner(t: Type) -> str:
    match t:
        case Struct():
            return _layout(t)
        case Array():
            return f"{_inner(t.element)}[{t.length}]{t.view.value}"
        case Pointer():
            return f"pointer {t.to} {t.space.value} {t.nullable}"
        case Enum():
            return f"{t.name} {t.underlying} {t.members}"
        case _:
            return str(t)
