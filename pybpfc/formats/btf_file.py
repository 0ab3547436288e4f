"""BTF from files: raw, or the `.BTF` section of an ELF file such as a kernel's image or a module."""

from __future__ import annotations

import struct
from typing import BinaryIO

from pybpfc.formats.errors import BadBtf

LARGEST = 1 << 30
_MAGIC = (b"\x9f\xeb", b"\xeb\x9f")


def read_btf(file: BinaryIO) -> bytes:
    """The BTF in a file, which is not read further than for that. Raises BadBtf when there is none."""
    head = file.read(64)
    if head[:2] in _MAGIC:
        data = head + file.read(LARGEST)
        if len(data) > LARGEST:
            raise BadBtf("this is larger than any BTF")
        return data
    if head[:4] == b"\x7fELF":
        if len(head) < 64:
            raise BadBtf("the ELF file is damaged or cut off")
        try:
            return _section(file, head, b".BTF")
        except (struct.error, OverflowError):
            raise BadBtf("the ELF file is damaged or cut off") from None
    raise BadBtf("the file is empty" if not head else "this is neither BTF nor an ELF file")


def _section(file: BinaryIO, head: bytes, name: bytes) -> bytes:
    """The contents of a section. Only the section table and the names are read: images with debug info are large."""
    wide, order = head[4] == 2, ">" if head[5] == 2 else "<"
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 40 if wide else 32)
    entry, count, strings = struct.unpack_from(order + "HHH", head, 58 if wide else 46)
    shape = struct.Struct(order + ("IIQQQQ" if wide else "IIIIII"))
    if entry < shape.size or not count or strings >= count:
        raise BadBtf("the ELF file has no section table")
    headers = _at(file, table, entry * count)
    sections = [shape.unpack_from(headers, entry * index) for index in range(count)]
    names = _at(file, sections[strings][4], sections[strings][5])
    for name_at, kind, _, _, at, size in sections:
        if names[name_at : name_at + len(name) + 1] == name + b"\0" and kind != 8:
            return _at(file, at, size)
    raise BadBtf("the ELF file has no .BTF section; it takes a kernel built with CONFIG_DEBUG_INFO_BTF=y")


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    if size > LARGEST or offset >= 1 << 62:
        raise BadBtf("the ELF file is damaged or cut off")
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise BadBtf("the ELF file is damaged or cut off")
    return data
