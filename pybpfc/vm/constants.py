"""What 64-bit immediate loads and kernel calls of a program refer to: maps, data, functions, externs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybpfc.abi.insn import (
    BPF_PSEUDO_BTF_ID,
    BPF_PSEUDO_FUNC,
    BPF_PSEUDO_MAP_IDX,
    BPF_PSEUDO_MAP_IDX_VALUE,
    CALL,
)
from pybpfc.formats.spec import Relocation, RelocationKind
from pybpfc.lang.types import Space
from pybpfc.vm.decode import ProgramCode
from pybpfc.vm.maps.tables import ArrayTable
from pybpfc.vm.regions import Region
from pybpfc.vm.values import Pointer

if TYPE_CHECKING:
    from pybpfc.vm.machine import Machine

KERNEL_VERSION = 6 << 16 | 18 << 8
"""What LINUX_KERNEL_VERSION is, unless given."""


class Constants:
    """The environment of one program's translation."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.big_endian = machine.spec.big_endian
        self.objects: dict[str, object] = {}

    def constant(self, code: ProgramCode, index: int, relocation: Relocation | None) -> str:
        """The name of the object that a 64-bit immediate load stands for."""
        insn, upper = code.insns[index], code.insns[index + 1].imm
        name = f"k{index}"
        if relocation is not None:
            self.objects[name] = self._related(code, index, relocation)
            return name
        match insn.src:
            case n if n == BPF_PSEUDO_FUNC:
                return self._function(code, index)
            case n if n in (BPF_PSEUDO_MAP_IDX, BPF_PSEUDO_MAP_IDX_VALUE):
                maps = list(self.machine.handles)
                if not 0 <= insn.imm < len(maps):
                    raise code.fail(index, f"there is no map with the index {insn.imm}")
                kind: RelocationKind = "map" if insn.src == BPF_PSEUDO_MAP_IDX else "data"
                self.objects[name] = self._related(code, index, Relocation(index, kind, maps[insn.imm], upper))
                return name
            case n if n == BPF_PSEUDO_BTF_ID:
                raise code.fail(index, "a kernel variable is taken by its BTF id, which only a kernel can resolve")
        raise code.fail(index, f"a map is taken by file descriptor {insn.imm}, which means nothing to the simulation")

    def _function(self, code: ProgramCode, index: int) -> str:
        target = index + 1 + code.insns[index].imm
        if all(f.start != target for f in code.functions):
            raise code.fail(index, f"the address of instruction {target} is taken, where no function begins")
        return f"fr{target}"

    def _related(self, code: ProgramCode, index: int, relocation: Relocation) -> object:
        if relocation.kind == "extern":
            return self._extern(code, index, relocation.symbol)
        found = self.machine.handles.get(relocation.symbol)
        if found is None:
            raise code.fail(index, f"the object has no map `{relocation.symbol}`")
        if relocation.kind == "map":
            return found.reference()
        if relocation.kind != "data" or not isinstance(found, ArrayTable) or found.max_entries != 1:
            raise code.fail(index, f"map `{found.name}` has no values at fixed addresses")
        if not 0 <= relocation.addend < max(found.value_size, 1):
            raise code.fail(index, f"an address outside `{found.name}` is taken")
        return Pointer(found.element(0), relocation.addend)

    def _extern(self, code: ProgramCode, index: int, symbol: str) -> object:
        """A kernel symbol's or kconfig option's address; those that nobody gave are null, as weak ones are."""
        given = self.machine.externs.get(symbol)
        if given is None and symbol == "LINUX_KERNEL_VERSION":
            given = KERNEL_VERSION
        if given is None:
            raise code.fail(
                index,
                f"`{symbol}` is the kernel's, and the simulation has no value for it",
                f"give one: `externs={{{symbol!r}: …}}`",
            )
        raw = given.to_bytes(8, self.machine.order, signed=given < 0) if isinstance(given, int) else bytes(given)
        return Pointer(Region(f"the extern `{symbol}`", bytearray(raw), Space.GLOBAL, writable=False))

    def kfunc(self, code: ProgramCode, index: int, relocation: Relocation | None) -> str:
        """The name of the kernel function that is called."""
        insn = code.insns[index]
        if relocation is None or relocation.kind != "extern" or insn.op != CALL:
            raise code.fail(
                index, f"kernel function {insn.imm} is called by its BTF id, which only a kernel can resolve"
            )
        name = f"c{index}"
        self.objects[name] = self.machine.kfunc(relocation.symbol)
        return name
