"""The index of a BTF blob: where each type begins, and which types have a name. It can be kept on disk.

Finding both takes a pass over all types, some 0.1 s for the kernel's; with a kept index only the types asked for are
looked at. Names are in a hash table of chains: `heads` by hash, and for each type the next one of its chain.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from typing import TypeAlias
from zlib import crc32

from pybpfc.formats.errors import BadBtf

Words: TypeAlias = "array[int] | memoryview[int]"
"""32-bit words."""

_EMPTY: Words = array("I")
_HEADER = struct.Struct("=8sIIIII")  # magic, byte order, types, size of the hash table, length of the key, checksum
_MAGIC = b"pybpfcI1"
_ORDER = 0x01020304

# words of a type of each kind: of its head and fixed part, and for each of its members
_LENGTHS = {
    **dict.fromkeys(("PTR", "FWD", "TYPEDEF", "VOLATILE", "CONST", "RESTRICT", "FUNC", "FLOAT", "TYPE_TAG"), (3, 0)),
    **dict.fromkeys(("INT", "VAR", "DECL_TAG"), (4, 0)),
    **dict.fromkeys(("STRUCT", "UNION", "DATASEC", "ENUM64"), (3, 3)),
    **dict.fromkeys(("ENUM", "FUNC_PROTO"), (3, 2)),
    "ARRAY": (6, 0),
}

name_hash = crc32


def scan(words: Words, first: int) -> Words:
    """Where each type begins, counted in words; `first` is the first type's id. Raises `BadBtf`."""
    from pybpfc.formats.btf import KINDS

    lengths = [_LENGTHS.get(kind, (0, 0)) for kind in KINDS] + [(0, 0)] * (32 - len(KINDS))
    offsets = array("I")
    add, at, end = offsets.append, 0, len(words)
    while at < end:
        try:
            info = words[at + 1]
        except IndexError:
            break
        fixed, each = lengths[info >> 24 & 0x1F]
        if not fixed:
            raise BadBtf(f"BTF type {first + len(offsets)} is of the unknown kind {info >> 24 & 0x1F}")
        add(at)
        at += fixed + each * (info & 0xFFFF) if each else fixed
    if at != end:
        raise BadBtf(f"BTF type {first + len(offsets) - (at > end)} is cut off")
    return offsets


class BtfIndex:
    """Types by position, which is the id without those of the base, and by name."""

    __slots__ = ("chain", "heads", "offsets")

    def __init__(self, offsets: Words, heads: Words = _EMPTY, chain: Words = _EMPTY) -> None:
        self.offsets = offsets
        self.heads = heads
        self.chain = chain

    @property
    def named(self) -> bool:
        """Whether names are in it."""
        return len(self.heads) > 0

    def positions(self, hash: int) -> Iterator[int]:
        """The types whose names have a hash, and maybe others, in ascending order."""
        position, limit = self.heads[hash & len(self.heads) - 1], len(self.offsets)
        while 0 < position <= limit:
            yield position - 1
            following = self.chain[position - 1]
            if following and following <= position:
                raise BadBtf("the index of the BTF is damaged")
            position = following

    def add_names(self, words: Words, string: Callable[[int], bytes], table: bytes, base: int) -> None:
        """Put all names in. `table` is the string table, whose offsets begin at `base`; `string` reads any string."""
        count = len(self.offsets)
        size = 1 << max(4, count.bit_length())
        mask = size - 1
        heads, chain = array("I", bytes(4 * size)), array("I", bytes(4 * count))
        starts = [words[at] for at in self.offsets]
        find = table.find
        for position in range(count - 1, -1, -1):
            name_at = starts[position]
            if not name_at:
                continue
            start = name_at - base
            end = find(b"\0", start) if start >= 0 else -1
            slot = crc32(table[start:end] if end >= 0 else string(name_at)) & mask
            chain[position] = heads[slot]
            heads[slot] = position + 1
        self.heads, self.chain = heads, chain

    # -------------------------------------------------------------------------- on disk

    def pack(self, key: bytes) -> bytes:
        """As a file that says what it is the index of."""
        key += bytes(-len(key) % 4)
        body = key + b"".join(bytes(part) for part in (self.offsets, self.heads, self.chain))
        head = _HEADER.pack(_MAGIC, _ORDER, len(self.offsets), len(self.heads), len(key), crc32(body))
        return head + body

    @classmethod
    def unpack(cls, data: bytes, key: bytes) -> BtfIndex | None:
        """From a file; None for one that is damaged, of something else or of another machine."""
        if len(data) < _HEADER.size:
            return None
        magic, order, count, size, length, checksum = _HEADER.unpack_from(data)
        key += bytes(-len(key) % 4)
        body = memoryview(data)[_HEADER.size :]
        if (magic, order, length) != (_MAGIC, _ORDER, len(key)) or len(body) != length + 4 * (2 * count + size):
            return None
        if not size or size & size - 1 or body[:length] != key or crc32(body) != checksum:
            return None
        words = body[length:].cast("I")
        return cls(words[:count], words[count : count + size], words[count + size :])
