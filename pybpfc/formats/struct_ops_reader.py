"""Structs of operations: variables in `.struct_ops` and `.struct_ops.link`, their function members as relocations."""

from __future__ import annotations

import struct

from pybpfc.formats import elf as e
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadObject
from pybpfc.formats.spec import StructOpsSpec

SECTIONS = {".struct_ops": False, ".struct_ops.link": True}
"""The sections, and whether what lies in them is attached by a link."""


def read_struct_ops(elf: e.ElfFile, btf: Btf | None) -> dict[str, StructOpsSpec]:
    """The structs of operations of an object by name; raises `BadObject`, `BadBtf`."""
    found: dict[str, StructOpsSpec] = {}
    for index, section in enumerate(elf.sections):
        plain = section.name.removeprefix("?")
        if plain not in SECTIONS or not section.size:
            continue
        if btf is None or (datasec := btf.find(section.name, "DATASEC")) is None:
            raise BadObject(f"the object has a {section.name} section that its BTF does not describe")
        for var_id, _, _ in datasec.variables:
            variable = btf.type(var_id)
            spec = _read_one(elf, btf, index, variable.name, variable.type)
            spec.link, spec.autoload = SECTIONS[plain], not section.name.startswith("?")
            found[variable.name] = spec
    return found


def _read_one(elf: e.ElfFile, btf: Btf, index: int, name: str, type_id: int) -> StructOpsSpec:
    section, type = elf.sections[index], btf.skip_modifiers(type_id)
    symbol = next((s for s in elf.symbols if s.section == index and s.name == name), None)
    if symbol is None or type.kind != "STRUCT" or not type.name:
        raise BadObject(f"`{name}` of {section.name} is not a variable of a struct with a name")
    data = section.data or bytes(section.size)
    start, end = symbol.value, symbol.value + type.size
    if end > len(data):
        raise BadObject(f"`{name}` does not lie within {section.name}")
    members = {m.offset // 8: m.name for m in type.members}
    functions: dict[str, str] = {}
    for r in elf.relocations.get(index, ()):
        if not start <= r.offset < end:
            continue
        member = members.get(r.offset - start)
        function = _function(elf, r, data)
        if member is None or function is None:
            raise BadObject(f"a relocation of `{name}` is on no member, or leads to no function")
        functions[member] = function
    return StructOpsSpec(name, type.name, type.id, data[start:end], functions)


def _function(elf: e.ElfFile, r: e.ElfRelocation, data: bytes) -> str | None:
    """The function that a relocation leads to, by its own symbol or by that of its section and an offset."""
    target = elf.symbols[r.symbol]
    if target.type == e.STT_FUNC:
        return target.name
    (addend,) = struct.unpack_from(">Q" if elf.big_endian else "<Q", data, r.offset)
    at = target.value + addend
    there = (s for s in elf.symbols if s.section == target.section and s.type == e.STT_FUNC and s.value == at)
    return next((s.name for s in there), None)
