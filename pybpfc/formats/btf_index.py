"""Where the types of a BTF are: found by one pass over their heads, and small enough to be kept in a file.

With an index, opening the kernel's 100,000 types and more costs nothing; without, some 50 ms.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence

from pybpfc.formats.errors import BadBtf

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

# bytes after the 12-byte head: a fixed part, and a part for each of vlen members
FIXED = {"INT": 4, "ARRAY": 12, "VAR": 4, "DECL_TAG": 4}
EACH = {"STRUCT": 12, "UNION": 12, "ENUM": 8, "FUNC_PROTO": 8, "DATASEC": 12, "ENUM64": 12}
_TAIL = tuple((FIXED.get(kind, 0), EACH.get(kind, 0)) for kind in KINDS)

_MAGIC = b"pybpfcBTF1"
_HEADER = struct.Struct("<10s6sIII")


class BtfIndex:
    """For each type its first word's number in the type section, and the offset of its name.

    `names` are the bytes of 32-bit numbers in the machine's order, so that they can be searched. `shared` says that
    names may begin in the middle of other strings.
    """

    __slots__ = ("names", "shared", "words")

    def __init__(self, words: Sequence[int], names: bytes, shared: bool) -> None:
        self.words = words
        self.names = names
        self.shared = shared

    def pack(self) -> bytes:
        """The index as the contents of a file."""
        body = array("I", self.words).tobytes() + self.names
        flags = int(self.shared) | (2 if sys.byteorder == "big" else 0)
        return _HEADER.pack(_MAGIC, b"", len(self.words), flags, zlib.crc32(body)) + body


def unpack_index(data: bytes) -> BtfIndex | None:
    """The index that a file holds; None when it is damaged, or written on a machine of the other byte order."""
    if len(data) < _HEADER.size:
        return None
    magic, _, count, flags, checksum = _HEADER.unpack_from(data)
    if magic != _MAGIC or len(data) != _HEADER.size + 8 * count or flags & ~3:
        return None
    body = memoryview(data)[_HEADER.size :]
    if bool(flags & 2) != (sys.byteorder == "big") or zlib.crc32(body) != checksum:
        return None
    return BtfIndex(body[: 4 * count].cast("I"), bytes(body[4 * count :]), bool(flags & 1))


class _Lengths(dict[int, int]):
    """The length in words of a type by its info word; there are few different ones. 0 for unknown kinds."""

    def __missing__(self, info: int) -> int:
        kind = info >> 24 & 0x1F
        length = 0
        if 0 < kind < len(KINDS):
            fixed, each = _TAIL[kind]
            length = (12 + fixed + each * (info & 0xFFFF)) // 4
        self[info] = length
        return length


def scan(types: bytes | memoryview, order: str, first: int) -> tuple[array[int], array[int]]:
    """Each type's place in words, and its name's offset; raises `BadBtf`. `first` is the id of the first type."""
    words: array[int] = array("I")
    words.frombytes(types[: len(types) & ~3])
    if (order == "<") != (sys.byteorder == "little"):
        words.byteswap()
    places: array[int] = array("I")
    append = places.append
    lengths = _Lengths()
    at, end = 0, len(words)
    try:
        while at < end:
            append(at)
            length = lengths[words[at + 1]]
            if not length:
                kind = words[at + 1] >> 24 & 0x1F
                raise BadBtf(f"BTF type {first + len(places) - 1} is of the unknown kind {kind}")
            at += length
    except IndexError:
        at = end + 1
    if at != end or len(types) & 3:
        raise BadBtf(f"BTF type {first + len(places) - 1} is cut off")
    return places, array("I", map(words.__getitem__, places))


def shares_strings(names: array[int], strings: bytes, base: int) -> bool:
    """Whether a name begins within another string; names before `base` are another table's."""
    for name in set(names):
        at = name - base
        if 0 < at <= len(strings) and strings[at - 1]:
            return True
    return False
