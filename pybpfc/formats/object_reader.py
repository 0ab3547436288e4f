"""From an ELF object to what it holds: programs, subprograms, maps, data sections, variables, types.

Reads pybpfc's own objects and those clang makes for libbpf: BTF-defined `.maps`, `.data`, `.rodata`, `.bss`,
subprograms in `.text`, `license`. It asks nothing of the kernel.
"""

from __future__ import annotations

import struct

from pybpfc.abi.insn import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, CALL, LD_IMM64, SIZE
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import match_section
from pybpfc.formats import elf as e
from pybpfc.formats.btf import Btf
from pybpfc.formats.btf_ext import BtfExt, decode_btf_ext
from pybpfc.formats.errors import BadObject
from pybpfc.formats.map_reader import read_maps
from pybpfc.formats.spec import (
    CoreRelocation,
    FunctionSpec,
    LineInfo,
    MapSpec,
    ObjectSpec,
    Relocation,
    RelocationKind,
    VariableSpec,
)
from pybpfc.formats.struct_ops_reader import read_struct_ops

MAX_DATA = 1 << 28
DATA_SECTIONS = (".data", ".rodata", ".bss", ".kconfig")


def is_data_section(name: str) -> bool:
    """Whether a section becomes a data map."""
    return any(name == s or name.startswith(s + ".") for s in DATA_SECTIONS)


def parse_object(data: bytes) -> ObjectSpec:
    """Read an object; raises `FormatError` (`BadElf`, `BadBtf`, `BadObject`) for anything that is none."""
    try:
        return _Reader(e.read_elf(data)).read()
    except (struct.error, UnicodeDecodeError, RecursionError) as error:
        raise BadObject(f"the object is damaged: {error}") from error


