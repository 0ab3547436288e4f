"""BTF: the kernel's type format. Types are decoded one at a time, when asked for.

All 20 kinds, both byte orders, split BTF, and headers longer than the one known here. Nothing is decoded to find a
type: its name is looked for in the string table, then the name's offset among those of the types.
"""

from __future__ import annotations

import bisect
import functools
import mmap
import re
import struct
import sys
from array import array
from collections.abc import Iterator

from pybpfc.formats.btf_index import KINDS, BtfIndex, scan, shares_strings
from pybpfc.formats.errors import BadBtf
from pybpfc.records import frozen

Blob = bytes | mmap.mmap

MAGIC = 0xEB9F
HEADER = 24

KIND_NUMBERS = {name: number for number, name in enumerate(KINDS)}
_MODIFIERS = frozenset({"TYPEDEF", "VOLATILE", "CONST", "RESTRICT", "TYPE_TAG"})


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

    `encoding` of an INT: 1 signed, 2 char, 4 bool; `bits` its width. `linkage` of FUNC and VAR. `index` of DECL_TAG.
    """

    id: int
    kind: str
    name: str
    size: int = 0
    type: int = 0
    flag: bool = False
    encoding: int = 0
    bits: int = 0
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

    With an `index`, made of the same bytes before, nothing is read but the header.
    """

    def __init__(self, data: Blob, base: Btf | None = None, *, index: BtfIndex | None = None) -> None:
        self.data = data
        self.base = base
        if len(data) < HEADER:
            raise BadBtf(f"BTF of {len(data)} bytes has no header")
        self.order = "<" if data[:2] == b"\x9f\xeb" else ">"
        magic, version, _, length = struct.unpack_from(self.order + "HBBI", data)
        if magic != MAGIC:
            raise BadBtf(f"BTF starts with {data[:2].hex()}, not with its magic number")
        if version != 1:
            raise BadBtf(f"BTF of version {version} is not known")
        types_at, types_size, strings_at, strings_size = struct.unpack_from(self.order + "IIII", data, 8)
        if length < HEADER or length + types_at + types_size > len(data):
            raise BadBtf("BTF types reach past the end")
        if length + strings_at + strings_size > len(data):
            raise BadBtf("BTF strings reach past the end")
        self._types = memoryview(data)[length + types_at : length + types_at + types_size]
        self._strings_at: int = length + strings_at
        self._strings_size: int = strings_size
        self._first = base.count if base is not None else 1
        self._strings_base = base.strings_end if base is not None else 0
        self._cache: dict[int, BtfType] = {}
        self.index = index if index is not None else self._scan()
        self._words = self.index.words

    def _scan(self) -> BtfIndex:
        places, names = scan(self._types, self.order, self._first)
        return BtfIndex(places, names.tobytes(), shares_strings(names, self.strings, self._strings_base))

    @property
    def count(self) -> int:
        """One more than the highest id."""
        return self._first + len(self._words)

    @property
    def strings_end(self) -> int:
        """Where a split BTF's strings begin."""
        return self._strings_base + self._strings_size

    @functools.cached_property
    def strings(self) -> bytes:
        """The string table, without the base's."""
        return bytes(self.data[self._strings_at : self._strings_at + self._strings_size])

    # ------------------------------------------------------------------------- reading

    def string(self, offset: int) -> str:
        """The string at an offset; raises `BadBtf`."""
        return self._string(offset).decode("utf-8", "replace")

    def _string(self, offset: int) -> bytes:
        if offset < self._strings_base and self.base is not None:
            return self.base._string(offset)
        start = offset - self._strings_base
        end = self.strings.find(b"\0", start)
        if start < 0 or end < 0:
            raise BadBtf(f"BTF string {offset} is outside the string table")
        return self.strings[start:end]

    def type(self, id: int) -> BtfType:
        """A type by its id; raises `BadBtf`."""
        known = self._cache.get(id)
        if known is not None:
            return known
        if id == 0:
            return BtfType(0, "VOID", "")
        if id < self._first and self.base is not None:
            return self.base.type(id)
        if not self._first <= id < self.count:
            raise BadBtf(f"there is no BTF type {id}")
        try:
            made = self._cache[id] = self._decode(id, 4 * self._words[id - self._first])
        except (struct.error, IndexError):
            raise BadBtf(f"BTF type {id} is cut off") from None
        return made

    def _decode(self, id: int, at: int) -> BtfType:
        o, data = self.order, self._types
        name_at, info, size = struct.unpack_from(o + "III", data, at)
        kind, vlen, flag = KINDS[info >> 24 & 0x1F], info & 0xFFFF, bool(info >> 31)
        name, at = self.string(name_at), at + 12
        match kind:
            case "INT":
                (word,) = struct.unpack_from(o + "I", data, at)
                return BtfType(id, kind, name, size, encoding=word >> 24 & 15, bits=word & 0xFF)
            case "ARRAY":
                element, index, length = struct.unpack_from(o + "III", data, at)
                return BtfType(id, kind, name, type=element, index_type=index, length=length)
            case "STRUCT" | "UNION":
                return BtfType(id, kind, name, size, flag=flag, members=self._members(at, vlen, flag))
            case "ENUM" | "ENUM64":
                return BtfType(id, kind, name, size, flag=flag, enumerators=self._enumerators(kind, at, vlen, flag))
            case "FUNC_PROTO":
                params = struct.unpack_from(f"{o}{2 * vlen}I", data, at)
                pairs = tuple((self.string(n), t) for n, t in zip(params[::2], params[1::2], strict=True))
                return BtfType(id, kind, name, type=size, params=pairs)
            case "FUNC":
                return BtfType(id, kind, name, type=size, linkage=vlen)
            case "VAR":
                (linkage,) = struct.unpack_from(o + "I", data, at)
                return BtfType(id, kind, name, type=size, linkage=linkage)
            case "DATASEC":
                words = struct.unpack_from(f"{o}{3 * vlen}I", data, at)
                parts = tuple(zip(words[::3], words[1::3], words[2::3], strict=True))
                return BtfType(id, kind, name, size, variables=parts)
            case "DECL_TAG":
                (index,) = struct.unpack_from(o + "i", data, at)
                return BtfType(id, kind, name, type=size, index=index)
            case "FLOAT":
                return BtfType(id, kind, name, size)
            case _:
                return BtfType(id, kind, name, type=size, flag=flag)

    def _members(self, at: int, vlen: int, flag: bool) -> tuple[BtfMember, ...]:
        words = struct.unpack_from(f"{self.order}{3 * vlen}I", self._types, at)
        out: list[BtfMember] = []
        for name, type, offset in zip(words[::3], words[1::3], words[2::3], strict=True):
            bits = offset >> 24 if flag else 0
            out.append(BtfMember(self.string(name), type, offset & 0xFFFFFF if flag else offset, bits))
        return tuple(out)

    def _enumerators(self, kind: str, at: int, vlen: int, signed: bool) -> tuple[tuple[str, int], ...]:
        out: list[tuple[str, int]] = []
        each = "Ii" if signed else "II"
        for index in range(vlen):
            if kind == "ENUM":
                name, value = struct.unpack_from(self.order + each, self._types, at + 8 * index)
            else:
                name, low, high = struct.unpack_from(self.order + "III", self._types, at + 12 * index)
                value = high << 32 | low
                value = value - (1 << 64) if signed and high >> 31 else value
            out.append((self.string(name), value))
        return tuple(out)

    def types(self) -> Iterator[BtfType]:
        """All types of this blob, without its base's."""
        return (self.type(id) for id in range(self._first, self.count))

    def find(self, name: str, *kinds: str) -> BtfType | None:
        """The first type of this name and of one of the kinds (any, when none are given)."""
        for id in self._named(name.encode("utf-8", "surrogateescape")):
            if not kinds or self.kind_of(id) in kinds:
                return self.type(id)
        return self.base.find(name, *kinds) if self.base is not None else None

    def kind_of(self, id: int) -> str:
        """The kind of a type; raises `BadBtf`."""
        if id < self._first:
            return self.base.kind_of(id) if self.base is not None else "VOID"
        if id >= self.count:
            raise BadBtf(f"there is no BTF type {id}")
        (info,) = struct.unpack_from(self.order + "I", self._types, 4 * self._words[id - self._first] + 4)
        kind = info >> 24 & 0x1F
        if kind >= len(KINDS):
            raise BadBtf(f"BTF type {id} is of the unknown kind {kind}")
        return KINDS[kind]

    def _named(self, name: bytes) -> list[int]:
        """The ids of the types of a name in this blob, in their order."""
        found: list[int] = []
        for offset in self._offsets(name) if name and b"\0" not in name else ():
            found += (at + self._first for at in _numbers(self.index.names, offset.to_bytes(4, sys.byteorder)))
        return sorted(found)

    def _offsets(self, text: bytes) -> Iterator[int]:
        """The places of a string that names of this blob may refer to."""
        if self.base is not None:
            yield from self.base._offsets(text)
        at = self.strings.find(text + b"\0")
        while at >= 0:
            if at == 0 or self.index.shared or not self.strings[at - 1]:
                yield at + self._strings_base
            at = self.strings.find(text + b"\0", at + 1)

    def named(self, pattern: str, kind: str) -> Iterator[BtfType]:
        """The types of a kind whose names match a glob, base's included."""
        from fnmatch import translate

        fits = re.compile(translate(pattern).encode()).match
        offsets = array("I", self.index.names)
        for id, offset in enumerate(offsets, self._first):
            if offset and self.kind_of(id) == kind and fits(self._string(offset)):
                yield self.type(id)
        if self.base is not None:
            yield from self.base.named(pattern, kind)

    def find_enumerator(self, name: str) -> tuple[BtfType, int] | None:
        """The first enum that has an enumerator of this name, and its value; raises `BadBtf`."""
        text = name.encode("utf-8", "surrogateescape")
        ids: set[int] = set()
        for offset in self._offsets(text) if text and b"\0" not in text else ():
            for word in _numbers(self._searchable, offset.to_bytes(4, "little" if self.order == "<" else "big")):
                ids.add(bisect.bisect_right(self._words, word) - 1 + self._first)
        for id in sorted(ids):
            if self.kind_of(id) in ("ENUM", "ENUM64"):
                found = self.type(id)
                value = dict(found.enumerators).get(name)
                if value is not None:
                    return found, value
        return self.base.find_enumerator(name) if self.base is not None else None

    @functools.cached_property
    def _searchable(self) -> bytes:
        return bytes(self._types)

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


def _numbers(data: bytes, number: bytes) -> Iterator[int]:
    """Where a 32-bit number occurs among such numbers."""
    at = data.find(number)
    while at >= 0:
        if not at & 3:
            yield at >> 2
        at = data.find(number, at + 1)
