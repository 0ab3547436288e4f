"""ELF objects: reading through pyelftools, and writing the small relocatable files that BPF objects are."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from pybpfc.formats.errors import BadElf
from pybpfc.records import define, field, frozen

EM_BPF = 247
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_REL, SHT_NOBITS = 1, 2, 3, 9, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = range(5)
STB_LOCAL, STB_GLOBAL, STB_WEAK = range(3)
SHN_UNDEF, SHN_ABS = 0, 0xFFF1
R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_NODYLD32, R_BPF_64_32 = 1, 2, 3, 4, 10
MAX_SIZE = 256 << 20


@define
class Section:
    """One section; `size` differs from the data's for `.bss`."""

    name: str
    type: int = SHT_PROGBITS
    flags: int = 0
    data: bytes = b""
    size: int = 0
    align: int = 1
    entry_size: int = 0

    @property
    def executable(self) -> bool:
        """Whether it holds instructions."""
        return bool(self.flags & SHF_EXECINSTR)


@frozen
class Symbol:
    """One symbol; `section` is an index into the sections, or an SHN_ number."""

    name: str
    value: int
    size: int
    type: int
    binding: int
    section: int
    visibility: int = 0


@frozen
class ElfRelocation:
    """One relocation: `offset` bytes into its section, `symbol` an index into the symbols."""

    offset: int
    type: int
    symbol: int


@define
class ElfFile:
    """A relocatable object. Section 0 and symbol 0 are the empty ones ELF demands."""

    big_endian: bool = False
    sections: list[Section] = field(default_factory=list)
    symbols: list[Symbol] = field(default_factory=list)
    relocations: dict[int, list[ElfRelocation]] = field(default_factory=dict)
    machine: int = EM_BPF

    def section(self, name: str) -> Section | None:
        """The section called `name`."""
        return next((s for s in self.sections if s.name == name), None)


def section_of(file: BinaryIO, name: str) -> bytes:
    """One section of any 64-bit ELF file, such as a kernel, without reading the rest; raises `BadElf` without it."""

    def part(at: int, size: int) -> bytes:
        file.seek(at)
        data = file.read(size)
        if len(data) != size:
            raise BadElf("the ELF file is cut off")
        return data

    head = part(0, 64)
    if head[:4] != b"\x7fELF" or head[4] != 2:
        raise BadElf("this is not a 64-bit ELF file")
    order = ">" if head[5] == 2 else "<"
    (table,) = struct.unpack_from(order + "Q", head, 40)
    entry, count, names = struct.unpack_from(order + "HHH", head, 58)
    if entry != 64 or names >= count:
        raise BadElf("the ELF section table is damaged")
    headers = [struct.unpack_from(order + "IIQQQQ", part(table + index * 64, 64)) for index in range(count)]
    offset, size = headers[names][4:6]
    if size > MAX_SIZE:
        raise BadElf("the ELF section table is damaged")
    texts = part(offset, size)
    for title, kind, _, _, offset, size in headers:
        if texts[title : texts.find(b"\0", title)].decode("utf-8", "replace") == name and kind != SHT_NOBITS:
            if size > MAX_SIZE:
                raise BadElf(f"its section {name} of {size} bytes is too large")
            return part(offset, size)
    raise BadElf(f"the ELF file has no section {name}")


