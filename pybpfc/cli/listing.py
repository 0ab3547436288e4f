"""`pybpfc list`: what programs can be attached to on the running kernel, with the types that the hooks give."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from functools import partial

from pybpfc.diagnostics.errors import PybpfcError
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.btf_c import declare
from pybpfc.lang.types import CHAR, Pointer, Space, Type

Entry = tuple[str, Callable[[], list[str]]]
"""A name, and what it gives: one field to a line, found out when it is asked for."""


def entries(kind: str, pattern: str) -> list[Entry]:
    """What there is of a kind under names that match a glob, in alphabetical order."""
    return sorted(dict(KINDS[kind][0](pattern)).items())


# -------------------------------------------------------------------------------- tracepoints


def _tracepoints(pattern: str) -> Iterator[Entry]:
    """Of this kernel where tracefs can be read, else those that pybpfc knows."""
    from pybpfc.abi.tracepoints import TRACEPOINTS
    from pybpfc.runtime import tracefs

    if "/" not in pattern:
        pattern = f"*/{pattern}"
    try:
        categories = [name for name in tracefs.listing("events") if fnmatch.fnmatch(name, pattern.partition("/")[0])]
        names = [f"{category}/{name}" for category in categories for name in _events(category)]
    except (OSError, PybpfcError):
        names = list(TRACEPOINTS)
    for name in names:
        if fnmatch.fnmatch(name, pattern):
            yield name, partial(_tracepoint_fields, name)


def _events(category: str) -> list[str]:
    from pybpfc.runtime import tracefs

    try:
        return [name for name in tracefs.listing(f"events/{category}") if name not in ("enable", "filter")]
    except NotADirectoryError:
        return []


def _tracepoint_fields(name: str) -> list[str]:
    from pybpfc.formats.tracepoint_format import parse
    from pybpfc.frontend.contexts import find_tracepoint, tracepoint_context
    from pybpfc.runtime import tracefs

    try:
        text = tracefs.read(f"events/{name}/format")
        context = tracepoint_context(name, parse(text, syscall=name.startswith("syscalls/")))
    except (OSError, PybpfcError):
        known = find_tracepoint(name)
        if known is None:
            return []
        context = known
    return [f"{f.name}: {'str' if f.name in context.special else _shown(f.type)}" for f in context.fields]


def _shown(type: Type) -> str:
    """A field's type as programs would write it."""
    if isinstance(type, Pointer) and type.space in (Space.USER, Space.KERNEL):
        name = "UserPtr" if type.space is Space.USER else "Ptr"
        return f"{name}[{'str' if type.to == CHAR else type.to}]"
    return str(type)


def _system_calls(pattern: str) -> Iterator[Entry]:
    prefix = "syscalls/sys_enter_"
    for name, fields in _tracepoints(prefix + pattern):
        yield name.removeprefix(prefix), partial(_arguments, fields)


def _arguments(fields: Callable[[], list[str]]) -> list[str]:
    """The fields without the system call's number."""
    return fields()[1:]


# ------------------------------------------------------------------------- the kernel's types


def _btf() -> Btf:
    from pybpfc.lang.kernel_btf import vmlinux_btf

    return vmlinux_btf()


def _prefixed(prefix: str, kind: str) -> Callable[[str], Iterator[Entry]]:
    """Hooks that the kernel marks by names of functions or types."""

    def find(pattern: str) -> Iterator[Entry]:
        btf = _btf()
        for found in btf.named(prefix + pattern, kind):
            yield found.name.removeprefix(prefix), partial(_parameters, btf, found)

    return find


def _parameters(btf: Btf, found: BtfType) -> list[str]:
    """The arguments, in C, and what a function returns."""
    target = btf.skip_modifiers(found.type)
    if target.kind == "PTR":  # `btf_trace_x` points to a function whose first argument is not the program's
        named = btf.find(found.name.replace("btf_trace_", "__traceiter_", 1), "FUNC")
        target = btf.skip_modifiers(named.type if named is not None else target.type)
        return [declare(btf, id, name) for name, id in target.params[1:]]
    result = [f"returns {declare(btf, target.type, '')}".rstrip()] if target.type else []
    return [declare(btf, id, name) if id else "..." for name, id in target.params] + result


def _functions(pattern: str) -> Iterator[Entry]:
    """Functions with types; those that ftrace can't reach are left out where the kernel tells."""
    traceable = _traceable()
    btf = _btf()
    for found in btf.named(pattern, "FUNC"):
        if traceable is None or found.name in traceable:
            yield found.name, partial(_parameters, btf, found)


