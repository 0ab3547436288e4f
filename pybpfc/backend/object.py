"""The final object: what LLVM wrote without what BPF loaders have no use for.

DWARF came along because BTF is made from it; it goes, with the unwind tables and LLVM's address-significance table.
The code, the data, `.BTF`, `.BTF.ext`, the symbols they need and their relocations stay.
"""

from __future__ import annotations

from pybpfc.formats import elf as e

_DROPPED = (".debug_", ".eh_frame", ".llvm_addrsig", ".comment", ".note")


def finish_object(elf: e.ElfFile) -> bytes:
    """The object without its ballast."""
    dropped = {i for i, s in enumerate(elf.sections) if s.name.startswith(_DROPPED) or _is_empty(s)}
    elf.relocations = {i: r for i, r in elf.relocations.items() if i not in dropped}
    used = {r.symbol for relocations in elf.relocations.values() for r in relocations}
    kept = [
        i
        for i, s in enumerate(elf.symbols)
        if i == 0 or i in used or (s.section not in dropped and s.name and s.type != e.STT_FILE and _named(s))
    ]
    numbers = {old: new for new, old in enumerate(kept)}
    elf.symbols = [elf.symbols[i] for i in kept]
    elf.relocations = {
        i: [e.ElfRelocation(r.offset, r.type, numbers[r.symbol]) for r in relocations]
        for i, relocations in elf.relocations.items()
    }
    return e.write_elf(_without(elf, dropped))


def _named(symbol: e.Symbol) -> bool:
    return symbol.type in (e.STT_OBJECT, e.STT_FUNC) or symbol.binding != e.STB_LOCAL


def _is_empty(section: e.Section) -> bool:
    return section.name == ".text" and not section.data


def _without(elf: e.ElfFile, dropped: set[int]) -> e.ElfFile:
    kept = [i for i in range(len(elf.sections)) if i not in dropped]
    numbers = {old: new for new, old in enumerate(kept)}
    symbols = [
        e.Symbol(s.name, s.value, s.size, s.type, s.binding, numbers.get(s.section, s.section), s.visibility)
        for s in elf.symbols
    ]
    relocations = {numbers[i]: r for i, r in elf.relocations.items()}
    return e.ElfFile(elf.big_endian, [elf.sections[i] for i in kept], symbols, relocations)