def read_elf(data: bytes) -> ElfFile:
    """Parse an ELF64 relocatable BPF object; raises `BadElf` for anything else."""
    if data[:4] != b"\x7fELF":
        raise BadElf("this is not an ELF file")
    if len(data) < 64:
        raise BadElf(f"an ELF file of {len(data)} bytes has no header")
    if len(data) > MAX_SIZE:
        raise BadElf(f"an object of {len(data)} bytes is larger than any BPF object")
    if data[4] != 2:
        raise BadElf("this is a 32-bit ELF file, not a BPF object")
    _check_table(data)
    from elftools.common.exceptions import ELFError
    from elftools.construct.core import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        return _convert(ELFFile(io.BytesIO(data)))
    except (ELFError, ConstructError, struct.error, UnicodeDecodeError) as error:
        raise BadElf(f"the ELF file is damaged: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, AssertionError) as error:
        # pyelftools reports some damage by whatever its code trips over
        raise BadElf(f"the ELF file is damaged ({type(error).__name__}: {error})") from error


def _check_table(data: bytes) -> None:
    """The section table and the sections must lie within the file, before anything is built on them."""
    order = ">" if data[5] == 2 else "<"
    machine = struct.unpack_from(order + "H", data, 18)[0]
    if machine != EM_BPF:
        raise BadElf(f"this ELF file is for machine {machine}, not for BPF ({EM_BPF})")
    (at,) = struct.unpack_from(order + "Q", data, 40)
    entry, count, names = struct.unpack_from(order + "HHH", data, 58)
    if entry != 64 or not count or at + count * entry > len(data) or names >= count:
        raise BadElf("the ELF section table is damaged or cut off")
    for index in range(count):
        kind, offset, size, each = struct.unpack_from(order + "I16xQQ16xQ", data, at + index * entry + 4)
        if kind not in (0, SHT_NOBITS) and offset + size > len(data):
            raise BadElf(f"ELF section {index} reaches past the end of the file")
        if kind == SHT_NOBITS and size > MAX_SIZE:
            raise BadElf(f"ELF section {index} is larger than any BPF data section")
        if kind in (SHT_SYMTAB, SHT_REL) and (each == 0 or size % each):
            raise BadElf(f"ELF section {index} has entries of {each} bytes")


def _convert(elf: object) -> ElfFile:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    assert isinstance(elf, ELFFile)
    out = ElfFile(big_endian=not elf.little_endian, machine=EM_BPF)
    tables: list[SymbolTableSection] = []
    raw = list(elf.iter_sections())
    for section in raw:
        header = section.header
        kind = header["sh_type"]
        number = {"SHT_NULL": 0, "SHT_PROGBITS": SHT_PROGBITS, "SHT_SYMTAB": SHT_SYMTAB, "SHT_STRTAB": SHT_STRTAB}
        number |= {"SHT_REL": SHT_REL, "SHT_NOBITS": SHT_NOBITS}
        code = number.get(kind, kind if isinstance(kind, int) else SHT_PROGBITS)
        content = b"" if code in (0, SHT_NOBITS) else section.data()
        size, align = header["sh_size"], header["sh_addralign"]
        out.sections.append(Section(section.name, code, header["sh_flags"], content, size, align, header["sh_entsize"]))
        if isinstance(section, SymbolTableSection):
            tables.append(section)
    if tables:
        out.symbols = [_symbol(s) for s in tables[0].iter_symbols()]
    for section in raw:
        if section.header["sh_type"] == "SHT_REL":
            target = section.header["sh_info"]
            entries = section.data()
            out.relocations.setdefault(target, []).extend(_relocations(entries, out, target))
    return out


def _symbol(s: object) -> Symbol:
    from elftools.elf.sections import Symbol as RawSymbol

    assert isinstance(s, RawSymbol)
    kinds = {"STT_NOTYPE": 0, "STT_OBJECT": 1, "STT_FUNC": 2, "STT_SECTION": 3, "STT_FILE": 4}
    bindings = {"STB_LOCAL": 0, "STB_GLOBAL": 1, "STB_WEAK": 2}
    place = s.entry["st_shndx"]
    index = place if isinstance(place, int) else SHN_UNDEF if place == "SHN_UNDEF" else SHN_ABS
    info, other = s.entry["st_info"], s.entry["st_other"]
    hidden = {"STV_DEFAULT": 0, "STV_INTERNAL": 1, "STV_HIDDEN": 2}.get(other["visibility"], 0)
    kind, binding = kinds.get(info["type"], 0), bindings.get(info["bind"], 0)
    return Symbol(s.name, s.entry["st_value"], s.entry["st_size"], kind, binding, index, hidden)


def _relocations(entries: bytes, elf: ElfFile, target: int) -> list[ElfRelocation]:
    if not 0 < target < len(elf.sections):
        raise BadElf(f"relocations for section {target}, which is not there")
    out: list[ElfRelocation] = []
    for offset, info in struct.iter_unpack(">QQ" if elf.big_endian else "<QQ", entries):
        symbol = info >> 32
        if symbol >= len(elf.symbols):
            raise BadElf(f"a relocation names symbol {symbol}, which is not there")
        out.append(ElfRelocation(offset, info & 0xFFFFFFFF, symbol))
    return out


# ------------------------------------------------------------------------------------- writing


def write_elf(elf: ElfFile) -> bytes:
    """The bytes of an object. Names, symbol and relocation tables are made from the lists; sections[0] is empty."""
    order = ">" if elf.big_endian else "<"
    sections = [s for s in elf.sections if s.type not in (SHT_SYMTAB, SHT_STRTAB, SHT_REL)]
    moved = {i: sections.index(s) for i, s in enumerate(elf.sections) if any(s is t for t in sections)}
    locals_first = sorted(range(len(elf.symbols)), key=lambda i: i > 0 and elf.symbols[i].binding != STB_LOCAL)
    renumbered = {old: new for new, old in enumerate(locals_first)}
    strings = _Strings()
    symbols = b"".join(_pack_symbol(order, elf.symbols[i], strings, moved) for i in locals_first)
    first_global = sum(1 for i in locals_first if i == 0 or elf.symbols[i].binding == STB_LOCAL)
    table = [*sections]
    symtab = len(table)
    extra: list[tuple[Section, int, int]] = [
        (Section(".symtab", SHT_SYMTAB, 0, symbols, len(symbols), 8, 24), symtab + 1, first_global)
    ]
    extra.append((Section(".strtab", SHT_STRTAB), 0, 0))
    for target, relocations in elf.relocations.items():
        if target not in moved or not relocations:
            continue
        packed = b"".join(struct.pack(order + "QQ", r.offset, renumbered[r.symbol] << 32 | r.type) for r in relocations)
        name = ".rel" + elf.sections[target].name
        extra.append((Section(name, SHT_REL, 0, packed, len(packed), 8, 16), symtab, moved[target]))
    names = [strings.add(s.name) for s in (*sections, *(e[0] for e in extra))]
    extra[1][0].data = strings.data
    extra[1][0].size = len(strings.data)
    links = [(s, 0, 0) for s in sections] + extra
    return _assemble(order, elf, links, names, symtab + 1)


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"
        self._known: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        """The offset of a string, added if it is new."""
        if text not in self._known:
            self._known[text] = len(self.data)
            self.data += text.encode() + b"\0"
        return self._known[text]


def _pack_symbol(order: str, s: Symbol, strings: _Strings, moved: dict[int, int]) -> bytes:
    index = moved.get(s.section, 0) if s.section < 0xFF00 else s.section
    info = s.binding << 4 | s.type
    return struct.pack(order + "IBBHQQ", strings.add(s.name), info, s.visibility, index, s.value, s.size)


def _assemble(order: str, elf: ElfFile, table: list[tuple[Section, int, int]], names: list[int], strtab: int) -> bytes:
    body = bytearray(64)
    headers = bytearray()
    for (section, link, info), name in zip(table, names, strict=True):
        body.extend(b"\0" * (-len(body) % max(1, section.align)))
        size = section.size if section.type == SHT_NOBITS else len(section.data)
        at = len(body) if section.type else 0
        fields = (name, section.type, section.flags, 0, at, size, link, info, section.align, section.entry_size)
        headers += struct.pack(order + "IIQQQQIIQQ", *fields)
        if section.type != SHT_NOBITS:
            body.extend(section.data)
    body.extend(b"\0" * (-len(body) % 8))
    ident = b"\x7fELF" + bytes([2, 2 if elf.big_endian else 1, 1]) + bytes(9)
    shape = (1, elf.machine, 1, 0, 0, len(body), 0, 64, 0, 0, 64, len(table), strtab)
    body[:64] = ident + struct.pack(order + "HHIQQQIHHHHHH", *shape)
    return bytes(body + headers)
