"""Symbols of the running kernel in an object's code: kernel functions, typed variables, addresses by name.

An object declares them `extern` in its section `.ksyms`. What is declared weak may be missing: it is null then, and a
call of it is one that the verifier refuses if the program gets there.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterable
from contextlib import ExitStack

from pybpfc.abi import insn as i
from pybpfc.core_relo.compatibility import types_compatible
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.btf_c import declare
from pybpfc.formats.errors import BadBtf
from pybpfc.formats.spec import FunctionSpec, ObjectSpec, Poison, Relocation
from pybpfc.lang.kernel_btf import module_btf, module_names, vmlinux_btf
from pybpfc.records import frozen, replace
from pybpfc.runtime.attributes import BtfInfo
from pybpfc.runtime.syscall import Command, Fd, address, next_ids, object_by_id, object_info

_LONGEST_NAME = 64
KALLSYMS = "/proc/kallsyms"


@frozen
class Symbol:
    """What a name is in this kernel: a type of its BTF (`btf_id`, of `module` if that is not empty), or an address."""

    btf_id: int = 0
    module: str = ""
    address: int = 0
    is_function: bool = False


def resolve_ksyms(spec: ObjectSpec, stack: ExitStack) -> tuple[ObjectSpec, tuple[int, ...]]:
    """The object with its references to the kernel resolved, and the descriptors of the modules' BTF that it uses.

    The descriptors are closed by `stack`; the first stands for the kernel itself. Raises LoadError.
    """
    functions = (*spec.programs.values(), *spec.functions.values())
    if not any(r.kind == "extern" for f in functions for r in f.relocations):
        return spec, ()
    resolving = _Resolving(spec, stack)
    resolved = replace(
        spec,
        programs={name: resolving.function(f) for name, f in spec.programs.items()},
        functions={name: resolving.function(f) for name, f in spec.functions.items()},
    )
    return resolved, (0, *resolving.modules.values()) if resolving.modules else ()


class _Resolving:
    """One object under way."""

    def __init__(self, spec: ObjectSpec, stack: ExitStack) -> None:
        self.spec, self.stack = spec, stack
        self.modules: dict[str, int] = {}
        self._found: dict[str, Symbol | None] = {}
        self._poisoned: list[Poison] = []

    def function(self, function: FunctionSpec) -> FunctionSpec:
        """A function with its instructions changed."""
        if not any(r.kind == "extern" for r in function.relocations):
            return function
        code = i.decode(function.insns, big_endian=self.spec.big_endian)
        rest: list[Relocation] = []
        self._poisoned = list(function.poisoned)
        for relocation in function.relocations:
            if relocation.kind == "extern":
                self._apply(function, code, relocation)
            else:
                rest.append(relocation)
        insns = i.encode(code, big_endian=self.spec.big_endian)
        return replace(function, insns=insns, relocations=tuple(rest), poisoned=tuple(self._poisoned))

    def _apply(self, function: FunctionSpec, code: list[i.Insn], r: Relocation) -> None:
        symbol = self._symbol(function, r.symbol)
        insn = code[r.index]
        if insn.op == i.CALL:
            if symbol is None:
                code[r.index] = i.Insn(i.CALL, imm=i.UNRESOLVED_HELPER)
                self._poisoned.append(Poison(r.index, f"this kernel has no function `{r.symbol}`"))
            elif symbol.is_function:
                call = i.Insn(i.CALL, src=i.BPF_PSEUDO_KFUNC_CALL, off=self._slot(symbol), imm=symbol.btf_id)
                code[r.index] = call
            else:
                raise LoadError(f"`{function.name}` calls `{r.symbol}`, which is no function of this kernel")
        elif insn.op == i.LD_IMM64 and r.index + 1 < len(code):
            code[r.index : r.index + 2] = self._load(insn, code[r.index + 1], symbol)
        else:
            raise LoadError(f"`{function.name}` refers to `{r.symbol}` of the kernel in a way that can't be resolved")

    def _load(self, first: i.Insn, second: i.Insn, symbol: Symbol | None) -> list[i.Insn]:
        """The two halves of a load of an address; of functions only whether there is one is asked."""
        if symbol is not None and symbol.btf_id and not symbol.is_function:
            fd = self.modules[symbol.module] if self._slot(symbol) else 0
            return [first._replace(src=i.BPF_PSEUDO_BTF_ID, imm=symbol.btf_id), second._replace(imm=fd)]
        number = 0 if symbol is None else symbol.address or 1
        low, high = struct.unpack("<ii", struct.pack("<Q", number))
        return [first._replace(src=0, imm=low), second._replace(imm=high)]

    def _slot(self, symbol: Symbol) -> int:
        """The place of a module's BTF among the descriptors given to the kernel; 0 is the kernel's own."""
        if not symbol.module:
            return 0
        if symbol.module not in self.modules:
            self.modules[symbol.module] = self.stack.enter_context(_module_fd(symbol.module)).number
        return 1 + list(self.modules).index(symbol.module)

    # -------------------------------------------------------------------------- by name

    def _symbol(self, function: FunctionSpec, name: str) -> Symbol | None:
        if name not in self._found:
            self._found[name] = self._find(name)
        found = self._found[name]
        if found is None and name not in self.spec.weak:
            raise LoadError(
                f"`{function.name}` uses `{name}` of the kernel, which this one does not have",
                errno=errno.ENOENT,
                remedy="declare it weak and test it before, with `bpf.ksym_exists` or `bpf_ksym_exists`",
            )
        return found

    def _find(self, name: str) -> Symbol | None:
        btf = self.spec.btf
        declared = btf.find(name, "FUNC", "VAR") if btf is not None else None
        if btf is None or declared is None or (declared.kind == "VAR" and _is_untyped(btf, declared)):
            address = kernel_address(name)
            return Symbol(address=address) if address else None
        for module, types in _kernel_types():
            found = types.find(name, declared.kind)
            if found is not None:
                self._check(btf, declared, types, found)
                of_module = module if found.id >= types.first else ""
                return Symbol(found.id, of_module, is_function=declared.kind == "FUNC")
        return None

    def _check(self, btf: Btf, declared: BtfType, types: Btf, found: BtfType) -> None:
        """The declaration must have the shape of what the kernel has."""
        try:
            mine, theirs = btf.skip_modifiers(declared.type).id, types.skip_modifiers(found.type).id
            fits = types_compatible(btf, mine, types, theirs)
        except BadBtf:
            fits = False
        if not fits:
            text = declare(types, found.type, found.name)
            raise LoadError(
                f"`{found.name}` is declared otherwise than this kernel has it: `{text}`",
                errno=errno.EINVAL,
                remedy="declare it so, or leave it to the kernel's types",
            )


def _is_untyped(btf: Btf, variable: BtfType) -> bool:
    return btf.skip_modifiers(variable.type).kind == "VOID"


def _kernel_types() -> Iterable[tuple[str, Btf]]:
    """The kernel's types, then those of its modules."""
    yield "", vmlinux_btf()
    for name in module_names():
        yield name, module_btf(name)