def _traceable() -> frozenset[str] | None:
    from pybpfc.runtime import tracefs

    try:
        lines = tracefs.read("available_filter_functions").splitlines()
    except (OSError, PybpfcError):
        return None
    return frozenset(line.split()[0] for line in lines if line)


def _symbols(pattern: str) -> Iterator[Entry]:
    """All code of the kernel that has a name."""
    try:
        with open("/proc/kallsyms", encoding="utf-8", errors="replace") as file:
            names = {parts[2] for line in file if (parts := line.split())[1] in "tT"}
    except OSError as error:
        raise PybpfcError(f"the kernel's symbols can't be read: /proc/kallsyms: {error.strerror}") from None
    for name in fnmatch.filter(names, pattern):
        yield name, partial(_signature, name)


def _signature(name: str) -> list[str]:
    try:
        btf = _btf()
    except PybpfcError:
        return []
    found = btf.find(name.partition(".")[0], "FUNC")
    return _parameters(btf, found) if found is not None else []


def _kernel_functions(pattern: str) -> Iterator[Entry]:
    """Functions that programs may call: the tag `bpf_kfunc` marks them (kernel 6.10)."""
    btf = _btf()
    for tag in btf.named("bpf_kfunc", "DECL_TAG"):
        found = btf.type(tag.type)
        if fnmatch.fnmatch(found.name, pattern):
            yield found.name, partial(_parameters, btf, found)


def _iterators(pattern: str) -> Iterator[Entry]:
    btf = _btf()
    for found in btf.named(f"bpf_iter__{pattern}", "STRUCT"):
        name = found.name.removeprefix("bpf_iter__")
        if btf.find(f"bpf_iter_{name}", "FUNC") is not None:
            yield name, partial(_members, btf, found)


def _struct_ops(pattern: str) -> Iterator[Entry]:
    """Structs of functions that programs can implement: the kernel wraps their values in a struct of this name."""
    btf = _btf()
    for wrapper in btf.named(f"bpf_struct_ops_{pattern}", "STRUCT"):
        name = wrapper.name.removeprefix("bpf_struct_ops_")
        found = btf.find(name, "STRUCT")
        if found is not None and any(member.type == found.id for member in wrapper.members):
            yield name, partial(_members, btf, found)


def _members(btf: Btf, found: BtfType) -> list[str]:
    """The members that have names: an iterator's `meta`, which lies in a union, by the union's."""
    out: list[str] = []
    for member in found.members:
        inner = btf.skip_modifiers(member.type)
        if not member.name and inner.kind in ("STRUCT", "UNION"):
            out += _members(btf, inner)
        elif member.name:
            out.append(declare(btf, member.type, member.name))
    return out


def _perf_events(pattern: str) -> Iterator[Entry]:
    from pybpfc.runtime.links.perf_event import EVENTS

    for name in fnmatch.filter(EVENTS, pattern):
        kind, config = EVENTS[name]
        yield name, partial(list, (f"type {kind}, config {config}",))


def _user_symbols(pattern: str) -> Iterator[Entry]:
    """`PATH:GLOB`: the functions of a program or library."""
    from pybpfc.runtime.user_symbols import find_binary, functions

    path, colon, symbol = pattern.rpartition(":")
    if not colon or not path:
        raise PybpfcError("the functions of which file? give `PATH:GLOB`, as in `/usr/bin/bash:read*` or `libc:mall*`")
    for name in fnmatch.filter(functions(find_binary(path)), symbol):
        yield f"{path}:{name}", list


KINDS: dict[str, tuple[Callable[[str], Iterator[Entry]], str]] = {
    "tracepoint": (_tracepoints, "tracepoints as category/name, with their fields"),
    "raw_tracepoint": (_prefixed("btf_trace_", "TYPEDEF"), "tracepoints by name, with the kernel's arguments"),
    "tp_btf": (_prefixed("btf_trace_", "TYPEDEF"), "the same, for typed programs"),
    "ksyscall": (_system_calls, "system calls, with their arguments"),
    "kprobe": (_symbols, "the kernel's functions"),
    "fentry": (_functions, "the kernel's functions that have types, with arguments and result"),
    "lsm": (_prefixed("bpf_lsm_", "FUNC"), "hooks of security modules"),
    "iter": (_iterators, "iterators, with what each round gives"),
    "struct_ops": (_struct_ops, "structs of functions that programs can implement"),
    "kfunc": (_kernel_functions, "the kernel's functions that programs may call"),
    "perf_event": (_perf_events, "perf events with a name"),
    "uprobe": (_user_symbols, "functions of a file: PATH:GLOB"),
}
"""What can be listed."""
