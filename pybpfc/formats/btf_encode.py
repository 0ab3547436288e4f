"""Writing BTF from types."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable

from pybpfc.formats.btf import HEADER, KIND_NUMBERS, MAGIC, BtfType


def encode_btf(types: Iterable[BtfType], order: str = "", first_string: int = 0) -> bytes:
    """A BTF blob of types, whose ids are their places: 1, 2 and so on, whatever `id` says.

    `order` is `<` or `>`, else this machine's. A split BTF's strings begin at `first_string`, its base's end.
    """
    order = order or ("<" if sys.byteorder == "little" else ">")
    writer = _Writer(order, first_string)
    body = b"".join(writer.type(t) for t in types)
    strings = bytes(writer.strings)
    return struct.pack(order + "HBBIIIII", MAGIC, 1, 0, HEADER, 0, len(body), len(body), len(strings)) + body + strings


class _Writer:
    def __init__(self, order: str, first: int) -> None:
        self.order = order
        self.first = first
        self.strings = bytearray(b"" if first else b"\0")
        self._known = {"": 0}

    def string(self, text: str) -> int:
        """The offset of a string, added if it is new."""
        if text not in self._known:
            self._known[text] = self.first + len(self.strings)
            self.strings += text.encode() + b"\0"
        return self._known[text]

    def words(self, *words: int) -> bytes:
        """Numbers as 32-bit words, negative ones too."""
        return struct.pack(f"{self.order}{len(words)}I", *(word & 0xFFFFFFFF for word in words))

    def type(self, t: BtfType) -> bytes:
        """One type's record."""
        tail = self._tail(t)
        vlen = t.linkage if t.kind == "FUNC" else len(t.members or t.enumerators or t.params or t.variables)
        info = t.flag << 31 | KIND_NUMBERS[t.kind] << 24 | vlen
        sized = t.kind in ("INT", "STRUCT", "UNION", "ENUM", "ENUM64", "FLOAT", "DATASEC")
        last = 0 if t.kind == "ARRAY" else t.size if sized else t.type
        return self.words(self.string(t.name), info, last) + tail

    def _tail(self, t: BtfType) -> bytes:
        match t.kind:
            case "INT":
                return self.words(t.encoding << 24 | t.bits)
            case "ARRAY":
                return self.words(t.type, t.index_type, t.length)
            case "STRUCT" | "UNION":
                parts = ((m.name, m.type, m.bits << 24 | m.offset if t.flag else m.offset) for m in t.members)
                return b"".join(self.words(self.string(name), type, offset) for name, type, offset in parts)
            case "ENUM":
                return b"".join(self.words(self.string(name), value) for name, value in t.enumerators)
            case "ENUM64":
                return b"".join(self.words(self.string(name), value, value >> 32) for name, value in t.enumerators)
            case "FUNC_PROTO":
                return b"".join(self.words(self.string(name), type) for name, type in t.params)
            case "VAR":
                return self.words(t.linkage)
            case "DATASEC":
                return b"".join(self.words(*variable) for variable in t.variables)
            case "DECL_TAG":
                return self.words(t.index)
            case _:
                return b""
