"""Kernel symbols that an object names (`.ksyms`): kernel functions, variables by type, bare addresses."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

from pybpfc.abi.insn import BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL, CALL, LD_IMM64, SIZE
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.spec import FunctionSpec, ObjectSpec, Relocation
from pybpfc.records import replace

MISSING_CALL = 2002000000
"""The helper number of calls of weak kernel functions that this kernel lacks: refused, if ever reached."""

KALLSYMS = "/proc/kallsyms"


def resolve_externs(spec: ObjectSpec, kernel: Callable[[], Btf]) -> ObjectSpec:
    """The object with its references to kernel symbols filled in; raises LoadError for those that are not there.

    Weak symbols that the kernel lacks are 0. `kernel` gives the running kernel's types; it is called only if needed.
    """
    functions = (*spec.programs.values(), *spec.functions.values())
    if not any(r.kind == "extern" for f in functions for r in f.relocations):
        return spec
    resolver = _Resolver(spec, kernel)
    return replace(
        spec,
        programs={name: resolver.filled(f) for name, f in spec.programs.items()},
        functions={name: resolver.filled(f) for name, f in spec.functions.items()},
    )


class _Resolver:
    def __init__(self, spec: ObjectSpec, kernel: Callable[[], Btf]) -> None:
        self.spec, self.kernel = spec, kernel
        self.order = ">" if spec.big_endian else "<"
        functions = (*spec.programs.values(), *spec.functions.values())
        wanted = {r.symbol for f in functions for r in f.relocations if r.kind == "extern"}
        self.untyped = {name for name in wanted if self._is_untyped(name)}
        self.addresses = _addresses(self.untyped) if self.untyped else {}

    def filled(self, function: FunctionSpec) -> FunctionSpec:
        """The function without references to kernel symbols."""
        code = bytearray(function.insns)
        rest: list[Relocation] = []
        for relocation in function.relocations:
            if relocation.kind == "extern":
                self._fill(function.name, code, relocation)
            else:
                rest.append(relocation)
        return replace(function, insns=bytes(code), relocations=tuple(rest))

    def _is_untyped(self, name: str) -> bool:
        """Whether the object declares a symbol as `void`: it is then known by its address alone."""
        btf = self.spec.btf
        variable = btf.find(name, "VAR") if btf is not None else None
        return variable is not None and btf is not None and btf.skip_modifiers(variable.type).kind == "VOID"

    def _fill(self, user: str, code: bytearray, r: Relocation) -> None:
        at = r.index * SIZE
        op = code[at] if at + SIZE <= len(code) else -1
        if op == CALL:
            id = self._type_id(user, r, "FUNC")
            self._set_source(code, at, BPF_PSEUDO_KFUNC_CALL if id else 0)
            struct.pack_into(self.order + "hi", code, at + 2, 0, id or MISSING_CALL)
            return
        if op != LD_IMM64 or at + 2 * SIZE > len(code):
            raise LoadError(f"`{user}` uses `{r.symbol}` of the kernel in a way that can't be resolved")
        if r.symbol in self.untyped:
            value = self._address(user, r)
            value += r.addend if value else 0
        else:
            value = self._type_id(user, r, "VAR", "FUNC")
            self._set_source(code, at, BPF_PSEUDO_BTF_ID if value else 0)
        struct.pack_into(self.order + "I", code, at + 4, value & 0xFFFFFFFF)
        struct.pack_into(self.order + "I", code, at + SIZE + 4, value >> 32 & 0xFFFFFFFF)

    def _set_source(self, code: bytearray, at: int, source: int) -> None:
        registers = code[at + 1]
        code[at + 1] = registers & 0xF0 | source if self.spec.big_endian else registers & 0x0F | source << 4

    def _type_id(self, user: str, r: Relocation, *kinds: str) -> int:
        found = self.kernel().find(r.symbol, *kinds)
        if found is not None:
            return found.id
        return self._missing(user, r, "function" if kinds == ("FUNC",) else "variable with a type")

    def _address(self, user: str, r: Relocation) -> int:
        if r.symbol not in self.addresses:
            return self._missing(user, r, "symbol")
        address = self.addresses[r.symbol]
        if address == 0:
            raise LoadError(
                f"`{user}` uses the address of `{r.symbol}`, which {KALLSYMS} does not show to this process",
                errno=errno.EPERM,
                remedy="it takes CAP_SYSLOG, and `sysctl kernel.kptr_restrict` of 0 or 1",
            )
        return address

    def _missing(self, user: str, r: Relocation, what: str) -> int:
        if r.weak:
            return 0
        raise LoadError(
            f"`{user}` uses `{r.symbol}`, but this kernel has no {what} of that name",
            errno=errno.ENOENT,
            remedy="declare it `__weak` and test for it, if the program can do without; names differ between kernels",
        )


def _addresses(names: set[str]) -> dict[str, int]:
    """The addresses of kernel symbols; those that the kernel hides are 0."""
    found: dict[str, int] = {}
    try:
        with open(KALLSYMS, encoding="utf-8", errors="replace") as file:
            for line in file:
                parts = line.split()
                if len(parts) >= 3 and parts[2] in names:
                    found.setdefault(parts[2], int(parts[0], 16))
    except OSError as error:
        raise LoadError("the kernel's symbols can't be read", errno=error.errno or errno.EIO) from None
    return found
