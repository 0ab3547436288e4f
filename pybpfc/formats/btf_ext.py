""".BTF.ext: which function, source line and CO-RE record belongs to which instruction."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pybpfc.formats.btf import MAGIC, Btf
from pybpfc.formats.errors import BadBtf
from pybpfc.records import define, field

_MINIMUM = (8, 16, 16)


@define
class BtfExt:
    """Records by section. Offsets are bytes into the section.

    `functions`: (offset, type id). `lines`: (offset, file name offset, line text offset, line << 10 | column).
    `core`: (offset, type id, access string offset, kind).
    """

    functions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    lines: dict[str, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    core: dict[str, list[tuple[int, int, int, int]]] = field(default_factory=dict)


def decode_btf_ext(data: bytes, btf: Btf) -> BtfExt:
    """Parse `.BTF.ext`; raises `BadBtf`."""
    if len(data) < 24:
        raise BadBtf(f".BTF.ext of {len(data)} bytes has no header")
    order = "<" if data[:2] == b"\x9f\xeb" else ">"
    magic, version, _, length = struct.unpack_from(order + "HBBI", data)
    if magic != MAGIC or version != 1 or length > len(data) or length < 24:
        raise BadBtf(".BTF.ext has a bad header")
    words = min(6, (length - 8) // 4)
    places = (*struct.unpack_from(f"{order}{words}I", data, 8), 0, 0, 0, 0)
    out = BtfExt()
    for index in range(3 if words >= 6 else 2):
        offset, size = places[2 * index], places[2 * index + 1]
        part = data[length + offset : length + offset + size]
        if len(part) != size:
            raise BadBtf(".BTF.ext is cut off")
        for section, record in _records(part, order, btf, _MINIMUM[index]):
            if index == 0:
                out.functions.setdefault(section, []).append(struct.unpack_from(order + "II", record))
            elif index == 1:
                out.lines.setdefault(section, []).append(struct.unpack_from(order + "IIII", record))
            else:
                out.core.setdefault(section, []).append(struct.unpack_from(order + "IIII", record))
    return out


def _records(data: bytes, order: str, btf: Btf, minimum: int) -> Iterator[tuple[str, bytes]]:
    """The records of one kind with their section's name."""
    if not data:
        return
    if len(data) < 4:
        raise BadBtf(".BTF.ext is cut off")
    (size,) = struct.unpack_from(order + "I", data)
    if size < minimum or size > 4096:
        raise BadBtf(f".BTF.ext has records of {size} bytes")
    at = 4
    while at < len(data):
        if at + 8 > len(data):
            raise BadBtf(".BTF.ext is cut off")
        name, count = struct.unpack_from(order + "II", data, at)
        section, at = btf.string(name), at + 8
        if at + count * size > len(data):
            raise BadBtf(".BTF.ext is cut off")
        for _ in range(count):
            yield section, data[at : at + size]
            at += size