def _module_fd(name: str) -> Fd:
    """A descriptor of a module's BTF."""
    for number in next_ids(Command.BTF_GET_NEXT_ID):
        fd = object_by_id(Command.BTF_GET_FD_BY_ID, number)
        text = ctypes.create_string_buffer(_LONGEST_NAME)
        info = BtfInfo(name=address(text), name_len=_LONGEST_NAME)
        object_info(fd.number, info)
        if info.kernel_btf and text.value.decode() == name:
            return fd
        fd.close()
    raise LoadError(f"the BTF of the module `{name}` is gone", errno=errno.ENOENT, remedy="load the module again")


def kernel_address(name: str) -> int:
    """The address of a symbol of the kernel, 0 when there is none; raises LoadError when addresses are hidden."""
    wanted = f" {name}".encode()
    try:
        with open(KALLSYMS, "rb") as file:
            line = next((line for line in file if wanted in line and line.split()[2] == wanted[1:]), b"0 ? ?")
    except OSError as error:
        raise LoadError(f"{KALLSYMS} can't be read", errno=error.errno or errno.EIO) from None
    address = int(line.split()[0], 16)
    if not address and line[0:1] == b"0" and not line.startswith(b"0 ?"):
        raise LoadError(
            f"the address of `{name}` is hidden: {KALLSYMS} shows zeros",
            errno=errno.EPERM,
            remedy="it takes CAP_SYSLOG, and kernel.kptr_restrict of 1 or less",
        )
    return address
