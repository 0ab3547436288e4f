"""BTF: the kernel's type format. Types are decoded one at a time, when asked for.

All 20 kinds, both byte orders, split BTF, and headers longer than the one known here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from pybpfc.formats.errors import BadBtf
from pybpfc.records import frozen

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

# bytes after the 12-byte head: a fixed part, and a part for each of vlen members
_FIXED = {"INT": 4, "ARRAY": 12, "VAR": 4, "DECL_TAG": 4}
_EACH = {"STRUCT": 12, "UNION": 12, "ENUM": 8, "FUNC_PROTO": 8, "DATASEC": 12, "ENUM64": 12}
_TAIL = tuple((_FIXED.get(kind, 0), _EACH.get(kind, 0)) for kind in KINDS)
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
    """A BTF blob. Type 0 is void; with `base`, ids and string offsets go on where the base ends."""

    def __init__(self, data: bytes, base: Btf | None = None) -> None:
        self.data = bytes(data)
        self.base = base
        if len(self.data) < HEADER:
            raise BadBtf(f"BTF of {len(self.data)} bytes has no header")
        self.order = "<" if self.data[:2] == b"\x9f\xeb" else ">"
        magic, version, flags, length = struct.unpack_from(self.order + "HBBI", self.data)
        if magic != MAGIC:
            raise BadBtf(f"BTF starts with {self.data[:2].hex()}, not with its magic number")
        if version != 1:
            raise BadBtf(f"BTF of version {version} is not known")
        types_at, types_size, strings_at, strings_size = struct.unpack_from(self.order + "IIII", self.data, 8)
        if length < HEADER or length + types_at + types_size > len(self.data):
            raise BadBtf("BTF types reach past the end")
        if length + strings_at + strings_size > len(self.data):
            raise BadBtf("BTF strings reach past the end")
        self._types = memoryview(self.data)[length + types_at : length + types_at + types_size]
        self.strings = self.data[length + strings_at : length + strings_at + strings_size]
        self._first = base.count if base is not None else 1
        self._strings_base = base.strings_end if base is not None else 0
        self._offsets = self._scan()
        self._cache: dict[int, BtfType] = {}
        self._names: dict[bytes, list[int]] | None = None

    @property
    def count(self) -> int:
        """One more than the highest id."""
        return self._first + len(self._offsets)

    @property
    def strings_end(self) -> int:
        """Where a split BTF's strings begin."""
        return self._strings_base + len(self.strings)

    def _scan(self) -> list[int]:
        """Where each type begins."""
        offsets: list[int] = []
        at, end, data = 0, len(self._types), self._types
        head = struct.Struct(self.order + "I")
        tail = _TAIL
        kinds = len(KINDS)
        while at < end:
            if at + 12 > end:
                raise BadBtf(f"BTF type {self._first + len(offsets)} is cut off")
            (info,) = head.unpack_from(data, at + 4)
            kind = info >> 24 & 0x1F
            if not 0 < kind < kinds:
                raise BadBtf(f"BTF type {self._first + len(offsets)} is of the unknown kind {kind}")
            fixed, each = tail[kind]
            offsets.append(at)
            at += 12 + fixed + each * (info & 0xFFFF)
        if at != end:
            raise BadBtf(f"BTF type {self._first + len(offsets) - 1} is cut off")
        return offsets

    # ------------------------------------------------------------------------- reading

    def string(self, offset: int) -> str:
        """The string at an offset; raises `BadBtf`."""
        if offset < self._strings_base and self.base is not None:
            return self.base.string(offset)
        start = offset - self._strings_base
        end = self.strings.find(b"\0", start)
        if start < 0 or end < 0:
            raise BadBtf(f"BTF string {offset} is outside the string table")
        return self.strings[start:end].decode("utf-8", "replace")

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
            known = self._cache[id] = self._decode(id, self._offsets[id - self._first])
        return known

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
        if self._names is None:
            self._names = self._index()
        for id in self._names.get(name.encode(), ()):
            found = self.type(id)
            if not kinds or found.kind in kinds:
                return found
        return self.base.find(name, *kinds) if self.base is not None else None

    def named(self, pattern: str, kind: str) -> Iterator[BtfType]:
        """The types of a kind whose names match a glob, base's included."""
        from fnmatch import translate

        if self._names is None:
            self._names = self._index()
        fits = re.compile(translate(pattern).encode()).match
        for ids in [ids for name, ids in self._names.items() if fits(name)]:
            yield from (found for id in ids if (found := self.type(id)).kind == kind)
        if self.base is not None:
            yield from self.base.named(pattern, kind)

    def _index(self) -> dict[bytes, list[int]]:
        """Ids by name: one pass over the heads."""
        word = struct.Struct(self.order + "I")
        names: dict[bytes, list[int]] = {}
        strings, base = self.strings, self._strings_base
        for id, at in enumerate(self._offsets, self._first):
            (name_at,) = word.unpack_from(self._types, at)
            start = name_at - base
            if name_at and start >= 0:
                names.setdefault(strings[start : strings.find(b"\0", start)], []).append(id)
        return names

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