class _Reader:
    def __init__(self, elf: e.ElfFile) -> None:
        self.elf = elf
        self.order = ">" if elf.big_endian else "<"
        self.btf = self._read_btf()
        self.ext = self._read_ext()
        self.maps: dict[str, MapSpec] = {}

    def _read_btf(self) -> Btf | None:
        section = self.elf.section(".BTF")
        return Btf(section.data) if section is not None else None

    def _read_ext(self) -> BtfExt:
        section = self.elf.section(".BTF.ext")
        if section is None or self.btf is None:
            return BtfExt()
        return decode_btf_ext(section.data, self.btf)

    def read(self) -> ObjectSpec:
        """Everything."""
        if self.elf.section("maps") is not None:
            raise BadObject("the object has a `maps` section of the form before libbpf 1.0; compile it with BTF maps")
        if self.elf.section(".maps") is not None:
            if self.btf is None:
                raise BadObject("the object has maps but no BTF; compile it with -g")
            self.maps = read_maps(self.elf, self.btf)
        self._read_data_sections()
        programs: dict[str, FunctionSpec] = {}
        functions: dict[str, FunctionSpec] = {}
        for index, section in enumerate(self.elf.sections):
            if not section.executable or not section.data:
                continue
            for function in self._functions(index, section):
                if section.name == ".text" or match_section(section.name) is None:
                    functions[function.name] = function
                else:
                    programs[function.name] = function
        spec = ObjectSpec(
            programs, functions, self.maps, self._variables(), self.btf, self._license(), self.elf.big_endian
        )
        spec.struct_ops = read_struct_ops(self.elf, self.btf)
        spec.weak = frozenset(s.name for s in self.elf.symbols if not s.section and s.binding == e.STB_WEAK)
        return spec

    # ---------------------------------------------------------------------------- data

    def _read_data_sections(self) -> None:
        array = MAP_TYPES["BPF_MAP_TYPE_ARRAY"].uapi
        for section in self.elf.sections:
            if not is_data_section(section.name) or not section.size:
                continue
            if section.size > MAX_DATA:
                raise BadObject(f"section {section.name} of {section.size} bytes is larger than any map")
            initial = section.data if section.data else bytes(section.size)
            datasec = self.btf.find(section.name, "DATASEC") if self.btf is not None else None
            self.maps[section.name] = MapSpec(
                section.name,
                array,
                4,
                len(initial),
                1,
                value_type_id=datasec.id if datasec is not None else 0,
                section=section.name,
                initial=initial,
            )

    def _variables(self) -> dict[str, VariableSpec]:
        types: dict[str, int] = {}
        if self.btf is not None:
            for found in self.btf.types():
                if found.kind == "VAR":
                    types[found.name] = found.type
        out: dict[str, VariableSpec] = {}
        for symbol in self.elf.symbols:
            if symbol.type != e.STT_OBJECT or not 0 < symbol.section < len(self.elf.sections):
                continue
            section = self.elf.sections[symbol.section]
            if section.name in self.maps and self.maps[section.name].is_data:
                if symbol.value + symbol.size > self.maps[section.name].value_size:
                    raise BadObject(f"the variable {symbol.name} lies outside {section.name}")
                type_id = types.get(symbol.name, 0)
                out[symbol.name] = VariableSpec(symbol.name, section.name, symbol.value, symbol.size, type_id)
        return out

    def _license(self) -> str:
        section = self.elf.section("license")
        return section.data.partition(b"\0")[0].decode("utf-8", "replace") if section is not None else ""

    # ----------------------------------------------------------------------- functions

    def _functions(self, index: int, section: e.Section) -> list[FunctionSpec]:
        if len(section.data) % SIZE:
            raise BadObject(f"section {section.name} is no whole number of instructions")
        symbols = [s for s in self.elf.symbols if s.section == index and s.type == e.STT_FUNC]
        symbols.sort(key=lambda s: s.value)
        if not symbols:
            raise BadObject(f"section {section.name} has code but no function symbol")
        return [self._function(index, section, s) for s in symbols]

    def _function(self, index: int, section: e.Section, symbol: e.Symbol) -> FunctionSpec:
        start, end = symbol.value, symbol.value + symbol.size
        if not symbol.size or start % SIZE or symbol.size % SIZE or end > len(section.data):
            raise BadObject(f"the function {symbol.name} does not lie within section {section.name}")
        relocations = [
            self._relocation(section, r, start) for r in self.elf.relocations.get(index, ()) if start <= r.offset < end
        ]
        relocations += self._calls(index, section, start, end)
        type_id = next((t for at, t in self.ext.functions.get(section.name, ()) if at == start), 0)
        return FunctionSpec(
            symbol.name,
            section.name,
            section.data[start:end],
            tuple(sorted(relocations, key=lambda r: r.index)),
            type_id,
            tuple(self._lines(section.name, start, end)),
            tuple(self._core(section.name, start, end)),
            symbol.binding != e.STB_LOCAL,
            is_hidden=symbol.binding != e.STB_LOCAL and symbol.visibility != 0,
        )

    def _relocation(self, section: e.Section, r: e.ElfRelocation, start: int) -> Relocation:
        if r.offset % SIZE:
            raise BadObject(f"a relocation of {section.name} is not on an instruction")
        symbol, index = self.elf.symbols[r.symbol], (r.offset - start) // SIZE
        op, registers = section.data[r.offset], section.data[r.offset + 1]
        (imm,) = struct.unpack_from(self.order + "i", section.data, r.offset + 4)
        source = registers & 15 if self.elf.big_endian else registers >> 4
        if not 0 < symbol.section < len(self.elf.sections):
            return Relocation(index, "extern", symbol.name, imm)
        target = self.elf.sections[symbol.section]
        if op == CALL and source == BPF_PSEUDO_CALL:
            at = symbol.value if symbol.type != e.STT_SECTION else (imm + 1) * SIZE
            return Relocation(index, "call", self._function_at(symbol.section, at))
        if op != LD_IMM64:
            raise BadObject(f"a relocation of {section.name} to {symbol.name or target.name} is on no load or call")
        if target.executable:
            at = symbol.value if symbol.type != e.STT_SECTION else imm
            return Relocation(index, "function_address", self._function_at(symbol.section, at))
        if target.name == ".maps":
            name = symbol.name or next((m for m in self.maps if not self.maps[m].is_data), "")
            if name not in self.maps:
                raise BadObject(f"there is no map {name}")
            return Relocation(index, "map", name)
        if target.name not in self.maps:
            raise BadObject(f"{section.name} refers to {symbol.name or target.name}, which is no map and no data")
        addend = imm + symbol.value
        if not 0 <= addend < self.maps[target.name].value_size:
            raise BadObject(f"{section.name} refers to a place outside {target.name}")
        return Relocation(index, "data", target.name, addend)

    def _function_at(self, section: int, offset: int) -> str:
        for symbol in self.elf.symbols:
            if symbol.section == section and symbol.type == e.STT_FUNC and symbol.value == offset:
                return symbol.name
        raise BadObject(f"no function begins at {offset} of {self.elf.sections[section].name}")

    def _calls(self, index: int, section: e.Section, start: int, end: int) -> list[Relocation]:
        """Calls within a section carry no relocation: their target is relative."""
        known = {r.offset for r in self.elf.relocations.get(index, ())}
        out: list[Relocation] = []
        for at in range(start, end, SIZE):
            source = section.data[at + 1] & 15 if self.elf.big_endian else section.data[at + 1] >> 4
            op = section.data[at]
            if at in known or not (
                (op == CALL and source == BPF_PSEUDO_CALL) or (op == LD_IMM64 and source == BPF_PSEUDO_FUNC)
            ):
                continue
            (imm,) = struct.unpack_from(self.order + "i", section.data, at + 4)
            kind: RelocationKind = "call" if op == CALL else "function_address"
            out.append(Relocation((at - start) // SIZE, kind, self._function_at(index, at + (imm + 1) * SIZE)))
        return out

    # ------------------------------------------------------------------------- records

    def _lines(self, section: str, start: int, end: int) -> list[LineInfo]:
        out: list[LineInfo] = []
        for at, file, text, place in self.ext.lines.get(section, ()):
            if start <= at < end and self.btf is not None:
                name, quoted = self.btf.string(file), self.btf.string(text)
                out.append(LineInfo((at - start) // SIZE, name, place >> 10, place & 0x3FF, quoted))
        return out

    def _core(self, section: str, start: int, end: int) -> list[CoreRelocation]:
        out: list[CoreRelocation] = []
        for at, type_id, access, kind in self.ext.core.get(section, ()):
            if start <= at < end and self.btf is not None:
                out.append(CoreRelocation((at - start) // SIZE, type_id, self.btf.string(access), kind, access))
        return out
