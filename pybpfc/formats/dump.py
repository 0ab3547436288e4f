"""A whole object as text: sections, symbols, relocations, maps, data, code with its source lines, types as C.

It has no file offsets, type ids or folders in it, so that two objects that mean the same give the same text.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybpfc.abi.map_types import FLAG_BITS, MAP_TYPES
from pybpfc.formats import elf as e
from pybpfc.formats.btf_c import declare, print_c
from pybpfc.formats.disasm import disassemble_function
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import CoreRelocation, FunctionSpec, MapSpec, ObjectSpec, VariableSpec

_FLAGS = ((e.SHF_WRITE, "W"), (e.SHF_ALLOC, "A"), (e.SHF_EXECINSTR, "X"))
_SYMBOL_TYPES = {e.STT_NOTYPE: "untyped", e.STT_OBJECT: "object", e.STT_FUNC: "function", e.STT_SECTION: "section"}
_BINDINGS = {e.STB_LOCAL: "local", e.STB_GLOBAL: "global", e.STB_WEAK: "weak"}
_RELOCATIONS = {
    e.R_BPF_64_64: "R_BPF_64_64",
    e.R_BPF_64_ABS64: "R_BPF_64_ABS64",
    e.R_BPF_64_ABS32: "R_BPF_64_ABS32",
    e.R_BPF_64_NODYLD32: "R_BPF_64_NODYLD32",
    e.R_BPF_64_32: "R_BPF_64_32",
}
_ROW = 16


def dump_object(data: bytes) -> str:
    """The text of an object; raises `FormatError` for anything that is none."""
    spec = parse_object(data)
    elf = e.read_elf(data)
    title = f"license {spec.license or '(none)'}, {'big' if spec.big_endian else 'little'}-endian"
    blocks = [
        [title],
        ["sections:", *_sections(elf)],
        ["symbols:", *_symbols(elf)],
        ["relocations:", *_relocations(elf)],
        ["maps:", *(line for m in spec.maps.values() if not m.is_data for line in _map(spec, m))],
        *([f"data {m.name}:", *_data(spec, m)] for m in spec.maps.values() if m.is_data),
        *([*_function(spec, f)] for f in (*spec.programs.values(), *spec.functions.values())),
        ["types:", *(print_c(spec.btf).splitlines() if spec.btf is not None else ())],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if len(lines) > 1 or lines[0] == title) + "\n"


def _sections(elf: e.ElfFile) -> Iterator[str]:
    """Their order is part of the object; sizes stand where they do not depend on names of folders."""
    for section in elf.sections:
        if not section.name:
            continue
        flags = "".join(letter for bit, letter in _FLAGS if section.flags & bit)
        size = f", {section.size} bytes" if section.flags & e.SHF_ALLOC else ""
        yield f"  {section.name}{' ' + flags if flags else ''}{size}"


def _symbols(elf: e.ElfFile) -> Iterator[str]:
    lines = []
    for s in elf.symbols:
        if s.type == e.STT_FILE or not s.name or s.name.startswith("."):
            continue
        kind, binding = _SYMBOL_TYPES.get(s.type, f"type {s.type}"), _BINDINGS.get(s.binding, f"binding {s.binding}")
        lines.append(f"  {s.name}: {binding} {kind}, {_section_name(elf, s.section)}+{s.value:#x}, {s.size} bytes")
    return iter(sorted(lines))


def _section_name(elf: e.ElfFile, index: int) -> str:
    if index == e.SHN_UNDEF:
        return "undefined"
    return elf.sections[index].name if index < len(elf.sections) else f"section {index:#x}"


def _relocations(elf: e.ElfFile) -> Iterator[str]:
    """Each one of code and maps; those of debug sections, one for each function and line, by number."""
    for index in sorted(elf.relocations):
        section, entries = elf.sections[index], elf.relocations[index]
        if not section.flags & e.SHF_ALLOC:
            yield f"  {section.name}: {len(entries)}"
            continue
        for r in entries:
            symbol = elf.symbols[r.symbol]
            name = symbol.name or _section_name(elf, symbol.section)
            yield f"  {section.name}+{r.offset:#x}: {_RELOCATIONS.get(r.type, f'type {r.type}')} {name}"


def _map(spec: ObjectSpec, m: MapSpec, indent: str = "  ") -> Iterator[str]:
    kind = next((name for name, known in MAP_TYPES.items() if known.uapi == m.type), f"type {m.type}")
    yield f"{indent}{m.name}: {kind}, max_entries {m.max_entries}"
    for what, size, type_id in (("key", m.key_size, m.key_type_id), ("value", m.value_size, m.value_type_id)):
        if size or type_id:
            declared = f", {declare(spec.btf, type_id, '')}" if spec.btf is not None and type_id else ""
            yield f"{indent}  {what}: {size} bytes{declared}"
    if m.flags:
        names = [name for name, bit in FLAG_BITS.items() if m.flags & bit]
        yield f"{indent}  flags: {' | '.join(names) or hex(m.flags)}"
    others = (("map_extra", m.map_extra or None), ("numa_node", m.numa_node), ("pinning", m.pinning or None))
    for what, number in others:
        if number is not None:
            yield f"{indent}  {what}: {number}"
    for slot, name in sorted(m.values.items()):
        yield f"{indent}  [{slot}]: {name}"
    if m.inner is not None:
        yield from _map(spec, m.inner, indent + "  ")


def _data(spec: ObjectSpec, m: MapSpec) -> Iterator[str]:
    """The variables with their first values, and what belongs to none, such as texts."""
    data = m.initial or b""
    variables = sorted((v for v in spec.variables.values() if v.section == m.section), key=lambda v: v.offset)
    at = 0
    for v in variables:
        yield from _bytes(data, at, v.offset)
        yield f"  {_declaration(spec, v)} /* +{v.offset:#x}, {v.size} bytes */"
        yield from _bytes(data, v.offset, v.offset + v.size)
        at = max(at, v.offset + v.size)
    yield from _bytes(data, at, len(data))


def _declaration(spec: ObjectSpec, v: VariableSpec) -> str:
    return f"{declare(spec.btf, v.type_id, v.name)};" if spec.btf is not None and v.type_id else f"{v.name};"


def _bytes(data: bytes, start: int, end: int) -> Iterator[str]:
    """Rows of bytes; what is zero, as most is, is left out."""
    if data.count(0, start, end) == end - start:
        return
    for at in range(start, end, _ROW):
        row = data[at : min(at + _ROW, end)]
        if any(row):
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            yield f"    {at:#06x}: {row.hex(' '):<{3 * _ROW - 1}}  {text}"


def _function(spec: ObjectSpec, function: FunctionSpec) -> Iterator[str]:
    kind = "" if function.is_global else ", static"
    place = f"{function.section}{', hidden' if function.is_hidden else kind}"
    yield f"{function.name} in {place}:"
    if spec.btf is not None and function.func_type_id:
        found = spec.btf.type(function.func_type_id)
        yield f"{declare(spec.btf, found.type, found.name)}"
    yield from (f"; CO-RE at {relo.index}: {_core(spec, relo)}" for relo in function.core_relos)
    yield from disassemble_function(function, spec.big_endian).splitlines()


def _core(spec: ObjectSpec, relo: CoreRelocation) -> str:
    from pybpfc.formats.core_access import words

    return words(spec.btf, relo) if spec.btf is not None else f"type {relo.type_id} {relo.access}"
