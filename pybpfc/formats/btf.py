"""BTF: the kernel's type format. Types are decoded one at a time, when asked for.

All 20 kinds, both byte orders, split BTF, and headers longer than the one known here. Where the types are and which
names they have is an index, made when it is first needed or given by who has kept one: see `formats.btf_index`.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pybpfc.formats.btf_index import BtfIndex, Words, name_hash, scan
from pybpfc.formats.errors import BadBtf
from pybpfc.records import frozen

if TYPE_CHECKING:
    from mmap import mmap

MAGIC = 0xEB9F
HEADER = 24

KINDS = (
    "VOID",
    "INT",
    "PTR",
    "ARRAY",
    "STRUCT",
    "UNION",
    "ENUM",
    "FWD",
    "TYPEDEF",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
)
KIND_NUMBERS = {name: number for number, name in enumerate(KINDS)}

_ENUMS = (KIND_NUMBERS["ENUM"], KIND_NUMBERS["ENUM64"])
_MODIFIERS = frozenset({"TYPEDEF", "VOLATILE", "CONST", "RESTRICT", "TYPE_TAG"})

_FLAVORED = re.compile(r".*[^_](?=___[^_])", re.DOTALL)


def essential_name(name: str) -> str:
    """A name without its flavor: `sock` for `sock___old`; objects tell variants of a kernel type apart by these."""
    found = _FLAVORED.match(name)
    return found[0] if found else name


@frozen
class BtfMember:
    """A struct's or union's member: offset in bits, and the width of a bit-field (else 0)."""

    name: str
    type: int
    offset: int
    bits: int = 0


@frozen
class BtfType:
    """One type. `size` in bytes or 0; `type` is the id referred to or 0; the tuples are those of the kind.

    `encoding` of an INT: 1 signed, 2 char, 4 bool; `bits` its width and `bit_offset`, 0 but in old bit-fields,
    where it begins. `linkage` of FUNC and VAR. `index` of DECL_TAG.
    """

    id: int
    kind: str
    name: str
    size: int = 0
    type: int = 0
    flag: bool = False
    encoding: int = 0
    bits: int = 0
    bit_offset: int = 0
    length: int = 0
    index_type: int = 0
    linkage: int = 0
    index: int = -1
    members: tuple[BtfMember, ...] = ()
    enumerators: tuple[tuple[str, int], ...] = ()
    params: tuple[tuple[str, int], ...] = ()
    variables: tuple[tuple[int, int, int], ...] = ()


class Btf:
    """A BTF blob. Type 0 is void; with `base`, ids and string offsets go on where the base ends.

    Without an `index` the blob is read through once, which finds damage at once: `BadBtf`.
    """

    def __init__(self, data: bytes | mmap, base: Btf | None = None, index: BtfIndex | None = None) -> None:
        self.raw = data
        self.base = base
        head = data[:HEADER]
        if len(head) < HEADER:
            raise BadBtf(f"BTF of {len(head)} bytes has no header")
        self.order = "<" if head[:2] == b"\x9f\xeb" else ">"
        magic, version, _, length = struct.unpack_from(self.order + "HBBI", head)
        if magic != MAGIC:
            raise BadBtf(f"BTF starts with {head[:2].hex()}, not with its magic number")
        if version != 1:
            raise BadBtf(f"BTF of version {version} is not known")
        types_at, types_size, strings_at, strings_size = struct.unpack_from(self.order + "IIII", head, 8)
        if length < HEADER or length + types_at + types_size > len(data):
            raise BadBtf("BTF types reach past the end")
        if length + strings_at + strings_size > len(data):
            raise BadBtf("BTF strings reach past the end")
        self._strings_at: int = length + strings_at
        self._strings_size: int = strings_size
        self._first = base.count if base is not None else 1
        self._strings_base = base.strings_end if base is not None else 0
        self._words = self._native(length + types_at, types_size)
        if index is None:
            index = BtfIndex(scan(self._words, self._first))
        self._index = index
        self._cache: dict[int, BtfType] = {}

    def _native(self, at: int, size: int) -> Words:
        """The types as 32-bit words of this machine's byte order, not copied where they are so already."""
        if size % 4:
            raise BadBtf("the last BTF type is cut off")
        if self.order == ("<" if sys.byteorder == "little" else ">"):
            return memoryview(self.raw)[at : at + size].cast("I")
        turned = array("I", self.raw[at : at + size])
        turned.byteswap()
        return turned

    @property
    def data(self) -> bytes:
        """The whole blob."""
        return self.raw[:]

    @property
    def strings(self) -> bytes:
        """The string table."""
        return self.raw[self._strings_at : self._strings_at + self._strings_size]

    @property
    def first(self) -> int:
        """The id of the first type that is not the base's."""
        return self._first

    @property
    def count(self) -> int:
        """One more than the highest id."""
        return self._first + len(self._index.offsets)

    @property
    def strings_end(self) -> int:
        """Where a split BTF's strings begin."""
        return self._strings_base + self._strings_size

    # ------------------------------------------------------------------------- reading

    def string(self, offset: int) -> str:
        """The string at an offset; raises `BadBtf`."""
        return self._string(offset).decode("utf-8", "replace")

    def _string(self, offset: int) -> bytes:
        if offset < self._strings_base and self.base is not None:
            return self.base._string(offset)
        start = self._strings_at + offset - self._strings_base
        limit = self._strings_at + self._strings_size
        end = self.raw.find(b"\0", start, limit) if self._strings_at <= start < limit else -1
        if end < 0:
            raise BadBtf(f"BTF string {offset} is outside the string table")
        return self.raw[start:end]

    def type(self, id: int) -> BtfType:
        """A type by its id; raises `BadBtf`."""
        if id == 0:
            return BtfType(0, "VOID", "")
        if id < self._first and self.base is not None:
            return self.base.type(id)
        known = self._cache.get(id)
        if known is None:
            if not self._first <= id < self.count:
                raise BadBtf(f"there is no BTF type {id}")
            known = self._cache[id] = self._decode(id, self._index.offsets[id - self._first])
        return known

    def _take(self, at: int, count: int) -> list[int]:
        taken = self._words[at : at + count].tolist()
        if len(taken) != count:
            raise BadBtf("a BTF type is cut off")
        return taken

    def _decode(self, id: int, at: int) -> BtfType:
        name_at, info, size = self._take(at, 3)
        number, vlen, flag = info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31)
        if not 0 < number < len(KINDS):
            raise BadBtf(f"BTF type {id} is of the unknown kind {number}")
        kind, name, at = KINDS[number], self.string(name_at), at + 3
        match kind:
            case "INT":
                (word,) = self._take(at, 1)
                encoding, start, bits = word >> 24 & 15, word >> 16 & 0xFF, word & 0xFF
                return BtfType(id, kind, name, size, encoding=encoding, bits=bits, bit_offset=start)
            case "ARRAY":
                element, index, length = self._take(at, 3)
                return BtfType(id, kind, name, type=element, index_type=index, length=length)
            case "STRUCT" | "UNION":
                return BtfType(id, kind, name, size, flag=flag, members=self._members(at, vlen, flag))
            case "ENUM" | "ENUM64":
                return BtfType(id, kind, name, size, flag=flag, enumerators=self._enumerators(kind, at, vlen, flag))
            case "FUNC_PROTO":
                words = self._take(at, 2 * vlen)
                pairs = tuple((self.string(n), t) for n, t in zip(words[::2], words[1::2], strict=True))
                return BtfType(id, kind, name, type=size, params=pairs)
            case "FUNC":
                return BtfType(id, kind, name, type=size, linkage=vlen)
            case "VAR":
                return BtfType(id, kind, name, type=size, linkage=self._take(at, 1)[0])
            case "DATASEC":
                words = self._take(at, 3 * vlen)
                parts = tuple(zip(words[::3], words[1::3], words[2::3], strict=True))
                return BtfType(id, kind, name, size, variables=parts)
            case "DECL_TAG":
                return BtfType(id, kind, name, type=size, index=_signed(self._take(at, 1)[0], 32))
            case "FLOAT":
                return BtfType(id, kind, name, size)
            case _:
                return BtfType(id, kind, name, type=size, flag=flag)

    def _members(self, at: int, vlen: int, flag: bool) -> tuple[BtfMember, ...]:
        words = self._take(at, 3 * vlen)
        out: list[BtfMember] = []
        for name, type, offset in zip(words[::3], words[1::3], words[2::3], strict=True):
            bits = offset >> 24 if flag else 0
            out.append(BtfMember(self.string(name), type, offset & 0xFFFFFF if flag else offset, bits))
        return tuple(out)

    def _enumerators(self, kind: str, at: int, vlen: int, signed: bool) -> tuple[tuple[str, int], ...]:
        each = 2 if kind == "ENUM" else 3
        words = self._take(at, each * vlen)
        out: list[tuple[str, int]] = []
        for start in range(0, len(words), each):
            value = words[start + 1] if each == 2 else words[start + 2] << 32 | words[start + 1]
            out.append((self.string(words[start]), _signed(value, 32 if each == 2 else 64) if signed else value))
        return tuple(out)

    def types(self) -> Iterator[BtfType]:
        """All types of this blob, without its base's."""
        return (self.type(id) for id in range(self._first, self.count))

    # ------------------------------------------------------------------------- by name

    @property
    def index(self) -> BtfIndex:
        """Where types are and which have which name, complete."""
        if not self._index.named:
            self._index.add_names(self._words, self._string, self.strings, self._strings_base)
        return self._index

    def find(self, name: str, *kinds: str) -> BtfType | None:
        """The first type of this name and of one of the kinds (any, when none are given)."""
        return next(self.find_all(name, *kinds), None)

    def find_all(self, name: str, *kinds: str) -> Iterator[BtfType]:
        """All types of this name and of one of the kinds, base's last; only these are decoded."""
        yield from self._own(name, kinds)
        if self.base is not None:
            yield from self.base.find_all(name, *kinds)

    def _own(self, name: str, kinds: tuple[str, ...]) -> Iterator[BtfType]:
        text = name.encode("utf-8", "surrogateescape")
        if text:
            for position in self.index.positions(name_hash(text)):
                found = self._fitting(position, text, kinds)
                if found is not None:
                    yield found

    def _fitting(self, position: int, text: bytes, kinds: tuple[str, ...]) -> BtfType | None:
        if position >= len(self._index.offsets):
            return None
        at = self._index.offsets[position]
        name_at, info, _ = self._take(at, 3)
        if kinds and (info >> 24 & 0x1F) >= len(KINDS) or kinds and KINDS[info >> 24 & 0x1F] not in kinds:
            return None
        return self.type(self._first + position) if self._string(name_at) == text else None

    def essential_ids(self, name: str) -> list[int]:
        """The ids in this blob, without its base's, of the types whose names are this one but for their flavor."""
        names = [name, *(other for other in self._starting(f"{name}___") if essential_name(other) == name)]
        return sorted(found.id for each in names for found in self._own(each, ()))

    def named(self, pattern: str, kind: str) -> Iterator[BtfType]:
        """The types of a kind whose names match a glob, base's included."""
        if not any(sign in pattern for sign in "*?["):
            yield from self.find_all(pattern, kind)
            return
        from fnmatch import translate

        fits, number, words = re.compile(translate(pattern).encode()).match, KIND_NUMBERS[kind], self._words
        try:
            of_kind = [(id, at) for id, at in enumerate(self._index.offsets, self._first)
                       if words[at + 1] >> 24 & 0x1F == number]  # fmt: skip
        except IndexError:
            raise BadBtf("the index of the BTF is damaged") from None
        yield from (self.type(id) for id, at in of_kind if fits(self._string(words[at])))
        if self.base is not None:
            yield from self.base.named(pattern, kind)

    def starting(self, prefix: str) -> set[str]:
        """The names that start so, of whatever kind; base's included."""
        found = self._starting(prefix)
        return found | self.base.starting(prefix) if self.base is not None else found

    def _starting(self, prefix: str) -> set[str]:
        table, text = self.strings, b"\0" + prefix.encode("utf-8", "surrogateescape")
        out, at = set[str](), table.find(text)
        while at >= 0:
            end = table.find(b"\0", at + 1)
            out.add(table[at + 1 : end if end >= 0 else len(table)].decode("utf-8", "replace"))
            at = table.find(text, at + 1)
        return out

    def find_enumerator(self, name: str) -> tuple[BtfType, int] | None:
        """The first enum that has an enumerator of this name, and its value; base's last. Raises `BadBtf`."""
        text = name.encode("utf-8", "surrogateescape")
        places = list(self._places(text)) if text and b"\0" not in text else []
        for whole in (True, False):  # names that are the ends of other strings are rare, such strings are not
            found = [self._enumerator_at(offset, name) for offset, is_whole in places if is_whole is whole]
            earliest = min((one for one in found if one is not None), key=lambda one: one[0].id, default=None)
            if earliest is not None:
                return earliest
        return self.base.find_enumerator(name) if self.base is not None else None

    def _enumerator_at(self, offset: int, name: str) -> tuple[BtfType, int] | None:
        """The first enum with an enumerator whose name is the string at an offset, and its value."""
        for word in self._occurrences(offset):
            position = bisect_right(self._index.offsets, word) - 1
            if position >= 0 and self._take(self._index.offsets[position], 3)[1] >> 24 & 0x1F in _ENUMS:
                found = self.type(self._first + position)
                value = dict(found.enumerators).get(name)
                if value is not None:
                    return found, value
        return None

    def _places(self, text: bytes) -> Iterator[tuple[int, bool]]:
        """The offsets of a string, and whether it is a whole one, not the end of another."""
        if self.base is not None:
            yield from self.base._places(text)
        table, ended = self.strings, text + b"\0"
        at = table.find(ended)
        while at >= 0:
            yield at + self._strings_base, at == 0 or not table[at - 1]
            at = table.find(ended, at + 1)

    def _occurrences(self, number: int) -> Iterator[int]:
        """Where a number stands among the words of the types."""
        wanted = number.to_bytes(4, sys.byteorder)
        at = self._bytes.find(wanted)
        while at >= 0:
            if not at & 3:
                yield at >> 2
            at = self._bytes.find(wanted, at + 1)

    @cached_property
    def _bytes(self) -> bytes:
        """The types' words as bytes that can be searched, which a mapped file's slowly can."""
        return self._words.tobytes()

    # ------------------------------------------------------------------------- questions

    def skip_modifiers(self, id: int) -> BtfType:
        """The type behind typedefs, const, volatile and restrict."""
        for _ in range(32):
            found = self.type(id)
            if found.kind not in _MODIFIERS:
                return found
            id = found.type
        raise BadBtf(f"BTF type {id} never ends")

    def size_of(self, id: int) -> int:
        """A type's size in bytes; raises `BadBtf` for types without one."""
        factor = 1
        for _ in range(32):
            found = self.skip_modifiers(id)
            match found.kind:
                case "INT" | "STRUCT" | "UNION" | "ENUM" | "ENUM64" | "FLOAT" | "DATASEC":
                    return found.size * factor
                case "PTR":
                    return 8 * factor
                case "ARRAY":
                    factor *= found.length
                    id = found.type
                case "VAR":
                    id = found.type
                case _:
                    raise BadBtf(f"BTF type {id} ({found.kind}) has no size")
        raise BadBtf(f"BTF type {id} never ends")


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value
